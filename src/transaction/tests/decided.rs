//! What a person decides about the steps of a transaction that cannot go on by itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Account, take};
use crate::journal::StepRole;
use crate::journal::stopping::Marks;
use crate::testing::{Reply, ResourceServer, Step};
use crate::{Client, Collection, Drained, ErrorKind, Journal, Observer, OpenSeen};

/// The writes that were told to wait for a person.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Observer for Log {
    fn open(&self, it: &OpenSeen<'_>) {
        let line = format!("{} {:?}", it.path, it.error);
        self.0.lock().unwrap().push(line);
    }
}

impl Log {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

async fn server() -> ResourceServer {
    let server = ResourceServer::start().await;
    server.put("/accounts/anna", r#"{"balance":50,"note":"a"}"#);
    server.put("/accounts/ben", r#"{"balance":10,"note":"b"}"#);
    server
}

fn client(server: &ResourceServer, journal: Journal, log: &Log) -> Client {
    let builder = server.in_process().journal(journal).observer(log.clone());
    builder.build().unwrap()
}

// Without a write stamp, it cannot be told who has added to a counter.
fn accounts(client: &Client) -> Collection<Account> {
    client.collection::<Account>("accounts")
}

/// Sends what can be sent, until nothing changes any more.
async fn drain(client: &Client) -> Drained {
    let mut drained = Drained::default();
    for _ in 0..3 {
        let outbox = client.outbox().of(&accounts(client));
        drained = outbox.drain().await.unwrap();
    }
    drained
}

/// A transaction whose second step is refused. It is in doubt whether its first step was taken back, and that stays so.
async fn in_doubt(server: &ResourceServer, client: &Client) {
    let accounts = accounts(client);
    accounts.get("anna").await.unwrap();
    accounts.get("ben").await.unwrap();
    server.nth_write(2, Step::new().answer(Reply::new(403)));
    server.nth_write(3, Step::new().lose_reply());
    server.next_read(Step::new().edit(|anna| anna["balance"] = 47.into()));
    let steps = client
        .transaction()
        .try_update(&accounts, "anna", take)
        .update(&accounts, "ben", |ben| ben.balance += 20);
    let error = steps.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    let drained = drain(client).await;
    assert_eq!((drained.open, drained.left), (2, 0), "{drained:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_a_transaction_all_of_whose_steps_are_discarded() {
    let (server, marks) = (server().await, Arc::<Marks>::default());
    let client = client(&server, marks.open(usize::MAX, true), &Log::default());
    in_doubt(&server, &client).await;
    let mut open = accounts(&client).conflicts();
    while let Some(write) = open.next().await.unwrap() {
        write.discard().await.unwrap();
    }
    assert_eq!(marks.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_step_is_told_when_it_is_open_again() {
    let (server, marks, log) = (server().await, Arc::<Marks>::default(), Log::default());
    let client = client(&server, marks.open(usize::MAX, true), &log);
    in_doubt(&server, &client).await;
    let told = ["/accounts/anna", "/accounts/ben"].map(|path| format!("{path} OutcomeUnknown"));
    assert_eq!(log.take(), told);
    let mut open = accounts(&client).conflicts();
    let mut queued = Vec::new();
    while let Some(write) = open.next().await.unwrap() {
        queued.push(write.retry().await.unwrap());
    }
    let drained = drain(&client).await;
    assert_eq!((drained.open, drained.left), (2, 0), "{drained:?}");
    assert_eq!(log.take(), told);
    assert_eq!(queued.len(), 2);
    for queued in queued {
        let settled = tokio::time::timeout(Duration::from_secs(60), queued.settled());
        let error = settled.await.unwrap().unwrap_err();
        assert!(error.to_string().contains("it is not known"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_stands_is_told_as_one_that_waits_for_a_person() {
    for is_resumed in [false, true] {
        let (server, marks, log) = (server().await, Arc::<Marks>::default(), Log::default());
        // The process ends before the second step is made.
        let at = if is_resumed { 3 } else { usize::MAX };
        let first = client(&server, marks.open(at, true), &log);
        let ours = accounts(&first);
        ours.get("ben").await.unwrap();
        let steps = first.transaction().try_update(&ours, "anna", |anna| {
            anna.note = "ours".into();
            Ok(())
        });
        let steps = steps.update(&ours, "ben", |ben| ben.balance += 20);
        let fails = |nth: usize| {
            let theirs = |anna: &mut serde_json::Value| anna["note"] = "theirs".into();
            server.nth_write(nth, Step::new().answer(Reply::new(403)));
            server.nth_write(nth + 1, Step::new().edit(theirs));
        };
        if !is_resumed {
            fails(2);
        }
        tokio::select! {
            ended = steps.commit() => assert_eq!(ended.unwrap_err().kind(), ErrorKind::HalfDone),
            () = marks.stopped() => fails(1),
        }
        let second = client(&server, marks.open(usize::MAX, true), &log);
        let drained = drain(&second).await;
        assert_eq!((drained.open, drained.left), (1, 0), "{drained:?}");
        assert_eq!(log.take(), ["/accounts/anna Conflict"], "{is_resumed}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_undo_whose_step_is_damaged_waits_for_a_person() {
    let (server, marks, log) = (server().await, Arc::<Marks>::default(), Log::default());
    let first = client(&server, marks.open(usize::MAX, true), &log);
    in_doubt(&server, &first).await;
    marks.lose(|intent| intent.group.is_some_and(|of| of.role == StepRole::Writes));
    let second = client(&server, marks.open(usize::MAX, true), &log);
    let drained = drain(&second).await;
    assert_eq!((drained.open, drained.left), (1, 0), "{drained:?}");
    let open = accounts(&second).conflicts().next().await.unwrap().unwrap();
    assert_eq!(open.resource_id(), Some("anna"));
    open.discard().await.unwrap();
    assert_eq!(drain(&second).await, Drained::default());
}
