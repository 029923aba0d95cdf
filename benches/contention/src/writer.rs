//! The writers: the client, and typical hand-written loops.

use std::time::Duration;

use http::header::ETAG;
use http::{Method, StatusCode};
use ifmatch::Client;

use crate::network::{Ledger, Network};

/// How one process commits its edit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Writer {
    /// With this crate and its defaults; versions are numbers.
    Ifmatch,
    /// The same, and versions tell nothing.
    IfmatchOpaque,
    /// Reads, edits, writes, and begins again at once.
    AtOnce,
    /// Begins again after 10 ms, five times in all: `RetryOnConflict` with `DefaultRetry` of client-go.
    Kubernetes,
    /// Full jitter from two round trips, doubled each time.
    FullJitter,
    /// Full jitter from nothing to 8 round trips × conflicts.
    Linear,
    /// Full jitter from nothing to 2 round trips × conflicts².
    Quadratic,
}

impl Writer {
    pub const ALL: [Self; 7] = [
        Self::Ifmatch,
        Self::IfmatchOpaque,
        Self::AtOnce,
        Self::Kubernetes,
        Self::FullJitter,
        Self::Linear,
        Self::Quadratic,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ifmatch => "ifmatch",
            Self::IfmatchOpaque => "ifmatch, opaque versions",
            Self::AtOnce => "at once",
            Self::Kubernetes => "RetryOnConflict, 5 steps",
            Self::FullJitter => "full jitter, 2 trips ×2",
            Self::Linear => "linear, 8 trips × n",
            Self::Quadratic => "quadratic, 2 trips × n²",
        }
    }

    /// The wait of a loop by hand after so many conflicts; `None`: it gives up.
    fn pause(self, conflicts: u32, round_trip: Duration) -> Option<Duration> {
        let drawn = |trips: f64| round_trip.mul_f64(trips * fastrand::f64());
        let conflicts = f64::from(conflicts);
        match self {
            Self::Kubernetes if conflicts >= 5.0 => None,
            Self::Kubernetes => {
                Some(Duration::from_millis(10).mul_f64(1.0 + 0.1 * fastrand::f64()))
            }
            Self::FullJitter => Some(drawn(2.0_f64.powf(conflicts))),
            Self::Linear => Some(drawn(8.0 * conflicts)),
            Self::Quadratic => Some(drawn(2.0 * conflicts * conflicts)),
            Self::Ifmatch | Self::IfmatchOpaque | Self::AtOnce => Some(Duration::ZERO),
        }
    }

    /// Commits one edit; `false`: it was given up.
    pub async fn commit(self, network: &Network, name: String) -> bool {
        match self {
            Self::Ifmatch | Self::IfmatchOpaque => by_client(network, name).await,
            _ => self.by_hand(network, name).await,
        }
    }

    /// The same, by a client that is there.
    pub async fn commit_by(self, client: &Client, name: String) -> bool {
        by(client, name).await.is_ok()
    }

    async fn by_hand(self, network: &Network, name: String) -> bool {
        let mut conflicts = 0;
        loop {
            if attempt(network, &name).await == Some(true) {
                return true;
            }
            conflicts += 1;
            match self.pause(conflicts, network.round_trip()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return false,
            }
        }
    }
}

/// A process of its own: no other client knows of this one.
async fn by_client(network: &Network, name: String) -> bool {
    let client = Client::builder("http://ledger.test").transport(network.clone());
    let client = client.build().expect("the address is good");
    let written = by(&client, name).await;
    if let Err(error) = &written {
        eprintln!("given up: {}", error.report());
    }
    written.is_ok()
}

async fn by(client: &Client, name: String) -> Result<(), ifmatch::Error> {
    let saved = client
        .resource::<Ledger>("ledger")
        .update(move |ledger: &mut Ledger| {
            ledger.entries.insert(name.clone(), 1);
        })
        .await;
    saved.map(drop)
}

/// Read, edit, write; `None`: a reply was lost.
async fn attempt(network: &Network, name: &str) -> Option<bool> {
    let read = network.exchange(&Method::GET, None, b"").await?;
    let mut ledger: Ledger = serde_json::from_slice(&read.body).expect("only ledgers are stored");
    ledger.entries.insert(name.to_owned(), 1);
    let body = serde_json::to_vec(&ledger).expect("a ledger is JSON");
    let written = network
        .exchange(&Method::PUT, read.headers.get(ETAG), &body)
        .await?;
    Some(written.status == StatusCode::NO_CONTENT)
}
