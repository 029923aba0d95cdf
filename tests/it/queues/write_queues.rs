//! Write queues: the writes of one client to one resource take turns.

use std::time::Duration;

use super::{Slow, TRIP, all, articles};
use crate::support::{ARTICLE, AT, Article, Event, Server, edit, given_back};
use ifmatch::{Client, ThreeWay};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_not_polled_holds_nobody_up() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let mut held = articles.update(1, |article| article.views += 1);
    let polled_once = tokio::time::timeout(Duration::ZERO, &mut held).await;
    assert!(polled_once.is_err());
    let other = tokio::time::timeout(Duration::from_secs(1), articles.update(1, edit));
    other.await.unwrap().unwrap();
    let saved = held.await.unwrap();
    assert_eq!(saved.views, 2);
    assert_eq!(
        server.value(AT),
        json!({"title": "mine", "body": "text", "views": 2})
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_lane_is_told_with_what_was_to_be_written() {
    let server = Server::with(AT, ARTICLE);
    let client = Client::builder("http://server.test/v1").transport(Slow(server.clone(), 422));
    let client = client.max_queued_writes(1).build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    let mut read = articles.get(1).await.unwrap();
    read.title = "mine".into();
    let first = tokio::spawn(articles.update(1, |article| article.views = 2));
    tokio::time::sleep(TRIP / 2).await;
    let second = tokio::spawn(articles.update(1, |article| article.views = 3));
    tokio::time::sleep(TRIP / 4).await;
    let error = articles.save(&read).await.unwrap_err();
    assert!(error.is_exhausted(), "{error:?}");
    assert_eq!(given_back(&error), "mine");
    all(vec![first, second]).await;
    assert_eq!(server.value(AT)["title"], "old");
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_turn_does_not_come_in_its_time_sends_nothing() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let mut read = articles.get(1).await.unwrap();
    read.title = "mine".into();
    server.script([Event::Hang]);
    let first = tokio::spawn(articles.update(1, |article| article.views = 2));
    tokio::time::sleep(TRIP / 2).await;
    let error = articles
        .save(&read)
        .timeout(Duration::from_secs(1))
        .await
        .unwrap_err();
    assert!(error.is_exhausted(), "{error:?}");
    assert!(error.sides::<Article>().unwrap().local.is_some());
    first.await.unwrap().unwrap();
    assert_eq!(
        server.value(AT),
        json!({"title": "old", "body": "text", "views": 2})
    );
}

#[tokio::test(start_paused = true)]
async fn writes_of_every_kind_take_turns_and_do_not_race_each_other() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let one = tokio::spawn(articles.update(1, |article| article.views = 2));
    let two = tokio::spawn(
        articles
            .update(1, |article| article.views = 3)
            .max_rounds(1),
    );
    let new = Article {
        title: "new".into(),
        body: String::new(),
        views: 0,
    };
    let three = tokio::spawn(articles.create(2, &new));
    all(vec![one, two, three]).await.iter().for_each(|saved| {
        assert!(
            saved.as_ref().is_ok_and(|saved| saved.report().rounds == 1),
            "{saved:?}"
        );
    });
    let removed = tokio::join!(
        articles.update(2, |article| article.views = 1),
        articles.delete(2)
    );
    assert!(removed.0.is_ok() && removed.1.is_ok_and(|report| report.rounds == 1));
    assert_eq!(server.value(AT)["views"], 3);
}

#[tokio::test(start_paused = true)]
async fn without_lanes_nobody_waits() {
    let server = Server::with(AT, ARTICLE);
    let client = Client::builder("http://server.test/v1").transport(Slow(server.clone(), 422));
    let client = client.max_queued_writes(0).build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    articles.get(1).await.unwrap();
    server.script([Event::Hang]);
    let hangs = tokio::spawn(articles.update(1, |article| article.views = 2));
    tokio::time::sleep(TRIP * 2).await;
    let other = articles.update(1, |article| article.body = "mine".into());
    let other = tokio::time::timeout(Duration::from_secs(1), other).await;
    assert_eq!(other.unwrap().unwrap().report().coalesced_with, 0);
    hangs.await.unwrap().unwrap();
}
