//! Many transfers at once, over connections that lose responses, beside other clients: the books balance.
//!
//! `TRANSFERS=10000` makes more of them. `cargo test --all-features --test it books -- --nocapture` prints the figures, and
//! those of a transfer that is written by hand.

use std::time::Duration;

use http::header::{ETAG, IF_MATCH};
use http::{Method, StatusCode};
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{BoxError, Client, ErrorKind, Limits, async_trait};
use serde_json::Value;
use tokio::task::JoinSet;

use super::{Account, Seeded};
use crate::support::{Event, Server, foreign};

const ACCOUNTS: u64 = 64;
const CLIENTS: usize = 16;
/// Its bank refuses every change.
const FROZEN: u64 = ACCOUNTS - 1;

/// A server in front of which one account is frozen.
#[derive(Clone)]
struct Bank(Server);

#[async_trait]
impl Transport for Bank {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        // Lets the others in between.
        tokio::task::yield_now().await;
        let is_frozen = request.url.path().ends_with(&format!("/{FROZEN}"));
        if is_frozen && request.method != Method::GET {
            return Ok(Response::new(
                StatusCode::FORBIDDEN,
                http::HeaderMap::new(),
                "{}",
            ));
        }
        self.0.send(request).await
    }
}

fn transfers() -> u64 {
    let set = std::env::var("TRANSFERS").ok();
    set.map_or(1_000, |set| set.parse().unwrap())
}

/// A bank with 100 in each account, where 5 of 100 responses are lost, and another client writes now and then.
fn bank(drawn: &mut Seeded) -> (Server, Client) {
    let server = Server::default();
    for id in 0..ACCOUNTS {
        server.put(&format!("/v1/accounts/{id}"), r#"{"balance":100,"seen":0}"#);
    }
    server.script((0..transfers() * 12).map(|_| match drawn.below(100) {
        0..5 => Event::LoseReply,
        5 => Event::LoseRequest,
        6..10 => foreign(|account| {
            account["seen"] = (account["seen"].as_i64().unwrap_or_default() + 1).into();
        }),
        _ => Event::Plain,
    }));
    let limits = Limits::default().time(Duration::from_secs(600)).rounds(100);
    let client = server.builder().transport(Bank(server.clone()));
    (server, client.limits(limits).build().unwrap())
}

/// A transfer that is drawn: from, to, and the amount.
fn transfer(drawn: &mut Seeded) -> (u64, u64, i64) {
    let (from, to) = (drawn.below(FROZEN), drawn.below(ACCOUNTS - 1));
    let to = if to >= from { to + 1 } else { to };
    (from, to, i64::try_from(drawn.below(60)).unwrap())
}

fn sum(server: &Server) -> i64 {
    let accounts = (0..ACCOUNTS).map(|id| server.value(&format!("/v1/accounts/{id}")));
    accounts.map(|it| it["balance"].as_i64().unwrap()).sum()
}

#[tokio::test(start_paused = true)]
async fn the_sum_of_all_accounts_stays_exact() {
    let mut drawn = Seeded::of(7);
    let (server, client) = bank(&mut drawn);
    let accounts = client
        .collection::<Account>("accounts")
        .write_stamp("/writes");
    let mut running = JoinSet::new();
    let (mut committed, mut undone) = (0, 0);
    for _ in 0..transfers() {
        let (from, to, amount) = transfer(&mut drawn);
        let transaction = client
            .transaction()
            .try_update(&accounts, from, move |account| {
                account.balance -= amount;
                if account.balance < 0 {
                    return Err("too little money".into());
                }
                Ok(())
            })
            .update(&accounts, to, move |account| account.balance += amount);
        running.spawn(transaction.commit());
        while running.len() >= CLIENTS {
            count(
                running.join_next().await.unwrap().unwrap(),
                &mut committed,
                &mut undone,
            );
        }
    }
    while let Some(ended) = running.join_next().await {
        count(ended.unwrap(), &mut committed, &mut undone);
    }
    let requests = server.seen().len();
    println!(
        "{committed} committed, {undone} undone, {requests} requests, sum {}",
        sum(&server)
    );
    assert_eq!(
        sum(&server),
        6_400,
        "{committed} committed, {undone} undone"
    );
    assert!(committed > undone && undone > 0, "{committed} {undone}");
}

fn count(ended: Result<ifmatch::Committed, ifmatch::Error>, committed: &mut u64, undone: &mut u64) {
    match ended {
        Ok(_) => *committed += 1,
        Err(error) => {
            assert_eq!(
                error.kind(),
                ErrorKind::Undone,
                "{error} {:?}",
                error.steps()
            );
            *undone += 1;
        }
    }
}

/// Changes a balance as a careful program without this crate does: conditionally, again after a race, and not at all after
/// an error.
async fn by_hand(client: &Client, id: u64, by: i64) -> Result<(), BoxError> {
    loop {
        let path = format!("accounts/{id}");
        let read = client.request(Method::GET, path.clone()).await?;
        let tag = read.headers()[ETAG].clone();
        let mut account: Value = read.json()?;
        let balance = account["balance"].as_i64().unwrap_or_default() + by;
        if balance < 0 {
            return Err("too little money".into());
        }
        account["balance"] = balance.into();
        let write = client.request(Method::PUT, path).header(IF_MATCH, tag);
        let written = write.json(&account).await?;
        match written.status().as_u16() {
            200..300 => return Ok(()),
            412 => {}
            status => return Err(format!("refused: {status}").into()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_is_written_by_hand_loses_or_makes_money() {
    let mut drawn = Seeded::of(7);
    let (server, client) = bank(&mut drawn);
    let mut running = JoinSet::new();
    for _ in 0..transfers() {
        let (from, to, amount) = transfer(&mut drawn);
        let client = client.clone();
        running.spawn(async move {
            if by_hand(&client, from, -amount).await.is_ok()
                && by_hand(&client, to, amount).await.is_err()
            {
                let _ = by_hand(&client, from, amount).await;
            }
        });
        while running.len() >= CLIENTS {
            running.join_next().await.unwrap().unwrap();
        }
    }
    while running.join_next().await.is_some() {}
    println!(
        "by hand: {} requests, sum {}",
        server.seen().len(),
        sum(&server)
    );
    assert_ne!(sum(&server), 6_400);
}
