//! How a holder learns that its lease is lost.

use std::time::Duration;

use ifmatch::ErrorKind;
use tokio::time::Instant;

use super::{LEASE, TTL, two_programs};
use crate::support::Event;

#[tokio::test(start_paused = true)]
async fn a_lease_that_cannot_be_renewed_is_lost_before_others_can_take_it_over() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    server.script((0..1_000).map(|_| Event::NoConnection));
    let since = Instant::now();
    held.lost().await;
    assert!(since.elapsed() <= TTL * 2 / 3, "{:?}", since.elapsed());
    assert_eq!(held.remaining(), Duration::ZERO);
    assert_eq!(
        held.release().await.unwrap_err().kind(),
        ErrorKind::LeaseLost
    );
}

#[tokio::test(start_paused = true)]
async fn some_failed_renewals_lose_no_lease() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    // The client itself tries each request again.
    server.script((0..4).map(|_| Event::NoConnection));
    tokio::time::sleep(TTL * 2).await;
    assert!(held.remaining() > Duration::ZERO);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_broken_by_hand_is_lost() {
    for is_removed in [true, false] {
        let (server, one, other) = two_programs();
        let held = one.acquired().await;
        if is_removed {
            server.script([Event::ForeignRemoval]);
        } else {
            let broken = r#"{"holder": "admin", "nonce": "x", "token": 9, "ttl": 15000}"#;
            server.put(LEASE, broken);
        }
        let lost = held.lost().await;
        assert_eq!(lost.name, "nightly");
        drop((one, other));
    }
}

#[tokio::test(start_paused = true)]
async fn work_is_dropped_when_its_lease_is_lost() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    server.script((0..1_000).map(|_| Event::NoConnection));
    let since = Instant::now();
    let work = tokio::time::sleep(Duration::from_secs(3_600));
    let lost = held.run(work).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::LeaseLost);
    assert!(since.elapsed() < TTL);
}

#[tokio::test(start_paused = true)]
async fn work_that_ends_in_time_returns_its_result_and_releases_the_lease() {
    let (_, one, other) = two_programs();
    let held = one.acquired().await;
    assert_eq!(held.run(async { 7 }).await.unwrap(), 7);
    assert_eq!(other.holder().await, None);
}

#[test]
fn a_guard_may_be_dropped_anywhere() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    // Outside of the runtime, after the runtime, and in a task that panics.
    let (_, one, _) = two_programs();
    let own = runtime();
    drop(own.block_on(one.acquired()));
    let held = own.block_on(one.acquired());
    drop(own);
    drop(held);
    let own = runtime();
    let (_, one, other) = two_programs();
    own.block_on(async {
        let leases = one.leases.clone();
        let task = tokio::spawn(async move {
            let _held = leases.acquire("nightly").await.unwrap();
            panic!("the work fails");
        });
        assert!(task.await.is_err());
        other.acquired().await;
    });
}
