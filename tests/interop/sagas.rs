//! Transactions on servers without any: transfers that are committed, taken back beside another writer, and settled after
//! lost responses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use http::Method;
use ifmatch::transport::{Fate, Request, Reqwest, Response, Transport, TransportError};
use ifmatch::{Client, Collection, ErrorKind, async_trait};

use crate::Server;
use crate::document::{Plain, Shape};

const TRANSFERS: u64 = 12;

/// The way to the server. It loses the response to each nth write.
#[derive(Clone)]
struct Lossy {
    inner: Arc<Reqwest>,
    writes: Arc<AtomicU32>,
    every: u32,
}

impl Lossy {
    fn new(every: u32) -> Self {
        Self {
            inner: Arc::new(Reqwest::new().unwrap()),
            writes: Arc::default(),
            every,
        }
    }
}

#[async_trait]
impl Transport for Lossy {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let is_write = request.method != Method::GET;
        let response = self.inner.send(request).await?;
        let nth = self
            .writes
            .fetch_add(u32::from(is_write), Ordering::Relaxed);
        if is_write && nth % self.every == self.every - 1 {
            return Err(TransportError::new(Fate::Unknown, "the response was lost"));
        }
        Ok(response)
    }
}

/// Two accounts, and the id of a third document that exists.
struct Accounts {
    client: Client,
    docs: Collection<Plain>,
    from: String,
    to: String,
}

impl Accounts {
    async fn new(server: &Server, name: &str, every: u32) -> Self {
        let client = server.builder().transport(Lossy::new(every));
        let client = client.build().unwrap();
        let docs = server.docs_of::<Plain>(&client).write_stamp("/writes");
        let (from, to) = (
            server.id(&format!("{name}-from")),
            server.id(&format!("{name}-to")),
        );
        let plain = server.docs::<Plain>();
        for id in [&from, &to] {
            let mut new = Plain::new("account");
            new.shared = 100;
            plain.create(id, &new).await.unwrap();
        }
        Self {
            client,
            docs,
            from,
            to,
        }
    }

    fn transfer(&self, amount: u64) -> ifmatch::Transaction {
        self.client
            .transaction()
            .try_update(&self.docs, &self.from, move |account| {
                account.shared = account.shared.checked_sub(amount).ok_or("too little")?;
                Ok(())
            })
            .update(&self.docs, &self.to, move |account| {
                account.shared += amount;
            })
    }

    async fn balances(&self, server: &Server) -> (u64, u64) {
        let docs = server.docs::<Plain>();
        let from = docs.get(&self.from).await.unwrap().shared;
        (from, docs.get(&self.to).await.unwrap().shared)
    }
}

/// Runs all stories of transactions.
pub(crate) async fn tell(server: &Server) {
    let begun = Instant::now();
    committed(server).await;
    taken_back(server).await;
    let requests = lost_responses(server).await;
    println!(
        "{}: transactions: {TRANSFERS} transfers with lost responses in {requests} requests, {:.1} s",
        server.name,
        begun.elapsed().as_secs_f64()
    );
}

async fn committed(server: &Server) {
    let accounts = Accounts::new(server, "committed", u32::MAX).await;
    let done = accounts.transfer(30).commit().await.unwrap();
    assert_eq!(accounts.balances(server).await, (70, 130));
    // For each account a write, and a read, or two where a read is not kept.
    let requests = done.report().requests;
    assert!((4..=6).contains(&requests), "{requests}");
    let done = accounts.transfer(30).commit().await.unwrap();
    assert_eq!(accounts.balances(server).await, (40, 160));
    println!(
        "{}: a second transfer took {} requests",
        server.name,
        done.report().requests
    );
}

/// The last step is refused each time, because its name is taken, and another client edits the same documents.
async fn taken_back(server: &Server) {
    let accounts = Accounts::new(server, "undone", u32::MAX).await;
    let taken = server.id("undone-taken");
    let other = server.docs::<Plain>();
    other.create(&taken, &Plain::new("taken")).await.unwrap();
    let edits = {
        let (other, from) = (other.clone(), accounts.from.clone());
        tokio::spawn(async move {
            for nth in 1..=TRANSFERS {
                let edit = other.update(&from, move |account| {
                    account.own.insert("other".to_owned(), nth);
                });
                edit.await.unwrap();
            }
        })
    };
    for _ in 0..TRANSFERS {
        let transfer = accounts
            .transfer(20)
            .create(&accounts.docs, &taken, &Plain::new("new"));
        let error = transfer.commit().await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Undone,
            "{error} {:?}",
            error.steps()
        );
    }
    edits.await.unwrap();
    assert_eq!(accounts.balances(server).await, (100, 100));
    let own = other.get(&accounts.from).await.unwrap().own.clone();
    assert_eq!(own["other"], TRANSFERS);
    assert_eq!(other.get(&taken).await.unwrap().title, "taken");
}

async fn lost_responses(server: &Server) -> u32 {
    let accounts = Accounts::new(server, "lost", 3).await;
    let mut requests = 0;
    for _ in 0..TRANSFERS {
        let done = accounts.transfer(5).commit().await.unwrap();
        requests += done.report().requests;
    }
    let moved = 5 * TRANSFERS;
    assert_eq!(accounts.balances(server).await, (100 - moved, 100 + moved));
    requests
}
