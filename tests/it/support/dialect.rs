//! Servers in memory that carry versions in their own ways, and reject every write without one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{Client, Collection, Profile, ThreeWay, async_trait};
use serde_json::{Value, json};

use super::Seen;

/// What a write demands of the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Version(String),
    Absent,
    Nothing,
}

/// Header fields and the body of a reply.
pub(crate) type Told = (Vec<(&'static str, String)>, Value);

/// How one API spells versions, documents and refusals.
#[derive(Clone, Copy)]
pub(crate) struct Dialect {
    pub(crate) name: &'static str,
    /// The reply to a read.
    pub(crate) show: fn(u64, &Value) -> Told,
    /// The reply to a write that was carried out.
    pub(crate) written: fn(u64, &Value) -> Told,
    pub(crate) wanted: fn(&Seen) -> Wanted,
    /// How a version is spelled in a condition.
    pub(crate) version: fn(u64) -> String,
    /// The document that a write makes of the one before.
    pub(crate) taken: fn(&Seen, Option<&Value>) -> Value,
    pub(crate) stale: u16,
    pub(crate) refusal: fn(u64, Option<&Value>) -> Told,
}

pub(crate) fn body(seen: &Seen) -> Value {
    serde_json::from_slice(&seen.body).unwrap_or(Value::Null)
}

pub(crate) fn query(seen: &Seen, name: &str) -> Option<String> {
    let query = seen.query.as_deref().unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let (_, value) = pairs.find(|(key, _)| key == name)?;
    Some(value.into_owned())
}

/// The version in the query, which is where removals have it.
pub(crate) fn in_query(seen: &Seen) -> Option<Wanted> {
    query(seen, "version").map(Wanted::Version)
}

/// The version in a member of the body; a body without it demands that nothing is there.
pub(crate) fn inside(seen: &Seen, pointer: &str) -> Wanted {
    match body(seen).pointer(pointer) {
        None | Some(Value::Null) => Wanted::Absent,
        Some(Value::String(text)) => Wanted::Version(text.clone()),
        Some(other) => Wanted::Version(other.to_string()),
    }
}

/// `If-Match`, or `If-None-Match: *`.
pub(crate) fn by_tag(seen: &Seen) -> Wanted {
    match (seen.header("if-match"), seen.header("if-none-match")) {
        (Some(tag), _) => Wanted::Version(tag.to_owned()),
        (None, Some("*")) => Wanted::Absent,
        _ => Wanted::Nothing,
    }
}

/// The document without the member in which its version travels.
pub(crate) fn without(mut document: Value, name: &str) -> Value {
    if let Some(members) = document.as_object_mut() {
        members.remove(name);
    }
    document
}

pub(crate) fn with(document: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut document = document.clone();
    document[name] = value.into();
    document
}

impl Dialect {
    /// Strong tags, the document as the body, replies to writes with nothing but the tag.
    pub(crate) const TAGS: Self = Self {
        name: "tags",
        show: |version, document| (vec![("etag", format!("\"{version}\""))], document.clone()),
        written: |version, _| (vec![("etag", format!("\"{version}\""))], Value::Null),
        wanted: by_tag,
        version: |version| format!("\"{version}\""),
        taken: |seen, _| body(seen),
        stale: 412,
        refusal: |_, _| (vec![], json!({"title": "stale"})),
    };

    /// `metadata.resourceVersion` in the document, which goes back in it, or in the preconditions of a removal.
    pub(crate) const KUBERNETES: Self = Self {
        name: "Kubernetes",
        show: of_kubernetes,
        written: of_kubernetes,
        wanted: |seen| match body(seen)["kind"].as_str() {
            Some("DeleteOptions") => inside(seen, "/preconditions/resourceVersion"),
            _ => inside(seen, "/metadata/resourceVersion"),
        },
        version: |version| version.to_string(),
        taken: |seen, _| {
            let mut object = body(seen);
            let metadata = object["metadata"].as_object_mut().unwrap();
            metadata.remove("resourceVersion");
            object
        },
        stale: 409,
        refusal: |_, _| {
            let status =
                json!({"kind": "Status", "status": "Failure", "reason": "Conflict", "code": 409});
            (vec![], status)
        },
    };
}

/// An object of Kubernetes in this version.
fn of_kubernetes(version: u64, object: &Value) -> Told {
    let mut object = object.clone();
    object["metadata"]["resourceVersion"] = version.to_string().into();
    (vec![], object)
}

#[derive(Default)]
struct State {
    document: Option<Value>,
    version: u64,
    foreign: VecDeque<Value>,
    seen: Vec<Seen>,
}

/// One resource behind an API; clones are the same one.
#[derive(Clone)]
pub(crate) struct Speaker {
    dialect: Dialect,
    state: Arc<Mutex<State>>,
}

impl Speaker {
    pub(crate) fn of(dialect: Dialect, document: Option<Value>) -> Self {
        let state = State {
            document,
            version: 7,
            ..State::default()
        };
        Self {
            dialect,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Another client puts this there, right before the next write.
    pub(crate) fn foreign(&self, document: Value) {
        self.state.lock().unwrap().foreign.push_back(document);
    }

    pub(crate) fn document(&self) -> Option<Value> {
        self.state.lock().unwrap().document.clone()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    /// The requests that would have changed something.
    pub(crate) fn writes(&self) -> Vec<Seen> {
        let mut seen = self.seen();
        seen.retain(|seen| seen.method != Method::GET);
        seen
    }

    pub(crate) fn client(&self, profile: impl Profile) -> Client {
        let builder = Client::builder("http://server.test/v1").transport(self.clone());
        builder.profile(profile).build().unwrap()
    }

    pub(crate) fn values(&self, profile: impl Profile) -> Collection<Value> {
        self.client(profile)
            .collection_with("articles", ThreeWay::default())
    }

    fn answer(&self, request: &Seen) -> Response {
        let mut state = self.state.lock().unwrap();
        state.seen.push(request.clone());
        if request.method == Method::GET {
            return match &state.document {
                Some(document) => reply(200, (self.dialect.show)(state.version, document)),
                None => reply(404, (vec![], json!({"title": "not here"}))),
            };
        }
        if let Some(document) = state.foreign.pop_front() {
            state.document = Some(document);
            state.version += 1;
        }
        let passes = match (self.dialect.wanted)(request) {
            Wanted::Version(wanted) => {
                state.document.is_some() && wanted == (self.dialect.version)(state.version)
            }
            Wanted::Absent => state.document.is_none() && request.method != Method::DELETE,
            Wanted::Nothing => panic!(
                "{}: a write without a version: {request:?}",
                self.dialect.name
            ),
        };
        if !passes {
            let refusal = (self.dialect.refusal)(state.version, state.document.as_ref());
            return reply(self.dialect.stale, refusal);
        }
        state.version += 1;
        if request.method == Method::DELETE {
            state.document = None;
            return reply(204, (vec![], Value::Null));
        }
        let document = (self.dialect.taken)(request, state.document.as_ref());
        let told = (self.dialect.written)(state.version, &document);
        state.document = Some(document);
        reply(200, told)
    }
}

fn reply(status: u16, (fields, body): Told) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    for (name, value) in fields {
        let name = HeaderName::from_static(name);
        headers.append(name, HeaderValue::from_str(&value).unwrap());
    }
    let body = match body {
        Value::Null => Vec::new(),
        body => serde_json::to_vec(&body).unwrap(),
    };
    Response::new(StatusCode::from_u16(status).unwrap(), headers, body)
}

#[async_trait]
impl Transport for Speaker {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let path = request.url.path();
        assert!(path.starts_with("/v1/articles"), "{path}");
        Ok(self.answer(&Seen {
            method: request.method.clone(),
            path: path.to_owned(),
            query: request.url.query().map(str::to_owned),
            headers: request.headers.clone(),
            body: request.body.to_vec(),
        }))
    }
}
