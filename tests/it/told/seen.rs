//! An observer is told of each request, each wait, each refusal and each end.

use std::time::Duration;

use ifmatch::{
    AttemptSeen, ClientBuilder, Collection, ConflictSeen, ErrorKind, Observer, ThreeWay, WaitSeen,
    WriteSeen,
};

use super::Log;
use crate::support::{ARTICLE, AT, Article, Event, Server, edit, foreign};

impl Observer for Log {
    fn attempt(&self, it: &AttemptSeen<'_>) {
        let met = it.status.map_or(it.failure, |_| None);
        let met = met.map_or_else(|| it.status.unwrap().as_u16().to_string(), str::to_owned);
        assert_eq!(it.template, "/v1/articles/{id}");
        self.note(format!(
            "{:?} {} {met} after {}",
            it.purpose, it.method, it.resends
        ));
    }

    fn waited(&self, it: &WaitSeen<'_>) {
        assert_eq!(it.template, "/v1/articles/{id}");
        self.note(format!("waited {} {:?}", it.reason, it.time));
    }

    fn conflict(&self, it: &ConflictSeen<'_>) {
        assert_eq!(it.template, "/v1/articles/{id}");
        self.note(format!("{:?}", it.kind));
    }

    fn finished(&self, it: &WriteSeen<'_>) {
        assert_eq!(it.template, "/v1/articles/{id}");
        self.note(format!("ended {:?}, lost {}", it.error, it.lost_replies));
    }
}

fn articles(client: ClientBuilder) -> Collection<Article> {
    let client = client.build().unwrap();
    client.collection_with("articles", ThreeWay::default())
}

/// What is told of an update under these events.
async fn told(events: Vec<Event>) -> Vec<String> {
    let (server, log) = (Server::with(AT, ARTICLE), Log::default());
    let articles = articles(server.builder().observer(log.clone()));
    server.script(events);
    let _ = articles.update(1, edit).await;
    log.take()
}

#[tokio::test(start_paused = true)]
async fn each_step_of_a_write_is_told_in_its_order() {
    assert_eq!(
        told(vec![]).await,
        [
            "Read GET 200 after 0",
            "Write PUT 204 after 0",
            "ended None, lost 0"
        ]
    );
    let race = foreign(|it| it["title"] = "theirs".into());
    assert_eq!(
        told(vec![Event::Plain, race]).await,
        [
            "Read GET 200 after 0",
            "Write PUT 412 after 0",
            "StaleVersion",
            "Read GET 200 after 0",
            "Write PUT 204 after 0",
            "ended None, lost 0"
        ]
    );
    let later = || Event::Answer(429, &[("retry-after", "2")], "");
    assert_eq!(
        told(vec![later(), later(), Event::Plain, later()]).await,
        [
            "Read GET 429 after 0",
            "waited retry_after 2s",
            "Read GET 429 after 1",
            "waited retry_after 2s",
            "Read GET 200 after 2",
            "Write PUT 429 after 0",
            "waited retry_after 2s",
            "Resend PUT 204 after 1",
            "ended None, lost 0"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_told_and_how_it_was_settled() {
    let mut settled = told(vec![Event::Plain, Event::LoseReply]).await;
    settled.retain(|line| !line.starts_with("waited backoff"));
    assert_eq!(
        settled,
        [
            "Read GET 200 after 0",
            "Write PUT no_response after 0",
            "Settle GET 200 after 0",
            "ended None, lost 1"
        ]
    );
    let unknown = told(
        (0..40)
            .map(|at| match at {
                0 => Event::Plain,
                1 => Event::LoseReply,
                _ => Event::Answer(500, &[], ""),
            })
            .collect(),
    );
    let unknown = unknown.await;
    let end = format!("ended {:?}, lost 1", Some(ErrorKind::OutcomeUnknown));
    assert_eq!(unknown.last(), Some(&end), "{unknown:#?}");
}

#[tokio::test(start_paused = true)]
async fn reads_and_writes_that_wait_in_a_queue_are_told_too() {
    let (server, log) = (Server::with(AT, ARTICLE), Log::default());
    let articles = articles(server.builder().observer(log.clone()));
    articles.get(1).await.unwrap();
    assert_eq!(log.take(), ["Read GET 200 after 0"]);
    server.script([Event::NoConnection]);
    articles.head(1).await.unwrap();
    let told = log.take();
    assert_eq!(told[0], "Read HEAD not_sent after 0");
    assert!(told[1].starts_with("waited backoff "), "{told:?}");
    assert_eq!(told[2], "Read HEAD 200 after 1");
    server.script([Event::Answer(429, &[("retry-after", "3")], "")]);
    let calls = [1, 2].map(|_| tokio::spawn(articles.update(1, edit).into_future()));
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let told = log.take();
    assert!(told.contains(&"waited queue 3s".to_owned()), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_never_begun_is_told_as_ended() {
    let (server, log) = (Server::with(AT, ARTICLE), Log::default());
    let articles = articles(server.builder().observer(log.clone()));
    articles.get(1).await.unwrap();
    server.script([Event::Answer(429, &[("retry-after", "3")], "")]);
    let first = tokio::spawn(articles.update(1, edit).into_future());
    tokio::task::yield_now().await;
    let late = articles
        .update(1, edit)
        .timeout(Duration::from_secs(1))
        .await;
    assert!(late.unwrap_err().is_exhausted());
    let end = format!("ended {:?}, lost 0", Some(ErrorKind::Exhausted));
    assert!(log.take().contains(&end));
    first.await.unwrap().unwrap();
}

/// Panics when it is told of a request or a wait.
struct Frail;

impl Observer for Frail {
    fn attempt(&self, _: &AttemptSeen<'_>) {
        panic!("no");
    }

    fn waited(&self, _: &WaitSeen<'_>) {
        panic!("no");
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_changes_no_call() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(server.builder().observer(Frail));
    server.script([Event::NoConnection]);
    articles.get(1).await.unwrap();
    server.script([Event::Answer(429, &[("retry-after", "1")], "")]);
    articles.update(1, edit).await.unwrap();
}
