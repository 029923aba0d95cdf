//! Leases on a real etcd, by its JSON gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use ifmatch::testing::LossyProxy;
use ifmatch::{Client, ErrorKind, Leases};

use crate::Server;

/// The shortest that etcd grants.
const TTL: Duration = Duration::from_secs(2);

/// The gateway is at the root of the server.
pub(crate) fn root(server: &Server) -> String {
    let mut root = url::Url::parse(&server.base).unwrap();
    root.set_path("/");
    root.as_str().trim_end_matches('/').to_owned()
}

/// Leases of a program of its own.
fn leases(root: &str) -> Leases {
    Leases::etcd(&Client::new(root).unwrap()).ttl(TTL)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run etcd"]
async fn leases_of_etcd() {
    let Some(server) = Server::from_env("etcd", "IFMATCH_ETCD") else {
        return;
    };
    let root = root(&server);
    let report = leases(&root).probe().await.unwrap();
    println!("etcd leases: {report}");
    assert!(report.excludes(), "{report}");
    holders_exclude_each_other(&root, &server.id("race")).await;
    whatever_gets_lost_is_settled(&root, &server.id("lost")).await;
    a_lease_ends_with_its_program(&root, &server.id("ended")).await;
    a_lease_that_is_revoked_is_lost(&root, &server.id("revoked")).await;
}

/// Eight programs take one lease ten times each.
async fn holders_exclude_each_other(root: &str, name: &str) {
    let (inside, last) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut programs = tokio::task::JoinSet::new();
    let since = Instant::now();
    for _ in 0..8 {
        let (leases, name) = (leases(root), name.to_owned());
        let (inside, last) = (inside.clone(), last.clone());
        programs.spawn(async move {
            for _ in 0..10 {
                let held = leases.acquire(&name).wait(TTL * 60).await.unwrap();
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two are inside");
                let before = last.swap(held.token(), Ordering::SeqCst);
                assert!(before < held.token(), "{before} {}", held.token());
                tokio::time::sleep(Duration::from_millis(5)).await;
                inside.fetch_sub(1, Ordering::SeqCst);
                held.release().await.unwrap();
            }
        });
    }
    programs.join_all().await;
    println!(
        "etcd leases: 80 critical sections of 8 programs in {:?}",
        since.elapsed()
    );
}

/// Loses each request of an acquisition and a release once, and each response.
async fn whatever_gets_lost_is_settled(root: &str, name: &str) {
    let proxy = LossyProxy::in_front_of(root).await.unwrap();
    for nth in 0..6 {
        for is_reply in [true, false] {
            let leases = leases(&proxy.uri());
            (0..nth).for_each(|_| proxy.pass_next());
            if is_reply {
                proxy.lose_next_reply();
            } else {
                proxy.lose_next_request();
            }
            let held = leases.acquire(name).await.unwrap();
            held.release().await.unwrap();
            assert_eq!(leases.look(name).await.unwrap(), None, "{nth} {is_reply}");
        }
    }
}

/// The runtime of the program ends, and with it the renewals.
async fn a_lease_ends_with_its_program(root: &str, name: &str) {
    let (own, acquired) = (leases(root), name.to_owned());
    let ended = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let held = runtime.block_on(async { own.acquire(&acquired).await.unwrap() });
        drop(runtime);
        held.token()
    });
    let token = ended.await.unwrap();
    let since = Instant::now();
    let next = leases(root).acquire(name).wait(TTL * 10).await.unwrap();
    println!(
        "etcd leases: taken over after {:?} of {TTL:?}",
        since.elapsed()
    );
    assert!(next.token() > token);
    next.release().await.unwrap();
}

async fn a_lease_that_is_revoked_is_lost(root: &str, name: &str) {
    let held = leases(root).acquire(name).await.unwrap();
    let client = Client::new(root).unwrap();
    let of = |path| client.request(Method::POST, path);
    let listed = of("v3/lease/leases").json(&serde_json::json!({})).await;
    let listed: serde_json::Value = listed.unwrap().json().unwrap();
    for lease in listed["leases"].as_array().unwrap() {
        let revoked = of("v3/lease/revoke").json(lease).await.unwrap();
        revoked.error_for_status().unwrap();
    }
    let lost = held.lost().await;
    println!("etcd leases: {lost}");
    assert_eq!(
        held.release().await.unwrap_err().kind(),
        ErrorKind::LeaseLost
    );
}
