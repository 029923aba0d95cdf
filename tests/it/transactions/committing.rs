//! What is checked, and what is sent.

use ifmatch::{CommittedBy, ErrorKind, StepReport, StepState};

use super::{ANNA, Bank, Transfer};
use crate::support::{Event, Server};

#[tokio::test(start_paused = true)]
async fn all_steps_are_made() {
    let bank = Bank::new();
    let transfer = bank.transfer(20);
    let transfer = transfer.create(&bank.transfers, "t-1", &Transfer { amount: 20 });
    let done = transfer.commit().await.unwrap();
    assert_eq!(bank.balances(), (30, 30));
    assert_eq!(bank.server.value("/v1/transfers/t-1")["amount"], 20);
    assert_eq!(done.report().by, CommittedBy::Saga);
    // The edits of `prepare` have filled the cache.
    assert_eq!(bank.server.writes(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_refuses_ends_the_transaction_before_anything_is_sent() {
    #[derive(Debug, thiserror::Error)]
    #[error("sold out")]
    struct SoldOut;

    let bank = Bank::new();
    let refused = bank.transfer(80).commit().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Undone);
    assert!(
        std::error::Error::source(&refused).is_some_and(|it| it.to_string().contains("too little")),
        "{refused}"
    );
    let refused = bank
        .transfer(1)
        .try_update(&bank.transfers, "none", |_| Err(SoldOut.into()))
        .commit();
    let refused = refused.await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Undone);
    assert_eq!(bank.server.writes(), 0);
    let states: Vec<_> = refused.steps().iter().map(StepReport::state).collect();
    assert_eq!(states, [StepState::NotApplied; 3]);
}

#[tokio::test(start_paused = true)]
async fn the_error_of_an_edit_is_found_by_its_type() {
    #[derive(Debug, PartialEq, thiserror::Error)]
    #[error("sold out")]
    struct SoldOut;

    let bank = Bank::new();
    let transaction = bank.client.transaction();
    let refused = transaction.try_update(&bank.accounts, "anna", |_| Err(SoldOut.into()));
    let refused = refused.commit().await.unwrap_err();
    assert_eq!(refused.edit_error::<SoldOut>(), Some(&SoldOut));
}

#[tokio::test(start_paused = true)]
async fn a_lost_race_runs_the_edit_again() {
    let bank = Bank::new();
    bank.accounts.get("anna").await.unwrap();
    bank.server.put(ANNA, r#"{"balance":70,"note":"theirs"}"#);
    bank.transfer(20).commit().await.unwrap();
    assert_eq!(bank.balances(), (50, 30));
    assert_eq!(bank.server.value(ANNA)["note"], "theirs");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_was_seen_must_not_have_changed() {
    let bank = Bank::new();
    bank.server.put("/v1/transfers/limit", r#"{"amount":30}"#);
    let limit = bank.transfers.get("limit").await.unwrap();
    let transfer = || bank.transfer(20).unchanged(&bank.transfers, &limit);
    transfer().commit().await.unwrap();
    bank.server.put("/v1/transfers/limit", r#"{"amount":10}"#);
    let refused = transfer().commit().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Undone);
    assert_eq!(bank.balances(), (30, 30));
}

#[tokio::test(start_paused = true)]
async fn mistakes_are_told_before_anything_is_sent() {
    let bank = Bank::new();
    let other = Bank::new();
    let twice = bank.transfer(1).update(&bank.accounts, "ben", |_| {});
    let foreign = bank.transfer(1).update(&other.accounts, "carl", |_| {});
    let by_id = bank.transfer(1).unchanged(&bank.transfers, "limit");
    let mut many = bank.client.transaction();
    for id in 0..101 {
        many = many.update(&bank.accounts, id, |_| {});
    }
    for wrong in [twice, foreign, by_id, many] {
        let error = wrong.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
    let atomic = bank.transfer(1).commit().atomic_only().await.unwrap_err();
    assert_eq!(atomic.kind(), ErrorKind::Config);
    assert!(bank.server.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_dropped_is_brought_to_its_end() {
    let bank = Bank::new();
    bank.server.script([Event::Plain, Event::Plain]);
    let mut commit = Box::pin(bank.transfer(20).commit());
    let begun = std::future::poll_fn(|context| {
        std::task::Poll::Ready(std::future::Future::poll(commit.as_mut(), context).is_pending())
    });
    assert!(begun.await);
    drop(commit);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(bank.balances(), (30, 30));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_of_one_step_costs_what_a_write_costs() {
    let bank = Bank::new();
    bank.accounts.get("ben").await.unwrap();
    let before = bank.server.seen().len();
    let one = bank.client.transaction();
    let one = one.update(&bank.accounts, "ben", |ben| ben.balance += 1);
    one.commit().await.unwrap();
    assert_eq!(bank.server.seen().len(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_value_without_a_version_is_unchanged_if_its_document_is() {
    for has_changed in [false, true] {
        let server = Server::with("/v1/notes/1", r#"{"id":"1","n":1}"#);
        server.put("/v1/notes/2", r#"{"id":"2","n":1}"#);
        server.0.lock().unwrap().silent = true;
        let client = server.client();
        let notes = client.collection::<serde_json::Value>("notes");
        let saved = notes.update(1, |note| note["n"] = 5.into()).await.unwrap();
        assert!(saved.snapshot().validator().is_none());
        if has_changed {
            server.put("/v1/notes/1", r#"{"id":"1","n":6}"#);
        }
        let transaction = client.transaction().unchanged(&notes, &saved);
        let transaction = transaction.update(&notes, 2, |note| note["n"] = 2.into());
        let ended = transaction.commit().await;
        if has_changed {
            let error = ended.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Undone, "{error}");
            let why = error.steps()[0].why().unwrap().to_string();
            assert!(why.contains("has no version"), "{why}");
        } else {
            ended.unwrap();
        }
        let written = if has_changed { 1 } else { 2 };
        assert_eq!(server.value("/v1/notes/2")["n"], written);
    }
}
