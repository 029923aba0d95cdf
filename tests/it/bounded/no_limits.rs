//! Promise 4: calls are bounded even if the user sets no limit.

use std::time::Duration;

use crate::support::{ARTICLE, AT, Always, Article, Event, Server, articles, foreign};
use tokio::time::Instant;

use ifmatch::{
    Answer, Authenticator, BoxError, Conflict, Limits, LocalWins, MergeStrategy, Resolution,
    RetryPolicy, SnapshotKey, SnapshotStore, StoredSnapshot, ask_fn, async_trait,
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn no_limit_may_be_said_as_the_longest_duration() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let read = tokio::spawn(articles.get(1).timeout(Duration::MAX))
        .await
        .is_err();
    let write = tokio::spawn(articles.update(1, |a| a.views = 5).timeout(Duration::MAX))
        .await
        .is_err();
    let client = server
        .builder()
        .limits(Limits::default().time(Duration::MAX))
        .build()
        .unwrap();
    let limits = tokio::spawn(
        client
            .collection_with::<Article>("articles", LocalWins)
            .update(1, |a| a.views = 6),
    )
    .await
    .is_err();
    assert!(
        !read && !write && !limits,
        "panicked: get {read}, update {write}, limits {limits}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_ask_to_wait_for_ever() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::Answer(403, &[], "")]);
    let call = articles(&server)
        .on_refusal(Always(|_| Answer::Wait(Duration::MAX)))
        .update(1, |a| a.views = 5);
    assert!(tokio::spawn(call).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn two_strategies_may_take_for_ever() {
    let ask =
        || ask_fn(|_: Conflict<Article>| async { Ok(Resolution::KeepRemote) }).time(Duration::MAX);
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, foreign(|t| t["views"] = 9.into())]);
    let call = articles(&server)
        .update(1, |a| a.views = 5)
        .strategy(ask().or_else(ask()));
    assert!(tokio::spawn(call).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_schedule_may_wait_for_ever() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::NoConnection]);
    let policy = RetryPolicy::schedule(|| [Duration::MAX]);
    let client = server.builder().retry(policy).build().unwrap();
    let call = client
        .collection_with::<Article>("articles", LocalWins)
        .update(1, |a| a.views = 5);
    assert!(tokio::spawn(call).await.is_ok());
}

struct Stuck;
#[async_trait]
impl Authenticator for Stuck {
    async fn authenticate(&self, _: &mut http::HeaderMap) -> Result<(), BoxError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn an_authenticator_that_hangs_is_bounded_by_the_time_of_the_call() {
    let server = Server::with(AT, ARTICLE);
    let client = server.builder().auth(Stuck).build().unwrap();
    let call = client
        .collection_with::<Article>("articles", LocalWins)
        .update(1, |a| a.views = 5)
        .timeout(Duration::from_secs(1));
    assert!(
        tokio::time::timeout(Duration::from_secs(3600), call)
            .await
            .is_ok()
    );
}

struct StuckStore;

#[async_trait]
impl SnapshotStore for StuckStore {
    async fn get(&self, _: &SnapshotKey) -> Result<Option<StoredSnapshot>, BoxError> {
        std::future::pending().await
    }
    async fn put(&self, _: &SnapshotKey, _: StoredSnapshot) -> Result<(), BoxError> {
        std::future::pending().await
    }
    async fn remove(&self, _: &SnapshotKey) -> Result<(), BoxError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_does_not_outlast_the_time_of_a_call() {
    let server = Server::with(AT, ARTICLE);
    let client = server.builder().store(StuckStore).build().unwrap();
    let articles = client.collection_with::<Article>("articles", LocalWins);
    let begun = Instant::now();
    let outcome = articles.update(1, |a| a.views = 5).timeout(SECOND).await;
    let write = begun.elapsed();
    let begun = Instant::now();
    let read = articles.get(1).timeout(SECOND).await;
    let get = begun.elapsed();
    assert!(
        write <= 2 * SECOND && get <= 2 * SECOND,
        "update {write:?} ({outcome:?}), get {get:?} ({read:?})"
    );
}
