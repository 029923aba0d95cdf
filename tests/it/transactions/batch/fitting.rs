//! What does not fit into one atomic request goes as single writes, unless that is forbidden.

use ifmatch::testing::BatchBehaviour;
use ifmatch::{Batch, CommittedBy, ErrorKind};

use super::{BATCH, Bank, forms};

/// Commits where the writes do not fit.
async fn does_not_fit(batch: &Batch) {
    let bank = Bank::of(batch, BatchBehaviour::Atomic).await;
    let error = bank.transfer(20).commit().atomic_only().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{batch:?}: {error}");
    bank.server.requests().writes().assert_none();
    let done = bank.transfer(20).commit().await.unwrap();
    assert_eq!(done.report().by, CommittedBy::Saga, "{batch:?}");
    assert_eq!(bank.balances(), (30, 30));
    assert_eq!(bank.batches(), 0);
}

#[tokio::test(start_paused = true)]
async fn more_writes_than_allowed_or_too_many_bytes_or_other_partitions_do_not_fit() {
    for batch in forms() {
        does_not_fit(&batch.clone().at_most(1)).await;
        does_not_fit(&batch.clone().max_bytes(100)).await;
        does_not_fit(&batch.same_before("/ben")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_seen_beforehand_is_told_before_anything_is_sent() {
    for batch in [
        forms()[0].clone().at_most(1),
        forms()[0].clone().same_before("/ben"),
    ] {
        let bank = Bank::of(&batch, BatchBehaviour::Atomic).await;
        let error = bank.transfer(20).commit().atomic_only().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(bank.server.requests().count(), 0, "{batch:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_without_the_endpoint_gets_single_writes() {
    for status in [404, 405, 413, 501] {
        let bank = Bank::warm(&Batch::requests("batch"), BatchBehaviour::Atomic).await;
        let refuse = || {
            let problem = serde_json::json!({"title": "There is no such endpoint"});
            bank.server.refuse_next_write(status, &problem);
        };
        refuse();
        let error = bank.transfer(20).commit().atomic_only().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{status}: {error}");
        assert_eq!(bank.balances(), (50, 10));
        refuse();
        let done = bank.transfer(20).commit().await.unwrap();
        assert_eq!(done.report().by, CommittedBy::Saga, "{status}");
        assert_eq!(bank.balances(), (30, 30));
        bank.server.requests().post().to(BATCH).assert_count(2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_for_which_a_bundle_has_no_place_is_not_dropped() {
    let bank = Bank::of(&Batch::bundle(""), BatchBehaviour::Atomic).await;
    let own = http::HeaderName::from_static("x-tenant");
    let accounts = bank.accounts.header(own, "a".parse().unwrap());
    let transaction = bank.client.transaction();
    let transaction = transaction.update(&accounts, "anna", |anna| anna.balance -= 1);
    let transaction = transaction.update(&accounts, "ben", |ben| ben.balance += 1);
    let done = transaction.commit().await.unwrap();
    assert_eq!(done.report().by, CommittedBy::Saga);
    let writes = bank.server.requests().put();
    assert!(writes.iter().all(|write| write.header("x-tenant") == "a"));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_only_checks_is_made_before_the_request() {
    let bank = Bank::warm(&forms()[0], BatchBehaviour::Atomic).await;
    bank.server.put("/transfers/limit", r#"{"amount":30}"#);
    let limit = bank.transfers.get("limit").await.unwrap();
    let transfer = || bank.transfer(20).unchanged(&bank.transfers, &limit);
    let error = transfer().commit().atomic_only().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    let done = transfer().commit().await.unwrap();
    assert_eq!(done.report().by, CommittedBy::Batch);
    assert_eq!(bank.balances(), (30, 30));
    bank.server.put("/transfers/limit", r#"{"amount":10}"#);
    let error = transfer().commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undone);
    assert_eq!(bank.balances(), (30, 30));
    assert_eq!(bank.batches(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_write_is_a_write_unless_it_has_to_be_a_batch() {
    let bank = Bank::warm(&forms()[0], BatchBehaviour::Atomic).await;
    let one = || {
        let transaction = bank.client.transaction();
        transaction.update(&bank.accounts, "ben", |ben| ben.balance += 1)
    };
    one().commit().await.unwrap();
    assert_eq!(bank.batches(), 0);
    let done = one().commit().atomic_only().await.unwrap();
    assert_eq!(done.report().by, CommittedBy::Batch);
    assert_eq!((bank.batches(), bank.balances().1), (1, 12));
}
