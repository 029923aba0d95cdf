//! Services of applications that are slow, panic or return absurd values.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::HeaderMap;
use ifmatch::lease::{Granted, LeaseHolder, LeaseRequest, LeaseService, NotGranted};
use ifmatch::{Client, ErrorKind, Leases, MemoryStore, async_trait};
use serde_json::Value;

use super::super::{TTL, rename};
use super::Wire;
use crate::support::{ARTICLE, AT, Event, Server};

/// A service that grants everything, except for what its flaws do.
#[derive(Clone, Copy, Default)]
struct Flaws {
    /// The first call never returns.
    first_hangs: bool,
    /// The first call takes longer than the lease lasts.
    first_is_slow: bool,
    ttl: Option<Duration>,
    is_enforced: bool,
    panics_in: &'static str,
}

#[derive(Default)]
struct Service {
    flaws: Flaws,
    calls: AtomicU32,
}

impl Flaws {
    fn leases(self) -> Leases {
        Leases::of(Service {
            flaws: self,
            calls: AtomicU32::default(),
        })
    }

    fn panic_in(self, method: &str) {
        assert!(self.panics_in != method, "the service fails");
    }
}

#[async_trait]
impl LeaseService for Service {
    async fn acquire(&self, want: &LeaseRequest) -> Result<Granted, NotGranted> {
        self.flaws.panic_in("acquire");
        let is_first = self.calls.fetch_add(1, Ordering::SeqCst) == 0;
        if is_first && self.flaws.first_hangs {
            std::future::pending::<()>().await;
        }
        if is_first && self.flaws.first_is_slow {
            tokio::time::sleep(TTL * 4 / 5).await;
        }
        let ttl = self.flaws.ttl.unwrap_or(want.ttl);
        Ok(Granted::new(&want.name, &want.session, 1, ttl))
    }

    async fn renew(&self, lease: &Granted, _: &LeaseRequest) -> Result<Granted, NotGranted> {
        self.flaws.panic_in("renew");
        Ok(lease.clone())
    }

    async fn release(&self, _: &Granted) -> Result<(), NotGranted> {
        self.flaws.panic_in("release");
        Ok(())
    }

    async fn look(&self, _: &str) -> Result<Option<LeaseHolder>, NotGranted> {
        self.flaws.panic_in("look");
        Ok(None)
    }

    fn stamp(&self, _: &Granted, _: &mut HeaderMap) {
        self.flaws.panic_in("stamp");
    }

    fn is_enforced(&self) -> bool {
        self.flaws.panic_in("is_enforced");
        self.flaws.is_enforced
    }

    fn fence(&self) -> Option<String> {
        self.flaws.panic_in("fence");
        None
    }

    fn protects(&self, _: &Granted) -> Option<url::Url> {
        self.flaws.panic_in("protects");
        None
    }
}

fn panicking(method: &'static str) -> Leases {
    let flaws = Flaws {
        panics_in: method,
        is_enforced: true,
        ..Flaws::default()
    };
    flaws.leases()
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_answered_one_call_serves_the_next() {
    let flaws = Flaws {
        first_hangs: true,
        ..Flaws::default()
    };
    let leases = flaws.leases();
    let first = leases.acquire("nightly").wait(TTL).await;
    assert_eq!(first.unwrap_err().kind(), ErrorKind::Exhausted);
    tokio::time::sleep(TTL * 4).await;
    let next = leases.acquire("nightly").wait(TTL * 4).await;
    assert!(next.is_ok(), "{next:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_over_is_not_handed_out() {
    let flaws = Flaws {
        first_is_slow: true,
        ..Flaws::default()
    };
    let held = flaws.leases().acquire("nightly").wait(TTL * 4).await;
    let held = held.unwrap();
    assert!(held.remaining() > Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn absurd_ttls_of_a_service_are_an_error_or_a_lease() {
    for ttl in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let flaws = Flaws {
            ttl: Some(ttl),
            ..Flaws::default()
        };
        match flaws.leases().acquire("nightly").wait(TTL).await {
            Ok(held) => assert!(held.remaining() > Duration::ZERO, "{ttl:?}"),
            Err(error) => assert_ne!(error.kind(), ErrorKind::Config, "{ttl:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_service_that_is_asked_is_an_error() {
    assert!(panicking("acquire").acquire("nightly").await.is_err());
    let held = panicking("renew").acquire("nightly").await.unwrap();
    held.lost().await;
    let held = panicking("release").acquire("nightly").await.unwrap();
    assert!(held.release().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_service_that_is_looked_at_is_an_error() {
    let looked = tokio::spawn(async { panicking("look").look("nightly").await });
    assert!(looked.await.expect("the caller panicked").is_err());
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_service_during_a_write_is_an_error() {
    let mut panicked = Vec::new();
    for method in ["stamp", "protects", "fence", "is_enforced"] {
        let server = Server::with(AT, ARTICLE);
        let client = server.client();
        // What every write needs is asked for when the lease is acquired.
        let Ok(held) = panicking(method).acquire("nightly").await else {
            continue;
        };
        server.script([Event::Plain, Event::Answer(412, &[], "{}")]);
        let write = tokio::spawn(async move {
            let articles = client.collection::<Value>("articles").under(&held);
            let _ = rename(&articles, "mine").await;
        });
        if write.await.is_err() {
            panicked.push(method);
        }
    }
    assert!(panicked.is_empty(), "the caller panicked: {panicked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_the_release_ends_the_write() {
    let server = Server::with(AT, ARTICLE);
    let wire = Wire::to(&server);
    let client = Client::builder("http://server.test/v1").transport(wire.clone());
    let client = client.store(MemoryStore::default()).build().unwrap();
    let articles = client.collection::<Value>("articles");
    articles.get(1).await.unwrap();
    let flaws = Flaws {
        is_enforced: true,
        ..Flaws::default()
    };
    let held = flaws.leases().acquire("nightly").await.unwrap();
    let under = articles.under(&held);
    server.script([Event::Answer(412, &[], "{}")]);
    wire.set(|faults| faults.late_reply = Some(Duration::from_secs(2)));
    let releasing = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        held.release().await.unwrap();
    };
    let written = async {
        let renamed = rename(&under, "mine");
        tokio::time::timeout(Duration::from_secs(3_600), renamed).await
    };
    let (written, ()) = tokio::join!(written, releasing);
    let written = written.expect("the write waits for ever");
    assert_eq!(written.unwrap_err().kind(), ErrorKind::LeaseLost);
}
