//! What is taken back, and what is not.

use ifmatch::{ErrorKind, StepReport, StepState};
use serde_json::json;

use super::{ANNA, BEN, Bank, Transfer};
use crate::support::{Event, foreign};

fn refused() -> Event {
    Event::Answer(403, &[], "{}")
}

#[tokio::test(start_paused = true)]
async fn a_refused_step_takes_back_those_before_it() {
    let bank = Bank::new();
    let before = bank.server.value(ANNA);
    let transfer = bank.transfer(20);
    let transfer = transfer.create(&bank.transfers, "t-1", &Transfer { amount: 20 });
    bank.accounts.get("anna").await.unwrap();
    bank.accounts.get("ben").await.unwrap();
    // Anna's account and the transfer are written. Ben's account is refused.
    bank.server.script([Event::Plain, Event::Plain, refused()]);
    let error = transfer.commit().await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Undone,
        "{error} {:?}",
        error.steps()
    );
    assert_eq!(bank.balances(), (50, 10));
    assert_eq!(bank.server.value(ANNA)["note"], before["note"]);
    assert_eq!(bank.server.text("/v1/transfers/t-1"), None);
    let states: Vec<_> = error.steps().iter().map(StepReport::state).collect();
    let expected = [StepState::Undone, StepState::Undone, StepState::NotApplied];
    assert_eq!(states, expected);
    assert!(error.to_string().contains("403"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_undo_keeps_what_others_have_changed_since() {
    let bank = Bank::new();
    bank.accounts.get("anna").await.unwrap();
    bank.accounts.get("ben").await.unwrap();
    let theirs = foreign(|anna| {
        anna["balance"] = (anna["balance"].as_i64().unwrap() - 5).into();
        anna["note"] = "theirs".into();
    });
    bank.server.script([Event::Plain, refused(), theirs]);
    let error = bank.transfer(20).commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undone, "{:?}", error.steps());
    assert_eq!(bank.balances(), (45, 10));
    assert_eq!(bank.server.value(ANNA)["note"], "theirs");
}

#[tokio::test(start_paused = true)]
async fn a_step_on_which_others_have_built_stands_and_is_told() {
    let bank = Bank::new();
    let notes = bank.client.collection::<serde_json::Value>("notes");
    bank.server.put("/v1/notes/1", r#"{"text":"old","n":1}"#);
    notes.get(1).await.unwrap();
    bank.accounts.get("ben").await.unwrap();
    let transaction = bank
        .client
        .transaction()
        .try_update(&notes, 1, |note| {
            note["text"] = "ours".into();
            Ok(())
        })
        .update(&bank.accounts, "ben", |ben| ben.balance += 1);
    let theirs = foreign(|note| note["text"] = "theirs".into());
    bank.server.script([Event::Plain, refused(), theirs]);
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HalfDone, "{:?}", error.steps());
    assert_eq!(bank.server.value("/v1/notes/1")["text"], "theirs");
    let stands = &error.steps()[0];
    assert_eq!(stands.state(), StepState::Stands);
    let why = stands.why().unwrap();
    assert_eq!(why.kind(), ErrorKind::Conflict);
    assert!(stands.to_string().contains("/text"), "{stands}");
}

#[tokio::test(start_paused = true)]
async fn a_removal_is_taken_back_by_the_same_document() {
    for is_taken in [false, true] {
        let bank = Bank::new();
        let read = bank.accounts.get("anna").await.unwrap();
        bank.accounts.get("ben").await.unwrap();
        let transaction = bank
            .client
            .transaction()
            .delete(&bank.accounts, &read)
            .update(&bank.accounts, "ben", |ben| ben.balance += 50);
        bank.server.script([Event::Plain, refused()]);
        if is_taken {
            let other = r#"{"balance":1}"#.to_owned();
            bank.server.script([Event::ForeignText(other)]);
        }
        let error = transaction.commit().await.unwrap_err();
        if is_taken {
            assert_eq!(error.kind(), ErrorKind::HalfDone, "{:?}", error.steps());
            assert_eq!(bank.balances(), (1, 10));
        } else {
            assert_eq!(error.kind(), ErrorKind::Undone, "{:?}", error.steps());
            let anna = bank.server.value(ANNA);
            assert_eq!((&anna["balance"], &anna["note"]), (&json!(50), &json!("x")));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_created_and_changed_by_others_is_not_removed() {
    let bank = Bank::new();
    bank.accounts.get("ben").await.unwrap();
    let transaction = bank.noted_payment();
    let theirs = foreign(|transfer| transfer["approved"] = true.into());
    bank.server.script([Event::Plain, refused(), theirs]);
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HalfDone, "{:?}", error.steps());
    assert_eq!(bank.server.value("/v1/transfers/t-1")["approved"], true);
}

#[tokio::test(start_paused = true)]
async fn a_saved_value_is_taken_back_with_its_type_rules() {
    let bank = Bank::new();
    let mut anna = bank.accounts.get("anna").await.unwrap();
    bank.accounts.get("ben").await.unwrap();
    anna.balance -= 20;
    // Another client has taken 5 since.
    bank.server.put(ANNA, r#"{"balance":45,"note":"x"}"#);
    let transaction = bank
        .client
        .transaction()
        .save(&bank.accounts, &anna)
        .update(&bank.accounts, "ben", |ben| ben.balance += 20);
    // The stale write, the read, the merged write, and the refused one.
    bank.server
        .script([Event::Plain, Event::Plain, Event::Plain, refused()]);
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undone, "{:?}", error.steps());
    assert_eq!(bank.balances(), (45, 10));
    assert_eq!(bank.balance(BEN), 10);
}
