//! A transaction is committed, or nothing of it stands, or each step tells what became of it.

mod batch;
mod books;
mod committing;
mod doubt;
mod faults;
mod isolated;
mod posting;
mod undoing;

use ifmatch::{Client, ClientBuilder, Collection, Journal, MemoryStore, Merge};
use serde::{Deserialize, Serialize};

use crate::support::Server;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Merge)]
struct Account {
    #[merge(counter)]
    balance: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Merge)]
struct Transfer {
    amount: i64,
}

/// A bank with the accounts of Anna (50) and Ben (10), whose documents have write stamps.
struct Bank {
    server: Server,
    client: Client,
    accounts: Collection<Account>,
    transfers: Collection<Transfer>,
}

const ANNA: &str = "/v1/accounts/anna";
const BEN: &str = "/v1/accounts/ben";

impl Bank {
    fn new() -> Self {
        let server = Server::default();
        server.put(ANNA, r#"{"balance":50,"note":"x"}"#);
        server.put(BEN, r#"{"balance":10}"#);
        Self::of(&server)
    }

    fn with_journal() -> Self {
        let server = Self::new().server;
        let client = server.builder().store(MemoryStore::default());
        Self::by(&server, client.journal(Journal::in_memory()))
    }

    fn of(server: &Server) -> Self {
        Self::by(server, server.builder().store(MemoryStore::default()))
    }

    fn by(server: &Server, client: ClientBuilder) -> Self {
        let client = client.build().unwrap();
        Self {
            server: server.clone(),
            accounts: client.collection("accounts").write_stamp("/writes"),
            transfers: client.collection("transfers"),
            client,
        }
    }

    fn transfer(&self, amount: i64) -> ifmatch::Transaction {
        self.client
            .transaction()
            .try_update(&self.accounts, "anna", move |anna| {
                anna.balance -= amount;
                if anna.balance < 0 {
                    Err("too little money".into())
                } else {
                    Ok(())
                }
            })
            .update(&self.accounts, "ben", move |ben| ben.balance += amount)
    }

    /// Notes a transfer, and pays Ben.
    fn noted_payment(&self) -> ifmatch::Transaction {
        self.client
            .transaction()
            .create(&self.transfers, "t-1", &Transfer { amount: 20 })
            .update(&self.accounts, "ben", |ben| ben.balance += 20)
    }

    fn balance(&self, path: &str) -> i64 {
        self.server.value(path)["balance"].as_i64().unwrap()
    }

    fn balances(&self) -> (i64, i64) {
        (self.balance(ANNA), self.balance(BEN))
    }
}

/// A small generator, so that a failure can be repeated.
struct Seeded(u64);

impl Seeded {
    fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 0
    }
}
