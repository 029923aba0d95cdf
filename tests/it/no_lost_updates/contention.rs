//! Promises 4 and 6: many processes at one resource all get their edits in, with few requests.

use std::collections::BTreeMap;
use std::time::Duration;

use ifmatch::{Client, Generic, HiddenRefusal, Merge};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::support::{Far, Server};

#[derive(Serialize, Deserialize, Merge)]
struct Ledger {
    entries: BTreeMap<String, u32>,
}

/// One edit from each of so many clients that know nothing of each other; the requests of each.
/// They know by what a 200 refuses.
async fn crowd(server: &Server, writers: usize) -> Vec<u32> {
    let hides = HiddenRefusal::when("/ok", false);
    let profile = Generic::new().hidden_refusal(hides);
    let mut edits = JoinSet::new();
    for name in 0..writers {
        let client = Client::builder("http://server.test/v1").transport(Far(server.clone()));
        let client = client.profile(profile.clone());
        let ledger = client.build().unwrap().resource::<Ledger>("ledger");
        edits.spawn(async move {
            let edit = move |ledger: &mut Ledger| {
                ledger.entries.insert(name.to_string(), 1);
            };
            ledger.update(edit).await.unwrap().report().requests
        });
    }
    edits.join_all().await
}

/// Each edit of a crowd is in, once, at few requests.
async fn all_get_in(server: &Server) {
    let requests = crowd(server, 64).await;
    let entries = &server.value("/v1/ledger")["entries"];
    assert_eq!(entries.as_object().unwrap().len(), 64);
    assert_eq!(server.applied(), 64);
    // Trying again at once costs 64 requests for each edit.
    assert!(requests.iter().sum::<u32>() < 64 * 13, "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn no_edit_of_a_crowd_is_given_up_and_each_costs_few_requests() {
    for tag in [
        |version| format!("\"{version}\""),
        |version| format!("\"x{version:04x}\""),
    ] as [fn(u64) -> String; 2]
    {
        let server = Server::with("/v1/ledger", r#"{"entries":{}}"#);
        server.0.lock().unwrap().tag = Some(tag);
        all_get_in(&server).await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_edit_of_a_crowd_is_lost_to_refusals_that_a_200_hides() {
    let server = Server::with("/v1/ledger", r#"{"entries":{}}"#);
    server.0.lock().unwrap().stale = Some((200, r#"{"ok":false,"error":"stale"}"#));
    all_get_in(&server).await;
}

#[tokio::test(start_paused = true)]
async fn two_writers_cost_each_other_one_try_and_no_wait() {
    let server = Server::with("/v1/ledger", r#"{"entries":{}}"#);
    let begun = tokio::time::Instant::now();
    let mut requests = crowd(&server, 2).await;
    requests.sort_unstable();
    assert_eq!(requests, [2, 4]);
    assert_eq!(begun.elapsed(), Duration::from_millis(80));
}
