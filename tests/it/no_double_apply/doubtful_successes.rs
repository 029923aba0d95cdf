//! Promises 1 and 2 for a 2xx that may be a success or a refusal: an ambiguous write is neither lost nor made twice.

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::profiles::Elasticsearch;
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{
    Client, Collection, Error, Generic, HiddenRefusal, Policy, Profile, Rule, Saved, ThreeWay,
    async_trait,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::{AT, Event, Server, foreign};

/// Answers each successful write with the representation as this makes it, as the server keeps it too.
#[derive(Clone)]
struct Managing(Server, fn(&mut Value));

#[async_trait]
impl Transport for Managing {
    async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        let is_put = request.method == Method::PUT;
        if is_put {
            let mut document: Value = serde_json::from_slice(&request.body).unwrap();
            (self.1)(&mut document);
            request.body = serde_json::to_vec(&document).unwrap().into();
        }
        let stored = request.body.clone();
        let mut reply = self.0.send(request).await?;
        if is_put && reply.status.is_success() {
            reply.status = StatusCode::OK;
            reply.body = stored;
        }
        Ok(reply)
    }
}

fn counting(transport: impl Transport, profile: impl Profile) -> Collection<Value> {
    let client = Client::builder("http://server.test/v1").transport(transport);
    let strategy = ThreeWay::new(Policy::new().field("/views", Rule::Counter));
    let client = client.profile(profile).build().unwrap();
    client.collection_with("articles", strategy)
}

fn count(article: &mut Value) {
    article["views"] = (article["views"].as_u64().unwrap() + 1).into();
}

/// One count behind such a server; what is there then.
async fn counted_once(rule: HiddenRefusal, manages: fn(&mut Value)) {
    let server = Server::with(AT, r#"{"ok":true,"views":1}"#);
    let profile = Generic::new().hidden_refusal(rule);
    let articles = counting(Managing(server.clone(), manages), profile);
    let told = articles.update(1, count).await;
    let told = told.map(|saved| saved.report().requests);
    assert_eq!(server.value(AT)["views"], 2, "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_success_whose_reply_is_the_resource_with_what_the_server_made_of_it_is_not_applied_twice()
 {
    // The server itself keeps the member by which refusals are known, too.
    let rule = HiddenRefusal::when("/ok", false);
    counted_once(rule, |v| v["ok"] = (v["views"] == 1).into()).await;
}

#[tokio::test(start_paused = true)]
async fn a_success_whose_reply_is_the_resource_and_lacks_the_word_is_not_applied_twice() {
    // Other replies of this API have a word for success; this one gives the resource back.
    counted_once(HiddenRefusal::unless("/succeeded", true), |_| ()).await;
}

#[tokio::test(start_paused = true)]
async fn a_creation_whose_reply_is_the_resource_is_no_refusal() {
    let server = Server::default();
    let profile = Generic::new().hidden_refusal(HiddenRefusal::when("/ok", false));
    let manages = Managing(server.clone(), |v| v["ok"] = false.into());
    let made = counting(manages, profile)
        .create(1, &json!({"views": 1}))
        .await;
    assert_eq!(server.applied(), 1);
    let told = made.map(|_| ()).map_err(|error| error.kind());
    // Success, or that it cannot be told; not that another client's is there.
    assert!(
        !matches!(&told, Err(ifmatch::ErrorKind::AlreadyExists)),
        "{told:?}"
    );
}

/// Codes the bodies of its replies to writes, whatever was asked for.
struct Coding(Server);

#[async_trait]
impl Transport for Coding {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let is_write = request.method != Method::GET;
        let mut reply = self.0.send(request).await?;
        if is_write && !reply.body.is_empty() {
            let mut coder = GzEncoder::new(Vec::new(), Compression::default());
            coder.write_all(&reply.body).unwrap();
            reply.body = coder.finish().unwrap().into();
            let gzip = HeaderValue::from_static("gzip");
            reply.headers.insert("content-encoding", gzip);
        }
        Ok(reply)
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_in_a_coded_200_is_not_taken_for_success() {
    let server = Server::with(AT, r#"{"views":1}"#);
    server.0.lock().unwrap().stale = Some((200, r#"{"ok":false,"error":"stale"}"#));
    server.script([Event::Plain, foreign(|theirs| theirs["views"] = 5.into())]);
    let profile = Generic::new().hidden_refusal(HiddenRefusal::when("/ok", false));
    let outcome = counting(Coding(server.clone()), profile)
        .update(1, count)
        .await;
    let told_stored = outcome.is_ok();
    let views = server.value(AT)["views"].clone();
    assert!(
        !told_stored || views == 6,
        "told as stored, and there is {views}"
    );
}

/// Elasticsearch behind a gateway that writes into two indices by one `_bulk`; the second one fails in the
/// write of this number.
struct TwoIndices {
    state: Arc<Mutex<(u64, Value, u32)>>,
    fails_in: u32,
}

#[async_trait]
impl Transport for TwoIndices {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        sleep(Duration::from_millis(5)).await;
        let mut state = self.state.lock().unwrap();
        let reply = |status: u16, body: Value| {
            let status = StatusCode::from_u16(status).unwrap();
            Ok(Response::new(status, HeaderMap::new(), body.to_string()))
        };
        let version = state.0;
        if request.method == Method::GET {
            let source = &state.1;
            return reply(
                200,
                json!({"_seq_no": version, "_primary_term": 1, "_source": source}),
            );
        }
        state.2 += 1;
        let wanted = format!("if_seq_no={version}&");
        if !format!("{}&", request.url.query().unwrap()).contains(&wanted) {
            let error = json!({"type": "version_conflict_engine_exception"});
            return reply(409, json!({"status": 409, "error": error}));
        }
        state.0 += 1;
        state.1 = serde_json::from_slice(&request.body).unwrap();
        let done = json!({"index": {"status": 200, "_seq_no": state.0, "_primary_term": 1}});
        if state.2 == self.fails_in {
            let failed = json!({"index": {"status": 429, "error": {"type": "es_rejected_execution_exception"}}});
            return reply(200, json!({"errors": true, "items": [done, failed]}));
        }
        reply(200, json!({"errors": false, "items": [done, done]}))
    }
}

#[tokio::test(start_paused = true)]
async fn edits_that_went_out_together_and_were_stored_in_part_are_not_made_again() {
    let state = Arc::new(Mutex::new((1, json!({"views": 0}), 0)));
    let gateway = TwoIndices {
        state: state.clone(),
        fails_in: 2,
    };
    let articles = counting(gateway, Elasticsearch);
    let mut tasks: JoinSet<Result<Saved<Value>, Error>> = JoinSet::new();
    // The first one goes alone, the other two together.
    for _ in 0..3 {
        tasks.spawn(articles.update(1, count));
    }
    let outcomes = tasks.join_all().await;
    let told: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    let (_, document, writes) = &*state.lock().unwrap();
    assert!(
        document["views"].as_u64().unwrap() <= 3,
        "{document} after {writes} writes: {told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_with_a_tag_of_its_own_settles_no_lost_write() {
    // Frameworks that put a tag on every reply (@fastify/etag) do so on refusals in a 200 as well.
    const REFUSED: &str = r#"{"ok":false,"error":"database"}"#;
    let server = Server::with(AT, r#"{"title":"old","draft":true}"#);
    let tag = &[("etag", "\"of-the-refusal\"")];
    server.script([
        Event::Plain,
        Event::LoseRequest,
        Event::Answer(200, tag, REFUSED),
    ]);
    let profile = Generic::new().hidden_refusal(HiddenRefusal::when("/ok", false));
    let publish = |article: &mut Value| {
        article.as_object_mut().unwrap().remove("draft");
    };
    let articles = crate::support::values(&server, profile);
    let told = articles.update(1, publish).await;
    let told = told.map(|saved| saved.report().settled);
    let there = server.value(AT);
    assert!(
        told.is_err() || there.get("draft").is_none(),
        "{told:?}: {there}"
    );
}
