//! A transaction that is one atomic request: all of it or nothing, whatever is lost, and whoever else writes.

mod bulk;
mod bulk_docs;
mod committing;
mod doubts;
mod fitting;
mod lying;
mod plain;
mod side_by_side;

use std::sync::{Arc, Mutex};

use http::Method;
use ifmatch::testing::{BatchBehaviour, ResourceServer};
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Batch, Client, ClientBuilder, Collection, Generic, Limits, async_trait};

use super::{Account, Transfer};

const ANNA: &str = "/accounts/anna";
const BEN: &str = "/accounts/ben";
const BATCH: &str = "/batch";

/// Every form of a request that carries several writes.
fn forms() -> [Batch; 3] {
    [
        Batch::change_set("batch"),
        Batch::bundle(""),
        Batch::requests("batch"),
    ]
}

/// A bank with the accounts of Anna (50) and Ben (10), whose endpoint takes several writes.
struct Bank {
    server: ResourceServer,
    client: Client,
    accounts: Collection<Account>,
    transfers: Collection<Transfer>,
    /// The path of the endpoint.
    path: &'static str,
}

impl Bank {
    async fn of(batch: &Batch, behaviour: BatchBehaviour) -> Self {
        Self::with(batch, behaviour, |builder| builder).await
    }

    async fn with(
        batch: &Batch,
        behaviour: BatchBehaviour,
        change: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Self {
        let server = ResourceServer::start().await;
        server.put(ANNA, r#"{"balance":50,"note":"x"}"#);
        server.put(BEN, r#"{"balance":10}"#);
        server.batch(batch, behaviour);
        let builder = server.in_process();
        let builder = builder.profile(Generic::new().batch(batch.clone()));
        let client = change(builder).build().unwrap();
        Self {
            accounts: client.collection("accounts").write_stamp("/writes"),
            transfers: client.collection("transfers"),
            path: if [Batch::bundle(""), Batch::bundle("").plain()].contains(batch) {
                "/"
            } else {
                BATCH
            },
            client,
            server,
        }
    }

    /// The same, with everything cached.
    async fn warm(batch: &Batch, behaviour: BatchBehaviour) -> Self {
        let bank = Self::of(batch, behaviour).await;
        bank.accounts.get("anna").await.unwrap();
        bank.accounts.get("ben").await.unwrap();
        bank
    }

    fn transfer(&self, amount: i64) -> ifmatch::Transaction {
        let transaction = self.client.transaction();
        let transaction = transaction.try_update(&self.accounts, "anna", move |anna| {
            anna.balance -= amount;
            if anna.balance < 0 {
                Err("too little money".into())
            } else {
                Ok(())
            }
        });
        transaction.update(&self.accounts, "ben", move |ben| ben.balance += amount)
    }

    fn balances(&self) -> (i64, i64) {
        let balance = |path| {
            let text = self.server.text(path).unwrap();
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            value["balance"].as_i64().unwrap()
        };
        (balance(ANNA), balance(BEN))
    }

    fn batches(&self) -> usize {
        self.server.requests().post().to(self.path).count()
    }
}

/// Gives up after one failure of a request.
fn impatient(builder: ClientBuilder) -> ClientBuilder {
    let time = std::time::Duration::from_secs(2);
    builder.limits(Limits::default().time(time).transient(0))
}

/// Decides what becomes of a request.
type Gate = Arc<Mutex<dyn FnMut(&Request) -> Passes + Send>>;

/// What becomes of a request.
enum Passes {
    Through,
    /// It is not sent at all.
    Not,
    /// It is kept, and may arrive later.
    Late,
}

/// Requests that are kept.
type Kept = Arc<Mutex<Vec<Request>>>;

/// A transport that keeps or loses requests.
struct Gated {
    inner: Arc<dyn Transport>,
    gate: Gate,
    kept: Kept,
}

#[async_trait]
impl Transport for Gated {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let passes = (self.gate.lock().unwrap())(&request);
        match passes {
            Passes::Through => self.inner.send(request).await,
            Passes::Not => Err(TransportError::new(Fate::NotSent, "no connection")),
            Passes::Late => {
                self.kept.lock().unwrap().push(request);
                Err(TransportError::new(Fate::Unknown, "cut"))
            }
        }
    }
}

/// Adds the transport to a client. Returns what it keeps.
fn gated(
    builder: ClientBuilder,
    gate: impl FnMut(&Request) -> Passes + Send + 'static,
) -> (ClientBuilder, Kept) {
    let (gate, kept): (Gate, Kept) = (Arc::new(Mutex::new(gate)), Kept::default());
    let keeps = kept.clone();
    let builder = builder.layer(move |inner| Gated {
        inner,
        gate,
        kept: keeps,
    });
    (builder, kept)
}

fn is_batch(request: &Request) -> bool {
    request.method == Method::POST && request.url.path() == BATCH
}
