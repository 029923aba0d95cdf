//! Transactions by `_bulk_docs`, which applies each document by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use ifmatch::profiles::CouchDb;
use ifmatch::{
    Batch, BatchCheck, Client, Collection, CommittedBy, ErrorKind, Generic, Profile, StepReport,
    StepState, Verdict, Versioned,
};
use tokio::task::JoinSet;

use crate::Server;
use crate::transactions::{Account, Counted, transfer};

const ACCOUNTS: usize = 8;
const CLIENTS: usize = 8;
const TRANSFERS: usize = 25;

struct Bank {
    server: Server,
    /// The address of the server, without the database.
    root: String,
    database: String,
}

impl Bank {
    /// A client of its own, which loses every so many responses to documents that were sent together.
    fn client(&self, loses_every: u32) -> (Client, Arc<AtomicU32>) {
        self.client_of(CouchDb, loses_every)
    }

    fn client_of(&self, profile: impl Profile, loses_every: u32) -> (Client, Arc<AtomicU32>) {
        let (layer, requests) = Counted::layer("/_bulk_docs", loses_every);
        let client = Client::builder(&self.root).profile(profile).layer(layer);
        (client.build().unwrap(), requests)
    }

    fn accounts(&self, client: &Client) -> Collection<Account> {
        client.collection(&*self.database).write_stamp("/writes")
    }

    fn id(&self, at: usize) -> String {
        self.server.id(&format!("account{at}"))
    }

    async fn sum(&self) -> i64 {
        let accounts = self.accounts(&self.client(0).0);
        let mut sum = 0;
        for at in 0..ACCOUNTS {
            sum += accounts.get(self.id(at)).await.unwrap().balance;
        }
        sum
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run pouchdb"]
async fn transactions_of_pouchdb() {
    let Some(server) = Server::from_env("pouchdb", "IFMATCH_POUCHDB") else {
        return;
    };
    let (root, database) = server.base.rsplit_once('/').unwrap();
    let bank = Bank {
        root: root.to_owned(),
        database: database.to_owned(),
        server,
    };
    let (client, _) = bank.client(0);
    it_keeps_versions_and_is_not_atomic(&bank, &client).await;

    let accounts = bank.accounts(&client);
    for at in 0..ACCOUNTS {
        let account = Account { balance: 100 };
        accounts.create(bank.id(at), &account).await.unwrap();
    }
    let before = bank.sum().await;
    half_of_the_requests_of_single_writes(&bank).await;
    creations_and_removals_are_documents_too(&bank, &accounts).await;
    lost_responses_are_settled(&bank).await;
    assert_eq!(bank.sum().await, before);
    many_clients_leave_the_sum_exact(&bank).await;
    assert_eq!(bank.sum().await, before);
    for at in 0..ACCOUNTS {
        accounts.delete(bank.id(at)).await.unwrap();
    }
}

async fn it_keeps_versions_and_is_not_atomic(bank: &Bank, client: &Client) {
    let report = client.probe_batch(&bank.database).await.unwrap();
    println!("pouchdb: {report}");
    for check in [
        BatchCheck::KeepsPreconditions,
        BatchCheck::TellsRefusal,
        BatchCheck::TellsVersions,
        BatchCheck::NamesRefused,
    ] {
        assert_eq!(report.verdict(check), Verdict::Holds, "{report}");
    }
    assert_eq!(report.verdict(BatchCheck::Atomic), Verdict::Fails);
    assert_eq!(report.left_behind, None);
}

async fn half_of_the_requests_of_single_writes(bank: &Bank) {
    let mut requests = Vec::new();
    let (one, two) = (bank.id(0), bank.id(1));
    let alone = Generic::over(CouchDb).batch(Batch::bulk_docs("_bulk_docs").at_most(1));
    for (how, (client, _)) in [
        ("together", bank.client(0)),
        ("alone", bank.client_of(alone, 0)),
    ] {
        let accounts = bank.accounts(&client);
        let (mut sent, since) = (0, Instant::now());
        for nth in 0..11 {
            for (from, to) in [(&one, &two), (&two, &one)] {
                let done = transfer(&client, &accounts, from, to).await.unwrap();
                assert_eq!(done.report().by, CommittedBy::Saga);
                // The first ones read what is stored.
                sent += if nth > 0 { done.report().requests } else { 0 };
            }
        }
        println!(
            "pouchdb: 20 transfers took {sent} requests {how}, {:.2} s",
            since.elapsed().as_secs_f64()
        );
        requests.push(sent);
    }
    assert!(requests[0] * 2 <= requests[1], "{requests:?}");
}

/// One that is refused takes the others back.
async fn creations_and_removals_are_documents_too(bank: &Bank, accounts: &Collection<Account>) {
    let (client, requests) = bank.client(0);
    let own = bank.accounts(&client);
    let (old, new) = (bank.server.id("old one"), bank.server.id("new/one"));
    accounts
        .create(&old, &Account { balance: 0 })
        .await
        .unwrap();
    let moves = |seen: &Versioned<Account>| {
        let transaction = client.transaction();
        let transaction = transaction.create(&own, &new, &Account { balance: 0 });
        transaction.delete(&own, seen).commit()
    };
    let stale = own.get(&old).await.unwrap();
    let edit = accounts.update(&old, |account| account.balance = 1);
    edit.await.unwrap();
    let error = moves(&stale).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undone, "{error}");
    let states: Vec<_> = error.steps().iter().map(StepReport::state).collect();
    for state in [StepState::Undone, StepState::NotApplied] {
        assert!(states.contains(&state), "{states:?}");
    }
    assert!(own.get_opt(&new).await.unwrap().is_none());

    let seen = own.get(&old).await.unwrap();
    let before = requests.load(Ordering::Relaxed);
    moves(&seen).await.unwrap();
    assert_eq!(requests.load(Ordering::Relaxed) - before, 1);
    assert!(own.get_opt(&old).await.unwrap().is_none());
    own.delete(&new).await.unwrap();
}

async fn lost_responses_are_settled(bank: &Bank) {
    let (client, requests) = bank.client(2);
    let accounts = bank.accounts(&client);
    let (one, two) = (bank.id(2), bank.id(3));
    let balances = async || {
        let one = accounts.get(&one).await.unwrap().balance;
        (one, accounts.get(&two).await.unwrap().balance)
    };
    let before = balances().await;
    let counted = requests.load(Ordering::Relaxed);
    for _ in 0..20 {
        transfer(&client, &accounts, &one, &two).await.unwrap();
    }
    let taken = requests.load(Ordering::Relaxed) - counted;
    println!("pouchdb: 20 transfers with every other response lost took {taken} requests");
    assert_eq!(balances().await, (before.0 - 20, before.1 + 20));
}

/// Clients that share only the server move money about, in any order of the members, and lose every fifth response.
async fn many_clients_leave_the_sum_exact(bank: &Bank) {
    let since = Instant::now();
    let mut programs = JoinSet::new();
    for nth in 0..CLIENTS {
        let (client, requests) = bank.client(5);
        let accounts = bank.accounts(&client);
        let ids: Vec<_> = (0..ACCOUNTS).map(|at| bank.id(at)).collect();
        programs.spawn(async move {
            let (mut done, mut undone) = (0, 0);
            for at in 0..TRANSFERS {
                let (from, to) = ((nth + at) % ACCOUNTS, (nth * 3 + at * 5 + 1) % ACCOUNTS);
                if from == to {
                    continue;
                }
                match transfer(&client, &accounts, &ids[from], &ids[to]).await {
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
        "pouchdb: {CLIENTS} clients, {done} transfers, {undone} undone, {requests} requests, {:.1} s",
        since.elapsed().as_secs_f64()
    );
}
