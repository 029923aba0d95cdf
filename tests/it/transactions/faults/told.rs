//! What is told, and what is a mistake.

use std::time::Duration;

use ifmatch::{ErrorKind, RemoteWins, StepState};
use serde_json::Value;

use super::super::{ANNA, Account, Bank};
use super::*;
use crate::support::{Event, foreign};

#[tokio::test(start_paused = true)]
async fn an_ok_means_that_every_value_was_saved() {
    let bank = Bank::new();
    let notes = bank.client.collection_with::<Value>("notes", RemoteWins);
    bank.server.put("/v1/notes/1", r#"{"n":1}"#);
    let mut note = notes.get(1).await.unwrap();
    note["n"] = 2.into();
    bank.server.put("/v1/notes/1", r#"{"n":3}"#);
    let done = bank
        .client
        .transaction()
        .save(&notes, &note)
        .update(&bank.accounts, "ben", |ben| ben.balance += 20)
        .commit()
        .await;
    assert!(
        done.is_err() || bank.server.value("/v1/notes/1")["n"] == 2,
        "{done:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_ok_means_that_what_was_to_be_removed_is_gone() {
    let bank = Bank::new();
    let notes = bank.client.collection_with::<Value>("notes", RemoteWins);
    bank.server.put("/v1/notes/1", r#"{"n":1}"#);
    let note = notes.get(1).await.unwrap();
    bank.server.put("/v1/notes/1", r#"{"n":3}"#);
    let done = bank
        .client
        .transaction()
        .delete(&notes, &note)
        .update(&bank.accounts, "ben", |ben| ben.balance += 20)
        .commit()
        .await;
    assert!(
        done.is_err() || bank.server.text("/v1/notes/1").is_none(),
        "{done:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_error_of_an_edit_is_found_also_after_a_doubt() {
    #[derive(Debug, thiserror::Error)]
    #[error("too little")]
    struct TooLittle;

    let bank = impatient(5);
    warm(&bank).await;
    let transaction = bank
        .client
        .transaction()
        .try_update(&bank.accounts, "anna", |anna| {
            anna.balance -= 20;
            if anna.balance < 0 {
                return Err(TooLittle.into());
            }
            Ok(())
        });
    bank.server.script([Event::LoseRequest, unavailable()]);
    bank.server
        .script([foreign(|anna| anna["balance"] = 5.into())]);
    let error = transaction.commit().await.unwrap_err();
    let told = format!("{error} {:?} {:?}", error.steps(), bank.server.methods());
    assert_eq!(bank.balance(ANNA), 5, "{told}");
    assert_eq!(error.kind(), ErrorKind::Undone, "{told}");
    assert!(error.edit_error::<TooLittle>().is_some(), "{told}");
}

#[tokio::test(start_paused = true)]
async fn the_cause_that_is_told_is_the_refusal_and_not_the_doubt_before_it() {
    let bank = impatient(5);
    warm(&bank).await;
    bank.server.script([Event::Plain, Event::LoseRequest]);
    // The read of the run fails. The drive reads and is refused, then the fence is stored.
    bank.server.script([unavailable(), Event::Plain, refused()]);
    let error = bank.transfer(20).commit().await.unwrap_err();
    let told = format!("{error} {:?} {:?}", error.steps(), bank.server.methods());
    assert_eq!(error.kind(), ErrorKind::Undone, "{told}");
    assert_eq!(bank.balances(), (50, 10), "{told}");
    assert!(error.to_string().contains("403"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_another_client_has_read_is_a_mistake() {
    let (bank, other) = (Bank::new(), Bank::new());
    let seen = other.accounts.get("anna").await.unwrap();
    let error = bank
        .client
        .transaction()
        .update(&bank.accounts, "ben", |ben| ben.balance += 1)
        .unchanged(&other.accounts, &seen)
        .commit()
        .await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test(start_paused = true)]
async fn the_report_counts_all_requests() {
    let bank = Bank::new();
    let done = bank.transfer(20).commit().await.unwrap();
    assert_eq!(done.report().requests as usize, bank.server.seen().len());
}

#[tokio::test(start_paused = true)]
async fn one_address_in_two_spellings_is_a_mistake() {
    for path in [
        "accounts/",
        "./accounts",
        "/v1/accounts",
        "x/../accounts",
        "accounts?",
        "%61ccounts",
    ] {
        let bank = Bank::new();
        let other = bank.client.collection::<Account>(path);
        let ended = bank
            .client
            .transaction()
            .update(&bank.accounts, "anna", |it| it.balance -= 1)
            .update(&other, "anna", |it| it.balance -= 1)
            .commit()
            .await;
        let paths: Vec<_> = bank
            .server
            .seen()
            .iter()
            .map(|it| it.path.clone())
            .collect();
        let is_one = bank.balance(ANNA) == 48;
        assert!(!is_one, "{path} {ended:?} {paths:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_any_time_nothing_is_sent() {
    let bank = Bank::new();
    let commit = bank.transfer(20).commit().timeout(Duration::ZERO);
    let error = commit.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undone, "{error}");
    assert_eq!((bank.server.writes(), bank.balances()), (0, (50, 10)));
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_changes_nothing_is_unchanged_and_counts_as_made() {
    let bank = Bank::new();
    let done = bank
        .client
        .transaction()
        .update(&bank.accounts, "anna", |_| {})
        .update(&bank.accounts, "ben", |_| {})
        .commit()
        .await;
    assert!(done.is_ok(), "{done:?}");
    assert_eq!(bank.server.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_was_not_applied_does_not_say_that_this_is_unknown() {
    let bank = impatient(5);
    warm(&bank).await;
    bank.server.script([Event::Plain, Event::LoseRequest]);
    bank.server
        .script([unavailable(), unavailable(), unavailable()]);
    let error = bank.transfer(20).commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undone);
    assert_eq!(error.steps()[1].state(), StepState::NotApplied);
    let why = error.steps()[1].why().map(ifmatch::Error::kind);
    assert_ne!(why, Some(ErrorKind::OutcomeUnknown), "{:?}", error.steps());
}
