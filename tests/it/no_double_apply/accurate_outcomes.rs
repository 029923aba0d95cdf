//! Promise 2: a write that was applied is reported as applied, and no other write is.

use std::time::Duration;

use crate::support::{
    ARTICLE, AT, Always, Article, Event, Removes, Server, articles, draft, edit, foreign,
};
use ifmatch::{Answer, LocalWins, Policy, Rule, ThreeWay};
use serde_json::{Value, json};

#[tokio::test(start_paused = true)]
async fn a_stamp_hides_nothing_but_itself() {
    let server = Server::with(AT, r#"{"words":1,"w":["a"]}"#);
    let strategy = ThreeWay::new(Policy::new().field("/words", Rule::Counter));
    let documents = server
        .client()
        .collection_with::<Value>("articles", strategy)
        .write_stamp("/w");
    server.script([
        Event::Plain,
        Event::LoseRequest,
        foreign(|theirs| theirs["w"] = json!(["b", "c"])), // the list has overflowed
    ]);
    let counts = |v: &mut Value| v["words"] = (v["words"].as_i64().unwrap() + 1).into();
    let outcome = documents.update(1, counts).await;
    assert!(
        outcome.is_err(),
        "settled={:?} {}",
        outcome.map(|s| s.report().settled),
        server.value(AT)
    );
}

#[tokio::test(start_paused = true)]
async fn a_5xx_after_the_write_is_no_plain_failure() {
    for status in [520, 522, 524, 507] {
        let server = Server::with(AT, ARTICLE);
        server.script([Event::Plain, Event::AnswerAfter(status, &[])]);
        let outcome = articles(&server).update(1, edit).await;
        assert!(
            outcome.as_ref().is_ok() || outcome.as_ref().unwrap_err().is_outcome_unknown(),
            "{status}: {outcome:?} though {}",
            server.value(AT)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_resolved_by_removal_hands_out_nothing() {
    // the reply to the DELETE is lost
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        foreign(|t| t["title"] = "theirs".into()),
        Event::Plain,
        Event::LoseReply,
    ]);
    let outcome = articles(&server)
        .update(1, |a| a.title = "mine".into())
        .strategy(Removes)
        .await;
    let one = outcome.is_ok();
    // it was gone already
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::ForeignRemoval]);
    let outcome = articles(&server)
        .update(1, |a| a.title = "mine".into())
        .strategy(Removes)
        .await;
    assert!(
        !one && outcome.is_err(),
        "lost reply: {one}, gone already: {outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn unchanged_is_never_told_of_an_old_snapshot() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    articles.get(1).await.unwrap();
    server.put(AT, r#"{"title":"theirs","body":"text","views":1}"#);
    tokio::time::advance(Duration::from_secs(86_400)).await;
    let saved = articles
        .update(1, |article| article.title = "old".into())
        .await
        .unwrap();
    assert_eq!(
        server.value(AT)["title"],
        "old",
        "unchanged={}",
        saved.report().unchanged
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_creation_that_was_edited_since_is_unknown() {
    let server = Server::default();
    server.script([Event::LoseReply, foreign(|t| t["title"] = "edited".into())]);
    let error = articles(&server).create(1, &draft()).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_cannot_be_read_back_says_that_it_was_made() {
    let server = Server::default();
    server.script([Event::AnswerAfter(201, &[("location", "/v1/articles/1")])]);
    server.script((0..40).map(|_| Event::NoConnection));
    let error = articles(&server)
        .post(&json!({"title": "t"}))
        .await
        .unwrap_err();
    assert_eq!(server.applied(), 1);
    assert!(
        !error.is_transport() && !error.is_exhausted(),
        "nothing was applied, it says: {error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_207_is_no_success_by_itself() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::Answer(207, &[], "")]);
    let outcome = articles(&server).delete(1).await;
    assert!(outcome.is_err() || server.text(AT).is_none(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_change_after_a_refused_removal_is_written() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        foreign(|t| t["title"] = "theirs".into()),
        Event::Plain,
        Event::Answer(409, &[], r#"{"code":"invalid_state"}"#), // to the DELETE
    ]);
    let outcome = articles(&server)
        .strategy(Removes)
        .on_refusal(Always(|refusal| {
            Answer::Change(refusal.local.clone().unwrap())
        }))
        .update(1, |a| a.title = "mine".into())
        .await;
    assert!(
        server.text(AT).is_some(),
        "removed, though the handler said to send a document: {outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_version_that_comes_back_with_a_new_creation_is_usable() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::ForeignRemoval,       // PUT: 412
        Event::Plain,                // GET: 404
        Event::Answer(412, &[], ""), // PUT If-None-Match: *: somebody made it again
        Event::Answer(
            200,
            &[("etag", "\"1\"")],
            r#"{"title":"again","body":"text","views":1}"#,
        ),
        Event::Answer(204, &[("etag", "\"2\"")], ""),
    ]);
    let outcome = articles(&server)
        .update(1, |a| a.title = "mine".into())
        .strategy(LocalWins)
        .await;
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_creation_if_absent_does_not_depend_on_what_is_on_file() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    articles.get(1).await.unwrap();
    server.script([Event::ForeignRemoval]);
    let outcome = articles
        .update(1, |a| a.views += 1)
        .if_absent(draft())
        .await;
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn an_applied_removal_answered_507_and_made_again_is_no_plain_failure() {
    for status in [303, 507] {
        let server = Server::with(AT, ARTICLE);
        server.script([
            Event::Plain,                       // GET
            Event::AnswerAfter(status, &[]),    // DELETE, applied
            Event::ForeignText(ARTICLE.into()), // GET: somebody made it anew
        ]);
        let error = articles(&server).delete(1).await.unwrap_err();
        assert!(
            error.is_outcome_unknown() || error.is_conflict(),
            "{status}: {error:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_applied_write_answered_507_and_removed_since_is_no_plain_failure() {
    for status in [303, 507] {
        let server = Server::with(AT, ARTICLE);
        server.script([
            Event::Plain,                    // GET
            Event::AnswerAfter(status, &[]), // PUT, applied
            Event::ForeignRemoval,           // GET: 404
        ]);
        let error = articles(&server)
            .update(1, |a| a.title = "mine".into())
            .await
            .unwrap_err();
        assert!(
            error.is_outcome_unknown() || error.is_gone(),
            "{status}: {error:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_without_a_version_is_no_fence() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,                     // GET
        Event::Delay,                     // PUT, under way
        Event::Answer(200, &[], ARTICLE), // GET: a cache that drops the tag; the PUT is not in yet
    ]);
    // `Delay` delivers before the next request, so the answer above is older than the write.
    let error = articles(&server)
        .update(1, |a| a.title = "mine".into())
        .await
        .unwrap_err();
    assert_eq!(server.value(AT)["title"], "mine");
    assert!(error.is_outcome_unknown(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn an_edit_does_not_fail_on_an_old_snapshot() {
    let server = Server::with(AT, r#"{"title":"old","body":"text","views":0}"#);
    let articles = articles(&server);
    articles.get(1).await.unwrap();
    server.put(AT, r#"{"title":"old","body":"text","views":10}"#);
    let outcome = articles
        .try_update(1, |a| {
            a.views = a.views.checked_sub(1).ok_or("none left")?;
            Ok(())
        })
        .await;
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_login_page_is_no_stored_document() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::Answer(200, &[("content-type", "text/html")], "<html>log in</html>"),
    ]);
    let outcome = articles(&server)
        .update(1, |a| a.title = "mine".into())
        .await;
    assert!(
        outcome.is_err() || server.value(AT)["title"] == "mine",
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_redirect_that_a_client_of_ones_own_followed_is_no_success() {
    use wiremock::matchers::{method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};
    let server = MockServer::start().await;
    let reply = ResponseTemplate::new(200)
        .insert_header("etag", "\"1\"")
        .set_body_raw(ARTICLE, "application/json");
    Mock::given(method("GET"))
        .and(path("/articles/1"))
        .respond_with(reply)
        .mount(&server)
        .await;
    let moved = ResponseTemplate::new(303).insert_header("location", "/login");
    Mock::given(method("PUT"))
        .respond_with(moved)
        .mount(&server)
        .await;
    let login = ResponseTemplate::new(200).set_body_raw("<html>log in</html>", "text/html");
    Mock::given(method("GET"))
        .and(path("/login"))
        .respond_with(login)
        .mount(&server)
        .await;
    let client = ifmatch::Client::builder(server.uri())
        .http_client(reqwest::Client::new())
        .build()
        .unwrap();
    let outcome = client
        .collection_with::<Article>("articles", LocalWins)
        .update(1, |a| a.title = "mine".into())
        .await;
    assert!(outcome.is_err(), "nothing was stored: {outcome:?}");
}
