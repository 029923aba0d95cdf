//! Containers and channels of Solid, as the Community Solid Server 7.2 sends them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ifmatch::profiles::Solid;
use ifmatch::transport::Request;
use ifmatch::{Client, Collection};
use serde_json::Value;

use super::wire::{Answer, STREAM, Wire};
use super::{next, until, within};

/// The time of the last change of each document, which is also its content.
type Notes = Arc<Mutex<BTreeMap<&'static str, u64>>>;

const CHANNEL: &str = "http://www.w3.org/ns/solid/terms#updatesViaStreamingHttp2023";
const PREFIXES: &str = "@prefix dc: <http://purl.org/dc/terms/>.\n@prefix ldp: <http://www.w3.org/ns/ldp#>.\n\
    @prefix xsd: <http://www.w3.org/2001/XMLSchema#>.\n\n";

fn container(notes: &BTreeMap<&'static str, u64>) -> String {
    let names: Vec<_> = notes.keys().map(|id| format!("<{id}>")).collect();
    let names = [&["<sub/>".to_owned()], &names[..]].concat().join(", ");
    let times = notes.iter().map(|(id, n)| {
        format!("<{id}> a ldp:Resource;\n    dc:modified \"2026-11-27T20:14:{n:02}.535Z\"^^xsd:dateTime.\n")
    });
    let times: String = times.collect();
    format!("{PREFIXES}<> a ldp:Container.\n{times}<> ldp:contains {names}.\n")
}

/// A notification as the channel sends it.
fn notification(activity: &str, object: &str) -> String {
    format!(
        "<urn:1795810498795:http://pod.test/notes/> <https://www.w3.org/ns/activitystreams#object> <http://pod.test{object}>;\n    \
         <https://www.w3.org/ns/activitystreams#target> <http://pod.test/notes/>;\n    \
         <http://www.w3.org/ns/solid/notifications#state> \"\\\"1795810498759-text/turtle\\\"\";\n    \
         a <https://www.w3.org/ns/activitystreams#{activity}>.\n"
    )
}

fn respond(notes: &Notes, has_channel: bool, request: &Request) -> Answer {
    let notes = notes.lock().unwrap();
    let turtle = || vec![("content-type", "text/turtle".to_owned())];
    let path = request.url.path();
    let link = format!("<http://pod.test/channel{path}>; rel=\"{CHANNEL}\"");
    let linked = |mut headers: Vec<_>| {
        if has_channel {
            headers.push(("link", link));
        }
        headers
    };
    if let Some(topic) = path.strip_prefix("/channel") {
        return (
            200,
            turtle(),
            format!("{STREAM}{}", notification("Update", topic)),
        );
    }
    if path == "/notes/" {
        // The tag of a container stays the same when a document in it changes.
        let tag = ("etag", format!("\"{}-text/turtle\"", notes.len()));
        let headers = linked([&turtle()[..], &[tag]].concat());
        if request.headers.contains_key("if-none-match") {
            return (304, headers, String::new());
        }
        return (200, headers, container(&notes));
    }
    let id = path.strip_prefix("/notes/").unwrap();
    let Some(n) = notes.get(id) else {
        return (404, Vec::new(), "{}".to_owned());
    };
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("etag", format!("\"{n}-application/json\"")),
    ];
    (
        200,
        linked(headers),
        format!("{{\"id\":\"{id}\",\"n\":{n}}}"),
    )
}

fn pod(has_channel: bool) -> (Notes, Wire, Collection<Value>) {
    let notes = Arc::new(Mutex::new(BTreeMap::from([("a", 1), ("b", 1)])));
    let held = notes.clone();
    let wire = Wire::of(move |request| respond(&held, has_channel, request));
    let client = Client::builder("http://pod.test").profile(Solid);
    let client = client.transport(wire.clone()).build().unwrap();
    (notes, wire, client.collection("notes"))
}

#[tokio::test(start_paused = true)]
async fn the_channel_of_a_container_is_found_by_its_link_and_the_documents_by_its_list() {
    let (_, wire, documents) = pod(true);
    let mut watch = documents.watch().await.unwrap();
    assert_eq!(
        until(&mut watch, "caught up").await,
        ["a=1", "b=1", "caught up"]
    );
    assert_eq!(
        wire.asked(),
        [
            "HEAD http://pod.test/notes/ application/json",
            "GET http://pod.test/channel/notes/ text/turtle",
            "GET http://pod.test/notes/ text/turtle",
            "GET http://pod.test/notes/a application/json",
            "GET http://pod.test/notes/b application/json",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn additions_and_removals_are_told_by_the_channel_and_other_changes_by_the_next_list() {
    let (notes, wire, documents) = pod(true);
    let mut watch = documents.watch().await.unwrap();
    until(&mut watch, "caught up").await;
    wire.asked();
    notes.lock().unwrap().insert("c", 2);
    wire.say(&notification("Add", "/notes/c"));
    assert_eq!(next(&mut watch).await, "c=2");
    notes.lock().unwrap().remove("b");
    wire.say(&notification("Remove", "/notes/b"));
    assert_eq!(next(&mut watch).await, "b gone");
    let read = |id: &str| format!("GET http://pod.test/notes/{id} application/json");
    assert_eq!(wire.asked(), [read("c"), read("b")]);

    notes.lock().unwrap().insert("a", 3);
    assert_eq!(next(&mut watch).await, "a=3");
    // Only what has another time in the list is read.
    let list = "GET http://pod.test/notes/ text/turtle".to_owned();
    let asked = wire.asked();
    assert_eq!(asked[0], list);
    assert!(
        asked.contains(&read("a")) && !asked.contains(&read("b")),
        "{asked:?}"
    );
    within(&mut watch, Duration::from_secs(31)).await;
    assert!(wire.asked().contains(&list));
    within(&mut watch, Duration::from_secs(31)).await;
    assert_eq!(wire.asked(), [list], "nothing has changed");
}

#[tokio::test(start_paused = true)]
async fn what_has_changed_during_a_cut_is_told_without_a_reset() {
    let (notes, wire, documents) = pod(true);
    let mut watch = documents.watch().await.unwrap();
    until(&mut watch, "caught up").await;
    *notes.lock().unwrap() = BTreeMap::from([("a", 2), ("c", 1)]);
    wire.cut();
    let mut told = within(&mut watch, Duration::from_secs(20)).await;
    told.sort();
    assert_eq!(told, ["a=2", "b gone", "c=1"]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_without_channels_is_polled_and_its_lists_are_not_conditional() {
    let (notes, wire, documents) = pod(false);
    let mut watch = documents.watch().await.unwrap();
    until(&mut watch, "caught up").await;
    assert!(watch.has_fallen_back());
    wire.asked();
    notes.lock().unwrap().insert("a", 2);
    assert_eq!(next(&mut watch).await, "a=2");
    assert_eq!(wire.asked().len(), 2, "a list and a read");
}

#[tokio::test(start_paused = true)]
async fn all_that_one_list_shows_is_told_before_the_next_one() {
    let (notes, _, documents) = pod(false);
    let mut watch = documents.watch().await.unwrap();
    until(&mut watch, "caught up").await;
    *notes.lock().unwrap() = BTreeMap::from([("a", 2), ("b", 2), ("c", 1)]);
    assert_eq!(next(&mut watch).await, "a=2");
    let rest = within(&mut watch, Duration::from_secs(1)).await;
    assert_eq!(rest, ["b=2", "c=1"]);
}

#[tokio::test(start_paused = true)]
async fn one_document_is_followed_by_its_own_channel() {
    let (notes, wire, documents) = pod(true);
    let mut live = documents.item("a").live().await.unwrap();
    assert_eq!(
        wire.asked()[1],
        "GET http://pod.test/channel/notes/a text/turtle"
    );
    notes.lock().unwrap().insert("a", 2);
    wire.say(&notification("Update", "/notes/a"));
    live.changed().await.unwrap();
    assert_eq!(live.borrow()["n"], 2);
    notes.lock().unwrap().remove("a");
    wire.say(&notification("Delete", "/notes/a"));
    live.changed().await.unwrap();
    assert!(live.is_gone());
    assert!(
        !wire.asked().iter().any(|asked| asked.contains("/notes/ ")),
        "the container is not listed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_channel_on_another_origin_is_followed_only_if_that_is_named() {
    let (notes, _, _) = pod(true);
    let wire = Wire::of(move |request| {
        let (status, mut headers, body) = respond(&notes, true, request);
        for (name, value) in &mut headers {
            if *name == "link" {
                *value = value.replace("pod.test", "channels.test");
            }
        }
        (status, headers, body)
    });
    let client = Client::builder("http://pod.test").profile(Solid);
    let token = http::HeaderValue::from_static("Bearer secret");
    let client = client.default_header(http::header::AUTHORIZATION, token);
    let documents: Collection<Value> = client
        .transport(wire.clone())
        .build()
        .unwrap()
        .collection("notes");
    let mut watch = documents.watch().await.unwrap();
    let refused = watch.next().await.unwrap_err().to_string();
    assert!(
        refused.contains("allow_origin(\"http://channels.test\")"),
        "{refused}"
    );
    let watch = documents.watch().allow_origin("http://channels.test");
    let mut watch = watch.await.unwrap();
    until(&mut watch, "caught up").await;
    assert!(!wire.state().opened_with.contains_key("authorization"));
}
