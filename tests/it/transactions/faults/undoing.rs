//! What an undo takes back, and what it leaves alone.

use http::{Method, StatusCode};
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{Answer, Client, ErrorKind, LocalWins, MemoryStore, Rule, ThreeWay, async_trait};
use serde_json::Value;

use super::super::{ANNA, Account, BEN, Bank, Transfer};
use super::*;
use crate::support::{Always, Article, Event, Removes, Server, foreign};

#[tokio::test(start_paused = true)]
async fn what_others_built_on_a_creation_whose_response_was_lost_is_not_removed() {
    let bank = Bank::new();
    let transfers = bank
        .client
        .collection::<Transfer>("transfers")
        .write_stamp("/writes");
    bank.accounts.get("ben").await.unwrap();
    let transaction = bank
        .client
        .transaction()
        .create(&transfers, "t-1", &Transfer { amount: 20 })
        .update(&bank.accounts, "ben", |ben| ben.balance += 20);
    let theirs = foreign(|transfer| transfer["approved"] = true.into());
    bank.server.script([Event::LoseReply, theirs, refused()]);
    let error = transaction.commit().await.unwrap_err();
    let told = format!("{error} {:?}", error.steps());
    let now = bank.server.text("/v1/transfers/t-1");
    assert!(now.is_some_and(|now| now.contains("approved")), "{told}");
}

#[tokio::test(start_paused = true)]
async fn what_others_removed_is_not_created_again_by_an_undo() {
    let bank = Bank::new();
    let anna = bank.accounts.get("anna").await.unwrap();
    bank.accounts.get("ben").await.unwrap();
    let transaction = bank
        .client
        .transaction()
        .delete(&bank.accounts, &anna)
        .update(&bank.accounts, "ben", |ben| ben.balance += 50);
    bank.server
        .script([Event::LoseRequest, Event::ForeignRemoval, refused()]);
    let error = transaction.commit().await.unwrap_err();
    let told = format!("{error} {:?}", error.steps());
    assert!(
        error.kind() != ErrorKind::Undone || bank.server.text(ANNA).is_none(),
        "{told}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_resource_of_others_that_a_creation_adopted_is_not_removed_by_its_undo() {
    let bank = Bank::new();
    bank.server
        .put("/v1/transfers/t-1", r#"{"amount":5,"theirs":true}"#);
    bank.accounts.get("ben").await.unwrap();
    let transfers = bank
        .client
        .collection_with::<Transfer>("transfers", LocalWins)
        .on_refusal(Always(|_| Answer::Adopt));
    let transaction = bank
        .client
        .transaction()
        .create(&transfers, "t-1", &Transfer { amount: 20 })
        .update(&bank.accounts, "ben", |ben| ben.balance += 20);
    // The refused creation, the read, the write onto it, and the refusal of Ben's account.
    bank.server
        .script([Event::Plain, Event::Plain, Event::Plain, refused()]);
    let error = transaction.commit().await.unwrap_err();
    let told = format!("{error} {:?} {:?}", error.steps(), bank.server.methods());
    assert!(bank.server.text("/v1/transfers/t-1").is_some(), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_a_strategy_decided_is_not_told_as_undone_while_it_stands() {
    let bank = Bank::new();
    let articles = bank.client.collection_with::<Article>("articles", Removes);
    bank.server
        .put("/v1/articles/1", r#"{"title":"old","body":"b","views":1}"#);
    let mut article = articles.get(1).await.unwrap();
    bank.accounts.get("ben").await.unwrap();
    article.title = "ours".into();
    bank.server.put(
        "/v1/articles/1",
        r#"{"title":"theirs","body":"b","views":1}"#,
    );
    let transaction =
        bank.client
            .transaction()
            .save(&articles, &article)
            .update(&bank.accounts, "ben", |ben| ben.balance += 20);
    // The stale write, the read, the removal, and the refusal of Ben's account.
    bank.server
        .script([Event::Plain, Event::Plain, Event::Plain, refused()]);
    let error = transaction.commit().await.unwrap_err();
    let told = format!("{error} {:?} {:?}", error.steps(), bank.server.methods());
    assert!(
        error.kind() != ErrorKind::Undone || bank.server.text("/v1/articles/1").is_some(),
        "{told}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_maximum_that_was_raised_is_lowered_again_or_told() {
    let (kind, now, told) = taken_back(Rule::Max, 5.into(), 9.into(), None).await;
    assert!(kind != ErrorKind::Undone || now == 5, "{now} {told}");
}

#[tokio::test(start_paused = true)]
async fn a_maximum_that_was_raised_is_lowered_again_or_told_beside_others() {
    let (kind, now, told) = taken_back(Rule::Max, 5.into(), 9.into(), Some(7.into())).await;
    assert!(kind != ErrorKind::Undone || now == 7, "{now} {told}");
}

#[tokio::test(start_paused = true)]
async fn an_undo_does_not_overwrite_others_whichever_side_wins() {
    for rule in [Rule::Local, Rule::Remote] {
        let theirs = Some("theirs".into());
        let (kind, now, told) = taken_back(rule, "a".into(), "ours".into(), theirs).await;
        assert!(now == "theirs", "{kind:?} {now} {told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_by_a_server_that_tells_no_version_is_not_removed_with_what_others_made_of_it() {
    let bank = Bank::new();
    bank.accounts.get("ben").await.unwrap();
    bank.server.0.lock().unwrap().silent = true;
    let transaction = bank.noted_payment();
    let theirs = foreign(|transfer| transfer["approved"] = true.into());
    bank.server.script([Event::Plain, refused(), theirs]);
    let error = transaction.commit().await.unwrap_err();
    let told = format!("{error} {:?} {:?}", error.steps(), bank.server.methods());
    let now = bank.server.text("/v1/transfers/t-1");
    assert!(now.is_some_and(|now| now.contains("approved")), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_creation_by_a_server_that_tells_no_version_is_taken_back() {
    let bank = Bank::new();
    bank.accounts.get("ben").await.unwrap();
    bank.server.0.lock().unwrap().silent = true;
    let transaction = bank.noted_payment();
    bank.server.script([Event::Plain, refused()]);
    let error = transaction.commit().await.unwrap_err();
    let told = format!("{error} {:?} {:?}", error.steps(), bank.server.methods());
    assert_eq!(error.kind(), ErrorKind::Undone, "{told}");
    assert_eq!(bank.server.text("/v1/transfers/t-1"), None, "{told}");
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_panics_after_a_race_takes_the_steps_before_it_back() {
    let bank = Bank::new();
    warm(&bank).await;
    bank.server.put(BEN, r#"{"balance":77}"#);
    let error = bank
        .client
        .transaction()
        .try_update(&bank.accounts, "anna", |anna| {
            anna.balance -= 20;
            Ok(())
        })
        .update(&bank.accounts, "ben", |ben| {
            assert!(ben.balance < 50, "a panic of the edit");
            ben.balance += 20;
        })
        .commit()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undone, "{error}");
    assert_eq!(bank.balances(), (50, 77));
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_makes_something_else_each_time_is_taken_back_exactly() {
    let bank = impatient(5);
    warm(&bank).await;
    let runs = std::sync::atomic::AtomicI64::new(20);
    let transaction = bank
        .client
        .transaction()
        .try_update(&bank.accounts, "anna", move |anna| {
            anna.balance -= runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(())
        })
        .update(&bank.accounts, "ben", |ben| ben.balance += 20);
    // The write is applied, and the read of the run fails. The further run finds it applied. Ben is refused.
    bank.server
        .script([Event::LoseReply, unavailable(), Event::Plain, refused()]);
    let error = transaction.commit().await.unwrap_err();
    let told = format!("{error} {:?} {:?}", error.steps(), bank.server.methods());
    assert!(
        error.kind() != ErrorKind::Undone || bank.balances() == (50, 10),
        "{:?} {told}",
        bank.balances()
    );
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_the_server_put_elsewhere_is_removed_there() {
    let bank = Bank::new();
    bank.accounts.get("ben").await.unwrap();
    bank.server.put("/v1/transfers/other", r#"{"amount":20}"#);
    let transaction = bank.noted_payment();
    // The server stores it under a name of its own.
    let elsewhere = Event::Answer(
        201,
        &[("location", "/v1/transfers/other"), ("etag", "\"3\"")],
        "",
    );
    bank.server.script([elsewhere, refused()]);
    let error = transaction.commit().await.unwrap_err();
    let told = format!("{error} {:?} {:?}", error.steps(), bank.server.methods());
    let stands = bank.server.text("/v1/transfers/other").is_some();
    assert!(error.kind() != ErrorKind::Undone || !stands, "{told}");
}

#[tokio::test(start_paused = true)]
async fn what_others_wrote_with_the_same_content_is_not_removed_by_an_undo() {
    let bank = Bank::new();
    bank.accounts.get("ben").await.unwrap();
    let transaction = bank.noted_payment();
    let theirs = Event::ForeignText(r#"{"amount":20}"#.to_owned());
    bank.server.script([Event::Plain, refused(), theirs]);
    let error = transaction.commit().await.unwrap_err();
    let told = format!("{error} {:?} {:?}", error.steps(), bank.server.methods());
    assert!(bank.server.text("/v1/transfers/t-1").is_some(), "{told}");
}

/// A server that stores all text in capitals, and shows what it has stored.
#[derive(Clone)]
struct Capitals(Server);

#[async_trait]
impl Transport for Capitals {
    async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        let is_note = request.url.path().contains("/notes/") && request.method == Method::PUT;
        if !is_note {
            return self.0.send(request).await;
        }
        let mut note: Value = serde_json::from_slice(&request.body).unwrap();
        note["text"] = note["text"].as_str().unwrap().to_uppercase().into();
        let body = serde_json::to_vec(&note).unwrap();
        request.body = body.clone().into();
        let mut reply = self.0.send(request).await?;
        if reply.status.is_success() {
            (reply.status, reply.body) = (StatusCode::OK, body.into());
        }
        Ok(reply)
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_that_the_server_spells_in_its_own_way_is_taken_back() {
    let bank = Bank::new();
    bank.server.put("/v1/notes/1", r#"{"text":"OLD"}"#);
    let client = Client::builder("http://server.test/v1").transport(Capitals(bank.server.clone()));
    let client = client.store(MemoryStore::default()).build().unwrap();
    let notes = client.collection_with::<Value>("notes", ThreeWay::default());
    let accounts = client.collection::<Account>("accounts");
    notes.get(1).await.unwrap();
    accounts.get("ben").await.unwrap();
    bank.server.script([Event::Plain, refused()]);
    let error = client
        .transaction()
        .try_update(&notes, 1, |note| {
            note["text"] = "ours".into();
            Ok(())
        })
        .update(&accounts, "ben", |ben| ben.balance += 1)
        .commit()
        .await
        .unwrap_err();
    let told = format!("{error} {:?} {:?}", error.steps(), bank.server.methods());
    assert_eq!(error.kind(), ErrorKind::Undone, "{told}");
    assert_eq!(bank.server.value("/v1/notes/1")["text"], "OLD", "{told}");
}

#[tokio::test(start_paused = true)]
async fn what_was_removed_since_is_told_as_undone() {
    let bank = Bank::new();
    warm(&bank).await;
    bank.server
        .script([Event::Plain, refused(), Event::ForeignRemoval]);
    let error = bank.transfer(20).commit().await.unwrap_err();
    let told = format!("{error} {:?} {:?}", error.steps(), bank.server.methods());
    assert_eq!(error.kind(), ErrorKind::Undone, "{told}");
    assert_eq!(bank.server.text(ANNA), None, "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_stands_is_listed_with_its_reverse_although_two_of_its_requests_were_lost() {
    let bank = Bank::with_journal();
    for who in ["anna", "ben"] {
        bank.accounts.get(who).await.unwrap();
    }
    let theirs = foreign(|anna| anna["balance"] = 150.into());
    let plain = Event::Plain;
    bank.server.script([
        Event::LoseRequest,
        theirs,
        Event::LoseReply,
        plain,
        refused(),
    ]);
    let error = bank.transfer(20).commit().await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::HalfDone,
        "{error} {:?}",
        error.steps()
    );
    assert_eq!(bank.balances(), (130, 10));
    let open = bank.accounts.conflicts().next().await.unwrap().unwrap();
    open.retry().await.unwrap();
    let outbox = bank.client.outbox().of(&bank.accounts);
    outbox.drain().await.unwrap();
    assert_eq!(bank.balances(), (150, 10));
}

#[tokio::test(start_paused = true)]
async fn a_taking_back_that_was_refused_can_be_tried_again_after_others_have_written() {
    let bank = Bank::with_journal();
    for who in ["anna", "ben"] {
        bank.accounts.get(who).await.unwrap();
    }
    bank.server.script([Event::Plain, refused(), refused()]);
    let error = bank.transfer(20).commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HalfDone, "{error}");
    let other = Bank::of(&bank.server).accounts;
    let update = other.update("anna", |anna| anna.balance += 5);
    update.await.unwrap();
    let open = bank.accounts.conflicts().next().await.unwrap().unwrap();
    open.retry().await.unwrap();
    let outbox = bank.client.outbox().of(&bank.accounts);
    outbox.drain().await.unwrap();
    assert!(bank.accounts.conflicts().next().await.unwrap().is_none());
    assert_eq!(bank.balances(), (55, 10));
}
