//! `_bulk_docs`: an endpoint of each collection, whose parts are documents that name their versions.

use ifmatch::profiles::CouchDb;
use ifmatch::testing::{BatchBehaviour, Reply, Step};
use ifmatch::transport::{Fate, Request, Response};
use ifmatch::{Batch, BatchCheck, CommittedBy, ErrorKind, StepReport, StepState, Verdict};
use serde_json::json;

use super::super::{Account, Transfer};
use super::{ANNA, BEN, Bank};
use crate::support::api::{Api, answer};

const ENDPOINT: &str = "/accounts/_bulk_docs";

async fn warm() -> Bank {
    Bank::warm(&Batch::bulk_docs("_bulk_docs"), BatchBehaviour::Plain).await
}

fn batches(bank: &Bank) -> usize {
    bank.server.requests().post().to(ENDPOINT).count()
}

#[tokio::test(start_paused = true)]
async fn documents_of_one_collection_are_one_request_to_it() {
    let bank = warm().await;
    let before = bank.server.requests().count();
    let account = Account { balance: 0 };
    let transaction = bank.transfer(20).create(&bank.accounts, "c d/e", &account);
    let done = transaction.commit().await.unwrap();
    assert_eq!(done.report().by, CommittedBy::Saga);
    assert_eq!(bank.server.requests().count() - before, 1);
    assert_eq!(bank.balances(), (30, 30));
    assert!(bank.server.text("/accounts/c%20d%2Fe").is_some());
    let request = bank.server.requests().post().to(ENDPOINT).assert_one();
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    let docs = body["docs"].as_array().unwrap();
    let named = |id: &str| docs.iter().find(|doc| doc["_id"] == id).unwrap();
    assert_eq!(named("anna")["_rev"], "v1");
    assert_eq!(named("ben")["_rev"], "v1");
    assert!(named("c d/e").get("_rev").is_none());
}

/// As `CouchDB` answers.
fn couch(nth: usize, request: &Request) -> Result<Response, Fate> {
    match (request.method.as_str(), request.url.path()) {
        ("GET", "/v1/db/anna") => answer(200, r#"{"_id":"anna","_rev":"1-a","balance":50}"#),
        ("GET", "/v1/db/ben") => answer(200, r#"{"_id":"ben","_rev":"1-b","balance":10}"#),
        ("POST", "/v1/db/_bulk_docs") if nth == 3 => answer(
            201,
            r#"[{"ok":true,"id":"anna","rev":"2-a"},{"ok":true,"id":"ben","rev":"2-b"}]"#,
        ),
        ("POST", "/v1/db/_bulk_docs") => answer(
            201,
            r#"[{"ok":true,"id":"anna","rev":"3-a"},{"ok":true,"id":"ben","rev":"3-b"}]"#,
        ),
        _ => answer(404, r#"{"error":"not_found","reason":"missing"}"#),
    }
}

#[tokio::test(start_paused = true)]
async fn the_profile_of_couchdb_names_it() {
    let api = Api::of(couch);
    let client = api.builder().profile(CouchDb).build().unwrap();
    let accounts = client.collection::<Account>("db");
    for (anna, ben) in [("1-a", "1-b"), ("2-a", "2-b")] {
        let transaction = client.transaction();
        let transaction = transaction.update(&accounts, "anna", |anna| anna.balance -= 1);
        let transaction = transaction.update(&accounts, "ben", |ben| ben.balance += 1);
        transaction.commit().await.unwrap();
        let request = api.last();
        assert_eq!(request.url.path(), "/v1/db/_bulk_docs");
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        let versions = [&body["docs"][0]["_rev"], &body["docs"][1]["_rev"]];
        assert_eq!(versions, [anna, ben]);
    }
    assert_eq!(api.count(), 4, "two reads and two requests for both");
}

#[tokio::test(start_paused = true)]
async fn documents_of_two_collections_go_alone() {
    let bank = warm().await;
    let transfer = Transfer { amount: 20 };
    let transaction = bank.transfer(20).create(&bank.transfers, "t1", &transfer);
    transaction.commit().await.unwrap();
    bank.server.requests().post().assert_none();
    assert_eq!(bank.balances(), (30, 30));
}

#[tokio::test(start_paused = true)]
async fn what_a_document_cannot_say_is_not_dropped() {
    let bank = warm().await;
    let own = http::HeaderName::from_static("x-tenant");
    let accounts = bank.accounts.clone().header(own, "a".parse().unwrap());
    let transaction = bank.client.transaction();
    let transaction = transaction.update(&accounts, "anna", |anna| anna.balance -= 1);
    let transaction = transaction.update(&accounts, "ben", |ben| ben.balance += 1);
    transaction.commit().await.unwrap();
    bank.server.requests().post().assert_none();
    let writes = bank.server.requests().put();
    assert!(writes.iter().all(|write| write.header("x-tenant") == "a"));
    assert!(
        writes
            .iter()
            .all(|write| write.header("if-match") == "\"v1\"")
    );
}

#[tokio::test(start_paused = true)]
async fn a_document_that_lost_a_race_goes_on_alone() {
    let bank = warm().await;
    bank.server.put(ANNA, r#"{"balance":40,"note":"y"}"#);
    let done = bank.transfer(20).commit().await.unwrap();
    assert_eq!(bank.balances(), (20, 30));
    assert_eq!(batches(&bank), 1);
    bank.server.requests().put().to(BEN).assert_none();
    assert_eq!(done.report().requests, 3, "a batch, a read and a write");
}

#[tokio::test(start_paused = true)]
async fn a_refused_document_takes_back_the_others() {
    for removes in [false, true] {
        let bank = warm().await;
        let ben = bank.accounts.get("ben").await.unwrap();
        let transaction = bank.client.transaction();
        let transaction = transaction.update(&bank.accounts, "anna", |anna| anna.balance -= 1);
        let transaction = if removes {
            // Another client has written it since it was read.
            bank.server.put(BEN, r#"{"balance":11}"#);
            transaction.delete(&bank.accounts, &ben)
        } else {
            transaction.create(&bank.accounts, "ben", &*ben)
        };
        let error = transaction.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undone, "{removes}: {error}");
        let states: Vec<_> = error.steps().iter().map(StepReport::state).collect();
        for state in [StepState::Undone, StepState::NotApplied] {
            assert!(states.contains(&state), "{states:?}");
        }
        assert_eq!(bank.balances(), (50, if removes { 11 } else { 10 }));
        assert_eq!(batches(&bank), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_message_doubles_nothing_and_leaves_nothing_half_done() {
    for (nth, loses_request) in (1..=4).flat_map(|nth| [(nth, true), (nth, false)]) {
        for is_refused in [false, true] {
            let bank = warm().await;
            let lost = Step::new();
            let lost = if loses_request {
                lost.lose_request()
            } else {
                lost.lose_reply()
            };
            bank.server.nth_write(nth, lost);
            let mut transaction = bank.transfer(20);
            if is_refused {
                bank.server.put("/accounts/t1", r#"{"balance":1}"#);
                let account = Account { balance: 0 };
                transaction = transaction.create(&bank.accounts, "t1", &account);
            }
            let ended = transaction.commit().await;
            let of = format!("{nth}, {loses_request}, {is_refused}: {ended:?}");
            assert_eq!(ended.is_err(), is_refused, "{of}");
            let expected = if is_refused { (50, 10) } else { (30, 30) };
            assert_eq!(bank.balances(), expected, "{of}");
        }
    }
}

/// The documents were written, and the response says something else.
#[tokio::test(start_paused = true)]
async fn results_that_cannot_be_read_are_settled_by_what_is_stored() {
    for results in [
        json!([{"ok": true, "id": "ben", "rev": "v2"}, {"ok": true, "id": "anna", "rev": "v2"}]),
        json!([{"ok": true, "id": "anna", "rev": "v2"}]),
        json!([{"ok": true, "id": "anna", "rev": "v2"}, {"id": "ben"}]),
        json!({"ok": true}),
    ] {
        let bank = warm().await;
        let reply = Reply::new(201).json(&results);
        bank.server.next_write(Step::new().answer_after(reply));
        let ended = bank.transfer(20).commit().await;
        assert!(ended.is_ok(), "{results}: {ended:?}");
        assert_eq!(bank.balances(), (30, 30), "{results}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_finds_what_the_endpoint_keeps() {
    for (behaviour, keeps) in [
        (BatchBehaviour::Plain, Verdict::Holds),
        (BatchBehaviour::DropsConditions, Verdict::Fails),
    ] {
        let bank = Bank::of(&Batch::bulk_docs("_bulk_docs"), behaviour).await;
        let report = bank.client.probe_batch("accounts").await.unwrap();
        assert_eq!(
            report.verdict(BatchCheck::KeepsPreconditions),
            keeps,
            "{report}"
        );
        assert!(!report.is_atomic(), "{report}");
        assert_eq!(report.path, ENDPOINT);
        assert_eq!(report.left_behind, None);
    }
    let bank = warm().await;
    let report = bank.client.probe_batch("accounts").await.unwrap();
    let failed: Vec<_> = report.failed().map(|it| it.check).collect();
    assert_eq!(failed, [BatchCheck::Atomic], "{report}");
}
