//! A handler or a person who is asked about a write holds no other write up.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Slow, TRIP, all, articles};
use crate::support::{ARTICLE, AT, Always, Article, Event, Server, edit, foreign};
use ifmatch::{
    Answer, BoxError, Client, Collection, Conflict, Limits, Refusal, RefusalHandler, Resolution,
    ThreeWay, ask_fn, async_trait,
};
use serde_json::json;
use tokio::sync::Notify;

struct WritesItself(Mutex<Option<Collection<Article>>>);

#[async_trait]
impl RefusalHandler<Article> for WritesItself {
    async fn refused(&self, _: &Refusal<Article>) -> Result<Answer<Article>, BoxError> {
        let Some(articles) = self.0.lock().unwrap().take() else {
            return Ok(Answer::GiveUp);
        };
        articles
            .update(1, |article| article.body = "paid".into())
            .await?;
        Ok(Answer::Again)
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_write_to_the_same_resource() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let handler = WritesItself(Mutex::new(Some(articles.clone())));
    server.script([
        Event::Plain,
        Event::Answer(409, &[], r#"{"code":"invalid_state"}"#),
    ]);
    let saved = articles.on_refusal(handler).update(1, edit);
    let saved = tokio::time::timeout(Duration::from_secs(5), saved).await;
    saved.unwrap().unwrap();
    assert_eq!(
        server.value(AT),
        json!({"title": "mine", "body": "paid", "views": 1})
    );
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_asked_about_several_edits_if_the_refusal_can_be_of_none_of_them_alone() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    for (status, times) in [(402, 1), (423, 2)] {
        ASKED.store(0, Ordering::SeqCst);
        let server = Server::with(AT, ARTICLE);
        let client = Client::builder("http://server.test/v1").transport(Slow(server.clone(), 422));
        let client = client
            .limits(Limits::default().transient(1))
            .build()
            .unwrap();
        let articles = client
            .collection_with::<Article>("articles", ThreeWay::default())
            .on_refusal(Always(|_| {
                ASKED.fetch_add(1, Ordering::SeqCst);
                Answer::Again
            }));
        articles.get(1).await.unwrap();
        let edit = |views| tokio::spawn(articles.update(1, move |article| article.views = views));
        let first = edit(2);
        tokio::task::yield_now().await;
        let together = vec![edit(3), edit(4)];
        first.await.unwrap().unwrap();
        server.script((0..times).map(|_| Event::Answer(status, &[], "")));
        for saved in all(together).await {
            assert_eq!(saved.unwrap().report().coalesced_with, 1, "{status}");
        }
        assert_eq!(ASKED.load(Ordering::SeqCst), 1, "{status}");
        assert_eq!(server.value(AT)["views"], 4);
    }
}

/// Answers when it is told to.
struct Bell(Arc<Notify>);

#[async_trait]
impl RefusalHandler<Article> for Bell {
    async fn refused(&self, _: &Refusal<Article>) -> Result<Answer<Article>, BoxError> {
        self.0.notified().await;
        Ok(Answer::Again)
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_waited_for_its_turn_leaves_the_lane_while_a_handler_thinks_and_is_next_then()
{
    let server = Server::with(AT, ARTICLE);
    let (articles, bell) = (articles(&server), Arc::new(Notify::new()));
    articles.get(1).await.unwrap();
    let edit = |views| tokio::spawn(articles.update(1, move |article| article.views = views));
    let first = edit(2);
    tokio::task::yield_now().await;
    let asking = articles.clone().on_refusal(Bell(bell.clone()));
    let asking = tokio::spawn(asking.update(1, |article| article.title = "asked".into()));
    first.await.unwrap().unwrap();
    server.script([Event::Answer(402, &[], "")]);
    tokio::time::sleep(TRIP * 2).await;
    // It thinks, and the queue goes on.
    edit(3).await.unwrap().unwrap();
    assert!(!asking.is_finished());
    let under_way = edit(4);
    tokio::task::yield_now().await;
    let behind = tokio::spawn(articles.update(1, |article| article.body = "behind".into()));
    tokio::task::yield_now().await;
    bell.notify_one();
    under_way.await.unwrap().unwrap();
    assert_eq!(asking.await.unwrap().unwrap().body, "text");
    assert_eq!(behind.await.unwrap().unwrap().title, "asked");
    let expected = json!({"title": "asked", "body": "behind", "views": 4});
    assert_eq!(server.value(AT), expected);
}

#[tokio::test(start_paused = true)]
async fn a_person_who_is_asked_holds_nobody_up() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    articles.get(1).await.unwrap();
    let asked = Arc::new(tokio::sync::Notify::new());
    let answer = Arc::new(tokio::sync::Notify::new());
    let (asking, answered) = (asked.clone(), answer.clone());
    let person = ask_fn(move |conflict: Conflict<Article>| {
        let (asking, answered) = (asking.clone(), answered.clone());
        async move {
            asking.notify_one();
            answered.notified().await;
            Ok(Resolution::Merged(conflict.local.unwrap()))
        }
    });
    server.script([foreign(|theirs| theirs["title"] = "theirs".into())]);
    let mine = tokio::spawn(articles.update(1, edit).strategy(person));
    asked.notified().await;
    let meanwhile = articles.update(1, |article| article.views = 9);
    let meanwhile = tokio::time::timeout(Duration::from_secs(1), meanwhile).await;
    meanwhile.unwrap().unwrap();
    answer.notify_one();
    // What came in meanwhile is a race of its own, and the person is asked again.
    asked.notified().await;
    answer.notify_one();
    mine.await.unwrap().unwrap();
    assert_eq!(server.value(AT)["title"], "mine");
}
