//! The value that a `post` returns, the operations that it allows, and a `post` that was lost or refused.

use std::time::Duration;

use crate::support::{ARTICLE, Always, Article, Event, Server, articles, draft};
use ifmatch::{Answer, LocalWins, MergeStrategy, RemoteWins, ThreeWay};
use serde_json::{Value, json};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_made_value_that_nobody_named_never_stands_for_its_collection_in_a_removal() {
    let server = Server::with("/v1/articles", r#"{"items":["all","of","them"]}"#);
    server.script([Event::Answer(201, &[], "")]);
    let articles = server
        .client()
        .collection_with::<Value>("articles", ThreeWay::default().or_else(LocalWins));
    let Ok(made) = articles.post(&json!({"title": "t"})).await else {
        return;
    };
    let outcome = articles.delete(made).await;
    assert!(server.text("/v1/articles").is_some(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_made_resource_that_nobody_named_is_never_saved_over_its_collection() {
    let server = Server::with("/v1/articles", r#"{"items":["all","of","them"]}"#);
    server.script([Event::Answer(201, &[], "")]);
    let articles = server
        .client()
        .collection_with::<Value>("articles", ThreeWay::default().or_else(LocalWins));
    let Ok(mut made) = articles.post(&json!({"title": "t"})).await else {
        return;
    };
    made["title"] = "other".into();
    let _ = articles.save(made).await;
    let puts: Vec<_> = server
        .seen()
        .into_iter()
        .filter(|s| s.method == "PUT")
        .collect();
    assert!(
        puts.is_empty(),
        "{:?} {:?}",
        puts[0].path,
        String::from_utf8_lossy(&puts[0].body)
    );
}

#[tokio::test(start_paused = true)]
async fn a_made_resource_keeps_the_query_of_its_handle() {
    let server = Server::default();
    let articles = articles(&server).query("tenant", "a");
    let mut made = articles.post(&draft()).await.unwrap();
    made.title = "mine".into();
    articles.save(made).await.unwrap();
    let put = server.seen().pop().unwrap();
    assert_eq!(
        put.query.as_deref(),
        Some("tenant=a"),
        "{} {}",
        put.method,
        put.path
    );
}

#[tokio::test(start_paused = true)]
async fn the_id_of_a_made_resource_finds_it_again() {
    let server = Server::with("/v1/articles/caf%C3%A9", ARTICLE);
    server.script([Event::Answer(
        201,
        &[("location", "/v1/articles/caf%C3%A9")],
        "",
    )]);
    let articles = articles(&server);
    let made = articles.post(&draft()).await.unwrap();
    let id = made.snapshot().id().unwrap().to_owned();
    let found = articles.get_opt(&id).await.unwrap();
    assert!(
        found.is_some(),
        "{id:?} leads to {}",
        server.seen().pop().unwrap().path
    );
}

#[tokio::test(start_paused = true)]
async fn a_post_keeps_to_its_time_reading_back_included() {
    let server = Server::default();
    server.script([
        Event::Answer(429, &[("retry-after", "4")], ""),
        Event::Answer(201, &[("location", "/v1/articles/1")], ""),
        Event::Hang,
        Event::Hang,
    ]);
    let begun = Instant::now();
    let outcome = articles(&server)
        .post(&json!({"title": "t"}))
        .timeout(5 * SECOND)
        .await;
    assert!(
        begun.elapsed() <= 6 * SECOND,
        "{:?}: {outcome:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_no_json_is_not_posted() {
    let server = Server::default();
    let keys = std::collections::HashMap::from([((1, 2), 3)]);
    let error = articles(&server).post(&keys).await.unwrap_err();
    assert!(error.is_config(), "{error:?}");
    assert!(
        error.to_string().contains("cannot be written as JSON"),
        "{error}"
    );
    assert!(server.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_made_and_is_neither_returned_nor_named_is_told_as_made() {
    let server = Server::default();
    server.script([Event::Answer(201, &[], r#"{"queue":7}"#)]);
    let error = articles(&server)
        .post(&json!({"title": "t"}))
        .await
        .unwrap_err();
    assert!(error.is_decode(), "{error:?}");
    assert!(error.to_string().contains("created, but"), "{error}");
    assert_eq!(server.methods(), ["POST"]);
}

#[tokio::test(start_paused = true)]
async fn a_post_answered_503_is_made_again_only_where_keys_are_honoured_or_the_call_says_so() {
    for (profile, call) in [(false, false), (true, false), (false, true)] {
        for headers in [&[][..], &[("retry-after", "1")]] {
            let server = Server::default();
            server.script([Event::Answer(503, headers, "")]);
            let mut generic = ifmatch::Generic::new();
            if profile {
                generic = generic.honours_idempotency_keys();
            }
            let client = server.builder().profile(generic).build().unwrap();
            let post = client.collection::<Value>("articles").post(&draft());
            let outcome = if call { post.idempotent() } else { post }.await;
            let again = profile || call;
            assert_eq!(outcome.is_ok(), again, "{outcome:?}");
            let keys = server.seen().into_iter();
            let keys: Vec<_> = keys
                .map(|seen| seen.header("idempotency-key").unwrap().to_owned())
                .collect();
            assert_eq!(keys.len(), 1 + usize::from(again));
            assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_that_was_carried_out_and_answered_503_is_unknown_and_made_once() {
    let server = Server::default();
    server.script([Event::AnswerAfter(503, &[("retry-after", "2")])]);
    let error = articles(&server).post(&draft()).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!(server.applied(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_key_of_the_caller_goes_with_the_same_document_and_with_no_other() {
    use crate::support::Always;
    use ifmatch::Answer;
    let refusal = || Event::Answer(409, &[], r#"{"type":"https://h/unpaid","title":"Unpaid"}"#);
    for changes in [false, true] {
        let server = Server::default();
        server.script([refusal()]);
        let handler = Always(if changes {
            |_| Answer::Change(draft())
        } else {
            |_| Answer::Again
        });
        let mut first = draft();
        first.title = "first".into();
        let articles = articles(&server).on_refusal(handler);
        articles.post(&first).idempotency_key("mine").await.unwrap();
        let keys = server.seen().into_iter();
        let keys: Vec<_> = keys
            .map(|seen| seen.header("idempotency-key").unwrap().to_owned())
            .collect();
        assert_eq!(keys[0], "\"mine\"");
        assert_eq!(keys[1] == keys[0], !changes, "{keys:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_whose_reply_was_lost_is_not_sent_twice_unless_keys_are_honoured() {
    let draft = draft();
    let server = Server::default();
    server.script([Event::LoseReply]);
    let error = articles(&server).post(&draft).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!(server.applied(), 1);
    assert_eq!(
        error.sides::<Article>().unwrap().local.as_ref(),
        Some(&draft)
    );

    let server = Server::default();
    let profile = ifmatch::Generic::new().honours_idempotency_keys();
    let client = server.builder().profile(profile).build().unwrap();
    server.script([Event::LoseRequest]);
    let made = client
        .collection_with::<Article>("articles", ThreeWay::default())
        .post(&draft)
        .await
        .unwrap();
    assert_eq!(made.snapshot().url().path(), "/v1/articles/1");
    let keys: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| seen.header("idempotency-key").unwrap().to_owned())
        .collect();
    assert_eq!(keys[0], keys[1]);
    assert!(keys[0].starts_with('"') && keys[0].len() == 38);
}

#[tokio::test(start_paused = true)]
async fn what_never_reached_the_server_is_simply_sent_again() {
    let draft = draft();
    let server = Server::default();
    server.script([
        Event::NoConnection,
        Event::Answer(429, &[("retry-after", "2")], ""),
    ]);
    let made = articles(&server).post(&draft).await.unwrap();
    assert_eq!(made.report().requests, 3);
    assert!(made.report().waited >= Duration::from_secs(2));
    assert_eq!(server.applied(), 1);
}

#[tokio::test(start_paused = true)]
async fn adopting_after_a_refused_post_is_no_success() {
    let server = Server::with("/v1/articles", r#"{"count":0}"#);
    server.script([Event::Answer(409, &[], r#"{"title":"no"}"#)]);
    let outcome = server
        .client()
        .collection_with::<Value>("articles", RemoteWins)
        .on_refusal(Always(|_| Answer::Adopt))
        .post(&json!({"title": "new"}))
        .await;
    assert!(
        outcome.is_err(),
        "{:?} posted {}",
        outcome.map(ifmatch::Saved::into_inner),
        server.applied()
    );
}

#[tokio::test(start_paused = true)]
async fn adopting_after_a_refused_post_sends_nothing_to_the_collection() {
    let server = Server::with("/v1/articles", r#"{"count":0}"#);
    server.script([Event::Answer(409, &[], r#"{"title":"no"}"#)]);
    let outcome = server
        .client()
        .collection_with::<Value>("articles", LocalWins)
        .on_refusal(Always(|_| Answer::Adopt))
        .post(&json!({"title": "new"}))
        .await;
    let last = server.seen().pop().unwrap();
    assert!(
        outcome.is_err(),
        "{} {:?} {:?}",
        last.method,
        last.header("if-match"),
        String::from_utf8(last.body.clone())
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_post_in_doubt_is_not_settled_by_the_collection() {
    let server = Server::with("/v1/articles", r#"{"count":0}"#);
    server.script([
        Event::Answer(503, &[("retry-after", "1")], ""), // not carried out
        Event::Answer(422, &[], r#"{"title":"no"}"#),
    ]);
    let outcome = server
        .client()
        .collection_with::<Value>("articles", ThreeWay::default())
        .post(&json!({"count": 0}))
        .await;
    assert!(outcome.is_err(), "posted {}", server.applied());
}

#[tokio::test(start_paused = true)]
async fn a_303_after_a_post_is_no_plain_failure() {
    let server = Server::default();
    server.script([Event::AnswerAfter(303, &[("location", "/v1/articles/1")])]);
    let outcome = articles(&server).post(&draft()).await;
    assert!(
        outcome.as_ref().is_ok() || outcome.as_ref().unwrap_err().is_outcome_unknown(),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_body_of_a_201_is_the_value_whatever_the_draft_had() {
    for body in [r#"{"id":7,"total":10}"#, r#"{"total":10}"#] {
        let server = Server::default();
        let fields: &[_] = &[("location", "/v1/orders/7"), ("etag", "\"1\"")];
        server.script([Event::Answer(201, fields, body)]);
        let orders = server.client().collection::<Value>("orders");
        // Not a single member of the draft is in the response.
        let made = orders.post(&json!({"coupon": "x"})).await.unwrap();
        assert_eq!(*made, serde_json::from_str::<Value>(body).unwrap());
        assert_eq!(made.snapshot().id(), Some("7"));
        assert_eq!(server.methods(), ["POST"]);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_body_the_new_resource_is_read_at_its_location() {
    const MADE: &str = r#"{"id":7,"title":"t","total":10}"#;
    for body in ["", "null", r#""7""#] {
        let server = Server::with("/v1/orders/7", MADE);
        server.script([Event::Answer(201, &[("location", "/v1/orders/7")], body)]);
        let orders = server.client().collection::<Value>("orders");
        let mut made = orders.post(&json!({"title": "t"})).await.unwrap();
        assert_eq!(made["total"], 10, "{body}");
        made["title"] = "u".into();
        orders.save(made).await.unwrap();
        assert_eq!(server.methods(), ["POST", "GET", "PUT"], "{body}");
        assert_eq!(server.value("/v1/orders/7")["total"], 10);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_is_the_value_where_nothing_else_is_shown() {
    // The new resource cannot be read yet.
    let server = Server::default();
    server.script([
        Event::Answer(201, &[("location", "/v1/orders/7")], ""),
        Event::Answer(404, &[], ""),
    ]);
    let orders = server.client().collection::<Value>("orders");
    let made = orders.post(&json!({"title": "t"})).await.unwrap();
    assert_eq!(*made, json!({"title": "t"}));
    assert_eq!(made.snapshot().url().path(), "/v1/orders/7");
    // Neither a body nor an address.
    let server = Server::default();
    server.script([Event::Answer(201, &[], "")]);
    let orders = server.client().collection::<Value>("orders");
    let made = orders.post(&json!({"title": "t"})).await.unwrap();
    assert_eq!(*made, json!({"title": "t"}));
    assert_eq!(made.snapshot().id(), None);
    assert_eq!(server.methods(), ["POST"]);
}
