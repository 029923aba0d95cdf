//! Promise 2: a write that the server has accepted (202) is followed, and never sent again.

use std::time::Duration;

use crate::support::{
    ARTICLE, AT, Article, Event, Server, articles, draft, edit, foreign, given_back,
};
use ifmatch::{ErrorKind, Limits, ThreeWay};
use tokio::time::Instant;

const MONITOR: &[(&str, &str)] = &[("operation-location", "/v1/operations/5")];

fn asked(server: &Server) -> Vec<String> {
    server.seen().into_iter().map(|seen| seen.path).collect()
}

#[tokio::test(start_paused = true)]
async fn the_status_monitor_is_followed_until_the_write_is_done() {
    for monitor in [
        MONITOR,
        &[("azure-asyncoperation", "http://server.test/v1/operations/5")],
        &[("location", "/v1/operations/5")],
    ] {
        let server = Server::with(AT, ARTICLE);
        server.script([
            Event::Plain,
            Event::Answer(202, monitor, ""),
            Event::Answer(200, &[("retry-after", "2")], r#"{"status":"Running"}"#),
            Event::Answer(200, &[], r#"{"status":"Succeeded"}"#),
            foreign(|now| now["title"] = "mine".into()),
        ]);
        let begun = Instant::now();
        let saved = articles(&server).update(1, edit).await.unwrap();
        assert!(saved.report().settled);
        assert_eq!(saved.title, "mine");
        assert!(begun.elapsed() >= Duration::from_secs(2));
        assert_eq!(server.writes(), 1);
        assert_eq!(
            asked(&server),
            [AT, AT, "/v1/operations/5", "/v1/operations/5", AT]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_fails_is_told_as_refused_with_its_problem() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::Answer(202, MONITOR, ""),
        Event::Answer(
            200,
            &[],
            r#"{"status":"Failed","error":{"code":"QuotaExceeded"}}"#,
        ),
    ]);
    let error = articles(&server).update(1, edit).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    assert!(error.sides::<Article>().is_some());
    assert_eq!(server.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_ends_unfinished_names_its_monitor_and_is_not_sent_again() {
    let server = Server::with(AT, ARTICLE);
    let running = || Event::Answer(200, &[], r#"{"status":"Running"}"#);
    server.script([Event::Plain, Event::Answer(202, MONITOR, "")]);
    server.script((0..200).map(|_| running()));
    let error = articles(&server).update(1, edit).await.unwrap_err();
    assert!(error.is_accepted(), "{error:?}");
    let monitor = error.monitor().map(url::Url::as_str);
    assert_eq!(monitor, Some("http://server.test/v1/operations/5"));
    assert!(error.to_string().contains("/v1/operations/5"), "{error}");
    assert_eq!(given_back(&error), "mine");
    assert_eq!(server.writes(), 1);
    assert!(server.seen().len() < 20, "{}", server.seen().len());
}

#[tokio::test(start_paused = true)]
async fn without_a_monitor_the_resource_itself_shows_the_write() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::Answer(202, &[], ""),
        Event::Plain,
        Event::Plain,
        foreign(|now| now["title"] = "mine".into()),
    ]);
    let saved = articles(&server).update(1, edit).await.unwrap();
    assert!(saved.report().settled);
    assert_eq!(server.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_monitor_elsewhere_is_not_asked() {
    let server = Server::with(AT, ARTICLE);
    let elsewhere = &[("operation-location", "http://evil.test/operations/5")];
    server.script([Event::Plain, Event::Answer(202, elsewhere, "")]);
    let client = server
        .builder()
        .limits(Limits::default().time(Duration::from_secs(5)));
    let articles = client
        .build()
        .unwrap()
        .collection_with("articles", ifmatch::LocalWins);
    let error = articles.update(1, edit).await.unwrap_err();
    assert!(error.is_accepted(), "{error:?}");
    let told = error.monitor().map(url::Url::as_str);
    assert_eq!(told, Some("http://evil.test/operations/5"));
    assert!(asked(&server).iter().all(|path| path == AT));
}

#[tokio::test(start_paused = true)]
async fn an_accepted_removal_is_done_when_nothing_is_there_any_more() {
    for goes in [true, false] {
        let server = Server::with(AT, ARTICLE);
        server.script([Event::Plain, Event::Answer(202, &[], ""), Event::Plain]);
        if goes {
            server.script([Event::ForeignRemoval]);
        }
        match articles(&server).delete(1).await {
            Ok(report) => assert!(goes && report.settled),
            Err(error) => assert!(!goes && error.is_accepted(), "{error:?}"),
        }
        assert_eq!(server.writes(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_accepted_post_is_found_where_its_monitor_says() {
    let server = Server::with("/v1/articles/9", ARTICLE);
    server.script([
        Event::Answer(202, MONITOR, ""),
        Event::Answer(303, &[("location", "/v1/articles/9")], ""),
    ]);
    let made = articles(&server).post(&draft()).await.unwrap();
    assert_eq!(made.snapshot().id(), Some("9"));
    assert_eq!(made.title, "old");
    // Without a monitor nothing tells what became of it.
    server.script([Event::Answer(202, &[], "")]);
    let error = articles(&server).post(&draft()).await.unwrap_err();
    assert!(error.is_accepted(), "{error:?}");
    assert_eq!(server.writes(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_207_to_a_single_write_is_not_repeated() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::Answer(207, &[], "<multistatus/>")]);
    let error = articles(&server).update(1, edit).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!(server.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_page_or_a_problem_at_the_monitor_is_no_word_of_success() {
    // DESIGN promise 10: a login page and problem details in a 200 are no success, and a monitor's 200 is
    // evidence for the write that it tells of.
    for (body, refused) in [
        ("<!doctype html><html>Log in</html>", false),
        (
            r#"{"type":"about:blank","title":"Not yours","status":403}"#,
            true,
        ),
        (r#"{"status":{"state":"failed"}}"#, true),
    ] {
        let server = Server::with(AT, ARTICLE);
        server.script([Event::Plain, Event::Answer(202, MONITOR, "")]);
        server.script([Event::Answer(200, &[], body)]);
        let update = articles(&server).update(1, edit);
        let error = update.timeout(Duration::from_secs(5)).await.unwrap_err();
        let fits = if refused {
            error.is_refused()
        } else {
            error.is_accepted()
        };
        assert!(fits, "{body}: {error:?}");
        server.script([
            Event::Answer(202, MONITOR, ""),
            Event::Answer(200, &[], body),
        ]);
        let error = articles(&server).post(&draft()).await.unwrap_err();
        let fits = if refused {
            error.is_refused()
        } else {
            error.is_accepted()
        };
        assert!(fits, "{body}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_monitor_calls_done_and_no_read_shows_is_no_success() {
    // DESIGN promise 10: an unchanged version contradicts a success, also where a monitor tells it. The old state may come
    // from a replica that lags behind, so it is read again before the call ends as accepted.
    let succeeded = || Event::Answer(200, &[], r#"{"status":"Succeeded"}"#);
    for (lags, removes) in [(2, false), (100, false), (2, true), (100, true)] {
        let server = Server::with(AT, ARTICLE);
        server.script([Event::Plain, Event::Answer(202, MONITOR, ""), succeeded()]);
        server.script((0..lags).map(|_| Event::Plain));
        server.script([if removes {
            Event::ForeignRemoval
        } else {
            foreign(|now| now["title"] = "mine".into())
        }]);
        let articles = articles(&server);
        let outcome = if removes {
            articles.delete(1).await.map(|report| report.settled)
        } else {
            let saved = articles.update(1, edit).await;
            saved.map(|saved| saved.report().settled && saved.title == "mine")
        };
        match outcome {
            Ok(settled) => assert!(settled && lags == 2),
            Err(error) => assert!(error.is_accepted() && lags == 100, "{error:?}"),
        }
        assert_eq!(server.writes(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_monitor_on_the_same_host_is_asked_whatever_its_scheme_and_port() {
    // Point 5 of the issue: addresses told behind a proxy, which ends TLS, are reached in front of it. What a
    // monitor tells of where the new resource is, too (RFC 9110 15.3.3, 15.4.4).
    let server = Server::with("/v1/articles/9", ARTICLE);
    let monitor = &[("location", "http://server.test:8080/v1/jobs/5")];
    let made_at = &[("location", "http://server.test:8080/v1/articles/9")];
    server.script([
        Event::Answer(202, monitor, ""),
        Event::Answer(303, made_at, ""),
    ]);
    let client = ifmatch::Client::builder("https://server.test/v1").transport(server.clone());
    let client = client.build().unwrap();
    let articles = client.collection_with::<Article>("articles", ifmatch::LocalWins);
    let made = articles.post(&draft()).await.unwrap();
    let url = made.snapshot().url().as_str();
    assert_eq!(url, "https://server.test/v1/articles/9");
    assert_eq!(
        asked(&server),
        ["/v1/articles", "/v1/jobs/5", "/v1/articles/9"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_still_pending_is_not_begun_twice() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::Answer(202, &[], ""),
        Event::Plain,
        foreign(|theirs| theirs["title"] = "mine".into()),
    ]);
    let saved = articles(&server).update(1, edit).await.unwrap();
    assert!(saved.report().settled);
    assert_eq!(server.methods(), ["GET", "PUT", "GET", "GET"]);
}

#[tokio::test(start_paused = true)]
async fn a_pending_job_that_somebody_outran_may_still_be_done() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::Answer(202, &[], ""),
        Event::Plain,
        foreign(|theirs| theirs["body"] = "theirs".into()),
    ]);
    let client = server.builder().limits(Limits::default().transient(1));
    let error = client
        .build()
        .unwrap()
        .collection_with::<Article>("articles", ThreeWay::default())
        .update(1, edit)
        .await
        .unwrap_err();
    // The server has accepted it, and may have checked its condition then.
    assert!(error.is_accepted(), "{error:?}");
    assert_eq!(error.monitor(), None);
    assert_eq!(server.writes(), 1);
}
