//! Tests over sockets without waits, and under a paused clock.

use std::time::{Duration, Instant as RealInstant};

use ifmatch::testing::{self, Reply, ResourceServer, Step};
use ifmatch::{Client, Collection, ErrorKind, Limits};
use serde_json::{Value, json};
use tokio::time::Instant;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// More than any test here takes, and much less than the waits that it skips.
const AT_ONCE: Duration = Duration::from_secs(10);
const TWENTY: Duration = Duration::from_secs(20);

fn set(n: u64) -> impl Fn(&mut Value) + Send + 'static {
    move |note| note["n"] = n.into()
}

async fn fast(limits: Limits) -> (ResourceServer, Collection<Value>) {
    let server = ResourceServer::start().await;
    server.put("/notes/1", r#"{"n": 0}"#);
    let client = Client::builder(server.uri()).retry(testing::fast());
    let notes = client.limits(limits).build().unwrap().collection("notes");
    (server, notes)
}

fn busy() -> Reply {
    Reply::new(429).retry_after(TWENTY)
}

#[tokio::test]
async fn a_wait_that_the_server_asks_for_takes_no_time_and_is_reported() {
    let begun = RealInstant::now();
    let (server, notes) = fast(Limits::default()).await;
    server.next_read(Step::new().answer(busy()));
    server.next_write(Step::new().answer(busy()));
    notes.get(1).await.unwrap();
    let saved = notes.update(1, set(1)).await.unwrap();
    let waited = saved.report().waited;
    assert!(waited >= TWENTY && waited < 2 * TWENTY, "{waited:?}");
    assert!(begun.elapsed() < AT_ONCE);
}

#[tokio::test]
async fn the_time_of_a_call_ends_it_as_if_the_waits_had_been_slept() {
    let begun = RealInstant::now();
    let (server, notes) = fast(Limits::default().time(Duration::from_secs(50))).await;
    notes.get(1).await.unwrap();
    for _ in 0..9 {
        server.next_write(Step::new().answer(busy()));
        server.next_read(Step::new().answer(busy()));
    }
    let error = notes.update(1, set(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error:?}");
    assert_eq!(error.report().waited.as_secs() / 20, 2);
    assert!(notes.refresh(1).await.is_err());
    assert!(begun.elapsed() < AT_ONCE);
}

#[tokio::test]
async fn the_bounds_of_retries_rounds_and_waits_are_kept() {
    let limits = Limits::default().transient(3).rounds(4);
    let (server, notes) = fast(limits).await;
    notes.get(1).await.unwrap();
    for _ in 0..20 {
        server.next_write(Step::new().answer(Reply::new(503)));
    }
    assert!(notes.update(1, set(1)).await.is_err());
    server.requests().put().assert_count(4);

    let (server, notes) = fast(Limits::default().rounds(4)).await;
    for n in 0..20 {
        server.before_next_write(move |note| note["theirs"] = n.into());
    }
    assert!(notes.update(1, set(1)).await.is_err());
    server.requests().put().assert_count(4);

    let (server, notes) = fast(Limits::default()).await;
    let late = Reply::new(503).retry_after(Duration::from_secs(3600));
    server.next_write(Step::new().answer(late));
    let error = notes.update(1, set(1)).await.unwrap_err();
    assert_eq!(error.report().retry_after.unwrap().as_secs(), 3600);
}

#[tokio::test]
async fn a_used_up_quota_takes_no_time() {
    let begun = RealInstant::now();
    let server = MockServer::start().await;
    let note = ResponseTemplate::new(200)
        .insert_header("ratelimit-remaining", "0")
        .insert_header("ratelimit-reset", "20")
        .insert_header("etag", "\"1\"")
        .set_body_json(json!({"n": 1}));
    Mock::given(method("GET"))
        .respond_with(note)
        .mount(&server)
        .await;
    let client = Client::builder(server.uri()).retry(testing::fast());
    let client = client.rate_limit(1, TWENTY).build().unwrap();
    for _ in 0..5 {
        client
            .collection::<Value>("notes")
            .refresh(1)
            .await
            .unwrap();
    }
    assert!(begun.elapsed() < AT_ONCE);
}

#[tokio::test]
async fn the_wait_for_a_quota_counts_in_the_time_of_a_call() {
    let (server, notes) = fast(Limits::default().time(Duration::from_secs(30))).await;
    notes.get(1).await.unwrap();
    let used_up = |reply: Reply| {
        let reply = reply.header("ratelimit-remaining", "0");
        reply.header("ratelimit-reset", "20")
    };
    server.next_write(Step::new().answer(used_up(Reply::new(412))));
    let other = Reply::new(200)
        .json(&json!({"n": 7}))
        .header("etag", "\"v9\"");
    server.next_read(Step::new().answer(used_up(other)));
    let error = notes.update(1, set(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error:?}");
    let waited = error.report().waited;
    // The time of the requests themselves may be in it.
    let longest = TWENTY + Duration::from_secs(1);
    assert!(waited < longest && waited > TWENTY / 2, "{waited:?}");
    server.requests().put().assert_one();
}

#[tokio::test]
async fn an_overloaded_server_is_not_paused_for() {
    let begun = RealInstant::now();
    let (server, notes) = fast(Limits::default()).await;
    for _ in 0..40 {
        for _ in 0..11 {
            server.next_read(Step::new().answer(Reply::new(503)));
        }
        let _ = notes.refresh(1).await;
    }
    assert!(begun.elapsed() < AT_ONCE);
}

#[tokio::test]
async fn the_polls_of_an_accepted_write_end_in_time() {
    let begun = RealInstant::now();
    let server = MockServer::start().await;
    let note = ResponseTemplate::new(200)
        .insert_header("etag", "\"1\"")
        .set_body_json(json!({"n": 1}));
    Mock::given(method("GET"))
        .respond_with(note)
        .mount(&server)
        .await;
    let accepted = ResponseTemplate::new(202).insert_header("location", "/notes/1");
    Mock::given(method("PUT"))
        .respond_with(accepted)
        .mount(&server)
        .await;
    let client = Client::builder(server.uri()).retry(testing::fast());
    let notes = client.build().unwrap();
    let outcome = notes.collection::<Value>("notes").update(1, set(2)).await;
    assert!(outcome.is_err(), "nothing shows that it was stored");
    assert!(begun.elapsed() < AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn plain_stubs_are_used_under_a_paused_clock() {
    let (begun, real) = (Instant::now(), RealInstant::now());
    let server = ResourceServer::start().await;
    server.put("/notes/1", r#"{"n": 0}"#);
    let client = Client::builder(server.uri()).layer(testing::hold_clock);
    let notes = client.build().unwrap().collection::<Value>("notes");
    server.next_write(Step::new().answer(busy()));
    server.next_write(Step::new().lose_reply());
    let saved = notes.update(1, set(1)).await.unwrap();
    assert!(saved.report().settled && saved.report().waited >= TWENTY);
    // Only waits advance the clock, each to its next millisecond.
    let besides = begun.elapsed().saturating_sub(saved.report().waited);
    assert!(besides < Duration::from_millis(5), "{besides:?}");
    assert!(real.elapsed() < AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn many_requests_share_the_held_clock() {
    let begun = Instant::now();
    let server = ResourceServer::start().await;
    let client = Client::builder(server.uri()).layer(testing::hold_clock);
    let notes = client.build().unwrap().collection::<Value>("notes");
    let edits = (0..20).map(|id| {
        let notes = notes.clone();
        server.put(&format!("/notes/{id}"), r#"{"n": 0}"#);
        tokio::spawn(async move { notes.update(id, set(1)).await })
    });
    for edit in edits.collect::<Vec<_>>() {
        edit.await.unwrap().unwrap();
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_stub_that_is_slow_takes_its_own_time_up_to_the_limit_of_a_request() {
    let server = ResourceServer::start().await;
    server.put("/notes/1", r#"{"n": 0}"#);
    let limits = Limits::default()
        .request(Duration::from_millis(50))
        .transient(0);
    let client = Client::builder(server.uri()).layer(testing::hold_clock);
    let client = client.limits(limits).build().unwrap();
    server.next_read(Step::new().delay(Duration::from_secs(60)));
    let error = client.collection::<Value>("notes").get(1).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Transport);
}
