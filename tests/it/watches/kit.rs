//! The feeds of the test kit, as applications use them: whatever a stream does, the watch ends with what is stored.

use std::collections::BTreeMap;
use std::time::Duration;

use ifmatch::testing::{FeedStep, ResourceServer};
use ifmatch::{Change, Feed, Generic};
use serde_json::{Value, json};

use crate::support::feeds::troubles;

/// What is told within a time, by id.
async fn told(watch: &mut ifmatch::Watch<Value>, view: &mut BTreeMap<String, u64>) {
    let end = tokio::time::Instant::now() + Duration::from_secs(240);
    while let Ok(change) = tokio::time::timeout_at(end, watch.next()).await {
        match change.unwrap().unwrap() {
            Change::Put(note) => {
                let id = note["id"].as_str().unwrap().to_owned();
                view.insert(id, note["n"].as_u64().unwrap());
            }
            Change::Gone(id) => drop(view.remove(&id)),
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_a_feed_of_the_kit_does_the_final_states_are_told() {
    let mut steps = troubles();
    steps.push(FeedStep::new().reverse());
    for (nth, step) in steps.into_iter().enumerate() {
        let server = ResourceServer::start().await;
        server.collection("/notes");
        let put = |id: &str, n: u64| {
            server.put(
                &format!("/notes/{id}"),
                &json!({"id": id, "n": n}).to_string(),
            );
        };
        let changes = server.feed("/notes/changes").history(3);
        for id in ["a", "b", "c"] {
            put(id, 1);
        }
        let feed = Feed::event_stream("changes").tag_at("/version");
        let client = server.in_process().profile(Generic::new().feed(feed));
        let notes = client.build().unwrap().collection::<Value>("notes");
        let (mut watch, mut view) = (notes.watch().await.unwrap(), BTreeMap::new());
        told(&mut watch, &mut view).await;
        assert_eq!(view.len(), 3, "step {nth}: {view:?}");

        changes.next_stream(step);
        changes.cut();
        for n in 2..6 {
            put("a", n);
        }
        put("d", 1);
        server.remove("/notes/b");
        told(&mut watch, &mut view).await;
        put("c", 7);
        told(&mut watch, &mut view).await;
        let expected = [("a", 5), ("c", 7), ("d", 1)];
        let expected = expected.map(|(id, n)| (id.to_owned(), n));
        assert_eq!(view, BTreeMap::from(expected), "step {nth}");
    }
}
