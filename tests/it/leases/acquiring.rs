//! Who gets a lease, and when.

use std::time::Duration;

use ifmatch::ErrorKind;
use tokio::time::Instant;

use super::{LEASE, Program, TTL, two_programs};
use crate::support::{Event, Server};

#[tokio::test(start_paused = true)]
async fn one_of_two_programs_gets_a_lease_and_the_other_is_told_who_holds_it() {
    let (_server, one, other) = two_programs();
    let held = one.leases.acquire("nightly").owner("worker-7");
    let held = held.await.unwrap();
    assert_eq!((held.name(), held.token()), ("nightly", 1));

    let refused = other.leases.acquire("nightly").wait(Duration::from_secs(3));
    let refused = refused.await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Locked);
    assert!(refused.to_string().contains("worker-7"), "{refused}");
    let holder = other.holder().await.unwrap();
    assert_eq!(
        (holder.owner.as_deref(), holder.token),
        (Some("worker-7"), Some(1))
    );

    held.release().await.unwrap();
    assert_eq!(other.holder().await, None);
    // A token is never used again.
    let held = other.leases.acquire("nightly").await.unwrap();
    assert_eq!(held.token(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_for_as_long_as_it_is_held() {
    let (_server, one, other) = two_programs();
    let held = one.acquired().await;
    for _ in 0..20 {
        let refused = other.leases.acquire("nightly").wait(TTL);
        assert_eq!(refused.await.unwrap_err().kind(), ErrorKind::Locked);
        assert!(held.remaining() > TTL / 4, "{:?}", held.remaining());
    }
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_lease_of_a_program_that_has_ended_is_taken_over_after_its_time() {
    let (server, one, other) = two_programs();
    let held = one.acquired().await;
    // The program ends: nothing of it is renewed any more.
    server.script((0..3).map(|_| Event::NoConnection));
    std::mem::forget(held);
    drop(one);
    let kept = server.text(LEASE).unwrap();
    let program = Program::new(&Server::with(LEASE, &kept));
    let since = Instant::now();
    let held = program
        .leases
        .acquire("nightly")
        .wait(TTL * 2)
        .await
        .unwrap();
    assert_eq!(held.token(), 2);
    let waited = since.elapsed();
    assert!(waited >= TTL && waited < TTL * 3 / 2, "{waited:?}");
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_to_each_request_of_a_lease_is_settled() {
    for lost in 1..=2 {
        let server = Server::default();
        let program = Program::new(&server);
        // The read, and then the creation.
        server.script((1..lost).map(|_| Event::Plain));
        server.script([Event::LoseReply]);
        let held = program.acquired().await;
        assert_eq!(held.token(), 1, "{lost}");
        server.script([Event::LoseReply]);
        tokio::time::sleep(TTL).await;
        assert!(held.remaining() > Duration::ZERO);
        server.script([Event::LoseReply]);
        held.release().await.unwrap();
        assert_eq!(program.holder().await, None);
        // A takeover of a free lease.
        server.script((1..lost).map(|_| Event::Plain));
        server.script([Event::LoseReply]);
        assert_eq!(program.acquired().await.token(), 2, "{lost}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_process_are_served_in_their_order_and_share_the_requests() {
    let server = Server::default();
    let program = Program::new(&server);
    let order = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for nth in 0..64 {
        let (leases, order) = (program.leases.clone(), order.clone());
        tasks.spawn(async move {
            let held = leases.acquire("nightly").await.unwrap();
            order.lock().unwrap().push(nth);
            tokio::time::sleep(Duration::from_millis(10)).await;
            held.release().await.unwrap();
        });
        tokio::task::yield_now().await;
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let order = order.lock().unwrap().clone();
    assert_eq!(order, (0..64).collect::<Vec<_>>());
    let requests = server.seen().len();
    assert!(requests <= 16, "{requests} requests for 64 holders");
}

#[tokio::test(start_paused = true)]
async fn others_get_a_lease_that_a_busy_process_passes_on() {
    let (_server, one, other) = two_programs();
    let busy: Vec<_> = (0..4)
        .map(|_| {
            let leases = one.leases.clone();
            tokio::spawn(async move {
                loop {
                    let held = leases.acquire("nightly").wait(TTL * 20).await.unwrap();
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    drop(held);
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(5)).await;
    other
        .leases
        .acquire("nightly")
        .wait(TTL * 20)
        .await
        .unwrap();
    busy.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_leaves_nothing_behind() {
    for after in 0..8 {
        let server = Server::default();
        let program = Program::new(&server);
        let leases = program.leases.clone();
        let acquire = tokio::spawn(async move { leases.acquire("nightly").await });
        for _ in 0..after {
            tokio::task::yield_now().await;
        }
        acquire.abort();
        // A task that has ended keeps its result.
        drop(acquire);
        let held = program.leases.acquire("nightly").wait(TTL / 2);
        assert!(held.await.is_ok(), "after {after}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_whose_holder_hangs_ends_after_the_time_that_it_may_be_held() {
    let (_server, one, other) = two_programs();
    let held = one
        .leases
        .acquire("nightly")
        .at_most(TTL * 2)
        .await
        .unwrap();
    let since = Instant::now();
    let next = other.leases.acquire("nightly").wait(TTL * 4).await.unwrap();
    assert!(since.elapsed() < TTL * 5 / 2, "{:?}", since.elapsed());
    assert_eq!(next.token(), 2);
    assert!(held.lost().await.to_string().contains("at_most"));
}
