//! Drawn events: whatever happens, the ending is true.

use std::sync::{Arc, Mutex};

use ifmatch::{Committed, Error, ErrorKind, Rule, StepState};

use super::super::{ANNA, Account, Bank, Seeded, Transfer};
use super::*;
use crate::support::{Event, foreign};

/// Returns the ending and the requests, for a test that fails.
fn told(bank: &Bank, ended: &Result<Committed, Error>) -> String {
    let ended = ended
        .as_ref()
        .map_err(|error| (error.kind(), error.steps()));
    let seen = bank.server.seen();
    let requests: Vec<_> = seen
        .iter()
        .map(|it| format!("{} {}", it.method, it.path))
        .collect();
    format!("{ended:?} {requests:?}")
}

fn none(faults: &[String]) {
    let some = faults[..faults.len().min(12)].join("\n");
    assert!(faults.is_empty(), "{} faults\n{some}", faults.len());
}

/// Draws events for all requests, and checks that each ending tells the truth.
#[tokio::test(start_paused = true)]
async fn whatever_happens_the_ending_is_true() {
    let mut faults = Vec::new();
    for seed in 0..1500_u64 {
        let mut drawn = Seeded::of(seed);
        let bank = match drawn.below(4) {
            0 => impatient(3),
            1 => Bank::new(),
            2 => journalled(3, 0, seed % 2 == 0),
            _ => journalled(30, 3, seed % 2 == 0),
        };
        let stamps = drawn.flip();
        let accounts = if stamps {
            bank.accounts.clone()
        } else {
            bank.client.collection("accounts")
        };
        if drawn.flip() {
            accounts.get("anna").await.unwrap();
            accounts.get("ben").await.unwrap();
        }
        let mut events = Vec::new();
        for _ in 0..14 {
            let kind = drawn.below(14);
            events.push(kind);
            bank.server.script([match kind {
                0 => Event::LoseReply,
                1 => Event::LoseRequest,
                2 => Event::Answer(503, &[], "{}"),
                3 => refused(),
                4 => Event::Delay,
                5 => Event::AnswerLate(503),
                6 => Event::AnswerAfter(500, &[]),
                7 => Event::NoConnection,
                8 => foreign(|it| it["seen"] = (it["seen"].as_i64().unwrap_or(0) + 1).into()),
                _ => Event::Plain,
            }]);
        }
        let ended = bank
            .client
            .transaction()
            .try_update(&accounts, "anna", |it| {
                it.balance -= 20;
                Ok(())
            })
            .update(&accounts, "ben", |it| it.balance += 20)
            .commit()
            .await;
        bank.server.end_script();
        // What was held up arrives.
        for _ in 0..3 {
            let _ = accounts.refresh("ben").await;
        }
        let now = bank.balances();
        let is_true = match &ended {
            Ok(_) => now == (30, 30),
            Err(error) if error.kind() == ErrorKind::Undone => now == (50, 10),
            Err(error) => error.steps().iter().all(|step| {
                let (was, is) = if step.path() == ANNA {
                    (50, now.0)
                } else {
                    (10, now.1)
                };
                match step.state() {
                    StepState::Stands => is != was,
                    StepState::Unknown => true,
                    _ => is == was,
                }
            }),
        };
        if !is_true {
            faults.push(format!(
                "{seed} stamps {stamps} {events:?} {now:?} {}",
                told(&bank, &ended)
            ));
        }
    }
    none(&faults);
}

/// As above, with a creation and a removal, and with merge patches.
#[tokio::test(start_paused = true)]
async fn whatever_happens_to_creations_and_removals_the_ending_is_true() {
    let mut faults = Vec::new();
    for seed in 0..1500_u64 {
        let mut drawn = Seeded::of(seed);
        let bank = match drawn.below(4) {
            0 => impatient(3),
            1 => Bank::new(),
            2 => journalled(3, 0, seed % 2 == 0),
            _ => journalled(30, 3, seed % 2 == 0),
        };
        bank.server.put("/v1/transfers/old", r#"{"amount":1}"#);
        let (stamps, patches, seen, is_last) =
            (drawn.flip(), drawn.flip(), drawn.flip(), drawn.flip());
        let mut accounts = bank.client.collection::<Account>("accounts");
        let mut transfers = bank.client.collection::<Transfer>("transfers");
        if stamps {
            accounts = accounts.write_stamp("/writes");
            transfers = transfers.write_stamp("/writes");
        }
        if patches {
            accounts = accounts.write_mode(ifmatch::WriteMode::MergePatch);
        }
        accounts.get("anna").await.unwrap();
        let old = transfers.get("old").await.unwrap();
        let is_outdated = drawn.flip();
        let (mut kinds, mut events) = (Vec::new(), Vec::new());
        for _ in 0..18 {
            let kind = drawn.below(14);
            kinds.push(kind);
            events.push(match kind {
                0 => Event::LoseReply,
                1 => Event::LoseRequest,
                2 => Event::Answer(503, &[], "{}"),
                3 => refused(),
                4 => Event::Delay,
                5 => Event::AnswerLate(503),
                6 => Event::AnswerAfter(500, &[]),
                7 => Event::NoConnection,
                8 => Event::AnswerAfter(202, &[]),
                9 => Event::Answer(202, &[], "{}"),
                _ => Event::Plain,
            });
        }
        let mut anna = accounts.get("anna").await.unwrap();
        anna.balance -= 20;
        bank.server.script(events);
        let mut transaction = bank.client.transaction();
        if !is_last && is_outdated {
            transaction = transaction.save(&accounts, &anna);
        } else if !is_last {
            transaction = transaction.update(&accounts, "anna", |it| it.balance -= 20);
        }
        transaction = transaction.create(&transfers, "new", &Transfer { amount: 20 });
        transaction = if seen {
            transaction.delete(&transfers, &old)
        } else {
            transaction.delete(&transfers, "old")
        };
        if is_last {
            transaction = transaction.update(&accounts, "anna", |it| it.balance -= 20);
        }
        let ended = transaction.commit().await;
        bank.server.end_script();
        for _ in 0..3 {
            let _ = accounts.refresh("ben").await;
        }
        let now = (
            bank.balance(ANNA),
            bank.server.text("/v1/transfers/new").is_some(),
            bank.server.text("/v1/transfers/old").is_some(),
        );
        let is_true = match &ended {
            Ok(_) => now == (30, true, false),
            Err(error) if error.kind() == ErrorKind::Undone => now == (50, false, true),
            Err(error) => error.steps().iter().all(|step| {
                let stands = match step.operation() {
                    "create" => now.1,
                    "delete" => !now.2,
                    _ => now.0 != 50,
                };
                match step.state() {
                    StepState::Stands => stands,
                    StepState::Unknown => true,
                    _ => !stands,
                }
            }),
        };
        if !is_true {
            faults.push(format!(
                "{seed} stamps {stamps} patches {patches} seen {seen} {kinds:?} {now:?} {}",
                told(&bank, &ended)
            ));
        }
    }
    none(&faults);
}

/// Other clients take one each, now and then: whatever is told as `Ok` or as `Undone`, the sum shows their changes.
#[tokio::test(start_paused = true)]
async fn what_others_counted_is_never_lost() {
    let mut faults = Vec::new();
    for seed in 0..1500_u64 {
        let mut drawn = Seeded::of(seed);
        let bank = match drawn.below(3) {
            0 => impatient(3),
            1 => Bank::new(),
            _ => journalled(30, 3, seed % 2 == 0),
        };
        let stamps = drawn.flip();
        let mut accounts = bank.client.collection::<Account>("accounts");
        if stamps {
            accounts = accounts.write_stamp("/writes");
        }
        if drawn.flip() {
            accounts = accounts.write_mode(ifmatch::WriteMode::MergePatch);
        }
        accounts.get("ben").await.unwrap();
        let mut anna = accounts.get("anna").await.unwrap();
        anna.balance -= 20;
        let taken = Arc::new(Mutex::new(0));
        let mut events = Vec::new();
        for _ in 0..14 {
            let kind = drawn.below(14);
            events.push(kind);
            let taken = taken.clone();
            let amount = if drawn.flip() { 20 } else { 1 };
            bank.server.script([match kind {
                0 => Event::LoseReply,
                1 => Event::LoseRequest,
                2 => Event::Answer(503, &[], "{}"),
                3 => refused(),
                4 => Event::Delay,
                5 => Event::AnswerAfter(503, &[]),
                6..9 => foreign(move |it| {
                    *taken.lock().unwrap() += amount;
                    it["balance"] = (it["balance"].as_i64().unwrap() - amount).into();
                }),
                _ => Event::Plain,
            }]);
        }
        let transaction = if drawn.below(3) == 0 {
            bank.client.transaction().save(&accounts, &anna)
        } else {
            bank.client
                .transaction()
                .try_update(&accounts, "anna", |it| {
                    it.balance -= 20;
                    Ok(())
                })
        };
        let transaction = transaction.update(&accounts, "ben", |it| it.balance += 20);
        let ended = transaction.commit().await;
        bank.server.end_script();
        for _ in 0..3 {
            let _ = accounts.refresh("ben").await;
        }
        let (one, two) = bank.balances();
        let sum = one + two + *taken.lock().unwrap();
        let is_certain = match &ended {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::Undone,
        };
        if is_certain && sum != 60 {
            faults.push(format!(
                "{seed} stamps {stamps} {events:?} {one} {two} {sum} {}",
                told(&bank, &ended)
            ));
        }
    }
    none(&faults);
}

#[tokio::test(start_paused = true)]
async fn without_other_writers_an_undo_restores_the_state_before() {
    let values = [
        serde_json::json!(null),
        serde_json::json!(1),
        serde_json::json!(7),
        serde_json::json!("a b c"),
        serde_json::json!("a x c d"),
        serde_json::json!([]),
        serde_json::json!(["a", "b"]),
        serde_json::json!(["b", "a", "c"]),
        serde_json::json!(["c", "c"]),
        serde_json::json!([{"id": 1, "v": 1}, {"id": 2}]),
        serde_json::json!([{"id": 2, "v": 3}, {"id": 3}]),
        serde_json::json!({"a": 1}),
        serde_json::json!({"b": {"c": null}}),
    ];
    let rules = [
        Rule::Auto,
        Rule::Atomic,
        Rule::Text,
        Rule::Prose,
        Rule::Set,
        Rule::Counter,
        Rule::Sequence,
        Rule::Local,
        Rule::Remote,
        Rule::Max,
        Rule::Min,
    ];
    let mut faults = Vec::new();
    for rule in rules {
        for before in &values {
            for ours in &values {
                if before == ours {
                    continue;
                }
                let (kind, now, told) =
                    taken_back(rule.clone(), before.clone(), ours.clone(), None).await;
                if kind == ErrorKind::Undone && now != *before {
                    faults.push(format!("{rule:?} {before} {ours} {now} {told}"));
                } else if kind != ErrorKind::Undone {
                    faults.push(format!("{kind:?} {rule:?} {before} {ours} {now} {told}"));
                }
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults[..faults.len().min(40)].join("\n")
    );
}
