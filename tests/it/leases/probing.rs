//! Whether a service excludes at all.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use http::header::{IF_MATCH, IF_NONE_MATCH};
use ifmatch::lease::{Granted, LeaseHolder, LeaseRequest, LeaseService, NotGranted};
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{Client, ErrorKind, LeaseCheck, Leases, Verdict, async_trait};
use serde_json::Value;

use super::two_programs;
use crate::support::{ARTICLE, AT, Event, Far, Server};

const NIGHTLY: &str = "nightly";

#[tokio::test(start_paused = true)]
async fn records_on_a_server_with_preconditions_exclude() {
    let server = Server::default();
    let client = server
        .builder()
        .transport(Far(server.clone()))
        .build()
        .unwrap();
    let report = Leases::documents(&client, "leases").probe().await.unwrap();
    assert!(report.excludes(), "{report}");
    assert!(
        LeaseCheck::ALL
            .iter()
            .all(|it| report.verdict(*it) == Verdict::Holds),
        "{report}"
    );
    assert_eq!(report.failed().count(), 0);
    assert_eq!(
        report.to_string().lines().count(),
        1 + LeaseCheck::ALL.len()
    );
}

/// A server that ignores conditions, ten milliseconds away.
struct IgnoresConditions(Server);

#[async_trait]
impl Transport for IgnoresConditions {
    async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        if !request.method.is_safe() {
            request.headers.remove(IF_MATCH);
            request.headers.remove(IF_NONE_MATCH);
        }
        Far(self.0.clone()).send(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn records_on_a_server_that_ignores_conditions_are_found_to_lock_nobody() {
    let server = Server::default();
    let client = Client::builder("http://server.test/v1").transport(IgnoresConditions(server));
    let leases = Leases::documents(&client.build().unwrap(), "leases");
    let report = leases.probe().await.unwrap();
    assert!(!report.excludes(), "{report}");
    let failed: Vec<_> = report.failed().map(|found| found.check).collect();
    let expected = [LeaseCheck::RacingFirst, LeaseCheck::RacingNext];
    assert_eq!(failed, expected, "{report}");
    assert!(report.to_string().contains("TWO HOLDERS"), "{report}");
}

/// A service that grants everybody.
struct GrantsEverybody;

#[async_trait]
impl LeaseService for GrantsEverybody {
    async fn acquire(&self, want: &LeaseRequest) -> Result<Granted, NotGranted> {
        Ok(Granted::new(&want.name, &want.session, 1, want.ttl))
    }

    async fn renew(&self, lease: &Granted, _: &LeaseRequest) -> Result<Granted, NotGranted> {
        Ok(lease.clone())
    }

    async fn release(&self, _: &Granted) -> Result<(), NotGranted> {
        Ok(())
    }

    async fn look(&self, _: &str) -> Result<Option<LeaseHolder>, NotGranted> {
        Ok(None)
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_grants_everybody_fails_each_check_that_guards_exclusion() {
    let report = Leases::of(GrantsEverybody).probe().await.unwrap();
    assert!(!report.excludes());
    let failed: Vec<_> = report.failed().map(|found| found.check).collect();
    let expected = [
        LeaseCheck::Excludes,
        LeaseCheck::TokenRises,
        LeaseCheck::TellsLoss,
        LeaseCheck::RacingFirst,
        LeaseCheck::RacingNext,
    ];
    assert_eq!(failed, expected, "{report}");
}

/// Excludes, has no tokens, and lets anybody release.
#[derive(Default)]
struct AnybodyReleases(Mutex<HashMap<String, String>>);

#[async_trait]
impl LeaseService for AnybodyReleases {
    async fn acquire(&self, want: &LeaseRequest) -> Result<Granted, NotGranted> {
        let mut held = self.0.lock().unwrap();
        if held.contains_key(&want.name) {
            return Err(NotGranted::held(None, None));
        }
        held.insert(want.name.clone(), want.session.clone());
        Ok(Granted::new(&want.name, &want.session, 0, want.ttl))
    }

    async fn renew(&self, lease: &Granted, _: &LeaseRequest) -> Result<Granted, NotGranted> {
        let held = self.0.lock().unwrap();
        let ours = held.get(&lease.name).filter(|held| **held == lease.id);
        ours.map(|_| lease.clone())
            .ok_or(NotGranted::Lost { by: None })
    }

    async fn release(&self, lease: &Granted) -> Result<(), NotGranted> {
        self.0.lock().unwrap().remove(&lease.name);
        Ok(())
    }

    async fn look(&self, _: &str) -> Result<Option<LeaseHolder>, NotGranted> {
        Ok(None)
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_release_that_ends_the_lease_of_the_next_holder_is_found() {
    let report = Leases::of(AnybodyReleases::default())
        .probe()
        .await
        .unwrap();
    let failed: Vec<_> = report.failed().map(|found| found.check).collect();
    assert_eq!(failed, [LeaseCheck::LateRelease], "{report}");
    assert_eq!(report.verdict(LeaseCheck::TokenRises), Verdict::Unknown);
    assert!(!report.excludes());
}

#[tokio::test(start_paused = true)]
async fn a_probe_of_a_resource_leaves_its_lease_free() {
    let server = Server::with(AT, ARTICLE);
    let articles = server.client().collection::<Value>("articles");
    let leases = Leases::field("/lock").on(&articles);
    let error = leases.probe().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let report = leases.probe_at(1).await.unwrap();
    assert!(report.excludes(), "{report}");
    assert_eq!(leases.look(1).await.unwrap(), None);
    let held = leases.acquire(1).await.unwrap();
    let error = leases.probe_at(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_network_is_no_finding() {
    let (server, one, _) = two_programs();
    server.script((0..1_000).map(|_| Event::NoConnection));
    let error = one.leases.probe().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    server.end_script();
    assert!(
        one.leases
            .acquire(NIGHTLY)
            .wait(Duration::from_secs(1))
            .await
            .is_ok()
    );
}
