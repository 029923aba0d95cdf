//! Spans and events have the names and fields of OpenTelemetry's conventions, and no id, body or secret.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use http::{HeaderName, HeaderValue};
use ifmatch::{Collection, Error, ThreeWay};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

use crate::support::subscribed::subscribe;
use crate::support::{Article, Event, Server, edit, foreign};

type Fields = BTreeMap<&'static str, String>;

/// A span or an event, and the name of the call in which it came.
#[derive(Clone, Debug, Default)]
struct Recorded {
    name: &'static str,
    within: Option<String>,
    fields: Fields,
}

impl Visit for Recorded {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

/// Keeps the spans and events of the crate.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Recording>>);

#[derive(Default)]
struct Recording {
    spans: Vec<Recorded>,
    events: Vec<Recorded>,
    entered: Vec<usize>,
}

impl Recording {
    fn within(&self) -> Option<String> {
        let span = &self.spans[*self.entered.last()?];
        span.fields.get("otel.name").cloned()
    }
}

fn index(id: &Id) -> usize {
    usize::try_from(id.into_u64()).unwrap() - 1
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ifmatch")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut own = self.0.lock().unwrap();
        let within = own.within();
        let name = span.metadata().name();
        let mut recorded = Recorded {
            name,
            within,
            ..Recorded::default()
        };
        span.record(&mut recorded);
        own.spans.push(recorded);
        Id::from_u64(own.spans.len() as u64)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        values.record(&mut self.0.lock().unwrap().spans[index(id)]);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut own = self.0.lock().unwrap();
        let mut recorded = Recorded {
            within: own.within(),
            ..Recorded::default()
        };
        event.record(&mut recorded);
        own.events.push(recorded);
    }

    fn enter(&self, id: &Id) {
        self.0.lock().unwrap().entered.push(index(id));
    }

    fn exit(&self, id: &Id) {
        let left = self.0.lock().unwrap().entered.pop();
        assert_eq!(
            left,
            Some(index(id)),
            "spans are left in the order of their entry"
        );
    }
}

const ID: &str = "order-4711";
const SECRET: &str = "hunter2";
const BODY: &str = r#"{"title":"confidential","body":"confidential","views":1}"#;

fn articles(server: &Server) -> Collection<Article> {
    let client = server.builder().bearer_token(SECRET).default_header(
        HeaderName::from_static("x-api-key"),
        HeaderValue::from_static(SECRET),
    );
    let client = client.build().unwrap();
    client
        .collection_with::<Article>("articles", ThreeWay::default())
        .query("key", SECRET)
}

fn server() -> Server {
    Server::with("/v1/articles/order-4711", BODY)
}

#[tokio::test(start_paused = true)]
async fn a_call_has_a_span_and_each_of_its_requests_one_within_it() -> Result<(), Error> {
    let subscriber = Spans::default();
    let _recording = subscribe(subscriber.clone());
    let server = server();
    server.script([
        Event::Plain,
        foreign(|it| it["title"] = "theirs".into()),
        Event::Plain,
        Event::Answer(429, &[("retry-after", "2")], ""),
        Event::Plain,
    ]);
    articles(&server).update(ID, edit).await?;
    let recorded = subscriber.0.lock().unwrap();
    let [call, requests @ ..] = recorded.spans.as_slice() else {
        panic!("there is no span");
    };
    assert_eq!((call.name, &call.within), ("call", &None));
    assert_eq!(call.fields["otel.name"], "update /v1/articles/{id}");
    let field = |name| {
        let of = |it: &Recorded| it.fields.get(name).cloned().unwrap_or_default();
        requests.iter().map(of).collect::<Vec<_>>()
    };
    let names = ["GET", "PUT", "GET", "PUT", "PUT"];
    assert_eq!(field("http.request.method"), names);
    assert_eq!(
        field("otel.name"),
        names.map(|it| format!("{it} /v1/articles/{{id}}"))
    );
    assert_eq!(
        field("http.response.status_code"),
        ["200", "412", "200", "429", "204"]
    );
    assert_eq!(field("error.type"), ["", "412", "", "429", ""]);
    assert_eq!(field("http.request.resend_count"), ["", "", "", "", "1"]);
    for request in requests {
        assert_eq!(request.name, "request");
        assert_eq!(request.within.as_deref(), Some("update /v1/articles/{id}"));
        for (field, value) in [
            ("otel.kind", "client"),
            ("url.template", "/v1/articles/{id}"),
            ("server.address", "server.test"),
            ("server.port", "80"),
        ] {
            assert_eq!(request.fields[field], value);
        }
    }
    let waited = recorded
        .events
        .iter()
        .find(|it| it.fields["message"] == "waited");
    let waited = waited.expect("a wait of two seconds is told");
    assert_eq!(
        (&*waited.fields["reason"], &*waited.fields["time"]),
        ("retry_after", "2s")
    );
    assert_eq!(waited.within.as_deref(), Some("update /v1/articles/{id}"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_id_body_or_secret_is_told_by_any_call() {
    let subscriber = Spans::default();
    let _recording = subscribe(subscriber.clone());
    let server = server();
    let articles = articles(&server);
    let item = articles.item(ID);
    let read = articles.get(ID).await.unwrap();
    item.refresh().await.unwrap();
    item.head().await.unwrap();
    server.script([Event::LoseReply]);
    let _ = articles.save(&read).await;
    server.script([Event::Answer(422, &[], r#"{"title":"confidential"}"#)]);
    let _ = articles.update(ID, edit).await;
    let _ = articles.create(ID, &read).await;
    let _ = articles.post(&*read).await;
    let _ = articles.list().await;
    server.script([Event::NoConnection]);
    let _ = articles.delete(&read).await;
    let _ = articles.delete(ID).await;
    let recorded = subscriber.0.lock().unwrap();
    let names: Vec<_> = recorded
        .spans
        .iter()
        .map(|it| it.fields["otel.name"].as_str())
        .collect();
    for call in [
        "get", "refresh", "head", "save", "update", "create", "delete",
    ] {
        assert!(
            names.contains(&format!("{call} /v1/articles/{{id}}").as_str()),
            "{names:?}"
        );
    }
    for call in ["post", "list"] {
        assert!(
            names.contains(&format!("{call} /v1/articles").as_str()),
            "{names:?}"
        );
    }
    for told in recorded.spans.iter().chain(&recorded.events) {
        let text = format!("{told:?}");
        for secret in [ID, "4711", SECRET, "confidential"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_with_a_users_name_has_the_template_that_was_set() {
    let subscriber = Spans::default();
    let _recording = subscribe(subscriber.clone());
    let server = server();
    let client = server.client();
    let strategy = ThreeWay::default;
    let notes = client.collection_with::<Article>(["users", "anna", "notes"], strategy());
    let notes = notes.url_template("/users/{user}/notes");
    let settings = client.resource_with::<Article>(["users", "anna"], strategy());
    let _ = notes.get(7).await;
    let _ = settings.url_template("/users/{user}").get().await;
    let recorded = subscriber.0.lock().unwrap();
    let names: Vec<_> = recorded
        .spans
        .iter()
        .map(|it| it.fields["otel.name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "get /users/{user}/notes/{id}",
            "GET /users/{user}/notes/{id}",
            "get /users/{user}",
            "GET /users/{user}"
        ]
    );
}
