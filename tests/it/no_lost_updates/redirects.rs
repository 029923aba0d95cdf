//! Promise 1 for redirects: a redirected request keeps everything that it carried, or is not sent.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use ifmatch::transport::{Request, Response, TransportError};
use ifmatch::{
    Client, Collection, ErrorKind, Generic, ThreeWay, Transport, Versioning, WriteMode, async_trait,
};
use serde_json::{Value, json};

use crate::support::Seen;

/// Everything beneath `/old` has moved, by way of the addresses that it names. What is there has version 3
/// and takes every write, whatever it is pinned to.
#[derive(Clone)]
struct Moved {
    to: Arc<[&'static str]>,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// The version, and the document without it.
    there: Arc<Mutex<(u64, Value)>>,
}

impl Moved {
    fn by_way_of(to: &[&'static str]) -> Self {
        Self {
            to: to.into(),
            seen: Arc::default(),
            there: Arc::new(Mutex::new((3, json!({"title": "old"})))),
        }
    }

    fn values(&self, versioning: Versioning) -> Collection<Value> {
        let client = Client::builder("http://h/")
            .transport(self.clone())
            .profile(Generic::new().versioning(versioning))
            .build()
            .unwrap();
        client.collection_with("old", ThreeWay::default())
    }

    /// The requests since, each that followed a redirect beside the one that was made first.
    fn take_hops(&self) -> Vec<(Seen, Seen)> {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        let (mut first, mut hops) = (None, Vec::new());
        for seen in seen {
            if seen.path.starts_with("/old") {
                first = Some(seen);
            } else {
                hops.push((first.clone().unwrap(), seen));
            }
        }
        hops
    }
}

#[async_trait]
impl Transport for Moved {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let path = request.url.path().to_owned();
        self.seen.lock().unwrap().push(Seen {
            method: request.method.clone(),
            path: path.clone(),
            query: request.url.query().map(str::to_owned),
            headers: request.headers.clone(),
            body: request.body.to_vec(),
        });
        let at = self
            .to
            .iter()
            .position(|to| path == to.split(['?', '#']).next().unwrap());
        let next = match at {
            None if path.starts_with("/old") => self.to.first(),
            None => None,
            Some(at) => self.to.get(at + 1),
        };
        let mut headers = HeaderMap::new();
        if let Some(next) = next {
            headers.insert("location", HeaderValue::from_static(next));
            return Ok(Response::new(StatusCode::PERMANENT_REDIRECT, headers, ""));
        }
        if path.ends_with("/list") {
            return Ok(Response::new(StatusCode::OK, headers, "[]"));
        }
        if request.method == Method::DELETE {
            return Ok(Response::new(StatusCode::NO_CONTENT, headers, ""));
        }
        let mut there = self.there.lock().unwrap();
        if request.method != Method::GET {
            there.0 += 1;
            there.1["title"] = title(&serde_json::from_slice(&request.body).unwrap());
        }
        let mut shown = there.1.clone();
        shown["version"] = there.0.into();
        headers.insert("etag", format!("\"{}\"", there.0).parse().unwrap());
        headers.insert("x-revision", there.0.into());
        Ok(Response::new(StatusCode::OK, headers, shown.to_string()))
    }
}

/// The title that a document, a merge patch or a JSON patch gives.
fn title(body: &Value) -> Value {
    let steps = body.as_array().into_iter().flatten();
    let set = steps.filter(|step| step["path"] == "/title" && step["op"] != "test");
    set.map(|step| step["value"].clone())
        .next_back()
        .unwrap_or_else(|| body["title"].clone())
}

/// Each place in which a condition can go out.
fn everywhere() -> Vec<Versioning> {
    let revision = || HeaderName::from_static("x-revision");
    let field = || Versioning::body_field("/version");
    vec![
        Versioning::default(),
        field()
            .sent_in_query("version")
            .create_query("op_type", "create"),
        field()
            .sent_in_query("seq")
            .and(Versioning::header(revision()).sent_in_query("term")),
        field()
            .sent_in_body("/version")
            .delete_body(json!({"kind": "removal"}), "/preconditions/version"),
        field().sent_as_tag(),
        Versioning::header(revision())
            .sent_in_header(revision())
            .create_header(revision(), "0"),
    ]
}

fn pairs(seen: &Seen) -> Vec<(String, String)> {
    let query = seen.query.as_deref().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_request_that_is_moved_carries_what_it_carried_before() {
    for to in [
        &["/end"][..],
        &["/end?"],
        &["/end?page=2&x"],
        &["/end#version=9"],
        &["http://h/end"],
        &["http://other:user@h/end"],
        &["/mid?x=1", "/end"],
        &["/mid", "/far?y", "/end?x=1"],
    ] {
        for versioning in everywhere() {
            for mode in [WriteMode::Put, WriteMode::MergePatch, WriteMode::JsonPatch] {
                let server = Moved::by_way_of(to);
                let values = server
                    .values(versioning.clone())
                    .write_mode(mode)
                    .query("tenant", "a b");
                let mut one = values.get(1).await.unwrap();
                one["title"] = "mine".into();
                values.save(&one).await.unwrap();
                values
                    .update(1, |it| it["title"] = "updated".into())
                    .await
                    .unwrap();
                values.create(2, &json!({"title": "new"})).await.unwrap();
                values.post(&json!({"title": "new"})).await.unwrap();
                values.delete(one).await.unwrap();
                let hops = server.take_hops();
                assert!(
                    hops.len() >= 6 * to.len(),
                    "{to:?} {versioning:?}: {} hops",
                    hops.len()
                );
                for (moved, there) in hops {
                    let told = format!("{to:?} {versioning:?} {mode:?}: {moved:?}, then {there:?}");
                    assert_eq!(
                        (&moved.method, &moved.body),
                        (&there.method, &there.body),
                        "{told}"
                    );
                    assert_eq!(moved.headers, there.headers, "{told}");
                    let carried = pairs(&there);
                    assert!(
                        pairs(&moved).iter().all(|pair| carried.contains(pair)),
                        "{told}"
                    );
                    assert!(carried.contains(&("tenant".into(), "a b".into())), "{told}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_is_not_repeated_where_its_condition_would_have_another_value() {
    for to in [
        "/end?version=4",
        "/end?version=",
        "/end?version=3&version=4",
        "/end?%76ersion=4",
    ] {
        let server = Moved::by_way_of(&[to]);
        let versioning = Versioning::body_field("/version").sent_in_query("version");
        let values = server.values(versioning);
        let one = values
            .restore(1, r#"{"version":3,"title":"old"}"#, "version:3")
            .unwrap();
        for error in [
            values
                .save({
                    let mut one = one.clone();
                    one["title"] = "mine".into();
                    one
                })
                .await
                .unwrap_err(),
            values.delete(one).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Transport, "{to}: {error}");
            assert!(error.to_string().contains("\"version\""), "{error}");
            assert!(!error.to_string().contains("version=4"), "{error}");
        }
        let seen = server.seen.lock().unwrap();
        assert!(
            seen.iter().all(|seen| seen.path != "/end"),
            "{to}: {seen:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_is_moved_still_asks_for_what_it_asked() {
    let server = Moved::by_way_of(&["/end/list"]);
    let open = server.values(Versioning::default()).query("status", "open");
    open.list().await.unwrap();
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen[1].query.as_deref(), Some("status=open"));
}

#[tokio::test(start_paused = true)]
async fn a_parameter_of_the_handle_never_stands_beside_the_condition_of_that_name() {
    let server = Moved::by_way_of(&["/end"]);
    let versioning = Versioning::body_field("/version").sent_in_query("version");
    let values = server.values(versioning).query("version", 9).query("x", 1);
    values
        .update(1, |it| it["title"] = "mine".into())
        .await
        .unwrap();
    let seen = server.seen.lock().unwrap();
    for write in seen.iter().filter(|seen| seen.method == Method::PUT) {
        assert_eq!(write.query.as_deref(), Some("x=1&version=3"));
    }
}
