//! What an ended process leaves: to a later one, to another user, to a person.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderMap;

use super::{Account, take};
use crate::journal::stopping::Marks;
use crate::testing::{ResourceServer, Step};
use crate::transport::{Fate, Request, Response, Transport, TransportError};
use crate::{
    Authenticator, BoxError, Client, Collection, Drained, Error, ErrorKind, Journal, Leases,
    OnCrash, Resolution, StepState,
};

const TTL: Duration = Duration::from_millis(100);
const ANNA: &str = "/accounts/anna";
const BEN: &str = "/accounts/ben";

async fn server() -> ResourceServer {
    let server = ResourceServer::start().await;
    server.put(ANNA, r#"{"balance":50,"note":"a"}"#);
    server.put(BEN, r#"{"balance":10,"note":"b"}"#);
    server
}

fn client(server: &ResourceServer, journal: Journal) -> Client {
    server.in_process().journal(journal).build().unwrap()
}

fn accounts(client: &Client) -> Collection<Account> {
    client
        .collection::<Account>("accounts")
        .write_stamp("/writes")
}

fn account(server: &ResourceServer, path: &str) -> Account {
    serde_json::from_str(&server.text(path).unwrap()).unwrap()
}

fn balances(server: &ResourceServer) -> (i64, i64) {
    (account(server, ANNA).balance, account(server, BEN).balance)
}

fn transfer(client: &Client) -> crate::Transaction {
    let accounts = accounts(client);
    client
        .transaction()
        .try_update(&accounts, "anna", take)
        .update(&accounts, "ben", |ben| ben.balance += 20)
}

/// Begins a transaction whose process ends at a change of the journal, after that was kept.
async fn ends_at(
    marks: &Arc<Marks>,
    at: usize,
    server: &ResourceServer,
    begin: impl AsyncFnOnce(Client),
) {
    let first = client(server, marks.open(at, true));
    tokio::select! {
        () = begin(first) => panic!("the transaction has ended before change {at}"),
        () = marks.stopped() => {}
    }
}

async fn drain(client: &Client) -> Drained {
    client.outbox().of(&accounts(client)).drain().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_guarded_step_is_not_made_on_a_state_that_it_has_not_seen() {
    for (theirs, ends) in [(10, (10, 10)), (50, (30, 30))] {
        let (server, marks) = (server().await, Arc::<Marks>::default());
        ends_at(&marks, 1, &server, async |first| {
            drop(transfer(&first).commit().await);
        })
        .await;
        if theirs != 50 {
            server.put(ANNA, r#"{"balance":10,"note":"a"}"#);
        }
        let second = client(&server, marks.open(usize::MAX, true));
        let drained = drain(&second).await;
        assert_eq!((drained.open, drained.left), (0, 0), "{drained:?}");
        assert_eq!(balances(&server), ends);
        assert_eq!(marks.len(), 0);
    }
}

/// Loses each request while the network is down.
struct Network(Arc<dyn Transport>, Arc<AtomicBool>);

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        if self.1.load(Ordering::Relaxed) {
            return Err(TransportError::new(Fate::Unknown, "the request was lost"));
        }
        self.0.send(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_in_doubt_whose_place_another_write_took_is_not_fenced() {
    let (server, marks) = (server().await, Arc::<Marks>::default());
    let is_down = Arc::<AtomicBool>::default();
    let network = is_down.clone();
    let client = server
        .in_process()
        .journal(marks.open(usize::MAX, true))
        .layer(|next| Network(next, network))
        .build()
        .unwrap();
    let mut anna = accounts(&client).get("anna").await.unwrap();
    anna.note = "ours".into();
    accounts(&client).get("ben").await.unwrap();
    is_down.store(true, Ordering::Relaxed);
    let error = transfer(&client).commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    // Another write of the same client onto the same version is in doubt as well.
    let error = accounts(&client).save(&anna).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    is_down.store(false, Ordering::Relaxed);
    let other = server.in_process().build().unwrap();
    let payment = accounts(&other).update("anna", |anna| anna.balance += 5);
    payment.await.unwrap();
    let before = server.text(ANNA);

    let drained = drain(&client).await;
    assert_eq!((drained.open, drained.left), (0, 0), "{drained:?}");
    assert_eq!(balances(&server), (55, 10));
    assert_eq!(server.text(ANNA), before);
    assert_eq!(marks.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_later_process_cannot_take_back_waits_for_a_person() {
    let (server, marks) = (server().await, Arc::<Marks>::default());
    let noted = async |first: Client| {
        let accounts = accounts(&first);
        let steps = first
            .transaction()
            .try_update(&accounts, "anna", |anna| {
                anna.note = "ours".into();
                Ok(())
            })
            .update(&accounts, "ben", |ben| ben.balance += 20);
        drop(steps.commit().await);
    };
    // Anna's account is written. Ben's has not been tried.
    ends_at(&marks, 3, &server, noted).await;
    assert_eq!(account(&server, ANNA).note, "ours");
    let mut theirs = account(&server, ANNA);
    theirs.note = "theirs".into();
    server.put(ANNA, &serde_json::to_string(&theirs).unwrap());
    server.remove(BEN);

    let second = client(&server, marks.open(usize::MAX, true));
    let drained = drain(&second).await;
    assert_eq!((drained.open, drained.left), (1, 0), "{drained:?}");
    let accounts = accounts(&second);
    let open = accounts.conflicts().next().await.unwrap().unwrap();
    assert_eq!(open.kind(), ErrorKind::Conflict);
    assert_eq!(open.resource_id(), Some("anna"));
    let conflict = open.conflict();
    assert_eq!(conflict.remote.as_ref().unwrap().note, "theirs");
    assert_eq!(conflict.local.as_ref().unwrap().note, "a");
    open.resolve(Resolution::KeepLocal).await.unwrap();
    assert_eq!(drain(&second).await.sent, 1);
    assert_eq!(account(&server, ANNA).note, "a");
    assert_eq!(marks.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_stands_is_told_and_waits_for_a_person() {
    let (server, marks) = (server().await, Arc::<Marks>::default());
    let client = client(&server, marks.open(usize::MAX, true));
    let accounts = accounts(&client);
    accounts.get("ben").await.unwrap();
    let steps = client
        .transaction()
        .try_update(&accounts, "anna", |anna| {
            anna.note = "ours".into();
            Ok(())
        })
        .update(&accounts, "ben", |ben| ben.balance += 20);
    let forbidden = crate::testing::Reply::new(403);
    server.nth_write(2, Step::new().answer(forbidden));
    let theirs = |anna: &mut serde_json::Value| anna["note"] = "theirs".into();
    server.nth_write(3, Step::new().edit(theirs));
    let error = steps.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HalfDone, "{error}");
    assert_eq!(error.steps()[0].state(), StepState::Stands);
    let drained = drain(&client).await;
    assert_eq!((drained.open, drained.left), (1, 0), "{drained:?}");
    let open = accounts.conflicts().next().await.unwrap().unwrap();
    open.discard().await.unwrap();
    assert_eq!(marks.len(), 0);
}

// The clock of leases is not that of the runtime.
#[tokio::test]
async fn an_isolated_transaction_goes_on_under_leases_only() {
    let leases = |client: &Client| Leases::documents(client, "leases").ttl(TTL);
    let begin = async |first: Client| {
        let leases = leases(&first);
        drop(transfer(&first).isolated_by(&leases).commit().await);
    };
    // The leases are written by awaited calls, which are marked too.
    let all = {
        let (server, marks) = (self::server().await, Arc::<Marks>::default());
        begin(client(&server, marks.open(usize::MAX, true))).await;
        assert_eq!(balances(&server), (30, 30));
        marks.changes()
    };
    let mut went_on = 0;
    for at in 1..all {
        let (server, marks) = (self::server().await, Arc::<Marks>::default());
        tokio::select! {
            () = begin(client(&server, marks.open(at, true))) => {}
            () = marks.stopped() => {}
        }
        let second = client(&server, marks.open(usize::MAX, true));
        let without = drain(&second).await;
        if without.others == 0 {
            continue;
        }
        assert_eq!((without.others, without.left), (2, 0), "{without:?}");
        let leases = leases(&second);
        let outbox = second.outbox().of(&accounts(&second)).isolated_by(&leases);
        // The leases of the first process are over after a while.
        let mut left = outbox.drain().await.unwrap().left;
        for _ in 0..5 {
            let outbox = second.outbox().isolated_by(&leases);
            left = outbox.drain().await.unwrap().left;
        }
        assert_eq!(left, 0, "{at}");
        assert_eq!(balances(&server), (30, 30), "{at}");
        went_on += 1;
    }
    assert!(went_on >= 4, "{went_on}");
}

/// The user who is logged in.
#[derive(Clone)]
struct Login(Arc<Mutex<&'static str>>);

#[async_trait]
impl Authenticator for Login {
    async fn authenticate(&self, _: &mut HeaderMap) -> Result<(), BoxError> {
        Ok(())
    }

    fn identity(&self) -> Option<String> {
        Some((*self.0.lock().unwrap()).to_owned())
    }
}

#[tokio::test(start_paused = true)]
async fn another_user_does_not_go_on_with_a_transaction() {
    let (server, marks) = (server().await, Arc::<Marks>::default());
    let login = Login(Arc::new(Mutex::new("anna")));
    let of = |journal| {
        let client = server.in_process().journal(journal);
        client.auth(login.clone()).build().unwrap()
    };
    let first = of(marks.open(2, true));
    tokio::select! {
        _ = transfer(&first).commit() => panic!("the transaction has ended"),
        () = marks.stopped() => {}
    }
    let second = of(marks.open(usize::MAX, true));
    *login.0.lock().unwrap() = "ben";
    let drained = drain(&second).await;
    assert_eq!((drained.others, drained.left), (2, 0), "{drained:?}");
    *login.0.lock().unwrap() = "anna";
    let drained = drain(&second).await;
    assert_eq!((drained.others, drained.left), (0, 0), "{drained:?}");
    assert_eq!(balances(&server), (30, 30));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_if_the_steps_cannot_be_kept() {
    let server = server().await;
    let client = client(&server, Journal::in_memory().quota(300));
    let error: Error = transfer(&client).commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Journal, "{error}");
    assert_eq!(balances(&server), (50, 10));
    server.requests().writes().assert_none();
}

#[tokio::test(start_paused = true)]
async fn a_transaction_is_recorded_only_if_it_can_be_half_done() {
    let marks = Arc::<Marks>::default();
    let server = server().await;
    let one = client(&server, marks.open(usize::MAX, true));
    let accounts = accounts(&one);
    let single = one
        .transaction()
        .update(&accounts, "ben", |ben| ben.balance += 1);
    single.commit().on_crash(OnCrash::Back).await.unwrap();
    // Its request, and the response to it.
    assert_eq!(marks.changes(), 2);
    let unrecorded = server.in_process().journal(marks.open(1, true));
    let unrecorded = unrecorded.journal_awaited(false).build().unwrap();
    transfer(&unrecorded).commit().await.unwrap();
    assert_eq!(marks.changes(), 0);
    assert_eq!(balances(&server), (30, 31));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_waits_while_the_server_cannot_be_reached() {
    let (server, marks) = (server().await, Arc::<Marks>::default());
    ends_at(&marks, 4, &server, async |first| {
        drop(transfer(&first).commit().await);
    })
    .await;
    let second = client(&server, marks.open(usize::MAX, true));
    for _ in 0..20 {
        server.next_read(Step::new().lose_request());
        server.next_write(Step::new().lose_request());
    }
    let drained = drain(&second).await;
    assert_eq!((drained.open, drained.left), (0, 2), "{drained:?}");
    for _ in 0..20 {
        drain(&second).await;
    }
    assert_eq!(balances(&server), (30, 30));
    assert_eq!(marks.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_cannot_be_made_decides_nothing() {
    let (server, marks) = (server().await, Arc::<Marks>::default());
    server.put("/rates/1", r#"{"balance":1,"note":"r"}"#);
    let begin = async |first: Client| {
        let rates = first.collection::<Account>("rates");
        let rate = rates.get("1").await.unwrap();
        drop(transfer(&first).unchanged(&rates, &rate).commit().await);
    };
    // The steps are kept, and none of them is made.
    ends_at(&marks, 1, &server, begin).await;
    let second = client(&server, marks.open(usize::MAX, true));
    let rates = second.collection::<Account>("rates");
    for _ in 0..20 {
        server.next_read(Step::new().lose_request());
    }
    let outbox = || second.outbox().of(&accounts(&second)).of(&rates);
    let drained = outbox().drain().await.unwrap();
    assert_eq!((drained.open, drained.left), (0, 3), "{drained:?}");
    for _ in 0..20 {
        outbox().drain().await.unwrap();
    }
    assert_eq!(balances(&server), (30, 30));
    assert_eq!(marks.len(), 0);
}
