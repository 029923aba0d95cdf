//! Promise 2: a write that was applied is reported as applied, and no other write is.

use std::time::Duration;

use crate::support::{
    ARTICLE, AT, Always, Article, Event, Removes, Server, articles, draft, foreign,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{
    Answer, Authenticator, BoxError, Client, Error, LocalWins, Policy, RemoteWins, Rule, ThreeWay,
    async_trait, merge_fn,
};
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
async fn an_error_does_not_tell_the_cause_of_what_was_made_good() {
    let server = Server::with(AT, ARTICLE);
    let article = articles(&server).get(1).await.unwrap();
    server.script([
        Event::NoConnection,
        foreign(|theirs| theirs["title"] = "theirs".into()),
        Event::NoConnection,
    ]);
    let mut edited = article.clone();
    edited.title = "mine".into();
    let error = articles(&server).save(&edited).await.unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    assert_eq!(server.methods(), ["GET", "PUT", "PUT", "GET", "GET"]);
    assert!(std::error::Error::source(&error).is_none(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_5xx_after_the_write_is_no_plain_failure() {
    for status in [520, 522, 524, 507] {
        let server = Server::with(AT, ARTICLE);
        server.script([Event::Plain, Event::AnswerAfter(status, &[])]);
        let outcome = articles(&server)
            .update(1, |article| article.title = "mine".into())
            .await;
        assert!(
            outcome.as_ref().is_ok() || outcome.as_ref().unwrap_err().is_outcome_unknown(),
            "{status}: {outcome:?} though {}",
            server.value(AT)
        );
    }
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

#[tokio::test(start_paused = true)]
async fn what_the_server_said_to_the_read_of_an_update_is_told() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Answer(403, &[], r#"{"title":"not yours"}"#)]);
    let error = articles(&server)
        .update(1, |a| a.title = "mine".into())
        .await
        .unwrap_err();
    let title = error.problem().and_then(|problem| problem.title());
    assert_eq!(title, Some("not yours"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_server_said_to_a_write_that_failed_is_told() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::Answer(501, &[], r#"{"title":"read-only replica"}"#),
    ]);
    let error = articles(&server)
        .update(1, |a| a.title = "mine".into())
        .await
        .unwrap_err();
    let title = error.problem().and_then(|problem| problem.title());
    assert_eq!(title, Some("read-only replica"), "{error:?}");
}

/// Reads are answered; a write never gets through.
struct OnlyReads(Server, Option<&'static str>);

#[async_trait]
impl Transport for OnlyReads {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        if request.method == Method::GET {
            return self.0.send(request).await;
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            "content-type",
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(wait) = self.1 {
            headers.insert("retry-after", HeaderValue::from_static(wait));
        }
        let problem = r#"{"type":"about:blank","title":"Closed for repairs","status":503}"#;
        Ok(Response::new(
            StatusCode::SERVICE_UNAVAILABLE,
            headers,
            problem,
        ))
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_server_said_to_a_write_that_it_refused_to_the_end_is_told() {
    for wait in [None, Some("1"), Some("7")] {
        for saves in [true, false] {
            let server = Server::with(AT, ARTICLE);
            let client = server.builder().transport(OnlyReads(server.clone(), wait));
            let client = client.build().unwrap();
            let articles = client.collection_with::<Article>("articles", ThreeWay::default());
            let error = if saves {
                let mut article = articles.get(1).await.unwrap();
                article.title = "mine".into();
                articles.save(&article).await.unwrap_err()
            } else {
                let update = articles.update(1, |article| article.title = "mine".into());
                update.await.unwrap_err()
            };
            let report = error.report();
            assert_eq!(
                report.last_status,
                Some(StatusCode::SERVICE_UNAVAILABLE),
                "{error:?}"
            );
            let problem = error.problem().expect("the server said something");
            assert_eq!(problem.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(problem.title(), Some("Closed for repairs"));
            let words = report.to_string();
            assert!(words.contains("last status 503"), "{words}");
            let said = error.to_string();
            assert!(
                said.contains("503") && said.contains("Closed for repairs"),
                "{said}"
            );
        }
    }
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

/// The text of an error and of everything behind it.
fn chain(error: &dyn std::error::Error) -> Vec<String> {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect()
}

/// Credentials that cannot be had.
struct Closed;

#[async_trait]
impl Authenticator for Closed {
    async fn authenticate(&self, _: &mut HeaderMap) -> Result<(), BoxError> {
        Err("the vault is closed".into())
    }
}

/// Errors of many kinds, with what a part of the application says of it.
async fn errors() -> Vec<(Error, &'static str)> {
    let server = Server::with(AT, ARTICLE);
    server.put("/v1/articles/2", r#"{"title":1,"body":"","views":1}"#);
    server.put("/v1/articles/3", "<p>");
    server.put("/v1/articles", r#"[{"id":2,"title":1}]"#);
    let articles = articles(&server);
    let of = |client: Client| client.collection_with::<Article>("articles", ThreeWay::default());
    let closed = of(server.builder().auth(Closed).build().unwrap());
    let failing = of(server.client()).strategy(merge_fn(|_, _, _| Err("out of ideas".into())));
    let none_left = |_: &mut Article| Err("none left".into());
    let views = |it: &mut Article| it.views = 3;
    let mut errors = vec![
        (articles.get(2).await.unwrap_err(), ""),
        (articles.get(3).await.unwrap_err(), ""),
        (articles.get("..").await.unwrap_err(), ""),
        (articles.list().await.unwrap_err(), ""),
        (articles.update(2, views).await.unwrap_err(), ""),
        (
            articles.try_update(1, none_left).await.unwrap_err(),
            "none left",
        ),
        (
            articles.update(1, |_| panic!("a bug")).await.unwrap_err(),
            "",
        ),
        (
            articles.restore(1, r#"{"title":1}"#, "\"1\"").unwrap_err(),
            "",
        ),
        (articles.restore(1, "{", "\"1\"").unwrap_err(), ""),
        (closed.get(1).await.unwrap_err(), "the vault is closed"),
        (
            closed.update(1, views).await.unwrap_err(),
            "the vault is closed",
        ),
        (Client::new("no address").unwrap_err(), ""),
    ];
    let mut stale = articles.get(1).await.unwrap();
    stale.title = "mine".into();
    server.script([foreign(|it| it["title"] = "theirs".into())]);
    errors.push((failing.save(&stale).await.unwrap_err(), "out of ideas"));
    server.script((0..40).map(|_| Event::NoConnection));
    errors.push((articles.get(1).await.unwrap_err(), ""));
    errors.push((articles.update(4, views).await.unwrap_err(), ""));
    errors
}

#[tokio::test(start_paused = true)]
async fn an_error_and_its_sources_say_each_thing_once() {
    for (error, says) in errors().await {
        let chain = chain(&error);
        for (above, below) in chain.iter().zip(&chain[1..]) {
            assert!(!above.contains(below.as_str()), "{chain:#?}");
        }
        let all = chain.join(": ");
        for phrase in [
            "does not fit the type",
            "not valid JSON",
            "no connection",
            "panicked",
        ] {
            assert!(all.matches(phrase).count() <= 1, "{all}");
        }
        // What a part of the application says is behind the error, and in its report.
        assert!(
            says.is_empty() || chain.iter().any(|it| it == says),
            "{chain:#?}"
        );
        assert!(error.report().why.contains(says), "{}", error.report());
    }
}
