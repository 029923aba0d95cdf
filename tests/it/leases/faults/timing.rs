//! Two holders never believe in one lease at the same time, however slow a request is.

use std::time::Duration;

use ifmatch::{ErrorKind, Limits};

use super::super::{Program, TTL};
use super::wired;
use crate::support::{ARTICLE, AT, Server};

#[tokio::test(start_paused = true)]
async fn a_contender_counts_from_the_response_and_not_from_its_slow_request() {
    let server = Server::with(AT, ARTICLE);
    let (own, one) = wired(&server, Limits::default());
    let held = one.acquired().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (wire, other) = wired(&server, Limits::default());
    // It arrives 10.5 seconds after the grant, right after the second renewal.
    wire.set(|faults| faults.delay = Some(Duration::from_millis(7_500)));
    let leases = other.leases.clone();
    let waiting = tokio::spawn(async move { leases.acquire("nightly").wait(TTL * 4).await });
    tokio::time::sleep(Duration::from_millis(7_200)).await;
    own.set(|faults| faults.is_cut = true);
    let next = waiting.await.unwrap().unwrap();
    assert_eq!(next.token(), 2);
    assert_eq!(held.remaining(), Duration::ZERO, "two believe in the lease");
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_is_found_later_counts_from_the_request_that_was_granted() {
    let server = Server::with(AT, ARTICLE);
    let limits = Limits::default().time(Duration::from_secs(9));
    let (own, one) = wired(&server, limits);
    own.set(|faults| faults.cuts_after_write = true);
    let leases = one.leases.clone();
    let acquire = tokio::spawn(async move { leases.acquire("nightly").wait(TTL * 4).await });
    let other = Program::new(&server);
    // It sees the record from its beginning on.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let contending = other.leases.clone();
    let waiting = tokio::spawn(async move { contending.acquire("nightly").wait(TTL * 4).await });
    tokio::time::sleep(Duration::from_millis(8_900)).await;
    own.set(|faults| (faults.is_cut, faults.cuts_after_write) = (false, false));
    let held = acquire.await.unwrap().unwrap();
    assert!(held.remaining() > Duration::ZERO);
    // It finds its own record, and then it cannot renew it any more.
    own.set(|faults| faults.is_cut = true);
    let _next = waiting.await.unwrap().unwrap();
    assert_eq!(held.remaining(), Duration::ZERO, "two believe in the lease");
}

#[tokio::test(start_paused = true)]
async fn work_is_not_polled_any_more_once_its_machine_has_slept() {
    let server = Server::with(AT, ARTICLE);
    let one = Program::new(&server);
    let held = one.acquired().await;
    let clocks = one.clocks.clone();
    let mut has_gone_on = false;
    let work = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        has_gone_on = true;
        std::future::pending::<()>().await;
    };
    let sleeping = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        clocks.sleep(Duration::from_secs(3_600));
    };
    let (lost, ()) = tokio::join!(held.run(work), sleeping);
    assert_eq!(lost.unwrap_err().kind(), ErrorKind::LeaseLost);
    assert!(!has_gone_on, "the work went on after the sleep");
}

#[test]
fn a_lease_whose_runtime_has_ended_is_told_as_lost_after_its_time() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let (server, own) = (Server::default(), runtime());
    let client = server.client();
    let leases = ifmatch::Leases::documents(&client, "leases").ttl(Duration::from_millis(300));
    let held = own
        .block_on(leases.acquire("nightly").into_future())
        .unwrap();
    drop(own);
    let told = runtime().block_on(async {
        let lost = tokio::time::timeout(Duration::from_secs(1), held.lost());
        lost.await.is_ok()
    });
    assert_eq!(held.remaining(), Duration::ZERO);
    assert!(told, "`lost` waits for ever");
}

#[tokio::test(start_paused = true)]
async fn a_free_lease_is_granted_to_a_call_that_does_not_wait() {
    let one = Program::new(&Server::default());
    let held = one.leases.acquire("nightly").wait(Duration::ZERO).await;
    assert!(held.is_ok(), "{held:?}");
}
