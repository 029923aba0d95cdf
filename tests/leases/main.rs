//! Leases between processes: exclusion is exact, and a process that was stopped writes nothing over the next holder.
//!
//! The test starts itself as the programs. They run against the server of the test kit, or against a real one:
//!
//! ```sh
//! LEASE_SECTIONS=500 IFMATCH_TEST=leases tests/interop/run lighttpd kinto
//! ```
//!
//! `IFMATCH_LIGHTTPD` and `IFMATCH_KINTO` name the servers, as for the interop tests.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed test may panic, and the figures are for people to read"
)]

mod counting;
mod program;
#[path = "../kills/site.rs"]
mod site;
mod stopping;

use ifmatch::testing::ResourceServer;

use site::Site;

/// Which promise is tried.
async fn tried(site: Site) {
    counting::is_exact(&site).await;
    stopping::leaves_the_next_holder_alone(&site).await;
}

#[tokio::test]
async fn leases_hold_between_processes() {
    let server = ResourceServer::start().await;
    let (base, kind) = (server.uri(), "test kit");
    tried(Site { base, kind }).await;
}

#[tokio::test]
#[ignore = "needs the server that IFMATCH_LIGHTTPD names"]
async fn leases_hold_on_lighttpd() {
    match std::env::var("IFMATCH_LIGHTTPD") {
        Ok(base) => {
            let kind = "lighttpd";
            tried(Site { base, kind }).await;
        }
        Err(_) => println!("skipped: IFMATCH_LIGHTTPD is not set"),
    }
}

#[tokio::test]
#[ignore = "needs the server that IFMATCH_KINTO names"]
async fn leases_hold_on_kinto() {
    match std::env::var("IFMATCH_KINTO") {
        Ok(base) => {
            let kind = "kinto";
            tried(Site { base, kind }).await;
        }
        Err(_) => println!("skipped: IFMATCH_KINTO is not set"),
    }
}
