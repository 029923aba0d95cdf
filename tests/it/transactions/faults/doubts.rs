//! Steps in doubt: they are settled, fenced, or nothing is taken back.

use std::time::Duration;

use ifmatch::{Client, ErrorKind, Limits, MemoryStore, StepState};
use serde_json::Value;

use super::super::{ANNA, Account, BEN, Bank, Transfer};
use super::*;
use crate::support::{Event, Far, foreign};

#[tokio::test(start_paused = true)]
async fn a_fence_that_moved_no_version_is_no_fence() {
    let server = Hashed::default();
    {
        let mut state = server.0.lock().unwrap();
        for (path, body) in [(ANNA, r#"{"balance":50}"#), (BEN, r#"{"balance":10}"#)] {
            state.documents.insert(path.to_owned(), body.into());
        }
        // Ben's first request is held back, and so are two reads: that of the run and that of the drive.
        state.hold = vec![2];
        state.deaf = (BEN.to_owned(), 2);
    }
    let limits = Limits::default().time(Duration::from_secs(5)).transient(0);
    let client = Client::builder("http://server.test/v1").transport(server.clone());
    let client = client
        .store(MemoryStore::default())
        .limits(limits)
        .build()
        .unwrap();
    let accounts = client.collection::<Account>("accounts");
    accounts.get("anna").await.unwrap();
    accounts.get("ben").await.unwrap();
    let ended = client
        .transaction()
        .try_update(&accounts, "anna", |anna| {
            anna.balance -= 20;
            Ok(())
        })
        .update(&accounts, "ben", |ben| ben.balance += 20)
        .commit()
        .await;
    let told = format!("{ended:?}");
    let mut state = server.0.lock().unwrap();
    state.release();
    let balance = |path: &str| {
        let body: Value = serde_json::from_slice(&state.documents[path]).unwrap();
        body["balance"].as_i64().unwrap()
    };
    let now = (balance(ANNA), balance(BEN));
    match ended {
        Ok(_) => assert_eq!(now, (30, 30), "{told}"),
        Err(error) if error.kind() == ErrorKind::Undone => assert_eq!(now, (50, 10), "{told}"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{told}");
            assert_eq!(now.0 + now.1, 60, "{told}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_its_fence_found_applied_can_be_taken_back() {
    let bank = impatient(5);
    warm(&bank).await;
    // Anna: the write, the read of the run, the read of the drive; then the fence finds it. Ben is refused.
    bank.server.script([Event::LoseReply, unavailable()]);
    bank.server.script([unavailable(), unavailable()]);
    bank.server.script([Event::Plain, refused()]);
    let error = bank.transfer(20).commit().await.unwrap_err();
    let told = format!("{error} {:?} {:?}", error.steps(), bank.server.methods());
    if error.kind() == ErrorKind::Undone {
        assert_eq!(bank.balances(), (50, 10), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_in_doubt_that_does_not_get_its_turn_again_stays_in_doubt() {
    let mut bank = impatient(2);
    let limits = Limits::default().time(Duration::from_secs(2)).transient(0);
    let builder = Client::builder("http://server.test/v1").transport(Far(bank.server.clone()));
    let builder = builder.store(MemoryStore::default()).limits(limits);
    bank.client = builder.build().unwrap();
    bank.accounts = bank.client.collection("accounts").write_stamp("/writes");
    warm(&bank).await;
    // The write is applied, its response is lost, and the read fails. Then another write of this client has the turn, whose
    // server never answers.
    bank.server.script([Event::LoseReply, unavailable()]);
    bank.server
        .script([Event::Hang, Event::Hang, Event::Hang, Event::Hang]);
    let commit = tokio::spawn(bank.transfer(20).commit());
    tokio::time::sleep(Duration::from_millis(5)).await;
    let other = bank.accounts.update("anna", |anna| anna.balance += 0);
    let other = tokio::spawn(async move { other.timeout(Duration::from_secs(60)).await });
    let error = commit.await.unwrap().unwrap_err();
    let told = format!("{error} {:?}", error.steps());
    other.abort();
    if error.kind() == ErrorKind::Undone {
        assert_eq!(bank.balances(), (50, 10), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_taken_back_while_a_creation_may_still_arrive() {
    let server = Hashed::default();
    {
        let mut state = server.0.lock().unwrap();
        state
            .documents
            .insert(ANNA.to_owned(), r#"{"balance":50}"#.into());
        state.hold = vec![2];
        state.deaf = ("/v1/transfers/t-1".to_owned(), 10_000);
    }
    let limits = Limits::default().time(Duration::from_secs(5));
    let client = Client::builder("http://server.test/v1").transport(server.clone());
    let client = client.limits(limits).build().unwrap();
    let accounts = client.collection::<Account>("accounts");
    let transfers = client.collection::<Transfer>("transfers");
    let error = client
        .transaction()
        .try_update(&accounts, "anna", |anna| {
            anna.balance -= 20;
            Ok(())
        })
        .create(&transfers, "t-1", &Transfer { amount: 20 })
        .commit()
        .await
        .unwrap_err();
    let told = format!("{error} {:?}", error.steps());
    let mut state = server.0.lock().unwrap();
    state.release();
    let anna = String::from_utf8(state.documents[ANNA].clone()).unwrap();
    let is_created = state.documents.contains_key("/v1/transfers/t-1");
    assert!(!is_created || anna.contains("30"), "{anna} {told}");
}

#[tokio::test(start_paused = true)]
async fn a_fence_that_finds_the_write_of_somebody_else_ends_the_doubt() {
    let bank = impatient(5);
    warm(&bank).await;
    bank.server.script([Event::Plain, Event::LoseRequest]);
    bank.server
        .script([unavailable(), unavailable(), unavailable()]);
    bank.server
        .script([foreign(|ben| ben["note"] = "theirs".into())]);
    let ended = bank.transfer(20).commit().await;
    let told = format!("{ended:?} {:?}", bank.server.methods());
    let error = ended.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undone, "{told}");
    assert_eq!(bank.balances(), (50, 10), "{told}");
}

#[tokio::test(start_paused = true)]
async fn an_undo_in_doubt_without_stamps_is_not_made_twice() {
    let bank = Bank::new();
    let accounts = bank.client.collection::<Account>("accounts");
    accounts.get("anna").await.unwrap();
    accounts.get("ben").await.unwrap();
    // The undo is applied, its response is lost, and another client takes 20 more: the document is what it was before.
    bank.server
        .script([Event::Plain, refused(), Event::LoseReply]);
    bank.server.script([foreign(|anna| {
        anna["balance"] = (anna["balance"].as_i64().unwrap() - 20).into();
    })]);
    let error = bank
        .client
        .transaction()
        .try_update(&accounts, "anna", |anna| {
            anna.balance -= 20;
            Ok(())
        })
        .update(&accounts, "ben", |ben| ben.balance += 20)
        .commit()
        .await
        .unwrap_err();
    let told = format!("{error} {:?} {:?}", error.steps(), bank.server.methods());
    assert_eq!(bank.balance(ANNA), 30, "{told}");
    let states: Vec<_> = error
        .steps()
        .iter()
        .map(ifmatch::StepReport::state)
        .collect();
    assert!(
        error.kind() == ErrorKind::Undone || states.contains(&StepState::Unknown),
        "{told}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_hang_at_any_request_with_little_time_leaves_the_books_exact() {
    for nth in 0..6 {
        let bank = impatient(3);
        warm(&bank).await;
        bank.server.script((0..nth).map(|_| Event::Plain));
        bank.server.script([Event::Hang]);
        let ended = bank.transfer(20).commit().await;
        let told = format!("{nth} {ended:?}");
        match ended {
            Ok(_) => assert_eq!(bank.balances(), (30, 30), "{told}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Undone, "{told}");
                assert_eq!(bank.balances(), (50, 10), "{told}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fence_whose_own_response_was_lost_is_not_taken_for_the_step() {
    for stamps in [true, false] {
        let mut bank = impatient(5);
        if !stamps {
            bank.accounts = bank.client.collection("accounts");
        }
        warm(&bank).await;
        // Ben's request never arrives, and the reads of the run and of the drive fail. The fence is stored, and its
        // response is lost.
        bank.server.script([Event::Plain, Event::LoseRequest]);
        bank.server
            .script([unavailable(), unavailable(), unavailable()]);
        bank.server.script([Event::Plain, Event::LoseReply]);
        let ended = bank.transfer(20).commit().await;
        let told = format!("stamps {stamps} {ended:?} {:?}", bank.server.methods());
        match ended {
            Ok(_) => assert_eq!(bank.balances(), (30, 30), "{told}"),
            Err(error) if error.kind() == ErrorKind::Undone => {
                assert_eq!(bank.balances(), (50, 10), "{told}");
            }
            Err(_) => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fenced_step_leaves_no_doubt_in_the_journal() {
    for stamps in [true, false] {
        let journal = ifmatch::Journal::in_memory();
        let mut bank = Bank::new();
        let limits = Limits::default().time(Duration::from_secs(5)).transient(0);
        let builder = bank.server.builder().journal(journal.clone());
        bank.client = builder.limits(limits).build().unwrap();
        bank.accounts = bank.client.collection("accounts");
        if stamps {
            bank.accounts = bank.accounts.write_stamp("/writes");
        }
        warm(&bank).await;
        bank.server.script([Event::Plain, Event::LoseRequest]);
        bank.server
            .script([unavailable(), unavailable(), unavailable()]);
        let error = bank.transfer(20).commit().await.unwrap_err();
        let told = format!(
            "{stamps} {error} {:?} {:?}",
            error.steps(),
            bank.server.methods()
        );
        assert_eq!(error.kind(), ErrorKind::Undone, "{told}");
        let next = bank.server.builder().journal(journal).build().unwrap();
        let mut accounts = next.collection::<Account>("accounts");
        if stamps {
            accounts = accounts.write_stamp("/writes");
        }
        accounts
            .update("ben", |ben| ben.balance += 1)
            .await
            .unwrap();
        bank.accounts
            .update("ben", |ben| ben.balance += 1)
            .await
            .unwrap();
        assert_eq!(bank.balances(), (50, 12), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_taken_back_while_a_removal_may_still_arrive() {
    let bank = impatient(5);
    let old = r#"{"amount":1}"#;
    bank.server.put("/v1/transfers/old", old);
    let seen = bank.transfers.get("old").await.unwrap();
    warm(&bank).await;
    bank.server
        .script([Event::Plain, Event::AnswerAfter(503, &[])]);
    // The removal is carried out, and no read shows it.
    bank.server.script((0..4).map(|_| Event::NoConnection));
    let error = bank
        .client
        .transaction()
        .try_update(&bank.accounts, "anna", |anna| {
            anna.balance -= 20;
            Ok(())
        })
        .delete(&bank.transfers, &seen)
        .commit()
        .await
        .unwrap_err();
    let told = format!("{error} {:?} {:?}", error.steps(), bank.server.methods());
    let is_removed = bank.server.text("/v1/transfers/old").is_none();
    assert!(!is_removed || bank.balance(ANNA) == 30, "{told}");
}
