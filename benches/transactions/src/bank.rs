//! The server with the accounts, and the network in front of it.

use std::sync::Arc;
use std::time::Duration;

use ifmatch::testing::ResourceServer;
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Client, Limits, async_trait};
use serde_json::Value;

use crate::Outcome;

const ACCOUNTS: usize = 64;
const BALANCE: i64 = 100;
pub(crate) const SUM: i64 = BALANCE * 64;

/// What a request takes beside the server.
const LATENCY: Duration = Duration::from_millis(2);

pub(crate) struct Bank {
    server: ResourceServer,
}

#[derive(Clone, Copy)]
pub(crate) struct Transfer {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) amount: i64,
}

pub(crate) fn transfers(count: usize) -> Vec<Transfer> {
    let drawn = || {
        let from = fastrand::usize(..ACCOUNTS);
        let to = (from + fastrand::usize(1..ACCOUNTS)) % ACCOUNTS;
        let amount = fastrand::i64(1..60);
        Transfer { from, to, amount }
    };
    std::iter::repeat_with(drawn).take(count).collect()
}

fn path(account: usize) -> String {
    format!("/accounts/{account}")
}

impl Bank {
    pub(crate) async fn start() -> Outcome<Self> {
        let server = ResourceServer::start().await;
        for account in 0..ACCOUNTS {
            server.put(&path(account), &format!(r#"{{"balance":{BALANCE}}}"#));
        }
        Ok(Self { server })
    }

    pub(crate) fn url(&self, account: usize) -> String {
        format!("{}{}", self.server.uri(), path(account))
    }

    pub(crate) fn client(&self) -> Outcome<Client> {
        let limits = Limits::default().time(Duration::from_secs(120));
        let client = Client::builder(self.server.uri()).limits(limits);
        Ok(client.layer(Network).build()?)
    }

    pub(crate) fn sum(&self) -> Outcome<i64> {
        let mut sum = 0;
        for account in 0..ACCOUNTS {
            let text = self
                .server
                .text(&path(account))
                .ok_or("an account is gone")?;
            let account: Value = serde_json::from_str(&text)?;
            sum += account["balance"]
                .as_i64()
                .ok_or("an account has no balance")?;
        }
        Ok(sum)
    }
}

/// The way of a request through the network.
pub(crate) async fn sent() {
    tokio::time::sleep(LATENCY).await;
}

/// Whether a response is lost.
pub(crate) fn is_lost() -> bool {
    fastrand::u8(..20) == 0
}

struct Network(Arc<dyn Transport>);

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        sent().await;
        let response = self.0.send(request).await;
        if is_lost() {
            return Err(TransportError::new(Fate::Unknown, "the response was lost"));
        }
        response
    }
}
