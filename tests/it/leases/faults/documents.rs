//! Documents of leases that hold something strange, and leases in the documents that they protect.

use std::time::Duration;

use ifmatch::{ErrorKind, Leases, LocalWins};
use serde_json::Value;

use super::super::{LEASE, Program, TTL, rename, two_programs};
use crate::support::{ARTICLE, AT, Event, Server};

fn field(program: &Program) -> Leases {
    Leases::field("/lock").on(&program.articles)
}

#[tokio::test(start_paused = true)]
async fn a_token_at_its_end_is_an_error_and_no_panic() {
    let spent = format!(
        r#"{{"holder": null, "nonce": "x", "token": {}, "ttl": 15000}}"#,
        u64::MAX
    );
    let program = Program::new(&Server::with(LEASE, &spent));
    let error = program.leases.acquire("nightly").wait(TTL);
    let error = error.await.unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string);
    let told = format!("{error} {source:?}");
    assert!(!told.contains("panicked"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_no_lease_is_told_and_not_replaced() {
    for strange in ["[]", "{}", "7", r#"{"holder": 7}"#, r#"{"token": -1}"#] {
        let server = Server::with(LEASE, strange);
        let program = Program::new(&server);
        let error = program.leases.acquire("nightly").wait(TTL);
        assert_eq!(error.await.unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(server.text(LEASE).unwrap(), strange);
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_with_an_absurd_ttl_is_waited_for_and_does_no_harm() {
    for (ttl, is_granted) in [(0, true), (u64::MAX, false)] {
        let kept = format!(r#"{{"holder": "x", "nonce": "x", "token": 1, "ttl": {ttl}}}"#);
        let program = Program::new(&Server::with(LEASE, &kept));
        let acquired = program.leases.acquire("nightly").wait(TTL).await;
        assert_eq!(acquired.is_ok(), is_granted, "{ttl}: {acquired:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn members_of_others_stay_in_the_document_of_a_lease() {
    let free = r#"{"holder": null, "nonce": "x", "token": 4, "ttl": 1, "note": "keep"}"#;
    let server = Server::with(LEASE, free);
    let held = Program::new(&server).acquired().await;
    assert_eq!(held.token(), 5);
    assert_eq!(server.value(LEASE)["note"], "keep");
}

#[tokio::test(start_paused = true)]
async fn a_save_of_an_old_read_keeps_the_lease_of_the_resource() {
    let (server, one, other) = two_programs();
    let mut old = one.articles.get(1).await.unwrap();
    let held = field(&other).acquire(1).await.unwrap();
    old["title"] = "mine".into();
    one.articles.save(&old).await.unwrap();
    let stored = server.value(AT);
    assert_eq!(stored["title"], "mine");
    assert_eq!(stored["lock"]["token"], 1);
    tokio::time::sleep(TTL * 2).await;
    assert!(held.remaining() > Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_overwriting_save_under_the_lease_of_the_resource_keeps_the_lease() {
    let (server, one, _) = two_programs();
    let mut old = one.articles.get(1).await.unwrap();
    let held = field(&one).acquire(1).await.unwrap();
    let under = one.articles.clone().under(&held).strategy(LocalWins);
    old["title"] = "mine".into();
    let saved = under.save(&old).await;
    saved.unwrap();
    assert_eq!(server.value(AT)["title"], "mine");
    let lock = server.value(AT)["lock"].clone();
    assert!(lock["nonce"].is_string(), "the lease is destroyed: {lock}");
    held.release().await.unwrap();
    field(&one).acquire(1).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_handle_under_another_lease_leaves_the_lease_of_the_resource_alone() {
    let (server, one, _) = two_programs();
    let held = field(&one).acquire(1).await.unwrap();
    for _ in 0..3 {
        one.acquired().await.release().await.unwrap();
    }
    let nightly = one.acquired().await;
    let under = one.articles.clone().under(&held).under(&nightly);
    rename(&under, "mine").await.unwrap();
    let lock = server.value(AT)["lock"].clone();
    assert_eq!(lock["token"], held.token(), "{lock}");
}

#[tokio::test(start_paused = true)]
async fn reads_under_the_lease_of_one_resource_need_no_lease() {
    let (server, one, _) = two_programs();
    server.put("/v1/articles/2", ARTICLE);
    server.put("/v1/articles", "[]");
    let held = field(&one).acquire(1).await.unwrap();
    let under = one.articles.clone().under(&held);
    under.get(1).await.unwrap();
    let other: Result<_, ifmatch::Error> = under.get(2).await;
    assert!(other.is_ok(), "{other:?}");
}

#[tokio::test(start_paused = true)]
async fn an_id_with_a_slash_names_one_lease() {
    let (server, one, _) = two_programs();
    let held = one.leases.acquire("a/b").await.unwrap();
    assert!(server.text("/v1/leases/a%2Fb").is_some());
    held.release().await.unwrap();
    let strange: Result<_, ifmatch::Error> = one.leases.acquire("..").await.map(|held| {
        let _: Value = held.name().into();
    });
    assert_eq!(strange.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_hangs_does_not_keep_the_lease_of_its_resource_from_being_renewed() {
    let (server, one, _) = two_programs();
    let held = field(&one).acquire(1).await.unwrap();
    one.articles.refresh(1).await.unwrap();
    server.script([Event::Hang]);
    let hanging = one.articles.clone();
    let hanging = tokio::spawn(async move { rename(&hanging, "mine").await });
    // Its tries hang, one after the other, for as long as the call has time.
    for _ in 0..20 {
        tokio::time::sleep(TTL / 10).await;
        assert!(held.remaining() > Duration::ZERO, "it was not renewed");
    }
    hanging.abort();
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_can_be_neither_read_nor_created_is_asked_for_at_times() {
    let (server, one, _) = two_programs();
    // A replica that lags behind, or an access rule that hides the document.
    let hidden = |_| [Event::Answer(404, &[], "{}"), Event::Answer(412, &[], "{}")];
    server.script((0..10_000).flat_map(hidden));
    let acquired = one.leases.acquire("nightly").wait(TTL).await;
    assert!(acquired.is_err());
    let requests = server.seen().len();
    assert!(requests < 100, "{requests} requests in {TTL:?}");
}

#[test]
fn the_id_of_a_lease_is_printed_nowhere() {
    let granted = ifmatch::lease::Granted::new("nightly", "a-secret", 1, TTL);
    let printed = format!("{granted:?}");
    assert!(!printed.contains("a-secret"), "{printed}");
}
