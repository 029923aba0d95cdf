//! The feeds of known APIs, as those APIs answer. They answer at once, so only the newest states are told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};
use ifmatch::profiles::{CouchDb, EtcdV3, Kinto, Kubernetes};
use ifmatch::transport::{
    Bytes, Chunks, Fate, Request, Response, Streaming, Transport, TransportError,
};
use ifmatch::{Change, Client, Profile, Watch, async_trait};
use serde_json::Value;

/// Answers in their order, and the addresses that were asked for.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<(VecDeque<Answer>, Vec<Asked>)>>);

/// The address and the body of a request.
type Asked = (String, String);

struct Answer {
    tag: Option<&'static str>,
    body: String,
}

impl Scripted {
    fn of(bodies: &[(Option<&'static str>, &str)]) -> Self {
        let answers = bodies.iter().map(|(tag, body)| Answer {
            tag: *tag,
            body: (*body).to_owned(),
        });
        Self(Arc::new(Mutex::new((answers.collect(), Vec::new()))))
    }

    fn next(&self, request: &Request) -> Option<(HeaderMap, String)> {
        let mut script = self.0.lock().unwrap();
        let asked = request.url.path().to_owned();
        let query = request.url.query().map(|query| format!("?{query}"));
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        script.1.push((asked + &query.unwrap_or_default(), body));
        let Answer { tag, body } = script.0.pop_front()?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(tag) = tag {
            headers.insert(ETAG, HeaderValue::from_static(tag));
        }
        Some((headers, body))
    }

    fn asked(&self) -> Vec<String> {
        let asked = &self.0.lock().unwrap().1;
        asked.iter().map(|(address, _)| address.clone()).collect()
    }

    fn bodies(&self) -> Vec<String> {
        let asked = &self.0.lock().unwrap().1;
        asked.iter().map(|(_, body)| body.clone()).collect()
    }

    async fn watch(&self, profile: impl Profile) -> Watch<Value> {
        let builder = Client::builder("http://api.test").transport(self.clone());
        let client = builder.profile(profile).build().unwrap();
        client.collection("things").watch().await.unwrap()
    }
}

/// The lines of a stream, which is then cut.
struct Lines(Option<String>);

#[async_trait]
impl Chunks for Lines {
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        match self.0.take() {
            Some(lines) => Ok(Some(lines.into())),
            None => Err(TransportError::new(Fate::Unknown, "the connection was cut")),
        }
    }
}

#[async_trait]
impl Transport for Scripted {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        match self.next(&request) {
            Some((headers, body)) => Ok(Response::new(StatusCode::OK, headers, body)),
            None => std::future::pending().await,
        }
    }

    async fn open(&self, request: Request) -> Result<Streaming, TransportError> {
        match self.next(&request) {
            Some((headers, body)) => {
                let lines = Box::new(Lines(Some(body)));
                Ok(Streaming::new(StatusCode::OK, headers, lines))
            }
            None => std::future::pending().await,
        }
    }
}

async fn tell(watch: &mut Watch<Value>, number: usize) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..number {
        let change = tokio::time::timeout(Duration::from_secs(600), watch.next()).await;
        let change = change.unwrap_or_else(|_| panic!("nothing comes after {told:?}"));
        told.push(match change.unwrap().unwrap() {
            Change::Put(thing) => {
                let version = thing.snapshot().validator().unwrap().to_string();
                format!("{} {version}", thing.snapshot().id().unwrap())
            }
            Change::Gone(id) => format!("{id} gone"),
            Change::Reset => "reset".to_owned(),
            Change::CaughtUp => "caught up".to_owned(),
        });
    }
    told
}

#[tokio::test(start_paused = true)]
async fn kubernetes_is_listed_and_followed_with_bookmarks_until_the_version_is_too_old() {
    let object = |name: &str, version: u8| {
        format!(r#"{{"metadata":{{"name":"{name}","resourceVersion":"{version}"}}}}"#)
    };
    let list = |version: u8, items: &[String]| {
        let items = items.join(",");
        format!(r#"{{"metadata":{{"resourceVersion":"{version}"}},"items":[{items}]}}"#)
    };
    let line = |kind: &str, object: &str| format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n");
    let bookmark = r#"{"metadata":{"resourceVersion":"20"}}"#;
    let followed = [
        line("MODIFIED", &object("a", 13)),
        line("DELETED", &object("b", 14)),
        line("BOOKMARK", bookmark),
    ];
    let server = Scripted::of(&[
        (None, &list(12, &[object("a", 10), object("b", 11)])),
        (None, &followed.concat()),
        (None, &line("ERROR", r#"{"kind":"Status","code":410}"#)),
        (None, &list(30, &[object("c", 25)])),
    ]);
    let mut watch = server.watch(Kubernetes).await;
    let told = tell(&mut watch, 7).await;
    let expected = [
        "a version:13",
        "b gone",
        "caught up",
        "reset",
        "c version:25",
        "a gone",
        "caught up",
    ];
    assert_eq!(told, expected);
    let opened = "/things?watch=true&allowWatchBookmarks=true&resourceVersion=";
    let asked = server.asked();
    assert_eq!(
        asked[..4],
        [
            "/things".to_owned(),
            format!("{opened}12"),
            format!("{opened}20"),
            "/things".to_owned()
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn etcd_is_listed_and_followed_until_the_revision_was_compacted() {
    let kv = |key: &str, revision: u8| {
        format!(
            r#"{{"key":"{key}","create_revision":"2","mod_revision":"{revision}","value":"eyJuIjoxfQ=="}}"#
        )
    };
    let result = |revision: u8, more: &str| {
        format!(r#"{{"header":{{"cluster_id":"9","revision":"{revision}"}},{more}}}"#)
    };
    let line = |revision: u8, more: &str| format!("{{\"result\":{}}}\n", result(revision, more));
    // `things/a`, `things/b`, and `things/x/a` of another collection.
    let (a, b, below) = ("dGhpbmdzL2E=", "dGhpbmdzL2I=", "dGhpbmdzL3gvYQ==");
    let events = format!(
        r#""events":[{{"kv":{}}},{{"kv":{}}},{{"type":"DELETE","kv":{{"key":"{b}","mod_revision":"14"}}}}]"#,
        kv(a, 13),
        kv(below, 13)
    );
    let server = Scripted::of(&[
        (
            None,
            &result(12, &format!(r#""kvs":[{},{}]"#, kv(a, 10), kv(b, 11))),
        ),
        (None, &(line(14, r#""created":true"#) + &line(14, &events))),
        (
            None,
            &line(30, r#""canceled":true,"compact_revision":"20""#),
        ),
        (None, &result(30, &format!(r#""kvs":[{}]"#, kv(b, 25)))),
    ]);
    let mut watch = server.watch(EtcdV3::new()).await;
    let told = tell(&mut watch, 7).await;
    let expected = [
        "a version:13",
        "b gone",
        "caught up",
        "reset",
        "b version:25",
        "a gone",
        "caught up",
    ];
    assert_eq!(told, expected);
    let asked = server.asked();
    let expected = ["/v3/kv/range", "/v3/watch", "/v3/watch", "/v3/kv/range"];
    assert_eq!(asked[..4], expected);
    let bodies = server.bodies();
    // The range from `things/` to `things0`.
    let range = r#""key":"dGhpbmdzLw==","progress_notify":true,"range_end":"dGhpbmdzMA==""#;
    for (body, revision) in [(&bodies[1], 13), (&bodies[2], 15)] {
        let expected = format!(r#"{{"create_request":{{{range},"start_revision":"{revision}"}}}}"#);
        assert_eq!(*body, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_of_etcd_that_is_no_json_is_told_as_an_error() {
    let kv = |key: &str, revision: u8, value: &str| {
        format!(
            r#"{{"key":"{key}","create_revision":"2","mod_revision":"{revision}","value":"{value}"}}"#
        )
    };
    // `things/a`, `things/b`, and `no JSON`.
    let (a, b, unreadable) = ("dGhpbmdzL2E=", "dGhpbmdzL2I=", "bm8gSlNPTg==");
    let range = |revision: u8, kvs: &str| {
        format!(r#"{{"header":{{"revision":"{revision}"}},"kvs":[{kvs}]}}"#)
    };
    let (bad, good) = (kv(a, 10, unreadable), kv(b, 11, "eyJuIjoxfQ=="));
    let event = kv(b, 13, unreadable);
    let lines = format!(
        "{{\"result\":{{\"header\":{{\"revision\":\"12\"}},\"created\":true}}}}\n\
         {{\"result\":{{\"header\":{{\"revision\":\"13\"}},\"events\":[{{\"kv\":{event}}}]}}}}\n"
    );
    let server = Scripted::of(&[
        (None, &range(12, &format!("{bad},{good}"))),
        (None, &lines),
        (None, &range(13, &event)),
    ]);
    let mut watch = server.watch(EtcdV3::new()).await;
    let mut told = Vec::new();
    // The readable state of `b` may be left out, because the next one came at once.
    while let Ok(change) = tokio::time::timeout(Duration::from_secs(600), watch.next()).await {
        told.push(match change {
            Ok(Some(Change::Put(thing))) => thing.snapshot().id().unwrap().to_owned(),
            Ok(other) => format!("{other:?}"),
            Err(error) => format!("{:?}", error.kind()),
        });
    }
    told.retain(|it| it != "b");
    told.sort();
    assert_eq!(told, ["Decode", "Decode", "Some(CaughtUp)"]);
}

#[tokio::test(start_paused = true)]
async fn kinto_is_asked_for_what_changed_since_the_last_record() {
    let server = Scripted::of(&[
        (
            Some("\"15\""),
            r#"{"data":[{"id":"a","last_modified":14},{"id":"b","last_modified":15}]}"#,
        ),
        (
            None,
            r#"{"data":[{"id":"a","last_modified":17},{"id":"b","last_modified":18,"deleted":true}]}"#,
        ),
        (None, r#"{"data":[]}"#),
        (None, r#"{"data":[{"id":"c","last_modified":19}]}"#),
    ]);
    let mut watch = server.watch(Kinto).await;
    let told = tell(&mut watch, 4).await;
    assert_eq!(told, ["a \"17\"", "b gone", "caught up", "c \"19\""]);
    let since = "/things?_sort=last_modified&_since=";
    let expected = ["15", "18", "18"].map(|at| format!("{since}{at}"));
    assert_eq!(server.asked()[1..4], expected);
}

#[tokio::test(start_paused = true)]
async fn couchdb_is_followed_by_long_polls() {
    let server = Scripted::of(&[
        (
            None,
            r#"{"results":[{"seq":"1-x","id":"a","changes":[{"rev":"1-p"}],"doc":{"_id":"a","_rev":"1-p"}},
            {"seq":"2-x","id":"b","changes":[{"rev":"2-q"}],"deleted":true,"doc":{"_id":"b","_rev":"2-q","_deleted":true}}],
            "last_seq":"2-x"}"#,
        ),
        (
            None,
            r#"{"results":[{"seq":"3-x","id":"a","changes":[{"rev":"2-r"}],"doc":{"_id":"a","_rev":"2-r"}}],"last_seq":"3-x"}"#,
        ),
        (None, r#"{"results":[],"last_seq":"3-x"}"#),
        (
            None,
            r#"{"results":[{"seq":"4-x","id":"a","changes":[{"rev":"3-s"}],"deleted":true}],"last_seq":"4-x"}"#,
        ),
    ]);
    let mut watch = server.watch(CouchDb).await;
    let told = tell(&mut watch, 3).await;
    assert_eq!(told, ["a version:2-r", "caught up", "a gone"]);
    let asked = server.asked();
    assert!(
        asked[1].ends_with("since=2-x") && asked[2].ends_with("since=3-x"),
        "{asked:?}"
    );
    assert!(asked[3].ends_with("since=3-x"), "{asked:?}");
}
