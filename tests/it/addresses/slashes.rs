//! Addresses that end in a slash keep it, and a query that belongs to a list stays with the list.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{Client, Collection, async_trait};
use serde_json::{Value, json};

/// Knows addresses with a slash at their end and no others, as Django does.
#[derive(Clone, Default)]
struct Slashed {
    state: Arc<Mutex<(u32, Value)>>,
    seen: Arc<Mutex<Vec<String>>>,
}

fn reply(status: u16, fields: &[(&str, String)], body: &Value) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    Response::new(
        StatusCode::from_u16(status).unwrap(),
        headers,
        body.to_string(),
    )
}

#[async_trait]
impl Transport for Slashed {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let path = request.url.path().to_owned();
        let query = request
            .url
            .query()
            .map_or(String::new(), |query| format!("?{query}"));
        self.seen
            .lock()
            .unwrap()
            .push(format!("{} {path}{query}", request.method));
        let mut state = self.state.lock().unwrap();
        let tag = vec![("etag", format!("\"{}\"", state.0))];
        if !path.ends_with('/') {
            return Ok(reply(405, &[], &json!({"detail": "no such address"})));
        }
        let condition = request
            .headers
            .get("if-match")
            .map(|tag| tag.to_str().unwrap());
        Ok(match (request.method.as_str(), path.as_str()) {
            ("GET", "/api/items/") => {
                let next = (
                    "link",
                    "</api/items/?page=2&status=open>; rel=\"next\"".to_owned(),
                );
                let fields = if query.contains("page=2") {
                    vec![]
                } else {
                    vec![next]
                };
                reply(200, &fields, &json!([{"id": 1, "name": "a"}]))
            }
            ("GET", _) => reply(200, &tag, &state.1),
            ("POST", _) => {
                state.1 = json!({"id": 2, "name": sent(&request)["name"]});
                let location = match sent(&request)["name"].as_str() {
                    Some("by location") => Some("/api/items/2/"),
                    // The proxy has put `/api` in front.
                    Some("by inner location") => Some("http://inside.test:8080/items/2/"),
                    _ => None,
                };
                let fields: Vec<_> = location
                    .map(|at| ("location", at.to_owned()))
                    .into_iter()
                    .collect();
                reply(201, &fields, &state.1)
            }
            _ if condition != Some(&tag[0].1) => reply(412, &[], &Value::Null),
            ("DELETE", _) => reply(204, &[], &Value::Null),
            _ => {
                state.0 += 1;
                state.1 = sent(&request);
                reply(200, &[("etag", format!("\"{}\"", state.0))], &state.1)
            }
        })
    }
}

fn sent(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap_or(Value::Null)
}

impl Slashed {
    fn new() -> Self {
        let server = Self::default();
        *server.state.lock().unwrap() = (1, json!({"id": 1, "name": "a"}));
        server
    }

    fn client(&self, base: &str) -> Client {
        Client::builder(base)
            .transport(self.clone())
            .build()
            .unwrap()
    }

    fn items(&self) -> Collection<Value> {
        self.client("http://server.test/api").collection("items/")
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn items_of_a_collection_that_ends_in_a_slash_end_in_one_too() {
    let server = Slashed::new();
    let items = server.items();
    items.update(1, |i| i["name"] = "b".into()).await.unwrap();
    let mut item = items.get(1).await.unwrap();
    item["name"] = "c".into();
    let saved = items.save(item).await.unwrap();
    items.delete(saved).await.unwrap();
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.ends_with("/api/items/1/"))
    );
    assert_eq!(server.state.lock().unwrap().1["name"], "c");
}

#[tokio::test(start_paused = true)]
async fn a_resource_and_the_base_itself_keep_their_slash() {
    let server = Slashed::new();
    for base in ["http://server.test/api", "http://server.test/api/"] {
        let one = server.client(base).resource::<Value>("items/1/");
        one.update(|i| i["name"] = "b".into()).await.unwrap();
        server
            .client(base)
            .resource::<Value>("/")
            .get()
            .await
            .unwrap();
        let seen = server.seen();
        assert_eq!(seen.last().unwrap(), "GET /api/", "{base}");
        assert!(seen.iter().all(|seen| seen.ends_with('/')), "{seen:?}");
        *server.state.lock().unwrap() = (1, json!({"id": 1, "name": "a"}));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_posted_is_saved_at_the_address_that_the_server_gave_it() {
    for name in ["by location", "by inner location", "by id"] {
        let server = Slashed::new();
        let items = server.items();
        let made = items.post(&json!({"name": name})).await.unwrap();
        assert_eq!(made.snapshot().id(), Some("2"), "{name}");
        let mut made = made.into_versioned();
        made["name"] = "c".into();
        items.save(made).await.unwrap();
        let seen = server.seen();
        assert_eq!(seen.last().unwrap(), "PUT /api/items/2/", "{seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_and_their_items_keep_the_slash_and_the_query_stays_with_the_list() {
    let server = Slashed::new();
    let items = server.items().query("tenant", 7);
    let page = items
        .list()
        .query("status", "open")
        .query("page_size", 50)
        .await
        .unwrap();
    let next = page.next().unwrap().await.unwrap();
    assert!(next.next().is_none());
    let mut item = page.items.into_iter().next().unwrap();
    item["name"] = "c".into();
    items.save(item).await.unwrap();
    assert_eq!(
        server.seen(),
        [
            "GET /api/items/?tenant=7&status=open&page_size=50",
            "GET /api/items/?page=2&status=open",
            "GET /api/items/1/?tenant=7",
            "PUT /api/items/1/?tenant=7",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_item_of_a_list_is_written_with_the_query_of_the_handle_that_saves_it() {
    let server = Slashed::new();
    let items = server.items();
    let page = items.clone().query("status", "open").list().await.unwrap();
    let mut item = page.items.into_iter().next().unwrap();
    item["name"] = "c".into();
    let item = items.save(item).await.unwrap().into_versioned();
    items.delete(item).await.unwrap();
    assert_eq!(
        server.seen(),
        [
            "GET /api/items/?status=open",
            "GET /api/items/1/",
            "PUT /api/items/1/",
            "DELETE /api/items/1/",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_item_that_was_listed_with_one_value_of_a_parameter_is_not_written_with_another() {
    let server = Slashed::new();
    let items = server.items();
    let of = |tenant: u8| items.clone().query("tenant", tenant);
    let item = || async {
        let page = of(7).list().await.unwrap();
        let mut item = page.items.into_iter().next().unwrap();
        item["name"] = "c".into();
        item
    };
    let saved = of(8).save(item().await).await.map(drop);
    let removed = of(8).delete(item().await).await.map(drop);
    for outcome in [saved, removed] {
        let error = outcome.unwrap_err();
        assert!(
            error.is_config() && error.to_string().contains("tenant"),
            "{error}"
        );
    }
    assert_eq!(server.seen(), ["GET /api/items/?tenant=7"; 2]);
    of(7).save(item().await).await.unwrap();
    assert_eq!(server.seen().last().unwrap(), "PUT /api/items/1/?tenant=7");
}

#[tokio::test(start_paused = true)]
async fn a_value_is_written_to_the_address_that_it_was_read_from() {
    let server = Slashed::new();
    let items = server.items();
    let of = |tenant: u8| items.clone().query("tenant", tenant);
    // A query that is new with the saving handle may lead to another resource as well.
    let mut item = items.get(1).await.unwrap();
    item["name"] = "b".into();
    of(7).save(item).await.unwrap();
    assert_eq!(server.seen().last().unwrap(), "PUT /api/items/1/");
    for (name, saving) in [("c", of(7)), ("d", of(8)), ("e", items.clone())] {
        let mut item = of(7).get(1).await.unwrap();
        item["name"] = name.into();
        saving.save(item).await.unwrap();
        let seen = server.seen();
        assert_eq!(
            seen.last().unwrap(),
            "PUT /api/items/1/?tenant=7",
            "{seen:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn segments_that_are_given_one_by_one_get_no_slash_and_must_not_be_empty() {
    let server = Slashed::new();
    let client = server.client("http://server.test/api");
    let error = client
        .resource::<Value>(["items", "1", ""])
        .get()
        .await
        .unwrap_err();
    assert!(error.is_config(), "{error}");
    let error = client.collection::<Value>("").get(1).await.unwrap_err();
    assert!(error.is_config(), "{error}");
    assert!(server.seen().is_empty());
}
