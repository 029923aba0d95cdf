//! Lost responses: one member that finds its request decides for all.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use ifmatch::testing::{BatchBehaviour, Reply, ResourceServer, Step};
use ifmatch::{CommittedBy, ErrorKind, Generic, Limits, StepReport, StepState};

use super::super::Account;
use super::{ANNA, BEN, Bank, Passes, forms, gated, impatient, is_batch};

#[tokio::test(start_paused = true)]
async fn a_lost_response_to_any_request_leaves_the_books_exact() {
    for batch in forms() {
        for nth in 0..4 {
            for lost in 0..4 {
                let bank = Bank::warm(&batch, BatchBehaviour::Atomic).await;
                // One member has moved, so that there is a second request.
                bank.server.put(BEN, r#"{"balance":11}"#);
                for _ in 0..nth {
                    bank.server.next_write(Step::new());
                    bank.server.next_read(Step::new());
                }
                let step = || match lost {
                    0 => Step::new().lose_reply(),
                    1 => Step::new().lose_request(),
                    2 => Step::new().answer(Reply::new(503)),
                    _ => Step::new().answer_after(Reply::new(504)),
                };
                bank.server.next_write(step());
                bank.server.next_read(step());
                let done = bank.transfer(20).commit().await;
                assert!(done.is_ok(), "{batch:?} {nth} {lost} {done:?}");
                assert_eq!(bank.balances(), (30, 31), "{batch:?} {nth} {lost}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_again_is_the_same() {
    for batch in forms() {
        let bank = Bank::warm(&batch, BatchBehaviour::Atomic).await;
        bank.server.next_write(Step::new().lose_request());
        bank.transfer(20).commit().await.unwrap();
        let sent: Vec<_> = bank.server.requests().post().iter().cloned().collect();
        assert_eq!(sent.len(), 2, "{batch:?}");
        assert_eq!(sent[0].body, sent[1].body);
        assert_eq!(sent[0].headers, sent[1].headers);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_is_settled_beside_another_client() {
    for batch in forms() {
        let bank = Bank::warm(&batch, BatchBehaviour::Atomic).await;
        bank.server.next_write(Step::new().lose_reply());
        for _ in 0..2 {
            let theirs = Step::new().edit(|account| {
                account["balance"] = (account["balance"].as_i64().unwrap() + 1).into();
            });
            bank.server.next_read(theirs);
        }
        bank.transfer(20).commit().await.unwrap();
        assert_eq!(bank.balances(), (31, 31), "{batch:?}");
        assert_eq!(bank.batches(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn one_member_decides_for_another_that_cannot_be_read() {
    for is_applied in [true, false] {
        let deaf = Arc::new(AtomicBool::new(false));
        let hears = deaf.clone();
        let bank = Bank::with(&forms()[0], BatchBehaviour::Atomic, |builder| {
            let (builder, _) = gated(impatient(builder), move |request| {
                let is_ben = request.url.path() == BEN;
                if is_ben && hears.load(Ordering::Relaxed) {
                    Passes::Not
                } else {
                    Passes::Through
                }
            });
            builder
        })
        .await;
        bank.accounts.get("anna").await.unwrap();
        bank.accounts.get("ben").await.unwrap();
        if !is_applied {
            // Anna's account moves and refuses, so the lost request can never be applied.
            bank.server
                .next_read(Step::new().edit(|anna| anna["balance"] = 5.into()));
        }
        deaf.store(true, Ordering::Relaxed);
        bank.server.next_write(if is_applied {
            Step::new().lose_reply()
        } else {
            Step::new().lose_request()
        });
        let ended = bank.transfer(20).commit().await;
        if is_applied {
            assert_eq!(ended.unwrap().report().by, CommittedBy::Batch);
            assert_eq!(bank.balances(), (30, 30));
        } else {
            let error = ended.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Undone, "{:?}", error.steps());
            assert_eq!(bank.balances(), (5, 10));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_arrives_late_is_fenced_before_nothing_is_said_to_stand() {
    let mut keeps = None;
    let bank = Bank::with(&forms()[0], BatchBehaviour::Atomic, |builder| {
        let (builder, kept) = gated(impatient(builder), |request| {
            if is_batch(request) {
                Passes::Late
            } else {
                Passes::Through
            }
        });
        keeps = Some(kept);
        builder
    })
    .await;
    let kept = keeps.unwrap();
    bank.accounts.get("anna").await.unwrap();
    bank.accounts.get("ben").await.unwrap();
    let error = bank.transfer(20).commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undone, "{:?}", error.steps());
    // Now they arrive.
    let late = std::mem::take(&mut *kept.lock().unwrap());
    assert!(!late.is_empty());
    for request in late {
        let path = request.url.path().trim_start_matches('/');
        let again = bank.server.in_process().build().unwrap();
        let again = again.request(Method::POST, path);
        let media_type = request.headers["content-type"].clone();
        again.body(media_type, request.body.clone()).await.unwrap();
    }
    assert_eq!(bank.balances(), (50, 10));
}

#[tokio::test(start_paused = true)]
async fn a_doubt_that_nothing_settles_is_told() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counts = sent.clone();
    let bank = Bank::with(&forms()[0], BatchBehaviour::Atomic, |builder| {
        let (builder, _) = gated(impatient(builder), move |request| {
            if counts.load(Ordering::Relaxed) > 0 {
                return Passes::Not;
            }
            if is_batch(request) {
                counts.fetch_add(1, Ordering::Relaxed);
                return Passes::Late;
            }
            Passes::Through
        });
        builder
    })
    .await;
    bank.accounts.get("anna").await.unwrap();
    bank.accounts.get("ben").await.unwrap();
    let error = bank.transfer(20).commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    let states: Vec<_> = error.steps().iter().map(StepReport::state).collect();
    assert_eq!(states, [StepState::Unknown; 2]);
    assert_eq!(sent.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_cannot_be_read_is_a_lost_one() {
    for batch in forms() {
        for body in [
            "",
            "<html>",
            "{}",
            "--b--",
            r#"{"entry":[],"responses":[]}"#,
        ] {
            let bank = Bank::warm(&batch, BatchBehaviour::Atomic).await;
            let reply = Reply::new(200).body("multipart/mixed; boundary=b", body);
            bank.server.next_write(Step::new().answer_after(reply));
            bank.transfer(20).commit().await.unwrap();
            assert_eq!(bank.balances(), (30, 30), "{batch:?} {body}");
            assert_eq!(bank.batches(), 1);
        }
    }
    let bank = Bank::warm(&forms()[0], BatchBehaviour::Atomic).await;
    assert!(bank.server.text(ANNA).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_doubt_is_not_ended_by_a_run_that_did_not_get_its_turn() {
    for form in forms() {
        let server = ResourceServer::start().await;
        server.put(ANNA, r#"{"balance":50}"#);
        server.put(BEN, r#"{"balance":10}"#);
        server.batch(&form, BatchBehaviour::Atomic);
        let limits = Limits::default()
            .transient(0)
            .request(Duration::from_secs(600));
        let client = server.in_process().profile(Generic::new().batch(form));
        let client = client.limits(limits).build().unwrap();
        let accounts = client
            .collection::<Account>("accounts")
            .write_stamp("/writes");
        for who in ["anna", "ben"] {
            accounts.get(who).await.unwrap();
        }
        // The request is applied, its response is lost, and the reads fail.
        server.next_write(Step::new().delay(Duration::from_millis(100)).lose_reply());
        for _ in 0..2 {
            server.next_read(Step::new().answer(Reply::new(503)));
        }
        // Then other writes of this client have the turns, and the server is slow.
        for _ in 0..2 {
            server.next_read(Step::new().delay(Duration::from_secs(300)));
        }
        let transaction = client.transaction();
        let transaction = transaction.update(&accounts, "anna", |anna| anna.balance -= 20);
        let transaction = transaction.update(&accounts, "ben", |ben| ben.balance += 20);
        let commit = tokio::spawn(
            transaction
                .commit()
                .timeout(Duration::from_secs(5))
                .into_future(),
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
        let others = ["anna", "ben"].map(|who| {
            let update = accounts.update(who, |it| it.balance += 0);
            tokio::spawn(update.timeout(Duration::from_secs(600)).into_future())
        });
        let error = commit.await.unwrap().unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::OutcomeUnknown,
            "{error} {:?}",
            error.steps()
        );
        let stored = [ANNA, BEN].map(|path| server.text(path).unwrap());
        assert!(
            stored[0].contains("30") && stored[1].contains("30"),
            "{stored:?}"
        );
        for other in others {
            other.abort();
        }
    }
}
