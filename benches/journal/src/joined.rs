//! A thousand edits of ten resources that are made offline, and the requests that send them.

use std::sync::atomic::Ordering;
use std::time::Instant;

use ifmatch::Journal;
use serde_json::Value;

use crate::Folder;
use crate::server::Server;

pub async fn run() {
    let folder = Folder::new("joined");
    let server = Server::default();
    let journal = Journal::open(&folder.0).build().unwrap();
    let client = server.builder().journal(journal).build().unwrap();
    let things = client.collection::<Value>("things");
    for id in 0..10 {
        things.get(id).await.unwrap();
    }
    let before = server.requests.load(Ordering::Relaxed);
    let since = Instant::now();
    for edit in 0..1_000 {
        let update = things.update(edit % 10, |thing| {
            thing["n"] = (thing["n"].as_u64().unwrap() + 1).into();
        });
        update.queue().await.unwrap();
    }
    let queued = since.elapsed();
    let drained = client.outbox().drain().await.unwrap();
    assert_eq!(drained.left + drained.open, 0);
    for id in 0..10 {
        assert_eq!(things.get(id).await.unwrap()["n"], 100);
    }
    let requests = server.requests.load(Ordering::Relaxed) - before - 10;
    println!(
        "1 000 offline edits of 10 resources: queued in {queued:.1?}, sent by {requests} requests"
    );
}
