//! Steps that are tried together, by an endpoint that applies each write by itself.

use ifmatch::testing::{BatchBehaviour, Reply, Step};
use ifmatch::{Batch, CommittedBy, ErrorKind, Leases, StepState};

use super::super::Transfer;
use super::{BATCH, Bank, forms, impatient};

fn plain_forms() -> [Batch; 3] {
    forms().map(Batch::plain)
}

fn plain() -> Batch {
    Batch::requests("batch").plain()
}

#[tokio::test(start_paused = true)]
async fn all_steps_are_one_request() {
    for batch in plain_forms() {
        let bank = Bank::warm(&batch, BatchBehaviour::Plain).await;
        let before = bank.server.requests().count();
        let transaction = bank.transfer(20);
        let transfer = Transfer { amount: 20 };
        let transaction = transaction.create(&bank.transfers, "t1", &transfer);
        let done = transaction.commit().await.unwrap();
        assert_eq!(done.report().by, CommittedBy::Saga, "{batch:?}");
        assert_eq!(done.report().requests, 1, "{batch:?}");
        assert_eq!(bank.server.requests().count() - before, 1, "{batch:?}");
        assert_eq!(bank.balances(), (30, 30));
        assert!(bank.server.text("/transfers/t1").is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_lost_a_race_goes_on_alone() {
    for batch in plain_forms() {
        let bank = Bank::warm(&batch, BatchBehaviour::Plain).await;
        bank.server.put(super::ANNA, r#"{"balance":40,"note":"y"}"#);
        let done = bank.transfer(20).commit().await.unwrap();
        assert_eq!(bank.balances(), (20, 30), "{batch:?}");
        assert_eq!(bank.batches(), 1, "{batch:?}");
        bank.server.requests().put().to(super::BEN).assert_none();
        assert_eq!(
            done.report().requests,
            3,
            "{batch:?}: a batch, a read and a write"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_step_takes_back_the_others_and_no_change_of_others() {
    for batch in plain_forms() {
        let bank = Bank::warm(&batch, BatchBehaviour::Plain).await;
        bank.server.put("/transfers/t1", r#"{"amount":1}"#);
        // Another client writes between the request and the write that takes the first step back.
        let note = Step::new().edit(|account| account["note"] = "theirs".into());
        bank.server.nth_write(2, note);
        let transfer = Transfer { amount: 20 };
        let transaction = bank.transfer(20).create(&bank.transfers, "t1", &transfer);
        let error = transaction.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undone, "{batch:?}: {error}");
        assert_eq!(bank.balances(), (50, 10), "{batch:?}");
        let accounts = [super::ANNA, super::BEN].map(|path| bank.server.text(path).unwrap());
        assert!(accounts.concat().contains("theirs"), "{accounts:?}");
        let states: Vec<_> = error
            .steps()
            .iter()
            .map(ifmatch::StepReport::state)
            .collect();
        assert!(states.contains(&StepState::Undone), "{states:?}");
        assert!(states.contains(&StepState::NotApplied), "{states:?}");
        assert_eq!(
            bank.server.text("/transfers/t1").unwrap(),
            r#"{"amount":1}"#
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_edit_or_a_check_that_refuses_lets_nothing_be_sent() {
    let bank = Bank::warm(&plain(), BatchBehaviour::Plain).await;
    let error = bank.transfer(60).commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undone, "{error}");
    bank.server.requests().writes().assert_none();

    bank.server.put("/transfers/limit", r#"{"amount":30}"#);
    let limit = bank.transfers.get("limit").await.unwrap();
    bank.server.put("/transfers/limit", r#"{"amount":10}"#);
    let transaction = bank.transfer(20).unchanged(&bank.transfers, &limit);
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undone, "{error}");
    bank.server.requests().writes().assert_none();
}

#[tokio::test(start_paused = true)]
async fn a_lost_message_doubles_nothing_and_leaves_nothing_half_done() {
    for batch in plain_forms() {
        for (nth, loses_request) in (1..=4).flat_map(|nth| [(nth, true), (nth, false)]) {
            for is_refused in [false, true] {
                let bank = Bank::warm(&batch, BatchBehaviour::Plain).await;
                let lost = Step::new();
                let lost = if loses_request {
                    lost.lose_request()
                } else {
                    lost.lose_reply()
                };
                bank.server.nth_write(nth, lost);
                let mut transaction = bank.transfer(20);
                if is_refused {
                    bank.server.put("/transfers/t1", r#"{"amount":1}"#);
                    let transfer = Transfer { amount: 20 };
                    transaction = transaction.create(&bank.transfers, "t1", &transfer);
                }
                let ended = transaction.commit().await;
                let of = format!("{batch:?}, {nth}, {loses_request}, {is_refused}: {ended:?}");
                assert_eq!(ended.is_err(), is_refused, "{of}");
                let expected = if is_refused { (50, 10) } else { (30, 30) };
                assert_eq!(bank.balances(), expected, "{of}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_endpoint_or_after_a_failure_of_the_whole_each_step_goes_alone() {
    for status in [404, 405, 413, 501, 503, 500] {
        let bank = Bank::warm(&plain(), BatchBehaviour::Plain).await;
        bank.server
            .next_write(Step::new().answer(Reply::new(status)));
        let ended = bank.transfer(20).commit().await;
        assert!(ended.is_ok(), "{status}: {ended:?}");
        assert_eq!(bank.balances(), (30, 30), "{status}");
        bank.server.requests().post().to(BATCH).assert_count(1);
        bank.server.requests().put().assert_count(2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_much_for_one_request_goes_alone_and_a_plain_one_is_never_atomic() {
    for batch in [plain().at_most(1), plain().max_bytes(100)] {
        let bank = Bank::warm(&batch, BatchBehaviour::Plain).await;
        bank.transfer(20).commit().await.unwrap();
        assert_eq!(bank.balances(), (30, 30), "{batch:?}");
        assert_eq!(bank.batches(), 0, "{batch:?}");
    }
    let bank = Bank::warm(&plain(), BatchBehaviour::Plain).await;
    let error = bank.transfer(20).commit().atomic_only().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    bank.server.requests().writes().assert_none();
}

#[tokio::test(start_paused = true)]
async fn whatever_the_endpoint_says_the_end_is_told_as_it_is() {
    for behaviour in [
        BatchBehaviour::Atomic,
        BatchBehaviour::Plain,
        BatchBehaviour::Liar,
    ] {
        for is_stale in [false, true] {
            let bank = Bank::with(&plain(), behaviour, impatient).await;
            bank.accounts.get("anna").await.unwrap();
            bank.accounts.get("ben").await.unwrap();
            if is_stale {
                bank.server.put(super::ANNA, r#"{"balance":50,"note":"y"}"#);
            }
            let ended = bank.transfer(20).commit().await;
            let of = format!("{behaviour:?}, {is_stale}: {ended:?}");
            assert!(ended.is_ok(), "{of}");
            assert_eq!(bank.balances(), (30, 30), "{of}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_whose_lease_is_lost_lets_no_other_be_sent() {
    let bank = Bank::warm(&plain(), BatchBehaviour::Plain).await;
    let leases = Leases::documents(&bank.client, "leases");
    let held = leases.acquire("anna").await.unwrap();
    let under = bank.accounts.clone().under(&held);
    held.release().await.unwrap();
    let transaction = bank.client.transaction();
    let transaction = transaction.update(&bank.accounts, "ben", |ben| ben.balance += 1);
    let transaction = transaction.update(&under, "anna", |anna| anna.balance -= 1);
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undone, "{error}");
    assert_eq!(
        (bank.server.version(super::BEN), bank.batches()),
        (Some(1), 0)
    );
}
