//! Transactions on real servers: by the atomic request of Azure's tables, and by single writes where a batch is not atomic.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use http::header::ACCEPT;
use http::{HeaderValue, Method};
use ifmatch::profiles::{AzureTable, Kinto};
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{
    Batch, BatchCheck, BoxError, Client, Collection, CommittedBy, ErrorKind, Generic, Merge,
    ResourceData, StepState, Verdict, Versioned, Versioning, WeakTags, async_trait,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{Server, wire};

/// The service takes JSON alone as the accepted type. With metadata, a write would store the metadata of the read.
const PLAIN_JSON: &str = "application/json;odata=nometadata";
const ACCOUNTS: usize = 8;
const CLIENTS: usize = 8;
const TRANSFERS: usize = 25;

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
pub(crate) struct Account {
    #[merge(counter)]
    pub(crate) balance: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Noted {
    #[serde(default)]
    note: String,
}

/// Counts requests, and loses every so many responses to writes of several resources.
pub(crate) struct Counted {
    inner: Arc<dyn Transport>,
    requests: Arc<AtomicU32>,
    batches: AtomicU32,
    /// What the path of such a write ends with.
    path: &'static str,
    loses_every: u32,
}

impl Counted {
    /// Returns the layer, and the number of its requests.
    pub(crate) fn layer(
        path: &'static str,
        loses_every: u32,
    ) -> (impl FnOnce(Arc<dyn Transport>) -> Self, Arc<AtomicU32>) {
        let requests = Arc::new(AtomicU32::new(0));
        let counts = requests.clone();
        let layer = move |inner| Self {
            inner,
            requests: counts,
            batches: AtomicU32::new(0),
            path,
            loses_every,
        };
        (layer, requests)
    }
}

#[async_trait]
impl Transport for Counted {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let is_batch = request.method == Method::POST && request.url.path().ends_with(self.path);
        let reply = self.inner.send(request).await;
        if is_batch && self.loses_every > 0 {
            let nth = self.batches.fetch_add(1, Ordering::Relaxed) + 1;
            if nth.is_multiple_of(self.loses_every) {
                return Err(TransportError::new(Fate::Unknown, "cut"));
            }
        }
        reply
    }
}

/// A table service: its root, the path of the account, and the signature that lets anybody in.
struct Tables {
    root: String,
    account: String,
    signature: String,
}

impl Tables {
    fn of(server: &Server) -> Self {
        let url = url::Url::parse(&server.base).unwrap();
        let path = url.path().trim_matches('/').to_owned();
        Self {
            root: url.origin().ascii_serialization(),
            account: path,
            signature: url.query().unwrap().to_owned(),
        }
    }

    fn batch(&self) -> Batch {
        let at = format!("{}/$batch?{}", self.account, self.signature);
        Batch::change_set(at).same_before(",RowKey=")
    }

    /// A client of its own, which loses every so many responses to its batches.
    fn client(&self, loses_every: u32) -> (Client, Arc<AtomicU32>) {
        let (layer, requests) = Counted::layer("$batch", loses_every);
        let client = Client::builder(&self.root)
            .profile(Generic::over(AzureTable).batch(self.batch()))
            .default_header(ACCEPT, HeaderValue::from_static(PLAIN_JSON))
            .layer(layer);
        (client.build().unwrap(), requests)
    }

    fn accounts<T: ResourceData + Merge>(&self, client: &Client) -> Collection<T> {
        let accounts = client.collection::<T>(&*self.account);
        let pairs = url::form_urlencoded::parse(self.signature.as_bytes());
        pairs.fold(accounts, |accounts, (name, value)| {
            accounts.query(name.into_owned(), value.into_owned())
        })
    }

    async fn post(&self, client: &Client, path: &str, body: &serde_json::Value) {
        let request = client.request(Method::POST, [&*self.account, path]);
        let pairs = url::form_urlencoded::parse(self.signature.as_bytes());
        let request = pairs.fold(request, |request, (name, value)| {
            request.query(name.into_owned(), value)
        });
        let reply = request.json(body).await.unwrap();
        reply.error_for_status().unwrap();
    }
}

/// A table that no earlier run used.
fn table() -> String {
    format!("people{}", std::process::id())
}

fn id(partition: &str, row: usize) -> String {
    format!("{}(PartitionKey='{partition}',RowKey='{row}')", table())
}

pub(crate) fn transfer(
    client: &Client,
    accounts: &Collection<Account>,
    from: &str,
    to: &str,
) -> ifmatch::Commit {
    let transaction = client.transaction();
    let transaction = transaction.try_update(accounts, from, |account| {
        account.balance -= 1;
        if account.balance < 0 {
            Err(BoxError::from("too little"))
        } else {
            Ok(())
        }
    });
    transaction
        .update(accounts, to, |account| account.balance += 1)
        .commit()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run azurite-tables"]
async fn transactions_of_azure_tables() {
    let Some(server) = Server::from_env("azurite-tables", "IFMATCH_AZURITE_TABLES") else {
        return;
    };
    let tables = Tables::of(&server);
    let (client, requests) = tables.client(0);
    tables
        .post(&client, "Tables", &json!({"TableName": table()}))
        .await;
    for partition in ["p", "q"] {
        for row in 0..ACCOUNTS {
            let entity =
                json!({"PartitionKey": partition, "RowKey": row.to_string(), "balance": 100});
            tables.post(&client, &table(), &entity).await;
        }
    }
    let accounts = tables.accounts(&client);
    it_is_atomic(&tables).await;

    // All or none, in one request.
    let warm = transfer(&client, &accounts, &id("p", 0), &id("p", 1));
    assert_eq!(warm.await.unwrap().report().by, CommittedBy::Batch);
    let before = requests.load(Ordering::Relaxed);
    let times = 10;
    for _ in 0..times {
        let commit = transfer(&client, &accounts, &id("p", 0), &id("p", 1));
        commit.atomic_only().await.unwrap();
    }
    let taken = requests.load(Ordering::Relaxed) - before;
    println!("azurite-tables: {times} transactions of two entities took {taken} requests");

    // Another client has written one of them.
    let (other, _) = tables.client(0);
    let theirs = tables.accounts::<Account>(&other);
    theirs
        .update(id("p", 1), |account| account.balance += 1)
        .await
        .unwrap();
    let commit = transfer(&client, &accounts, &id("p", 0), &id("p", 1));
    commit.atomic_only().await.unwrap();
    let sum = sum(&accounts, "p").await;
    assert_eq!(sum, 100 * i64::try_from(ACCOUNTS).unwrap() + 1);

    // An edit that refuses leaves nothing.
    let refused = client
        .transaction()
        .update(&accounts, id("p", 2), |account| account.balance += 1_000)
        .try_update(&accounts, id("p", 3), |_| Err("no".into()));
    let refused = refused.commit().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Undone);
    assert_eq!(self::sum(&accounts, "p").await, sum);

    // Two partitions do not fit into one request.
    let across = || transfer(&client, &accounts, &id("p", 0), &id("q", 0));
    let error = across().atomic_only().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert_eq!(across().await.unwrap().report().by, CommittedBy::Saga);

    lost_responses_are_settled(&tables).await;
    many_clients_leave_the_sum_exact(&tables).await;
}

/// Azurite does not name an entity that `POST` has created, so those of the probe are created by `PUT`.
async fn it_is_atomic(tables: &Tables) {
    let versioning = Versioning::entity_tag(WeakTags::Verbatim).fallback_field("/odata.etag");
    let profile = Generic::over(AzureTable).batch(tables.batch());
    let client = Client::builder(&tables.root)
        .profile(profile.versioning(versioning))
        .default_header(ACCEPT, HeaderValue::from_static(PLAIN_JSON));
    let client = client.build().unwrap();
    let pairs = url::form_urlencoded::parse(tables.signature.as_bytes());
    let probe = client.probe_batch(&tables.account);
    let probe = pairs.fold(probe, |probe, (name, value)| {
        probe.query(name.into_owned(), value.into_owned())
    });
    let probe = probe.id(|name| format!("{}(PartitionKey='probe',RowKey='{name}')", table()));
    let probe = probe.document(|_, n| json!({"n": n}));
    let report = probe.await.unwrap();
    println!("azurite-tables: {report}");
    assert!(report.is_atomic(), "{report}");
    assert_eq!(report.failed().count(), 0, "{report}");
    assert_eq!(report.left_behind, None);
}

async fn sum(accounts: &Collection<Account>, partition: &str) -> i64 {
    let mut sum = 0;
    for row in 0..ACCOUNTS {
        sum += accounts.get(id(partition, row)).await.unwrap().balance;
    }
    sum
}

/// Every other response is lost, and each transaction is settled by what is stored. An entity cannot hold a list of stamps, so
/// these edits are such that the stored state shows them.
async fn lost_responses_are_settled(tables: &Tables) {
    let (client, requests) = tables.client(2);
    let accounts = tables.accounts::<Noted>(&client);
    let times = 10;
    for nth in 0..times {
        let transaction = client.transaction();
        let transaction = [4, 5].into_iter().fold(transaction, |transaction, row| {
            let note = format!("note {nth}");
            transaction.update(&accounts, id("p", row), move |it| it.note.clone_from(&note))
        });
        transaction.commit().atomic_only().await.unwrap();
    }
    let taken = requests.load(Ordering::Relaxed);
    println!(
        "azurite-tables: {times} transactions with every other response lost took {taken} requests"
    );
    for row in [4, 5] {
        assert_eq!(accounts.get(id("p", row)).await.unwrap().note, "note 9");
    }
}

/// Clients that share only the server move money about, in any order of the members.
async fn many_clients_leave_the_sum_exact(tables: &Tables) {
    let (client, _) = tables.client(0);
    let accounts = tables.accounts(&client);
    let (before, since) = (sum(&accounts, "q").await, Instant::now());
    let mut programs = JoinSet::new();
    for nth in 0..CLIENTS {
        let (client, requests) = tables.client(0);
        let accounts = tables.accounts(&client);
        programs.spawn(async move {
            let (mut done, mut undone) = (0, 0);
            for at in 0..TRANSFERS {
                let (from, to) = ((nth + at) % ACCOUNTS, (nth * 3 + at * 5 + 1) % ACCOUNTS);
                if from == to {
                    continue;
                }
                let commit = transfer(&client, &accounts, &id("q", from), &id("q", to));
                match commit.atomic_only().await {
                    Ok(_) => done += 1,
                    Err(error) if error.kind() == ErrorKind::Undone => undone += 1,
                    Err(error) => panic!("{error}: {:?}", error.steps()),
                }
            }
            (done, undone, requests.load(Ordering::Relaxed))
        });
    }
    let (mut done, mut undone, mut requests) = (0, 0, 0);
    while let Some(ended) = programs.join_next().await {
        let ended = ended.unwrap();
        (done, undone, requests) = (done + ended.0, undone + ended.1, requests + ended.2);
    }
    println!(
        "azurite-tables: {CLIENTS} clients, {done} transfers, {undone} undone, {requests} requests, {:.1} s",
        since.elapsed().as_secs_f64()
    );
    assert_eq!(sum(&accounts, "q").await, before);
}

/// Kinto's `/batch` answers 200 around a refusal, and the other writes stand. So its profile names it as a plain one, by which
/// the steps of a transaction are tried together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run kinto"]
async fn transactions_of_kinto() {
    let Some(server) = Server::kinto("kinto", "IFMATCH_KINTO") else {
        return;
    };
    let path = "buckets/b/collections/c/records";
    let batch = Batch::requests("batch").at_most(25);
    let (name, value) = server.header.clone().unwrap();
    let builder = || {
        let builder = Client::builder(&server.base).default_header(name.clone(), value.clone());
        if wire::is_wanted() {
            builder.transport(wire::Told::new("kinto"))
        } else {
            builder
        }
    };
    let trusting = builder().profile(Generic::over(Kinto).batch(batch));
    let trusting = trusting.build().unwrap();
    let report = trusting.probe_batch(path).await.unwrap();
    println!("kinto: {report}");
    assert!(!report.is_atomic());
    assert_eq!(
        report.verdict(BatchCheck::KeepsPreconditions),
        Verdict::Holds
    );
    assert_eq!(report.verdict(BatchCheck::Atomic), Verdict::Fails);
    assert_eq!(report.left_behind, None);

    let client = builder().profile(Kinto).build().unwrap();
    let accounts = client.collection::<Account>(path).write_stamp("/writes");
    let (one, two) = (server.id("one"), server.id("two"));
    for id in [&one, &two] {
        let account = Account { balance: 100 };
        accounts.create(id, &account).await.unwrap();
    }
    // Another client has written one of them since it was read.
    let other = builder().profile(Kinto).build().unwrap();
    let theirs = other.collection::<Account>(path).write_stamp("/writes");
    let pays = |client: &Client, accounts: &Collection<Account>, read: Versioned<Account>| {
        let mut paid = read;
        paid.balance += 1;
        let transaction = client.transaction();
        let transaction = transaction.update(accounts, &one, |account| account.balance -= 1);
        transaction.save(accounts, &paid).commit()
    };
    let read = accounts.get(&two).await.unwrap();
    theirs
        .update(&two, |account| account.balance += 1)
        .await
        .unwrap();
    let done = pays(&client, &accounts, read).await.unwrap();
    assert_eq!(done.report().by, CommittedBy::Saga);
    let balance = async |id| accounts.get(id).await.unwrap().balance;
    assert_eq!((balance(&one).await, balance(&two).await), (99, 102));
    let error = transfer(&client, &accounts, &one, &two).atomic_only().await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Config);

    // Half of the requests of single writes.
    let alone = Generic::over(Kinto).batch(Batch::requests("batch").plain().at_most(1));
    let alone = builder().profile(alone).build().unwrap();
    let mut requests = Vec::new();
    for client in [&client, &alone] {
        let accounts = client.collection::<Account>(path).write_stamp("/writes");
        let mut sent = 0;
        for nth in 0..11 {
            for (from, to) in [(&one, &two), (&two, &one)] {
                let done = transfer(client, &accounts, from, to).await.unwrap();
                // The first ones read what is stored.
                sent += if nth > 0 { done.report().requests } else { 0 };
            }
        }
        requests.push(sent);
    }
    println!(
        "kinto: 20 transfers took {} requests together, {} alone",
        requests[0], requests[1]
    );
    assert!(requests[0] * 2 <= requests[1], "{requests:?}");
    assert_eq!((balance(&one).await, balance(&two).await), (99, 102));

    // A client that takes it for atomic is told what stands.
    let trusted = trusting.collection::<Account>(path).write_stamp("/writes");
    let read = trusted.get(&two).await.unwrap();
    theirs
        .update(&two, |account| account.balance += 1)
        .await
        .unwrap();
    let error = pays(&trusting, &trusted, read).await.unwrap_err();
    println!("kinto, taken for atomic: {error} {:?}", error.steps());
    assert_eq!(error.kind(), ErrorKind::HalfDone);
    assert_eq!(error.steps()[0].state(), StepState::Stands);
    assert_eq!((balance(&one).await, balance(&two).await), (98, 103));
    accounts.delete(&one).await.unwrap();
    accounts.delete(&two).await.unwrap();
}
