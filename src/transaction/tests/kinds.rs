//! Transactions with removals, saves and posts, whose process ends at each change of the journal.

use std::sync::Arc;

use http::Method;

use super::{Account, take};
use crate::journal::stopping::Marks;
use crate::testing::{Reply, ResourceServer, Step};
use crate::{Client, Collection, Drained, ErrorKind, Journal, OnCrash, Transaction};

/// What follows the step that takes 20 from an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Delete,
    DeleteSeen,
    /// A removal, and a creation that is refused.
    DeleteAndTaken,
    Save,
    Post,
    RefusedPost,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    kind: Kind,
    /// The change of the journal at which the process ends, and whether that change is kept.
    at: usize,
    keeps_last: bool,
    on_crash: OnCrash,
    has_stamps: bool,
}

impl Case {
    fn collections(self, client: &Client) -> [Collection<Account>; 2] {
        let accounts = client.collection::<Account>("accounts");
        let accounts = if self.has_stamps {
            accounts.write_stamp("/writes")
        } else {
            accounts
        };
        [accounts, client.collection("transfers")]
    }

    async fn steps(self, client: &Client) -> Transaction {
        let [accounts, transfers] = self.collections(client);
        let mut ben = accounts.get("ben").await.unwrap();
        let steps = client.transaction().try_update(&accounts, "anna", take);
        match self.kind {
            Kind::Delete => steps.delete(&accounts, "ben"),
            Kind::DeleteSeen => steps.delete(&accounts, &ben),
            Kind::DeleteAndTaken => {
                let steps = steps.delete(&accounts, &ben);
                steps.create(&transfers, "1", &Account::default())
            }
            Kind::Save => {
                ben.note = "saved".into();
                steps.save(&accounts, &ben)
            }
            Kind::Post | Kind::RefusedPost => steps.post(&transfers, &Account::default()),
        }
    }

    async fn server(self) -> ResourceServer {
        let server = ResourceServer::start().await;
        server.put("/accounts/anna", r#"{"balance":50,"note":"a"}"#);
        server.put("/accounts/ben", r#"{"balance":10,"note":"b"}"#);
        server.collection("/transfers");
        match self.kind {
            Kind::DeleteAndTaken => server.put("/transfers/1", r#"{"balance":0,"note":"others"}"#),
            Kind::RefusedPost => server.nth_write(2, Step::new().answer(Reply::new(422))),
            _ => {}
        }
        server
    }

    /// How often what follows was made.
    fn made(self, server: &ResourceServer) -> usize {
        let ben = server.text("/accounts/ben");
        match self.kind {
            Kind::Delete | Kind::DeleteSeen | Kind::DeleteAndTaken => usize::from(ben.is_none()),
            Kind::Save => usize::from(ben.unwrap().contains("saved")),
            Kind::Post | Kind::RefusedPost => {
                let posts = server.requests().method(&Method::POST).answered(201);
                posts.count()
            }
        }
    }
}

fn client(server: &ResourceServer, journal: Journal) -> Client {
    server.in_process().journal(journal).build().unwrap()
}

/// Runs a transaction until its process ends, and then another process. Returns the number of changes that the first one made.
async fn run(case: Case) -> usize {
    let (server, marks) = (case.server().await, Arc::<Marks>::default());
    let first = client(&server, marks.open(case.at, case.keeps_last));
    let steps = case.steps(&first).await;
    let told = tokio::select! {
        told = steps.commit().on_crash(case.on_crash) => Some(told.map(drop)),
        () = marks.stopped() => None,
    };
    let changes = marks.changes();
    let second = client(&server, marks.open(usize::MAX, true));
    let [accounts, transfers] = case.collections(&second);
    let mut drained = Drained::default();
    // A doubt that ends as unknown is settled once more before a person is asked.
    for _ in 0..3 {
        let outbox = second.outbox().of(&accounts).of(&transfers);
        drained = outbox.drain().await.unwrap();
    }
    let text = server.text("/accounts/anna").unwrap();
    let anna: Account = serde_json::from_str(&text).unwrap();
    let stands = (anna.balance, case.made(&server));
    let is_open = drained.open > 0;
    assert!(is_open || marks.len() == 0, "{case:?}: {drained:?}");
    assert!(
        is_open || matches!(stands, (30, 1) | (50, 0)),
        "{case:?}: half of it stands: {stands:?}"
    );
    match told {
        Some(Ok(())) => assert_eq!(stands, (30, 1), "{case:?}: told as committed"),
        Some(Err(error)) if error.kind() == ErrorKind::Undone => {
            assert_eq!(stands, (50, 0), "{case:?}: told as undone");
        }
        _ => {}
    }
    changes
}

#[tokio::test(start_paused = true)]
async fn removals_saves_and_posts_are_made_with_the_others_or_not_at_all() {
    use Kind::{Delete, DeleteAndTaken, DeleteSeen, Post, RefusedPost, Save};
    for kind in [Delete, DeleteSeen, DeleteAndTaken, Save, Post, RefusedPost] {
        for on_crash in [OnCrash::Forward, OnCrash::Back] {
            for has_stamps in [true, false] {
                let case = |at, keeps_last| Case {
                    kind,
                    at,
                    keeps_last,
                    on_crash,
                    has_stamps,
                };
                for at in 1..=run(case(usize::MAX, true)).await {
                    for keeps_last in [false, true] {
                        run(case(at, keeps_last)).await;
                    }
                }
            }
        }
    }
}
