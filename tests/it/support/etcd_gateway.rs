//! The JSON gateway of etcd in memory: ranges, and transactions with inner ones.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::profiles::EtcdV3;
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Client, async_trait};
use serde_json::{Value, json};

/// What happens to one call.
pub(crate) enum Call {
    /// It is carried out, and its result is lost.
    LosesResult,
    /// It is answered with this status and body, and not carried out.
    Answered(u16, &'static str),
}

#[derive(Clone, Default)]
pub(crate) struct Gateway(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    revision: u64,
    /// By key: when it was created, when it was changed, and its value.
    keys: BTreeMap<String, (u64, u64, String)>,
    script: VecDeque<Call>,
    calls: Vec<(String, Value)>,
}

impl Gateway {
    pub(crate) fn client(&self) -> Client {
        let builder = Client::builder("http://etcd.test/gw").profile(EtcdV3::new());
        builder.transport(self.clone()).build().unwrap()
    }

    pub(crate) fn script(&self, calls: impl IntoIterator<Item = Call>) {
        self.0.lock().unwrap().script = calls.into_iter().collect();
    }

    pub(crate) fn put(&self, key: &str, value: &str) {
        self.0.lock().unwrap().put(key, value);
    }

    pub(crate) fn remove(&self, key: &str) {
        let mut inner = self.0.lock().unwrap();
        inner.revision += 1;
        inner.keys.remove(key);
    }

    pub(crate) fn value(&self, key: &str) -> Value {
        let inner = self.0.lock().unwrap();
        inner.keys.get(key).map_or(Value::Null, |(_, _, value)| {
            serde_json::from_str(value).unwrap()
        })
    }

    /// The paths and bodies of the calls since the last one.
    pub(crate) fn calls(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }
}

impl Inner {
    fn put(&mut self, key: &str, value: &str) {
        self.revision += 1;
        self.set(key, value);
    }

    fn set(&mut self, key: &str, value: &str) {
        let revision = self.revision;
        let created = self.keys.get(key).map_or(revision, |known| known.0);
        self.keys
            .insert(key.to_owned(), (created, revision, value.to_owned()));
    }

    fn header(&self) -> Value {
        json!({ "cluster_id": "1", "revision": self.revision.to_string() })
    }

    fn range(&self, range: &Value) -> Value {
        let found = self.keys.get(&text(&range["key"])).map(|(created, changed, value)| {
            json!({ "key": range["key"], "create_revision": created.to_string(),
                "mod_revision": changed.to_string(), "version": changed.to_string(), "value": STANDARD.encode(value) })
        });
        // Empty members are left out, as etcd does.
        match found {
            Some(found) => json!({ "header": self.header(), "kvs": [found], "count": "1" }),
            None => json!({ "header": self.header() }),
        }
    }

    fn holds(&self, comparison: &Value) -> bool {
        let (created, changed) = self
            .keys
            .get(&text(&comparison["key"]))
            .map_or((0, 0), |known| (known.0, known.1));
        let number = |at: &str| comparison[at].as_str().unwrap().parse::<u64>().unwrap();
        match (
            comparison["target"].as_str().unwrap(),
            comparison["result"].as_str().unwrap(),
        ) {
            ("MOD", "EQUAL") => changed == number("mod_revision"),
            ("CREATE", "EQUAL") => created == number("create_revision"),
            ("CREATE", "GREATER") => created > number("create_revision"),
            other => panic!("{other:?}"),
        }
    }

    /// Carries out a transaction, at the revision of the outer one.
    fn txn(&mut self, txn: &Value, is_outer: bool) -> Value {
        let empty = Vec::new();
        let list = |at: &str| txn[at].as_array().unwrap_or(&empty);
        let succeeded = list("compare").iter().all(|it| self.holds(it));
        let operations = list(if succeeded { "success" } else { "failure" });
        if is_outer && succeeded {
            self.revision += 1;
        }
        let mut responses = Vec::new();
        for operation in operations {
            let (kind, asked) = operation.as_object().unwrap().iter().next().unwrap();
            responses.push(match &**kind {
                "request_range" => json!({ "response_range": self.range(asked) }),
                "request_txn" => json!({ "response_txn": self.txn(asked, false) }),
                "request_put" => {
                    self.set(&text(&asked["key"]), &text(&asked["value"]));
                    json!({ "response_put": { "header": { "revision": self.revision.to_string() } } })
                }
                "request_delete_range" => {
                    let removed = self.keys.remove(&text(&asked["key"])).is_some();
                    let mut removal = json!({ "header": { "revision": self.revision.to_string() } });
                    if removed {
                        removal["deleted"] = "1".into();
                    }
                    json!({ "response_delete_range": removal })
                }
                other => panic!("{other}"),
            });
        }
        let mut result = json!({ "header": if is_outer { self.header() } else { json!({}) } });
        if succeeded {
            result["succeeded"] = true.into();
        }
        if !responses.is_empty() {
            result["responses"] = responses.into();
        }
        result
    }
}

fn text(base64: &Value) -> String {
    let bytes = STANDARD.decode(base64.as_str().unwrap()).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[async_trait]
impl Transport for Gateway {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut inner = self.0.lock().unwrap();
        assert_eq!(request.method, Method::POST);
        assert!(
            !request
                .headers
                .keys()
                .any(|name| name.as_str().starts_with("if-"))
        );
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        let path = request.url.path().to_owned();
        inner.calls.push((path.clone(), asked.clone()));
        let scripted = inner.script.pop_front();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(Call::Answered(status, body)) = scripted {
            headers.insert(LOCATION, HeaderValue::from_static("http://other.test/"));
            let status = StatusCode::from_u16(status).unwrap();
            return Ok(Response::new(status, headers, body));
        }
        let result = match &*path {
            "/gw/v3/kv/range" => inner.range(&asked),
            "/gw/v3/kv/txn" => inner.txn(&asked, true),
            other => panic!("{other}"),
        };
        match scripted {
            Some(Call::LosesResult) => Err(TransportError::new(Fate::Unknown, "cut")),
            _ => Ok(Response::new(StatusCode::OK, headers, result.to_string())),
        }
    }
}
