//! Promises 2 and 10: a read is evidence only as far as it goes, because replicas lag behind.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::support::{ARTICLE, AT, Event, Server, articles, edit, foreign};
use http::Method;
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{Limits, RemoteWins, ThreeWay, Versioning, async_trait};
use tokio::time::Instant;

/// A read that shows this document under the first version.
fn shows(document: &'static str) -> Event {
    Event::Answer(200, &[("etag", "\"1\"")], document)
}

/// A read that shows the document as it was at first.
fn stale() -> Event {
    shows(ARTICLE)
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_applied_is_never_a_plain_failure_because_reads_lag() {
    for status in [500, 502, 503, 504, 507, 524] {
        for headers in [&[][..], &[("retry-after", "1")]] {
            for seconds in [3, 30] {
                let server = Server::with(AT, ARTICLE);
                server.script([Event::Plain, Event::AnswerAfter(status, headers)]);
                server.script((0..100).flat_map(|_| [stale(), Event::Plain]));
                let update = articles(&server).update(1, edit);
                let outcome = update.timeout(Duration::from_secs(seconds)).await;
                assert_eq!(server.applied(), 1);
                if let Err(error) = outcome {
                    assert!(
                        error.is_outcome_unknown(),
                        "{status}, {seconds} s: {error:?}"
                    );
                }
            }
        }
    }
}

/// Writes go to one server, reads to a replica of it that never hears of them.
struct Replicated {
    writes: Server,
    reads: Server,
}

#[async_trait]
impl Transport for Replicated {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        if request.method == Method::GET {
            return self.reads.send(request).await;
        }
        self.writes.send(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_save_that_was_applied_is_no_plain_failure_though_no_read_of_the_call_shows_it() {
    let told = |status, wait| match (status, wait) {
        (0, _) => Event::LoseReply,
        (status, true) => Event::AnswerAfter(status, &[("retry-after", "1")]),
        (status, false) => Event::AnswerAfter(status, &[]),
    };
    for status in [0, 500, 502, 503, 504, 507, 524] {
        for (wait, seconds) in [(false, 3), (false, 30), (true, 3), (true, 30)] {
            let server = Server::with(AT, ARTICLE);
            let replicated = Replicated {
                writes: server.clone(),
                reads: Server::with(AT, ARTICLE),
            };
            let client = server.builder().transport(replicated).build().unwrap();
            let articles = client.collection_with("articles", ThreeWay::default());
            let mut article = articles.get(1).await.unwrap();
            edit(&mut article);
            server.script([told(status, wait)]);
            let save = articles.save(&article);
            let outcome = save.timeout(Duration::from_secs(seconds)).await;
            assert_eq!(server.applied(), 1);
            match outcome {
                Ok(saved) => assert_eq!(saved.title, "mine"),
                Err(error) => assert!(
                    error.is_outcome_unknown(),
                    "{status}, with a wait: {wait}, {seconds} s: {error:?}"
                ),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_from_before_the_base_proves_nothing_either() {
    // The base is the second version, the write makes the third, and a replica still shows the first.
    let server = Server::with(AT, ARTICLE);
    server.put(AT, &ARTICLE.replace("text", "second"));
    server.script([
        Event::Plain,
        Event::LoseReply,
        stale(),
        Event::Plain,
        Event::Answer(403, &[], "{}"),
    ]);
    let outcome = articles(&server).update(1, edit).await;
    assert_eq!(server.value(AT)["title"], "mine");
    let told = outcome.map(|saved| saved.report().settled);
    assert!(
        told.as_ref().is_ok_and(|settled| *settled)
            || told.as_ref().is_err_and(ifmatch::Error::is_outcome_unknown),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_lags_for_seconds_after_a_race_is_waited_for() {
    for reads in 1..=6 {
        let server = Server::with(AT, ARTICLE);
        server.script([
            Event::Plain,
            foreign(|theirs| theirs["body"] = "theirs".into()),
        ]);
        server.script((0..reads).map(|_| stale()));
        let begun = Instant::now();
        let saved = articles(&server).update(1, edit).await;
        assert!(saved.is_ok(), "{reads} stale reads: {:?}", saved.err());
        assert_eq!(server.value(AT)["body"], "theirs");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}

#[tokio::test(start_paused = true)]
async fn tags_that_differ_with_each_read_are_found_out_soon_with_the_reason() {
    let server = Server::with(AT, ARTICLE);
    let read = |n: usize| {
        let tag: &'static str = Box::leak(format!("\"h{n}\"").into_boxed_str());
        let headers: &'static [_] = Box::leak(vec![("etag", tag)].into_boxed_slice());
        Event::Answer(200, headers, ARTICLE)
    };
    server.script((0..100).flat_map(|n| [read(n), Event::Answer(412, &[], "")]));
    let error = articles(&server).update(1, edit).await.unwrap_err();
    assert!(error.is_unusable_validator(), "{error:?}");
    assert!(
        error.report().why.contains("with each read"),
        "{}",
        error.report()
    );
    assert!(server.seen().len() <= 20, "{:?}", server.methods());
}

#[tokio::test(start_paused = true)]
async fn a_write_under_a_version_that_did_not_move_is_recognised_by_its_document() {
    // The reply is lost, and the server gives the new document the old tag.
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::LoseReply,
        shows(r#"{"title":"mine","body":"text","views":1}"#),
    ]);
    let saved = articles(&server).update(1, edit).await.unwrap();
    assert!(saved.report().settled);
    assert_eq!(server.applied(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_document_under_the_same_version_is_not_written_over_in_doubt() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::LoseRequest,
        shows(r#"{"title":"old","body":"theirs","views":1}"#),
    ]);
    let error = articles(&server).update(1, edit).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!(server.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lag_ends_with_the_time_of_the_call() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        foreign(|theirs| theirs["body"] = "theirs".into()),
    ]);
    server.script((0..100).map(|_| stale()));
    let client = server
        .builder()
        .limits(Limits::default().time(Duration::from_secs(2)));
    let client = client.profile(ifmatch::Generic::new().versioning(Versioning::default()));
    let articles = client
        .build()
        .unwrap()
        .collection_with("articles", ifmatch::LocalWins);
    let begun = Instant::now();
    let error = articles.update(1, edit).await.unwrap_err();
    assert!(error.is_unusable_validator(), "{error:?}");
    assert!(begun.elapsed() <= Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_fails_when_it_is_made_again_in_doubt_is_no_plain_failure() {
    // Point 6 of the issue: a lagging replica never turns an applied write into a plain failure. The edit was
    // applied, and fails when it runs again on what a replica shows from before the base.
    for fails_from in 2..9 {
        let server = Server::with(AT, ARTICLE);
        server.put(AT, &ARTICLE.replace("text", "second"));
        server.script([Event::Plain, Event::LoseReply, stale()]);
        let runs = AtomicU32::new(0);
        let update = articles(&server).try_update(1, move |article| {
            if runs.fetch_add(1, Ordering::SeqCst) + 1 >= fails_from {
                return Err("no".into());
            }
            edit(article);
            Ok(())
        });
        let outcome = update.await;
        assert_eq!(server.value(AT)["title"], "mine");
        if let Err(error) = outcome {
            assert!(error.is_outcome_unknown(), "{fails_from}: {error:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_with_a_state_from_before_the_base_is_no_plain_failure() {
    // The same for a save: what a replica shows from before the base conflicts with it, and no strategy settles
    // that; or it is kept, and would be told as what is stored.
    for keeps in [false, true] {
        let server = Server::with(AT, r#"{"title":"old","body":"first","views":1}"#);
        server.put(AT, ARTICLE);
        let articles = articles(&server);
        let mut article = articles.get(1).await.unwrap();
        (article.title, article.body) = ("mine".into(), "mine".into());
        let first = r#"{"title":"old","body":"first","views":1}"#;
        server.script([Event::LoseReply, shows(first)]);
        let save = articles.save(&article);
        let outcome = if keeps {
            save.strategy(ifmatch::RemoteWins).await
        } else {
            save.await
        };
        assert_eq!(server.value(AT)["body"], "mine");
        match outcome {
            Ok(saved) => assert_eq!(saved.body, "mine"),
            Err(error) => assert!(error.is_outcome_unknown(), "{error:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_replica_shows_from_before_the_base_is_not_told_as_kept() {
    let first = r#"{"title":"first","body":"text","views":1}"#;
    let server = Server::with(AT, first);
    server.put(AT, ARTICLE);
    let articles = articles(&server);
    let mut article = articles.get(1).await.unwrap();
    article.title = "mine".into();
    server.script([Event::LoseReply, shows(first)]);
    let saved = articles.save(&article).strategy(RemoteWins).await;
    let error = saved.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!(server.value(AT)["title"], "mine");
}
