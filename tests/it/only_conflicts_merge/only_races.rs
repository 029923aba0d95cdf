//! Promise 5: only races are merged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::support::{ARTICLE, AT, Article, Event, Server, edit, foreign};
use ifmatch::{
    Answer, BoxError, Client, Collection, Generic, Refusal, RefusalHandler, RefusalKind, ThreeWay,
    async_trait,
};

const UNPAID: &str =
    r#"{"type":"/problems/unpaid","title":"Not paid","status":"409","balance":30}"#;

fn articles(server: &Server) -> Collection<Article> {
    let profile = Generic::new()
        .map_code(
            "http://server.test/problems/unpaid",
            RefusalKind::InvalidState,
        )
        .map_code("BUSY", RefusalKind::Transient);
    let client = server.builder().profile(profile).build().unwrap();
    client.collection_with("articles", ThreeWay::default())
}

#[tokio::test]
async fn a_wrong_state_reaches_the_caller_typed_with_the_problem() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::Answer(409, &[], UNPAID)]);
    let error = articles(&server).update(1, edit).await.unwrap_err();
    assert!(error.is_refused());
    assert_eq!(error.refusal(), Some(RefusalKind::InvalidState));
    let problem = error.problem().unwrap();
    assert_eq!(problem.title(), Some("Not paid"));
    assert_eq!(problem.extension("balance"), Some(&30.into()));
    assert_eq!(problem.status(), 409);
    assert_eq!(server.methods(), ["GET", "PUT"]);
    assert_eq!(
        error.into_sides::<Article>().unwrap().local.unwrap().title,
        "mine"
    );
}

#[tokio::test]
async fn a_409_with_an_unmoved_version_is_no_race() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::Answer(409, &[], "nonsense")]);
    let error = articles(&server).update(1, edit).await.unwrap_err();
    assert!(error.is_refused(), "{error:?}");
    assert_eq!(server.methods(), ["GET", "PUT", "GET"]);
}

struct Payer(Arc<AtomicU32>);

#[async_trait]
impl RefusalHandler<Article> for Payer {
    async fn refused(&self, refusal: &Refusal<Article>) -> Result<Answer<Article>, BoxError> {
        assert_eq!(refusal.kind, RefusalKind::InvalidState);
        assert_eq!(refusal.local.as_ref().unwrap().title, "mine");
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Answer::Again)
    }
}

#[tokio::test]
async fn a_handler_fulfils_the_precondition_and_says_again() {
    let server = Server::with(AT, ARTICLE);
    let paid = Arc::new(AtomicU32::new(0));
    server.script([Event::Plain, Event::Answer(409, &[], UNPAID)]);
    let saved = articles(&server)
        .on_refusal(Payer(paid.clone()))
        .update(1, edit)
        .await
        .unwrap();
    assert_eq!(
        (saved.title.as_str(), paid.load(Ordering::Relaxed)),
        ("mine", 1)
    );
    server.script((0..100).map(|_| Event::Answer(409, &[], UNPAID)));
    let handle = articles(&server).on_refusal(Payer(paid.clone()));
    let error = handle.update(1, edit).await;
    // The first request is the read of a new client, refused too; then the handler is bounded by rounds.
    assert!(error.is_err());
    let error = handle
        .create(
            2,
            &serde_json::from_str::<Article>(&ARTICLE.replace("old", "mine")).unwrap(),
        )
        .await
        .unwrap_err();
    assert!(error.is_exhausted(), "{error:?}");
    assert!(paid.load(Ordering::Relaxed) <= 17);
}

struct Renamer;

#[async_trait]
impl RefusalHandler<Article> for Renamer {
    async fn refused(&self, refusal: &Refusal<Article>) -> Result<Answer<Article>, BoxError> {
        let local = refusal.local.clone().ok_or("a removal")?;
        let title = format!("{}-{}", local.title, refusal.attempt);
        Ok(Answer::Change(Article { title, ..local }))
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_typed_and_a_handler_can_choose_another() {
    let taken = r#"{"code":"ALREADY_EXISTS","errors":[{"pointer":"/title","detail":"taken"}]}"#;
    let draft: Article = serde_json::from_str(ARTICLE).unwrap();
    let server = Server::default();
    server.script([Event::Answer(409, &[], taken)]);
    let error = articles(&server).post(&draft).await.unwrap_err();
    assert!(error.is_already_exists(), "{error:?}");
    assert_eq!(
        error.problem().unwrap().fields()[0].pointer.as_deref(),
        Some("/title")
    );
    server.script([Event::Answer(409, &[], taken)]);
    let made = articles(&server)
        .on_refusal(Renamer)
        .post(&draft)
        .await
        .unwrap();
    assert_eq!(made.title, "old-1");
    let keys: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| seen.header("idempotency-key").unwrap().to_owned())
        .collect();
    assert_ne!(keys[1], keys[2], "another payload needs another key");
}

struct Adopter;

#[async_trait]
impl RefusalHandler<Article> for Adopter {
    async fn refused(&self, _: &Refusal<Article>) -> Result<Answer<Article>, BoxError> {
        Ok(Answer::Adopt)
    }
}

#[tokio::test]
async fn a_creation_can_adopt_what_is_there() {
    let server = Server::with(AT, ARTICLE);
    let draft: Article = serde_json::from_str(ARTICLE).unwrap();
    let saved = articles(&server)
        .on_refusal(Adopter)
        .create(1, &draft)
        .await
        .unwrap();
    assert!(saved.report().unchanged);
    let other = Article {
        title: "other".into(),
        ..draft
    };
    let error = articles(&server)
        .on_refusal(Adopter)
        .create(1, &other)
        .await
        .unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    let adopt = articles(&server)
        .on_refusal(Adopter)
        .create(1, &other)
        .strategy(ifmatch::LocalWins);
    adopt.await.unwrap();
    assert_eq!(server.value(AT)["title"], "other");
    assert!(server.seen().last().unwrap().header("if-match").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_waited_for_within_the_time_and_then_typed() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::Answer(423, &[("retry-after", "2")], ""),
    ]);
    let saved = articles(&server).update(1, edit).await.unwrap();
    assert!(saved.report().waited >= Duration::from_secs(2));
    server.script([Event::Plain]);
    server.script((0..100).map(|_| Event::Answer(423, &[("retry-after", "2")], "")));
    let error = articles(&server)
        .update(1, |article| article.views = 5)
        .timeout(Duration::from_secs(9))
        .await
        .unwrap_err();
    assert!(error.is_locked(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_contention_declared_transient_is_sent_again_as_it_was() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::Answer(409, &[], r#"{"code":"BUSY"}"#)]);
    articles(&server).update(1, edit).await.unwrap();
    assert_eq!(server.methods(), ["GET", "PUT", "PUT"]);
    let puts = server.seen();
    assert_eq!(puts[1].body, puts[2].body);
}

#[tokio::test]
async fn validation_errors_are_typed_with_their_fields_and_never_retried() {
    for status in [400, 422] {
        let server = Server::with(AT, ARTICLE);
        let body = r##"{"title":"Invalid","errors":[{"pointer":"#/views","detail":"too many"}]}"##;
        server.script([Event::Plain, Event::Answer(status, &[], body)]);
        let error = articles(&server).update(1, edit).await.unwrap_err();
        assert_eq!(
            (error.is_refused(), error.refusal()),
            (true, Some(RefusalKind::Invalid))
        );
        assert_eq!(
            error.problem().unwrap().fields()[0].pointer.as_deref(),
            Some("/views")
        );
        assert_eq!(server.methods(), ["GET", "PUT"]);
    }
}

#[tokio::test]
async fn other_statuses_are_told_with_what_the_server_said() {
    for status in [401, 403, 405, 413, 415, 451, 501, 505] {
        let server = Server::with(AT, ARTICLE);
        server.script([
            Event::Plain,
            Event::Answer(status, &[], r#"{"title":"No"}"#),
        ]);
        let error = articles(&server).update(1, edit).await.unwrap_err();
        assert!(error.is_status(), "{status}: {error:?}");
        assert!(error.to_string().contains(&status.to_string()), "{error}");
        assert_eq!(server.methods(), ["GET", "PUT"]);
    }
    // A full disk may have been found after the write, and a look that shows nothing of it may be late.
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::Answer(507, &[], "")]);
    let error = articles(&server).update(1, edit).await.unwrap_err();
    assert!(
        error.is_outcome_unknown() && error.report().last_status.is_some_and(|it| it == 507),
        "{error:?}"
    );
    assert_eq!(server.methods(), ["GET", "PUT", "GET"]);
    let server = Server::default();
    assert!(
        articles(&server)
            .update(1, edit)
            .await
            .unwrap_err()
            .is_not_found()
    );
    assert!(
        articles(&server)
            .delete(1)
            .await
            .unwrap_err()
            .is_not_found()
    );
}

#[tokio::test(start_paused = true)]
async fn a_race_answered_with_a_wait_is_merged_after_it() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, foreign(|t| t["body"] = "theirs".into())]);
    server.0.lock().unwrap().stale = Some((409, "{}"));
    // the same through a transport that adds Retry-After
    let client = Client::builder("http://server.test/v1")
        .transport(Adds(server.clone()))
        .build()
        .unwrap();
    let outcome = client
        .collection_with::<Article>("articles", ThreeWay::default())
        .update(1, |a| a.title = "mine".into())
        .await;
    assert!(outcome.is_ok(), "{outcome:?}");
}

struct Adds(Server);
#[async_trait]
impl ifmatch::transport::Transport for Adds {
    async fn send(
        &self,
        request: ifmatch::transport::Request,
    ) -> Result<ifmatch::transport::Response, ifmatch::transport::TransportError> {
        let mut reply = self.0.send(request).await?;
        if reply.status == 409 {
            reply
                .headers
                .insert("retry-after", http::HeaderValue::from_static("1"));
        }
        Ok(reply)
    }
}
