//! Leases that are passed on within a process.

use std::time::Duration;

use ifmatch::Leases;
use serde_json::Value;

use super::super::{TTL, two_programs};
use crate::support::{ARTICLE, AT, Server};

#[tokio::test(start_paused = true)]
async fn leases_of_two_collections_are_not_passed_on_to_each_other() {
    let server = Server::with(AT, ARTICLE);
    server.put("/v1/comments/1", ARTICLE);
    let client = server.client();
    let (articles, comments) = (
        client.collection::<Value>("articles"),
        client.collection::<Value>("comments"),
    );
    let leases = Leases::field("/lock");
    let held = leases.clone().on(&articles).acquire(1).await.unwrap();
    let of_comment = leases.on(&comments);
    let waiting = tokio::spawn(async move { of_comment.acquire(1).wait(TTL).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    held.release().await.unwrap();
    let _held = waiting.await.unwrap().unwrap();
    let lock = server.value("/v1/comments/1")["lock"].clone();
    assert!(
        lock["holder"].is_string(),
        "no lease on the comment: {lock}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_of_another_ttl_is_not_passed_on() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    let long = one.leases.clone().ttl(TTL * 8);
    let waiting = tokio::spawn(async move { long.acquire("nightly").wait(TTL * 8).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    held.release().await.unwrap();
    let held = waiting.await.unwrap().unwrap();
    assert!(held.remaining() > TTL, "{:?}", held.remaining());
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn others_see_who_holds_a_lease_that_was_passed_on() {
    let (_, one, other) = two_programs();
    let held = one.leases.acquire("nightly").owner("worker-7");
    let held = held.await.unwrap();
    let leases = one.leases.clone();
    let waiting = tokio::spawn(async move { leases.acquire("nightly").await.unwrap() });
    tokio::time::sleep(Duration::from_secs(1)).await;
    held.release().await.unwrap();
    let _next = waiting.await.unwrap();
    // A renewal later at the latest.
    tokio::time::sleep(TTL).await;
    let shown = other.holder().await.unwrap().owner;
    assert_ne!(shown.as_deref(), Some("worker-7"));
}

#[tokio::test(start_paused = true)]
async fn the_next_holder_may_hold_a_lease_for_its_own_time() {
    let (_, one, _) = two_programs();
    let held = one.leases.acquire("nightly").at_most(TTL / 3);
    let held = held.await.unwrap();
    let leases = one.leases.clone();
    let waiting = tokio::spawn(async move { leases.acquire("nightly").await.unwrap() });
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(held);
    let next = waiting.await.unwrap();
    tokio::time::sleep(TTL * 2).await;
    assert!(next.remaining() > Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_one_who_waits_gets_a_lease_that_was_lost_by_its_time() {
    let (_, one, _) = two_programs();
    let held = one.leases.acquire("nightly").at_most(TTL);
    let _held = held.await.unwrap();
    let next = one.leases.acquire("nightly").wait(TTL * 4).await.unwrap();
    assert_eq!(next.token(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_failed_once_does_not_end_the_passing_on() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    let under = one.under(&held);
    one.articles.get(1).await.unwrap();
    server.script([crate::support::Event::NoConnection]);
    super::super::rename(&under, "mine").await.unwrap();
    let leases = one.leases.clone();
    let waiting = tokio::spawn(async move { leases.acquire("nightly").await.unwrap() });
    tokio::time::sleep(Duration::from_millis(10)).await;
    let requests = server.seen().len();
    held.release().await.unwrap();
    let _next = waiting.await.unwrap();
    assert_eq!(server.seen().len(), requests, "it was not passed on");
}
