//! A `post` as the last step: it is made once all others are, and never taken back.

use ifmatch::{Client, ErrorKind, Generic, StepReport, StepState};
use serde_json::json;

use super::{Account, BEN, Bank, Transfer};
use crate::support::{Event, Server};

fn posting(bank: &Bank) -> ifmatch::Transaction {
    bank.client
        .transaction()
        .update(&bank.accounts, "ben", |ben| ben.balance += 20)
        .post(&bank.transfers, &Transfer { amount: 20 })
}

fn states(error: &ifmatch::Error) -> Vec<StepState> {
    error.steps().iter().map(StepReport::state).collect()
}

#[tokio::test(start_paused = true)]
async fn a_post_is_made_after_all_other_steps() {
    let bank = Bank::new();
    posting(&bank).commit().await.unwrap();
    assert_eq!(bank.balances(), (50, 30));
    let methods: Vec<_> = bank
        .server
        .seen()
        .iter()
        .map(|it| it.method.clone())
        .collect();
    assert_eq!(methods.last().unwrap(), "POST");
}

#[tokio::test(start_paused = true)]
async fn a_refused_post_takes_back_the_others() {
    let bank = Bank::new();
    bank.accounts.get("ben").await.unwrap();
    bank.server
        .script([Event::Plain, Event::Answer(422, &[], "{}")]);
    let error = posting(&bank).commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undone, "{error}");
    assert_eq!(bank.balances(), (50, 10));
    assert_eq!(states(&error), [StepState::Undone, StepState::NotApplied]);
}

#[tokio::test(start_paused = true)]
async fn a_post_whose_response_is_lost_is_sent_again_only_under_a_key_that_counts() {
    for honours in [false, true] {
        let server = Server::default();
        server.put(BEN, r#"{"balance":10}"#);
        let profile = Generic::new();
        let profile = if honours {
            profile.honours_idempotency_keys()
        } else {
            profile
        };
        let client: Client = server.builder().profile(profile).build().unwrap();
        let accounts = client
            .collection::<Account>("accounts")
            .write_stamp("/writes");
        accounts.get("ben").await.unwrap();
        server.script([Event::Plain, Event::LoseReply]);
        let transaction = client
            .transaction()
            .update(&accounts, "ben", |ben| ben.balance += 20)
            .post(
                &client.collection::<Transfer>("transfers"),
                &Transfer { amount: 20 },
            );
        let ended = transaction.commit().await;
        // Nothing is taken back of what may stand as a whole.
        assert_eq!(server.value(BEN)["balance"], json!(30));
        match ended {
            Ok(_) => assert!(honours),
            Err(error) => {
                assert!(!honours, "{error}");
                assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
                assert_eq!(states(&error), [StepState::Stands, StepState::Unknown]);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_that_is_not_the_last_step_is_refused_before_anything_is_sent() {
    let bank = Bank::new();
    let first = bank
        .client
        .transaction()
        .post(&bank.transfers, &Transfer { amount: 20 })
        .update(&bank.accounts, "ben", |ben| ben.balance += 20);
    let twice = posting(&bank).post(&bank.transfers, &Transfer { amount: 1 });
    for transaction in [first, twice] {
        let error = transaction.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
    assert!(bank.server.seen().is_empty());
}
