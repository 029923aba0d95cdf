//! Transactions whose process ends at each change of the journal, and the process that goes on.

use std::fmt;
use std::sync::Arc;

use serde_json::json;

use super::{Account, take};
use crate::journal::stopping::Marks;
use crate::testing::{BatchBehaviour, ResourceServer, Step};
use crate::{Batch, Client, Collection, Drained, Error, ErrorKind, Generic, Journal, OnCrash};

/// What happens to a transfer beside the end of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Story {
    Plain,
    /// The last step is refused, because its name is taken.
    Taken,
    /// The response to this write is lost.
    LostReply(usize),
    /// This write gets lost.
    LostRequest(usize),
    /// Another client writes before the later process goes on.
    Foreign,
    /// The rate has changed.
    Changed,
}

#[derive(Clone, Copy)]
struct Case {
    story: Story,
    /// The change of the journal at which the process ends, and whether that change is kept.
    at: usize,
    keeps_last: bool,
    /// The change at which the process that goes on ends too.
    again: usize,
    on_crash: OnCrash,
    has_stamps: bool,
    /// Whether the steps are tried together.
    is_together: bool,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}, ends at {} ({}) and {}, {:?}, stamps: {}, together: {}",
            self.story,
            self.at,
            if self.keeps_last { "kept" } else { "lost" },
            self.again,
            self.on_crash,
            self.has_stamps,
            self.is_together
        )
    }
}

fn collections(client: &Client, has_stamps: bool) -> [Collection<Account>; 3] {
    ["accounts", "transfers", "rates"].map(|name| {
        let collection = client.collection::<Account>(name);
        if has_stamps {
            collection.write_stamp("/writes")
        } else {
            collection
        }
    })
}

fn together() -> Batch {
    Batch::requests("batch").plain()
}

async fn server(story: Story) -> ResourceServer {
    let server = ResourceServer::start().await;
    server.batch(&together(), BatchBehaviour::Plain);
    server.put("/accounts/anna", r#"{"balance":50,"note":"a"}"#);
    server.put("/accounts/ben", r#"{"balance":10,"note":"b"}"#);
    server.put("/rates/1", r#"{"balance":1,"note":"r"}"#);
    if story == Story::Taken {
        server.put("/transfers/1", r#"{"balance":0,"note":"others"}"#);
    }
    server
}

fn client(server: &ResourceServer, journal: Journal, case: Case) -> Client {
    let builder = server.in_process().journal(journal);
    let profile = if case.is_together {
        Generic::new().batch(together())
    } else {
        Generic::new()
    };
    builder.profile(profile).build().unwrap()
}

async fn transfer(client: &Client, case: Case, server: &ResourceServer) -> Result<(), Error> {
    let [accounts, transfers, rates] = collections(client, case.has_stamps);
    let rate = rates.get("1").await?;
    match case.story {
        Story::LostReply(nth) => server.nth_write(nth, Step::new().lose_reply()),
        Story::LostRequest(nth) => server.nth_write(nth, Step::new().lose_request()),
        Story::Changed => server.put("/rates/1", r#"{"balance":2,"note":"r"}"#),
        Story::Plain | Story::Taken | Story::Foreign => {}
    }
    let transaction = client
        .transaction()
        .unchanged(&rates, &rate)
        .try_update(&accounts, "anna", take)
        .update(&accounts, "ben", |ben| ben.balance += 20)
        .create(&transfers, "1", &Account::default());
    transaction.commit().on_crash(case.on_crash).await.map(drop)
}

/// Goes on in a new process.
async fn drain(server: &ResourceServer, journal: Journal, case: Case) -> Drained {
    let client = client(server, journal, case);
    let [accounts, transfers, rates] = collections(&client, case.has_stamps);
    let outbox = client.outbox().of(&accounts).of(&transfers).of(&rates);
    outbox.drain().await.unwrap()
}

/// Runs a transfer until its process ends, and then another process. Returns the number of changes that the first one made,
/// and whether the transfer stands. `None` if a person has to find out.
async fn run(case: Case) -> (usize, Option<bool>) {
    let server = server(case.story).await;
    let marks = Arc::<Marks>::default();
    let first = client(&server, marks.open(case.at, case.keeps_last), case);
    let told = tokio::select! {
        told = transfer(&first, case, &server) => Some(told),
        () = marks.stopped() => None,
    };
    let changes = marks.changes();
    if case.story == Story::Foreign {
        let ben = server.text("/accounts/ben").unwrap();
        let mut ben: serde_json::Value = serde_json::from_str(&ben).unwrap();
        (ben["note"], ben["balance"]) = (
            json!("changed"),
            json!(ben["balance"].as_i64().unwrap() + 1),
        );
        server.put("/accounts/ben", &ben.to_string());
    }
    tokio::select! {
        drained = drain(&server, marks.open(case.again, case.keeps_last), case) => drop(drained),
        () = marks.stopped() => {}
    }
    // A doubt that ends as unknown is settled once more before a person is asked.
    drain(&server, marks.open(usize::MAX, true), case).await;
    let drained = drain(&server, marks.open(usize::MAX, true), case).await;
    let is_open = drained.open > 0;
    // Without a stamp, it cannot be told who has added to a counter.
    assert!(!is_open || !case.has_stamps, "{case:?}: {drained:?}");
    assert!(is_open || marks.len() == 0, "{case:?}: {drained:?}");

    let balance = |path: &str| {
        let text = server.text(path)?;
        let value: Account = serde_json::from_str(&text).unwrap();
        Some(value.balance)
    };
    let extra = i64::from(case.story == Story::Foreign);
    let of = (balance("/accounts/anna"), balance("/accounts/ben"));
    let is_own = case.story != Story::Taken && server.text("/transfers/1").is_some();
    let stands = match of {
        // The steps that were tried together may all be in doubt.
        (Some(30), Some(ben)) if is_open && case.is_together && ben == 30 + extra => {
            return (changes, None);
        }
        (Some(30), Some(ben)) if ben == 30 + extra => true,
        (Some(50), Some(ben)) if ben == 10 + extra => false,
        (Some(30 | 50), Some(ben)) if is_open && (ben == 10 + extra || ben == 30 + extra) => {
            return (changes, None);
        }
        other => unreachable!("{case:?}: half of it stands: {other:?}"),
    };
    assert_eq!(is_own, stands, "{case:?}: the transfer itself");
    match told {
        Some(Ok(())) => assert!(stands, "{case:?}: told as committed"),
        Some(Err(error)) if error.kind() == ErrorKind::Undone => {
            assert!(!stands, "{case:?}: told as undone");
        }
        Some(Err(error)) => assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{case:?}"),
        None => {}
    }
    (changes, Some(stands))
}

/// Returns how many transfers were committed, undone, and left to a person.
async fn each_end(
    story: Story,
    on_crash: OnCrash,
    has_stamps: bool,
    is_together: bool,
) -> [usize; 3] {
    let case = |at, keeps_last| Case {
        story,
        at,
        keeps_last,
        again: usize::MAX,
        on_crash,
        has_stamps,
        is_together,
    };
    let (changes, _) = run(case(usize::MAX, true)).await;
    assert!(changes >= 3, "{story:?}: {changes}");
    let mut ends = [0; 3];
    for at in 1..=changes {
        for keeps_last in [false, true] {
            let (_, stands) = run(case(at, keeps_last)).await;
            ends[match stands {
                Some(true) => 0,
                Some(false) => 1,
                None => 2,
            }] += 1;
        }
    }
    ends
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_at_any_change_leaves_no_half_transaction() {
    for (has_stamps, is_together) in [(true, false), (false, false), (true, true), (false, true)] {
        for on_crash in [OnCrash::Forward, OnCrash::Back] {
            let mut stories = vec![Story::Plain, Story::Taken, Story::Foreign, Story::Changed];
            stories.extend((1..=3).map(Story::LostRequest));
            stories.extend((1..=3).map(Story::LostReply));
            for story in stories {
                let [committed, undone, open] =
                    each_end(story, on_crash, has_stamps, is_together).await;
                let ends = format!(
                    "{story:?}, {on_crash:?}, {has_stamps}, {is_together}: {committed}, {undone}, {open}"
                );
                match (story, on_crash) {
                    (Story::Taken | Story::Changed, _) => assert_eq!(committed, 0, "{ends}"),
                    // Nothing was recorded yet.
                    (Story::Plain, OnCrash::Forward) => assert_eq!(undone, 1, "{ends}"),
                    _ => assert!(!has_stamps || (committed > 0 && undone > 0), "{ends}"),
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_process_that_goes_on_may_end_at_any_change_too() {
    for story in [
        Story::Plain,
        Story::Taken,
        Story::LostReply(2),
        Story::Foreign,
    ] {
        for on_crash in [OnCrash::Forward, OnCrash::Back] {
            for (at, again) in (1..=9).flat_map(|at| (1..=9).map(move |again| (at, again))) {
                for keeps_last in [false, true] {
                    run(Case {
                        is_together: at % 2 == 0,
                        story,
                        at,
                        keeps_last,
                        again,
                        on_crash,
                        has_stamps: true,
                    })
                    .await;
                }
            }
        }
    }
}
