//! Addresses in responses, and whether a client outside can reach them.

use std::sync::{Arc, Mutex};

use http::Method;
use ifmatch::profiles::Fhir;
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{Client, Collection, Generic, Merge, Profile, async_trait};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::server::{Maker, reply, shown};
use crate::support::{Event, Server};

/// It makes one resource, and says that it is at this address.
#[derive(Clone)]
struct Inside {
    location: &'static str,
    body: &'static str,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Transport for Inside {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let asked = format!("{} {}", request.method, request.url);
        self.asked.lock().unwrap().push(asked);
        Ok(match request.method {
            Method::POST => reply(201, &[("location", self.location)], self.body),
            Method::GET if request.url.path() == "/v1/orders/7" => {
                shown(&json!({"id": 7, "n": 1}), "\"1\"")
            }
            Method::PUT if request.headers.contains_key("if-none-match") => {
                reply(201, &[("location", self.location), ("etag", "\"1\"")], "")
            }
            Method::PUT if request.url.path() == "/v1/orders/7" => reply(204, &[], ""),
            _ => reply(404, &[], ""),
        })
    }
}

fn orders(inside: &Inside, profile: impl Profile) -> Collection<Value> {
    let client = Client::builder("https://api.test/v1").profile(profile);
    let client = client.transport(inside.clone()).build().unwrap();
    client.collection("orders")
}

#[tokio::test(start_paused = true)]
async fn an_address_told_behind_a_proxy_is_reached_in_front_of_it() {
    let locations = [
        "/v1/orders/7",
        "orders/7",
        "http://api.test/v1/orders/7",
        "http://orders.internal:8080/v1/orders/7",
        // The proxy has put `/v1` in front.
        "http://orders.internal:8080/orders/7",
    ];
    for location in locations {
        for body in [r#"{"id":7,"n":1}"#, ""] {
            let inside = Inside {
                location,
                body,
                asked: Arc::default(),
            };
            let all = orders(&inside, Generic::new());
            let mut order = all.post(&json!({"n": 1})).await.unwrap();
            assert_eq!(order.snapshot().id(), Some("7"));
            order["n"] = 2.into();
            all.save(&order).await.unwrap();
            let asked = inside.asked.lock().unwrap().clone();
            let at_home = asked.iter().all(|it| it.contains(" https://api.test/v1/"));
            assert!(at_home, "{location}: {asked:?}");
            assert_eq!(asked.last().unwrap(), "PUT https://api.test/v1/orders/7");
        }
    }
}

/// A FHIR server: it names the resource and its first version in `Location`, and writes it at its own address.
#[derive(Clone)]
struct FhirServer {
    location: &'static str,
    shows: bool,
    stored: Arc<Mutex<(u64, Value)>>,
}

#[async_trait]
impl Transport for FhirServer {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut stored = self.stored.lock().unwrap();
        let tag = |version: u64| format!("W/\"{version}\"");
        let condition = request
            .headers
            .get("if-match")
            .map(|it| it.to_str().unwrap().to_owned());
        let sent = serde_json::from_slice::<Value>(&request.body);
        Ok(match (request.method.as_str(), request.url.path()) {
            ("POST", "/v1/Patient") => {
                *stored = (1, sent.unwrap());
                stored.1["id"] = "7".into();
                let fields = [("location", self.location), ("etag", "W/\"1\"")];
                let body = if self.shows {
                    stored.1.to_string()
                } else {
                    String::new()
                };
                reply(201, &fields, body)
            }
            ("GET", "/v1/Patient/7") => shown(&stored.1, &tag(stored.0)),
            ("PUT", "/v1/Patient/7") if condition == Some(tag(stored.0)) => {
                *stored = (stored.0 + 1, sent.unwrap());
                shown(&stored.1, &tag(stored.0))
            }
            ("PUT", "/v1/Patient/7") => reply(412, &[], ""),
            (method, path) => panic!("{method} {path}"),
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_the_server_named_is_saved_at_its_own_address() {
    for location in [
        "/v1/Patient/7/_history/1",
        "http://inside.test/v1/Patient/7/_history/1",
        "Patient/7/_history/1/",
        "/v1/Patient/7",
    ] {
        for shows in [true, false] {
            let server = FhirServer {
                location,
                shows,
                stored: Arc::default(),
            };
            let client = Client::builder("https://api.test/v1").profile(Fhir);
            let client = client.transport(server.clone()).build().unwrap();
            let patients = client.collection::<Value>("Patient");
            let draft = json!({"resourceType": "Patient", "active": true});
            let mut made = patients.post(&draft).await.unwrap();
            assert_eq!(
                made.snapshot().url().as_str(),
                "https://api.test/v1/Patient/7"
            );
            assert_eq!(made.snapshot().id(), Some("7"));
            made["active"] = false.into();
            let saved = patients.save(&made).await.unwrap();
            assert_eq!(saved["id"], "7");
            let stored = server.stored.lock().unwrap().clone();
            assert_eq!((stored.0, &stored.1["active"]), (2, &json!(false)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_post_made_is_told_and_not_the_draft() {
    let body = r#"{"id":7,"n":1,"total":10}"#;
    let inside = Inside {
        location: "/v1/orders/7",
        body,
        asked: Arc::default(),
    };
    let all = orders(&inside, Generic::new());
    let made = all.post(&json!({"n": 1, "coupon": "x"})).await.unwrap();
    assert_eq!(*made, json!({"id": 7, "n": 1, "total": 10}));
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Merge)]
struct Order {
    #[serde(default)]
    id: u64,
    n: u64,
    #[serde(default)]
    total: u64,
}

#[tokio::test(start_paused = true)]
async fn the_order_that_a_post_made_is_told_though_the_draft_had_a_coupon() {
    const FIELDS: &[(&str, &str)] = &[("location", "/v1/orders/7"), ("etag", "\"1\"")];
    const MADE: &str = r#"{"id":7,"n":1,"total":10}"#;
    let server = Server::with("/v1/orders/7", MADE);
    let orders = server.client().collection::<Order>("orders");
    server.script([Event::Answer(201, FIELDS, MADE)]);
    let draft = json!({"n": 1, "coupon": "x"});
    let mut made = orders.post(&draft).await.unwrap();
    let whole = Order {
        id: 7,
        n: 1,
        total: 10,
    };
    assert_eq!(*made, whole);
    assert_eq!(made.report().requests, 1);
    assert_eq!(made.snapshot().id(), Some("7"));
    // What was made is what the next write is made on: nothing of the draft goes back.
    made.n = 2;
    orders.save(&made).await.unwrap();
    let put = server.seen().pop().unwrap();
    assert_eq!(put.path, "/v1/orders/7");
    assert_eq!(put.header("if-match"), Some("\"1\""));
    assert_eq!(put.body, MADE.replace("\"n\":1", "\"n\":2").as_bytes());
}

#[tokio::test(start_paused = true)]
async fn what_a_reply_shows_of_another_resource_is_not_written_back() {
    // RFC 9110 8.7: a `Content-Location` other than the target says that the body is another resource, here
    // a receipt. DESIGN promise 10: it must not go on file under the tag of what was written.
    let things = Maker::with(json!({"title": "a", "n": 1})).answers(|written| {
        let receipt = json!({"title": written.sent["title"], "n": 99});
        let headers = [("etag", &*written.tag), ("content-location", "/receipts/9")];
        reply(200, &headers, receipt)
    });
    let all = things.things();
    for title in ["b", "c"] {
        let saved = all.update(1, move |it| it["title"] = title.into()).await;
        assert_eq!(saved.unwrap()["n"], 1);
    }
    assert_eq!(things.stored(), json!({"title": "c", "n": 1}));
}

#[tokio::test(start_paused = true)]
async fn what_was_created_under_another_name_is_saved_there() {
    // RFC 9110 15.3.2: what a 201 has created is identified by its `Location`. DESIGN 6, point 5 of the issue:
    // a value handed out under the address that it was to have would be saved where nothing is.
    let elsewhere = Inside {
        location: "/v1/orders/7",
        body: "",
        asked: Arc::default(),
    };
    let all = orders(&elsewhere, Generic::new());
    let mut made = all.create("mine", &json!({"n": 1})).await.unwrap();
    assert_eq!(made.snapshot().id(), Some("7"));
    made["n"] = 2.into();
    all.save(&made).await.unwrap();
    let asked = elsewhere.asked.lock().unwrap().clone();
    assert_eq!(
        asked,
        [
            "PUT https://api.test/v1/orders/mine",
            "GET https://api.test/v1/orders/7",
            "PUT https://api.test/v1/orders/7"
        ]
    );
}
