//! Printed, logged and observed text contains no secrets.

use std::error::Error as _;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use http::header::COOKIE;
use http::{HeaderName, HeaderValue};
use ifmatch::transport::{Request, Response, TransportError};
use ifmatch::{
    Answer, AttemptSeen, BoxError, Client, Collection, Conflict, ConflictSeen, Error, Generic,
    MemoryStore, Observer, Refusal, RefusalHandler, Resolution, SnapshotKey, SnapshotStore,
    StoredSnapshot, ThreeWay, Transport, WaitSeen, WriteSeen, ask_fn, async_trait,
};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event as Told, Metadata, Subscriber};

use crate::support::subscribed::subscribe;
use crate::support::{AT, Article, Event, Server, foreign};

/// Every secret of this file has this word in it.
const SECRET: &str = "hunter2";
const ARTICLE: &str = r#"{"title":"hunter2","body":"hunter2","views":1,"hidden":"hunter2"}"#;
/// A refusal whose secrets lie where servers quote what was sent.
const PROBLEM: &str = r#"{"title":"No","detail":"the title hunter2 is taken","code":"taken",
    "value":"hunter2","errors":[{"pointer":"/title","detail":"hunter2 is too long"}]}"#;

/// Everything that was printed.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<String>>);

impl Printed {
    fn debug(&self, thing: &(impl Debug + ?Sized)) {
        writeln!(self.0.lock().unwrap(), "{thing:?} {thing:#?}").unwrap();
    }

    fn error(&self, error: &Error) {
        self.debug(error);
        self.debug(error.report());
        self.debug(&error.problem());
        self.debug(&error.sides::<Article>());
        let mut out = self.0.lock().unwrap();
        writeln!(out, "{error} {}", error.report()).unwrap();
        let mut source = error.source();
        while let Some(cause) = source {
            writeln!(out, "{cause} {cause:?}").unwrap();
            source = cause.source();
        }
    }

    fn holds(&self, word: &str) -> bool {
        self.0.lock().unwrap().contains(word)
    }

    /// Fails with the line that tells.
    fn has_no_secret(&self) {
        let printed = self.0.lock().unwrap();
        let telling = printed.lines().find(|line| line.contains(SECRET));
        assert_eq!(telling, None);
    }
}

impl Observer for Printed {
    fn attempt(&self, attempt: &AttemptSeen<'_>) {
        self.debug(attempt);
    }

    fn waited(&self, wait: &WaitSeen<'_>) {
        self.debug(wait);
    }

    fn conflict(&self, conflict: &ConflictSeen<'_>) {
        self.debug(conflict);
    }

    fn finished(&self, write: &WriteSeen<'_>) {
        self.debug(write);
    }
}

impl Visit for Printed {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

/// Keeps the events of this crate; what the crates beneath tell is theirs.
impl Subscriber for Printed {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ifmatch")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Told<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[async_trait]
impl<T: Send + Sync + 'static> RefusalHandler<T> for Printed {
    async fn refused(&self, refusal: &Refusal<T>) -> Result<Answer<T>, BoxError> {
        self.debug(refusal);
        Ok(Answer::GiveUp)
    }
}

/// Prints what goes through it.
struct Wire(Server, Printed);

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.1.debug(&request);
        let reply = self.0.send(request).await;
        self.1.debug(&reply);
        reply
    }
}

/// Prints what is filed.
struct Store(MemoryStore, Printed);

#[async_trait]
impl SnapshotStore for Store {
    async fn get(&self, key: &SnapshotKey) -> Result<Option<StoredSnapshot>, BoxError> {
        let found = self.0.get(key).await?;
        self.1.debug(&(key, &found, &self.0));
        Ok(found)
    }

    async fn put(&self, key: &SnapshotKey, snapshot: StoredSnapshot) -> Result<(), BoxError> {
        self.0.put(key, snapshot).await
    }

    async fn remove(&self, key: &SnapshotKey) -> Result<(), BoxError> {
        self.0.remove(key).await
    }
}

/// Handles with secrets wherever one can be put.
fn articles(server: &Server, printed: &Printed) -> Collection<Article> {
    let builder = Client::builder("http://ann:hunter2@server.test/v1")
        .transport(Wire(server.clone(), printed.clone()))
        .bearer_token(SECRET)
        .default_header(
            HeaderName::from_static("x-api-key"),
            HeaderValue::from_static(SECRET),
        )
        .store(Store(MemoryStore::default(), printed.clone()))
        .profile(Generic::new().honours_idempotency_keys())
        .observer(printed.clone());
    printed.debug(&builder);
    let client = builder.build().unwrap();
    printed.debug(&client);
    let asked = printed.clone();
    let ask = ask_fn(move |conflict: Conflict<Article>| {
        asked.debug(&conflict);
        asked.debug(conflict.fields());
        let fields = conflict.fields().to_vec();
        async {
            Ok(Resolution::Unresolved {
                merged: None,
                fields,
            })
        }
    });
    let articles = client
        .collection_with("articles", ThreeWay::default())
        .header(COOKIE, HeaderValue::from_static("session=hunter2"))
        .query("key", SECRET)
        .strategy(ask)
        .on_refusal(printed.clone());
    printed.debug(&articles);
    printed.debug(&articles.item(1));
    articles
}

fn edit(article: &mut Article) {
    article.title = "mine hunter2".into();
}

#[tokio::test(start_paused = true)]
async fn values_handles_calls_and_events_show_no_secret() {
    let printed = Printed::default();
    let _told = subscribe(printed.clone());
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server, &printed);
    let draft = Article {
        title: SECRET.into(),
        body: SECRET.into(),
        views: 1,
    };
    let cookie: &[_] = &[("set-cookie", "session=hunter2"), ("etag", "\"1\"")];
    server.script([Event::Answer(200, cookie, ARTICLE)]);
    let read = articles.get(1).await.unwrap();
    printed.debug(&read);
    printed.debug(read.snapshot());
    printed.debug(read.snapshot().document());
    printed.debug(&articles.refresh(1).await.unwrap());
    printed.debug(&articles.head(1).await.unwrap());
    printed.debug(&articles.update(1, edit).await.unwrap());
    printed.debug(&articles.post(&draft).await.unwrap());
    let item = r#"[{"id":7,"title":"hunter2","body":"hunter2","views":1}]"#;
    let link: &[_] = &[("link", "</v1/articles?key=hunter2&page=2>; rel=next")];
    server.script([Event::Answer(200, link, item)]);
    let page = articles.list().await.unwrap();
    printed.debug(&page);
    printed.debug(&page.next());
    printed.debug(&articles.get(1));
    printed.debug(&articles.get_opt(1));
    printed.debug(&articles.refresh(1));
    printed.debug(&articles.head(1));
    printed.debug(&articles.save(&read));
    printed.debug(&articles.update(1, edit));
    printed.debug(&articles.create(1, &draft));
    printed.debug(&articles.post(&draft).idempotency_key(SECRET));
    printed.debug(&articles.delete(&read));
    assert!(
        printed.holds("open_fields=0")
            && printed.holds("WriteSeen")
            && printed.holds("AttemptSeen")
    );
    printed.has_no_secret();
}

#[tokio::test(start_paused = true)]
async fn errors_of_every_kind_show_no_secret() {
    let printed = Printed::default();
    let _told = subscribe(printed.clone());
    let both = || foreign(|theirs| theirs["title"] = "their hunter2".into());
    for (events, kind) in [
        (vec![Event::Plain, both()], "Conflict"),
        (
            vec![Event::Plain, Event::Answer(409, &[], PROBLEM)],
            "Refused",
        ),
        (
            vec![Event::Plain, Event::Answer(422, &[], PROBLEM)],
            "Refused",
        ),
        (
            std::iter::once(Event::Plain)
                .chain((0..20).map(|_| Event::Answer(423, &[], PROBLEM)))
                .collect(),
            "Locked",
        ),
        (
            vec![Event::Plain, Event::Answer(400, &[], "hunter2 \u{1b}")],
            "Refused",
        ),
        (vec![Event::Answer(403, &[], PROBLEM)], "Status"),
        (vec![Event::Answer(404, &[], PROBLEM)], "NotFound"),
        (vec![Event::Answer(200, &[], "hunter2")], "Decode"),
        (vec![Event::Answer(200, &[], ARTICLE)], "UnusableValidator"),
        (vec![Event::Plain, Event::ForeignRemoval], "Gone"),
        ((0..20).map(|_| Event::NoConnection).collect(), "Transport"),
    ] {
        let server = Server::with(AT, ARTICLE);
        let articles = articles(&server, &printed);
        server.script(events);
        let update = articles.update(1, edit).strategy(ThreeWay::default());
        let error = update.await.unwrap_err();
        let told = format!("{:?}", error.kind());
        assert_eq!(told, kind, "{error:?}");
        printed.error(&error);
    }
    let server = Server::with(AT, r#"{"title":7,"body":"hunter2","views":"hunter2"}"#);
    let error = articles(&server, &printed).get(1).await.unwrap_err();
    assert!(error.is_decode(), "{error:?}");
    printed.error(&error);
    printed.has_no_secret();
}

#[tokio::test]
async fn errors_of_real_connections_show_neither_user_nor_query() {
    let printed = Printed::default();
    for base in [
        "http://ann:hunter2@127.0.0.1:9/v1",
        "http://ann:hunter2@no-such-host.invalid",
        "https://ann:hunter2@127.0.0.1:9",
    ] {
        let limits = ifmatch::Limits::default().transient(0);
        let client = Client::builder(base).bearer_token(SECRET).limits(limits);
        let client = client.build().unwrap();
        printed.debug(&client);
        let articles = client.collection_with::<Article>("articles", ThreeWay::default());
        let error = articles.query("key", SECRET).get(1).await.unwrap_err();
        printed.error(&error);
    }
    for base in [
        "ftp://ann:hunter2@h",
        "http://ann:hunter2@h/?q",
        "http://ann:hunter2@h:x/",
    ] {
        printed.error(&Client::new(base).unwrap_err());
        let builder = Client::builder(base).https_only();
        printed.error(&builder.build().unwrap_err());
    }
    printed.has_no_secret();
}
