//! Transactions over the same members, at the same time and in opposite orders.

use ifmatch::testing::{BatchBehaviour, ResourceServer};
use ifmatch::{Client, Collection, CommittedBy, Generic, Leases};
use tokio::task::JoinSet;

use super::super::Account;
use super::{ANNA, BEN, Bank, forms};

/// Moves one from the first to the second, in this order of the steps.
fn move_one(
    client: &Client,
    accounts: &Collection<Account>,
    from: &'static str,
    to: &'static str,
) -> ifmatch::Commit {
    let transaction = client.transaction();
    let transaction = transaction.update(accounts, from, |it| it.balance -= 1);
    transaction
        .update(accounts, to, |it| it.balance += 1)
        .commit()
}

#[tokio::test(start_paused = true)]
async fn opposite_orders_in_one_client_do_not_wait_for_each_other() {
    for batch in forms() {
        let bank = Bank::warm(&batch, BatchBehaviour::Atomic).await;
        let begun = tokio::time::Instant::now();
        let mut all = JoinSet::new();
        for nth in 0..20 {
            let (from, to) = if nth % 2 == 0 {
                ("anna", "ben")
            } else {
                ("ben", "anna")
            };
            all.spawn(move_one(&bank.client, &bank.accounts, from, to));
        }
        while let Some(done) = all.join_next().await {
            assert_eq!(done.unwrap().unwrap().report().by, CommittedBy::Batch);
        }
        assert_eq!(bank.balances(), (50, 10), "{batch:?}");
        // They take turns, so none of them is refused.
        assert_eq!(bank.batches(), 20, "{batch:?}");
        assert!(begun.elapsed() < std::time::Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn single_writes_take_their_turns_between_batches() {
    let bank = Bank::warm(&forms()[0], BatchBehaviour::Atomic).await;
    let mut all = JoinSet::new();
    for nth in 0..30 {
        let (bank, client) = (bank.accounts.clone(), bank.client.clone());
        all.spawn(async move {
            match nth % 3 {
                0 => drop(move_one(&client, &bank, "anna", "ben").await.unwrap()),
                1 => drop(move_one(&client, &bank, "ben", "anna").await.unwrap()),
                _ => drop(bank.update("ben", |ben| ben.balance += 1).await.unwrap()),
            }
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    assert_eq!(bank.balances(), (50, 20));
}

#[tokio::test(start_paused = true)]
async fn opposite_orders_of_clients_that_share_only_the_server_leave_the_sum_exact() {
    for batch in forms() {
        let server = ResourceServer::start().await;
        server.batch(&batch, BatchBehaviour::Atomic);
        server.put(ANNA, r#"{"balance":50}"#);
        server.put(BEN, r#"{"balance":10}"#);
        let mut all = JoinSet::new();
        for nth in 0..8 {
            let builder = server
                .in_process()
                .profile(Generic::new().batch(batch.clone()));
            let client = builder.build().unwrap();
            let accounts = client.collection::<Account>("accounts");
            let accounts = accounts.write_stamp("/writes");
            let (from, to) = if nth % 2 == 0 {
                ("anna", "ben")
            } else {
                ("ben", "anna")
            };
            all.spawn(async move {
                for _ in 0..5 {
                    tokio::task::yield_now().await;
                    move_one(&client, &accounts, from, to).await.unwrap();
                }
            });
        }
        while let Some(done) = all.join_next().await {
            done.unwrap();
        }
        let balance = |path| {
            let account: Account = serde_json::from_str(&server.text(path).unwrap()).unwrap();
            account.balance
        };
        assert_eq!((balance(ANNA), balance(BEN)), (50, 10), "{batch:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_token_of_a_lease_is_in_each_document_and_a_lost_lease_sends_nothing() {
    for (batch, behaviour) in [
        (forms()[0].clone(), BatchBehaviour::Atomic),
        (forms()[0].clone().plain(), BatchBehaviour::Plain),
    ] {
        let bank = Bank::warm(&batch, behaviour).await;
        let leases = Leases::documents(&bank.client, "leases");
        let held = leases.acquire("books").await.unwrap();
        let accounts = bank.accounts.clone().under(&held).fenced("/fence");
        move_one(&bank.client, &accounts, "anna", "ben")
            .await
            .unwrap();
        for path in [ANNA, BEN] {
            assert!(
                bank.server.text(path).unwrap().contains(r#""fence":"#),
                "{path}"
            );
        }
        let batches = bank.batches();
        assert_eq!(batches, 1);
        let lease = held.clone();
        held.release().await.unwrap();
        let accounts = bank.accounts.clone().under(&lease).fenced("/fence");
        let error = move_one(&bank.client, &accounts, "anna", "ben")
            .await
            .unwrap_err();
        assert_eq!(
            error.kind(),
            ifmatch::ErrorKind::Undone,
            "{:?}",
            error.steps()
        );
        assert_eq!((bank.balances(), bank.batches()), ((49, 11), batches));
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_under_leases_is_one_request_beside_those_of_the_leases() {
    let bank = Bank::warm(&forms()[0], BatchBehaviour::Atomic).await;
    let leases = Leases::documents(&bank.client, "leases");
    let transfer = bank.transfer(20).isolated_by(&leases);
    let done = transfer.commit().await.unwrap();
    assert_eq!(done.report().by, CommittedBy::Batch);
    assert_eq!((bank.balances(), bank.batches()), ((30, 30), 1));
}
