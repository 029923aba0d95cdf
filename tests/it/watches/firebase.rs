//! The stream of Firebase, with events as its documentation gives them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderValue;
use http::header::AUTHORIZATION;
use ifmatch::profiles::Firebase;
use ifmatch::transport::Request;
use ifmatch::{Change, Client, Collection};
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::wire::{Answer, STREAM, Wire};
use super::{next, until, within};

/// What the database holds below `/posts`.
type Posts = Arc<Mutex<Value>>;

fn body_of(posts: &Value, path: &str) -> (String, String) {
    let id = path
        .strip_prefix("/posts/")
        .and_then(|id| id.strip_suffix(".json"));
    let value = id.map_or_else(|| posts.clone(), |id| posts[id].clone());
    let tag = match &value {
        Value::Null => "null_etag".to_owned(),
        value => format!(
            "{}x{}=",
            value.to_string().len(),
            value["n"].as_u64().unwrap_or(0)
        ),
    };
    (value.to_string(), tag)
}

fn respond(posts: &Posts, request: &Request) -> Answer {
    let posts = posts.lock().unwrap();
    let (body, tag) = body_of(&posts, request.url.path());
    let json = "application/json; charset=utf-8".to_owned();
    if request
        .headers
        .get("accept")
        .is_some_and(|accept| accept == "text/event-stream")
    {
        let event = format!("{STREAM}event: put\ndata: {{\"path\": \"/\", \"data\": {body}}}\n\n");
        return (
            200,
            vec![("content-type", "text/event-stream".to_owned())],
            event,
        );
    }
    let mut headers = vec![("content-type", json)];
    if request.headers.contains_key("x-firebase-etag") {
        headers.push(("etag", tag));
    }
    (200, headers, body)
}

fn database(posts: Value) -> (Posts, Wire, Collection<Value>) {
    let posts = Arc::new(Mutex::new(posts));
    let held = posts.clone();
    let wire = Wire::of(move |request| respond(&held, request));
    let client = Client::builder("https://db.test").profile(Firebase);
    let client = client.transport(wire.clone()).build().unwrap();
    (posts, wire, client.collection("posts"))
}

fn post(id: &str, n: u64) -> Value {
    json!({"id": id, "n": n})
}

const OPENED: &str = "GET https://db.test/posts.json text/event-stream";

#[tokio::test(start_paused = true)]
async fn the_stream_of_firebase_begins_with_the_whole_so_that_no_list_is_requested() {
    let (posts, wire, documents) = database(json!({"a": post("a", 1), "b": post("b", 1)}));
    let mut watch = documents.watch().await.unwrap();
    let whole = until(&mut watch, "caught up").await;
    assert_eq!(whole, ["a=1", "b=1", "caught up"]);
    assert_eq!(wire.asked(), [OPENED]);

    // A document that is new here is told as it is. One that is known, or that changed in part, is read.
    posts.lock().unwrap()["c"] = post("c", 1);
    wire.say("event: put\ndata: {\"path\": \"/c\", \"data\": {\"id\": \"c\", \"n\": 1}}\n\n");
    assert_eq!(next(&mut watch).await, "c=1");
    assert_eq!(wire.asked(), [""; 0]);
    posts.lock().unwrap()["a"] = post("a", 2);
    wire.say(
        "event: put\ndata: {\"path\": \"/a/n\", \"data\": 2}\n\nevent: keep-alive\ndata: null\n\n",
    );
    assert_eq!(next(&mut watch).await, "a=2");
    assert_eq!(
        wire.asked(),
        ["GET https://db.test/posts/a.json application/json"]
    );
    posts.lock().unwrap()["b"] = post("b", 3);
    posts.lock().unwrap()["c"] = post("c", 3);
    wire.say("event: patch\ndata: {\"path\": \"/\", \"data\": {\"b/n\": 3, \"c/n\": 3}}\n\n");
    assert_eq!(until(&mut watch, "c=3").await, ["b=3", "c=3"]);
    posts.lock().unwrap().as_object_mut().unwrap().remove("b");
    wire.say("event: put\ndata: {\"path\": \"/b\", \"data\": null}\n\n");
    assert_eq!(next(&mut watch).await, "b gone");
}

#[tokio::test(start_paused = true)]
async fn a_whole_that_replaces_another_is_told_after_a_reset() {
    let (posts, wire, documents) = database(json!({"a": post("a", 1), "b": post("b", 1)}));
    let mut watch = documents.watch().await.unwrap();
    until(&mut watch, "caught up").await;
    *posts.lock().unwrap() = json!({"a": post("a", 5)});
    wire.say(
        "event: put\ndata: {\"path\": \"/\", \"data\": {\"a\": {\"id\": \"a\", \"n\": 5}}}\n\n",
    );
    let told = until(&mut watch, "caught up").await;
    assert_eq!(told, ["reset", "a=5", "b gone", "caught up"]);
    *posts.lock().unwrap() = Value::Null;
    wire.say("event: put\ndata: {\"path\": \"/\", \"data\": null}\n\n");
    assert_eq!(
        until(&mut watch, "caught up").await,
        ["reset", "a gone", "caught up"]
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_cut_only_what_has_changed_is_told() {
    let (posts, wire, documents) = database(json!({"a": post("a", 1), "b": post("b", 1)}));
    let mut watch = documents.watch().await.unwrap();
    until(&mut watch, "caught up").await;
    wire.asked();
    *posts.lock().unwrap() = json!({"a": post("a", 2), "c": post("c", 1)});
    wire.cut();
    let mut told = within(&mut watch, Duration::from_secs(30)).await;
    told.sort();
    assert_eq!(told, ["a=2", "b gone", "c=1"]);
    assert_eq!(wire.asked()[0], OPENED);
}

#[tokio::test(start_paused = true)]
async fn withdrawn_credentials_and_rules_that_forbid_the_stream_lead_to_another_connection() {
    for event in [
        "event: auth_revoked\ndata: credential is no longer valid\n\n",
        "event: cancel\ndata: null\n\n",
    ] {
        let (posts, wire, documents) = database(json!({"a": post("a", 1)}));
        let mut watch = documents.watch().await.unwrap();
        until(&mut watch, "caught up").await;
        posts.lock().unwrap()["a"] = post("a", 2);
        wire.asked();
        wire.say(event);
        assert_eq!(next(&mut watch).await, "a=2");
        assert_eq!(wire.asked()[0], OPENED);
    }
}

#[tokio::test(start_paused = true)]
async fn one_document_is_followed_by_its_own_stream() {
    let (posts, wire, documents) = database(json!({"a": post("a", 1)}));
    let mut live = documents.item("a").live().await.unwrap();
    posts.lock().unwrap()["a"] = post("a", 2);
    wire.say("event: put\ndata: {\"path\": \"/n\", \"data\": 2}\n\n");
    live.changed().await.unwrap();
    assert_eq!(live.borrow()["n"], 2);
    assert_eq!(
        wire.asked()[0],
        "GET https://db.test/posts/a.json text/event-stream"
    );
}

/// The database, which redirects streams to another server, and that server.
async fn redirecting() -> (MockServer, MockServer) {
    let (database, host) = (MockServer::start().await, MockServer::start().await);
    let stream = format!("{}/posts.json?ns=db&auth=T", host.uri());
    let moved = ResponseTemplate::new(307).insert_header("location", stream.as_str());
    let streams = Mock::given(method("GET")).and(path("/posts.json"));
    let streams = streams.and(header("accept", "text/event-stream"));
    streams.respond_with(moved).mount(&database).await;
    let event =
        "event: put\ndata: {\"path\": \"/\", \"data\": {\"a\": {\"id\": \"a\", \"n\": 1}}}\n\n";
    let event = ResponseTemplate::new(200).set_body_raw(event, "text/event-stream");
    Mock::given(path("/posts.json"))
        .respond_with(event)
        .mount(&host)
        .await;
    (database, host)
}

fn with_credentials(database: &MockServer) -> Collection<Value> {
    let token = HeaderValue::from_static("Bearer secret");
    let client = Client::builder(database.uri()).profile(Firebase);
    let client = client.default_header(AUTHORIZATION, token).build().unwrap();
    client.collection("posts")
}

#[tokio::test]
async fn a_stream_on_another_host_is_followed_only_if_that_is_named_and_gets_no_credentials() {
    let (database, host) = redirecting().await;
    let documents = with_credentials(&database);
    let mut watch = documents.watch().await.unwrap();
    let refused = watch.next().await.unwrap_err();
    let advice = format!("OpenWatch::allow_origin({:?})", host.uri());
    assert!(refused.to_string().contains(&advice), "{refused}");
    assert!(host.received_requests().await.unwrap().is_empty());

    let mut watch = documents.watch().allow_origin(host.uri()).await.unwrap();
    let Some(Change::Put(post)) = watch.next().await.unwrap() else {
        panic!("a state was expected");
    };
    assert_eq!(post["n"], 1);
    let followed = host.received_requests().await.unwrap();
    assert_eq!(followed[0].url.query(), Some("ns=db&auth=T"));
    assert!(!followed[0].headers.contains_key(AUTHORIZATION));
    let asked = database.received_requests().await.unwrap();
    assert!(
        asked
            .iter()
            .all(|request| request.headers.contains_key(AUTHORIZATION))
    );
}

#[tokio::test]
async fn an_origin_that_is_no_address_is_refused_at_once() {
    let (database, _) = redirecting().await;
    let watch = with_credentials(&database).watch();
    let refused = watch.allow_origin("elsewhere").await.unwrap_err();
    assert_eq!(refused.kind(), ifmatch::ErrorKind::Config);
}
