//! Promise 5: which handler is asked about a refusal, when, and the effect of its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::support::{
    ARTICLE, AT, Always, Article, Event, Server, articles, draft, foreign, given_back,
};
use ifmatch::{
    Answer, BoxError, LocalWins, Refusal, RefusalHandler, RetryPolicy, ThreeWay, async_trait,
};
use serde_json::{Value, json};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_race_answered_with_a_long_wait_is_merged_all_the_same() {
    for wait in [&[("retry-after", "60")], &[("retry-after", "3600")]] {
        let server = Server::with(AT, ARTICLE);
        let articles = articles(&server);
        let mut read = articles.get(1).await.unwrap();
        read.title = "mine".into();
        server.put(AT, r#"{"title":"old","body":"theirs","views":1}"#);
        server.script([Event::Answer(409, wait, "")]);
        let outcome = articles.save(&read).await;
        assert!(outcome.is_ok(), "{outcome:?}");
    }
}

/// Counts how often it is asked, and gives up.
struct GivesUp(Arc<AtomicU32>);

#[async_trait]
impl RefusalHandler<Article> for GivesUp {
    async fn refused(&self, _: &Refusal<Article>) -> Result<Answer<Article>, BoxError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Answer::GiveUp)
    }
}

/// How often the handler is asked when these are the answers after the first read.
async fn asked(answers: impl IntoIterator<Item = Event>) -> u32 {
    let (server, asked) = (Server::with(AT, ARTICLE), Arc::default());
    server.script([Event::Plain]);
    server.script(answers);
    let articles = articles(&server).on_refusal(GivesUp(Arc::clone(&asked)));
    let outcome = articles.update(1, |a| a.title = "mine".into()).await;
    outcome.unwrap_err();
    asked.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn a_409_that_asks_to_come_back_reaches_the_handler() {
    for wait in [&[("retry-after", "1")], &[("retry-after", "3600")]] {
        let answers = (0..40).flat_map(|_| [Event::Answer(409, wait, ""), Event::Plain]);
        assert!(asked(answers).await > 0, "{wait:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_reaches_the_handler() {
    let locked = (0..40).map(|_| Event::Answer(423, &[], ""));
    assert!(asked(locked).await > 0);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_was_released_is_not_told_as_the_end() {
    let server = Server::with(AT, ARTICLE);
    let policy = RetryPolicy::schedule(|| [Duration::from_millis(1); 2]);
    let client = server.builder().retry(policy).build().unwrap();
    server.script([Event::Plain, Event::Answer(423, &[], "")]);
    server.script((0..40).map(|n: u64| foreign(move |t| t["views"] = (n + 10).into())));
    let error = client
        .collection_with::<Article>("articles", ThreeWay::default())
        .update(1, |a| a.title = "mine".into())
        .await
        .unwrap_err();
    assert!(error.is_exhausted(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_lost_its_request_and_the_name_can_adopt() {
    let server = Server::default();
    server.script([
        Event::LoseRequest,
        foreign(|t| *t = json!({"title": "t", "body": "", "views": 0})),
    ]);
    let strategy = LocalWins;
    let outcome = server
        .client()
        .collection_with::<Article>("articles", strategy)
        .on_refusal(Always(|_| Answer::Adopt))
        .create(1, &draft())
        .await;
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_asked_once_for_one_refusal() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let server = Server::with(AT, r#"{"title":"t","body":"","views":0}"#);
    server.script([Event::Answer(409, &[], r#"{"code":"already_exists"}"#)]);
    let outcome = server
        .client()
        .collection_with::<Article>("articles", LocalWins)
        .on_refusal(Always(|_| {
            ASKED.fetch_add(1, Ordering::SeqCst);
            Answer::Adopt
        }))
        .create(1, &draft())
        .await;
    assert_eq!(ASKED.load(Ordering::SeqCst), 1, "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_an_adoption_is_not_told_as_existing_already() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let server = Server::with(AT, r#"{"title":"t","body":"","views":0}"#);
    server.script([
        Event::Plain,                // PUT: 412
        Event::Plain,                // GET
        Event::Answer(409, &[], ""), // PUT If-Match: a wrong state
    ]);
    let error = server
        .client()
        .collection_with::<Article>("articles", LocalWins)
        .on_refusal(Always(|_| match ASKED.fetch_add(1, Ordering::SeqCst) {
            0 => Answer::Adopt,
            _ => Answer::GiveUp,
        }))
        .create(1, &draft())
        .await
        .unwrap_err();
    assert!(error.is_refused(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_changed_creation_takes_nothing_of_what_is_there() {
    let server = Server::with(AT, r#"{"title":"t","body":"","views":0,"owner":"bob"}"#);
    let _ = articles(&server)
        .on_refusal(Always(|refusal: &Refusal<Article>| {
            let mut other = refusal.local.clone().unwrap();
            other.title += "-1";
            Answer::Change(other)
        }))
        .create(1, &draft())
        .max_rounds(2)
        .await;
    let puts: Vec<_> = server
        .seen()
        .into_iter()
        .filter(|s| s.method == "PUT")
        .collect();
    let second: Value = serde_json::from_slice(&puts[1].body).unwrap();
    assert!(second.get("owner").is_none(), "{second}");
}

/// A server that refuses the first write for good, and what a handler of this kind then answers.
async fn refused_once(
    handler: impl RefusalHandler<Article>,
) -> (Server, Result<Article, ifmatch::Error>) {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::Answer(422, &[], r#"{"title":"no"}"#)]);
    let articles = articles(&server).on_refusal(handler);
    let saved = articles.update(1, |a| a.title = "mine".into()).await;
    (server, saved.map(ifmatch::Saved::into_inner))
}

/// Takes its time to answer, or fails.
struct Slow(Option<Duration>);

#[async_trait]
impl RefusalHandler<Article> for Slow {
    async fn refused(&self, _: &Refusal<Article>) -> Result<Answer<Article>, BoxError> {
        tokio::time::sleep(self.0.ok_or("nobody is in")?).await;
        Ok(Answer::Again)
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_has_no_more_time_than_the_write() {
    let (server, saved) = refused_once(Slow(Some(Duration::from_secs(29)))).await;
    assert_eq!(saved.unwrap().title, "mine");
    assert_eq!(server.methods(), ["GET", "PUT", "PUT"]);
    let begun = Instant::now();
    let (server, saved) = refused_once(Slow(Some(Duration::from_secs(3_600)))).await;
    assert_eq!(begun.elapsed().as_secs(), 30);
    let error = saved.unwrap_err();
    assert!(error.is_exhausted(), "{error:?}");
    assert_eq!(given_back(&error), "mine");
    assert_eq!(server.methods(), ["GET", "PUT"]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_leaves_the_refusal_and_its_own_error() {
    let (_, saved) = refused_once(Slow(None)).await;
    let error = saved.unwrap_err();
    assert!(error.is_refused(), "{error:?}");
    assert_eq!(error.problem().unwrap().title(), Some("no"));
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "nobody is in");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_a_handler_asks_for_is_kept_if_the_time_allows_it() {
    let (server, saved) = refused_once(Always(|_| Answer::Wait(Duration::from_secs(29)))).await;
    assert_eq!(saved.unwrap().title, "mine");
    assert_eq!(server.methods(), ["GET", "PUT", "PUT"]);
    let begun = Instant::now();
    let (server, saved) = refused_once(Always(|_| Answer::Wait(Duration::from_secs(31)))).await;
    assert!(begun.elapsed().is_zero());
    assert!(saved.unwrap_err().is_exhausted());
    assert_eq!(server.methods(), ["GET", "PUT"]);
}

#[tokio::test(start_paused = true)]
async fn a_removal_has_nothing_that_a_handler_could_change() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::Answer(409, &[], r#"{"code":"in_use"}"#),
    ]);
    let change = Always(|refusal: &Refusal<Article>| {
        assert!(refusal.local.is_none());
        Answer::Change(draft())
    });
    let error = articles(&server)
        .on_refusal(change)
        .delete(1)
        .await
        .unwrap_err();
    assert!(
        error
            .report()
            .why
            .contains("no document that could be changed"),
        "{error:?}"
    );
    assert_eq!(server.applied(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_was_shown_what_came_up_since_writes_onto_that() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::LoseRequest,
        Event::Plain,
        Event::Answer(422, &[], ""),
        foreign(|theirs| theirs["body"] = "theirs".into()),
    ]);
    let change = Always(|refusal: &Refusal<Article>| {
        let mut shown = refusal.remote.clone().unwrap().into_inner();
        shown.title = "changed".into();
        Answer::Change(shown)
    });
    let saved = articles(&server)
        .on_refusal(change)
        .update(1, |a| a.title = "mine".into())
        .await
        .unwrap();
    assert_eq!((&*saved.title, &*saved.body), ("changed", "theirs"));
    assert_eq!(server.value(AT)["body"], "theirs");
}
