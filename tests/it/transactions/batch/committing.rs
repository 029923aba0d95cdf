//! What one request holds, and what is sent again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ifmatch::testing::{BatchBehaviour, Reply, Step};
use ifmatch::{CommittedBy, ErrorKind, StepReport, StepState};

use super::{ANNA, BEN, Bank, Transfer, forms};

#[tokio::test(start_paused = true)]
async fn a_transaction_is_one_request_and_fills_the_cache() {
    for batch in forms() {
        let bank = Bank::warm(&batch, BatchBehaviour::Atomic).await;
        let before = bank.server.requests().count();
        for nth in 1..=3 {
            let done = bank.transfer(5).commit().await.unwrap();
            assert_eq!(done.report().by, CommittedBy::Batch, "{batch:?}");
            assert_eq!(done.report().requests, 1, "{batch:?}");
            assert_eq!(bank.server.requests().count(), before + nth);
        }
        assert_eq!(bank.balances(), (35, 25));
        assert_eq!(bank.batches(), 3);
        assert!(bank.server.text(ANNA).unwrap().contains(r#""note":"x""#));
        // The version in each part is the one that is stored.
        let anna = bank.accounts.update("anna", |anna| anna.balance += 1).await;
        assert_eq!(anna.unwrap().report().requests, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn creations_and_removals_are_parts_too() {
    for batch in forms() {
        let bank = Bank::warm(&batch, BatchBehaviour::Atomic).await;
        bank.server.put("/transfers/old", r#"{"amount":1}"#);
        let old = bank.transfers.get("old").await.unwrap();
        let transfer = || {
            let transfer = Transfer { amount: 20 };
            let all = bank.transfer(20).create(&bank.transfers, "t-1", &transfer);
            all.delete(&bank.transfers, &old)
        };
        let done = transfer().commit().atomic_only().await.unwrap();
        assert_eq!(done.report().by, CommittedBy::Batch);
        assert_eq!(bank.balances(), (30, 30), "{batch:?}");
        assert_eq!(bank.server.text("/transfers/old"), None);
        assert!(bank.server.text("/transfers/t-1").is_some());
        bank.server.requests().writes().assert_one();
        // Now the name is taken.
        bank.server.put("/transfers/old", r#"{"amount":1}"#);
        let error = transfer().commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undone, "{:?}", error.steps());
        assert_eq!(bank.balances(), (30, 30));
        assert!(bank.server.text("/transfers/old").is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_has_moved_is_merged_and_the_others_are_kept() {
    for batch in forms() {
        let bank = Bank::warm(&batch, BatchBehaviour::Atomic).await;
        bank.server.put(BEN, r#"{"balance":11,"seen":true}"#);
        let runs = Arc::new(AtomicU32::new(0));
        let counted = runs.clone();
        let transaction = bank.client.transaction();
        let transaction = transaction.update(&bank.accounts, "anna", move |anna| {
            counted.fetch_add(1, Ordering::Relaxed);
            anna.balance -= 20;
        });
        let transaction = transaction.update(&bank.accounts, "ben", |ben| ben.balance += 20);
        let done = transaction.commit().await.unwrap();
        assert_eq!(done.report().by, CommittedBy::Batch);
        assert_eq!(bank.balances(), (30, 31), "{batch:?}");
        assert!(bank.server.text(BEN).unwrap().contains(r#""seen":true"#));
        assert_eq!(bank.batches(), 2);
        // Once before anything is sent, and once for the request. It is not run again.
        assert_eq!(runs.load(Ordering::Relaxed), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn members_that_move_one_after_the_other_are_merged() {
    for batch in forms() {
        let bank = Bank::warm(&batch, BatchBehaviour::Atomic).await;
        bank.server.put(ANNA, r#"{"balance":70}"#);
        bank.server.put(BEN, r#"{"balance":11}"#);
        for _ in 0..2 {
            let edit = Step::new().edit(|anna| anna["seen"] = true.into());
            bank.server.next_write(edit);
        }
        bank.transfer(20).commit().await.unwrap();
        assert_eq!(bank.balances(), (50, 31), "{batch:?}");
        assert!(bank.server.text(ANNA).unwrap().contains(r#""seen":true"#));
    }
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_refuses_the_new_state_leaves_nothing() {
    for batch in forms() {
        let bank = Bank::warm(&batch, BatchBehaviour::Atomic).await;
        bank.server.put(ANNA, r#"{"balance":5}"#);
        let error = bank.transfer(20).commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undone, "{:?}", error.steps());
        assert!(
            error.steps()[0]
                .why()
                .is_some_and(|why| why.kind() == ErrorKind::Edit)
        );
        let states: Vec<_> = error.steps().iter().map(StepReport::state).collect();
        assert_eq!(states, [StepState::NotApplied; 2]);
        assert!(error.steps()[1].why().is_none());
        assert_eq!(bank.balances(), (5, 10), "{batch:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_another_reason_leaves_nothing() {
    for batch in forms() {
        let bank = Bank::warm(&batch, BatchBehaviour::Atomic).await;
        for _ in 0..20 {
            bank.server.lock(BEN);
        }
        let error = bank.transfer(20).commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undone, "{:?}", error.steps());
        assert_eq!(bank.balances(), (50, 10), "{batch:?}");
        bank.server.unlock(BEN);
        bank.server
            .refuse_next_write(403, &serde_json::json!({"title": "no"}));
        let error = bank.transfer(20).commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undone, "{:?}", error.steps());
        assert_eq!(bank.balances(), (50, 10), "{batch:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_if_there_is_nothing_to_write() {
    let bank = Bank::warm(&forms()[0], BatchBehaviour::Atomic).await;
    let done = bank.transfer(0).commit().await.unwrap();
    assert_eq!(done.report().by, CommittedBy::Batch);
    bank.server.requests().writes().assert_none();
    let transaction = bank.transfer(0).update(&bank.accounts, "carl", |_| {});
    bank.server.put("/accounts/carl", r#"{"balance":1}"#);
    transaction.commit().await.unwrap();
    bank.server.requests().writes().assert_none();
    // A member without a change is left out.
    let transaction = bank.client.transaction();
    let transaction = transaction.update(&bank.accounts, "anna", |_| {});
    let transaction = transaction.update(&bank.accounts, "ben", |ben| ben.balance += 1);
    transaction.commit().await.unwrap();
    let sent = bank.server.requests().writes().assert_one();
    assert!(sent.body.contains("ben") && !sent.body.contains("anna"));
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_is_asked_again_after_its_wait() {
    for batch in forms() {
        let bank = Bank::warm(&batch, BatchBehaviour::Atomic).await;
        let wait = std::time::Duration::from_secs(5);
        for status in [429, 503] {
            let busy = Reply::new(status).retry_after(wait);
            bank.server.next_write(Step::new().answer(busy));
        }
        let begun = tokio::time::Instant::now();
        bank.transfer(20).commit().await.unwrap();
        assert!(begun.elapsed() >= 2 * wait);
        assert_eq!(bank.balances(), (30, 30), "{batch:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_dropped_is_brought_to_its_end() {
    let bank = Bank::warm(&forms()[0], BatchBehaviour::Atomic).await;
    let delay = std::time::Duration::from_secs(1);
    bank.server.next_write(Step::new().delay(delay));
    let dropped = tokio::time::timeout(delay / 2, bank.transfer(20).commit()).await;
    assert!(dropped.is_err());
    tokio::time::sleep(2 * delay).await;
    assert_eq!(bank.balances(), (30, 30));
    assert_eq!(bank.batches(), 1);
}
