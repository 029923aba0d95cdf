//! A queue goes on when the runtime ends that carried its writes.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::{TRIP, articles};
use crate::support::{ARTICLE, AT, Article, Event, Server, edit};
use ifmatch::{Error, Saved};
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

#[test]
fn a_lane_outlives_the_runtime_that_led_it() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let (first, second) = (runtime(), runtime());
    first.block_on(async {
        articles.get(1).await.unwrap();
        server.script([Event::Hang]);
        tokio::spawn(articles.update(1, |article| article.views = 2));
        tokio::time::sleep(TRIP).await;
        // It waits for the first, and a task has the permit by now.
        tokio::spawn(articles.update(1, |article| article.body = "never".into()));
        tokio::time::sleep(TRIP).await;
    });
    drop(first);
    let saved = second.block_on(articles.update(1, edit));
    assert_eq!(saved.unwrap().views, 2);
    assert_eq!(server.value(AT)["body"], "text");
}

/// What is told to a write in the queue when another one's runtime ends; `begun`: it ends when the other one
/// has taken the write along.
fn told_when_the_runtime_ends(begun: bool) -> Result<Saved<Article>, Error> {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let (first, second) = (runtime(), runtime());
    first.block_on(async {
        articles.get(1).await.unwrap();
        server.script(if begun {
            vec![Event::Plain, Event::Hang]
        } else {
            vec![Event::Hang]
        });
        tokio::spawn(articles.update(1, |article| article.views = 2));
        tokio::spawn(articles.update(1, |article| article.views = 3));
        tokio::task::yield_now().await;
    });
    // It waits behind the other two, in a runtime of its own.
    let mut third = pin!(articles.update(1, |article| article.body = "mine".into()));
    let waits = poll_fn(|context| Poll::Ready(third.as_mut().poll(context).is_pending()));
    assert!(second.block_on(waits));
    first.block_on(async { tokio::time::sleep(TRIP * 3).await });
    drop(first);
    second.block_on(third)
}

#[test]
fn a_write_is_unknown_if_the_runtime_that_carried_it_ends_and_goes_on_if_it_ends_before() {
    let before = told_when_the_runtime_ends(false).unwrap();
    assert_eq!(before.body, "mine");
    let after = told_when_the_runtime_ends(true).unwrap_err();
    assert!(after.is_outcome_unknown(), "{after:?}");
}
