//! If a part of the application panics, the write that it served ends with an error that names the part. Writes
//! that wait behind that write continue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::{ARTICLE, AT, Article, Event, Server, foreign, given_back};
use http::HeaderMap;
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{
    Answer, Authenticator, BoxError, ClientBuilder, Conflict, ConflictSeen, Document, Error,
    ErrorKind, MemoryStore, Merge, MergeStrategy, Observer, Problem, Profile, Refusal,
    RefusalHandler, RefusalKind, Resolution, SnapshotKey, SnapshotStore, StoredSnapshot, ThreeWay,
    Validator, WriteSeen, async_trait,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const TRIP: Duration = Duration::from_millis(10);
const ALONE: Duration = Duration::from_secs(20);

/// Panics once, when it is armed.
#[derive(Clone, Default)]
struct Bomb(Arc<AtomicBool>);

impl Bomb {
    fn arm(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn tick(&self) {
        assert!(!self.0.swap(false, Ordering::SeqCst), "the bomb");
    }
}

struct OnConflict(Bomb);

impl Observer for OnConflict {
    fn conflict(&self, _: &ConflictSeen<'_>) {
        self.0.tick();
    }
}

struct OnEnd(Bomb);

impl Observer for OnEnd {
    fn finished(&self, _: &WriteSeen<'_>) {
        self.0.tick();
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Get,
    Put,
    Remove,
}

struct Storing(Bomb, Step, MemoryStore);

impl Storing {
    fn tick(&self, step: Step) {
        if step == self.1 {
            self.0.tick();
        }
    }
}

#[async_trait]
impl SnapshotStore for Storing {
    async fn get(&self, key: &SnapshotKey) -> Result<Option<StoredSnapshot>, BoxError> {
        self.tick(Step::Get);
        self.2.get(key).await
    }

    async fn put(&self, key: &SnapshotKey, snapshot: StoredSnapshot) -> Result<(), BoxError> {
        self.tick(Step::Put);
        self.2.put(key, snapshot).await
    }

    async fn remove(&self, key: &SnapshotKey) -> Result<(), BoxError> {
        self.tick(Step::Remove);
        self.2.remove(key).await
    }
}

struct SigningIn(Bomb);

#[async_trait]
impl Authenticator for SigningIn {
    async fn authenticate(&self, _: &mut HeaderMap) -> Result<(), BoxError> {
        self.0.tick();
        Ok(())
    }

    fn identity(&self) -> Option<String> {
        Some("anna".to_owned())
    }
}

/// A server that takes its time, reached by a transport that may panic before or after.
struct Slow(Server, Bomb, Bomb);

#[async_trait]
impl Transport for Slow {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        tokio::time::sleep(TRIP).await;
        self.1.tick();
        let reply = self.0.send(request).await;
        self.2.tick();
        reply
    }
}

struct Classifies(Bomb);

impl Profile for Classifies {
    fn classify(&self, _: &Problem) -> Option<RefusalKind> {
        self.0.tick();
        None
    }
}

struct Reads(Bomb);

impl Profile for Reads {
    fn current(&self, _: &Problem, _: &HeaderMap) -> Option<(Document, Validator)> {
        self.0.tick();
        None
    }
}

struct Seam {
    name: &'static str,
    set_up: fn(ClientBuilder, &Server, Bomb) -> ClientBuilder,
    script: fn() -> Vec<Event>,
    /// How the write ends; `None`: it goes on.
    ends: Option<(ErrorKind, &'static str)>,
}

fn race() -> Vec<Event> {
    vec![Event::Plain, foreign(|theirs| theirs["theirs"] = 1.into())]
}

fn removal() -> Vec<Event> {
    vec![Event::Plain, Event::AnswerAfter(204, &[])]
}

const SEAMS: [Seam; 10] = [
    Seam {
        name: "an observer of conflicts",
        set_up: |client, _, bomb| client.observer(OnConflict(bomb)),
        script: race,
        ends: Some((ErrorKind::Config, "the observer panicked")),
    },
    Seam {
        name: "an observer of ends",
        set_up: |client, _, bomb| client.observer(OnEnd(bomb)),
        script: race,
        ends: None,
    },
    Seam {
        name: "a store that is asked",
        set_up: |client, _, bomb| client.store(Storing(bomb, Step::Get, MemoryStore::default())),
        script: race,
        ends: None,
    },
    Seam {
        name: "a store that files",
        set_up: |client, _, bomb| client.store(Storing(bomb, Step::Put, MemoryStore::default())),
        script: race,
        ends: None,
    },
    Seam {
        name: "a store that forgets",
        set_up: |client, _, bomb| client.store(Storing(bomb, Step::Remove, MemoryStore::default())),
        script: removal,
        ends: None,
    },
    Seam {
        name: "an authenticator",
        set_up: |client, _, bomb| client.auth(SigningIn(bomb)),
        script: race,
        ends: Some((ErrorKind::Config, "the authenticator panicked")),
    },
    Seam {
        name: "a transport before it has sent",
        set_up: |client, server, bomb| {
            client.transport(Slow(server.clone(), bomb, Bomb::default()))
        },
        script: race,
        ends: None,
    },
    Seam {
        name: "a transport after it has sent",
        set_up: |client, server, bomb| {
            client.transport(Slow(server.clone(), Bomb::default(), bomb))
        },
        script: Vec::new,
        ends: None,
    },
    Seam {
        name: "a profile that classifies",
        set_up: |client, _, bomb| client.profile(Classifies(bomb)),
        script: race,
        ends: Some((ErrorKind::OutcomeUnknown, "the profile panicked")),
    },
    Seam {
        name: "a profile that reads refusals",
        set_up: |client, _, bomb| client.profile(Reads(bomb)),
        script: race,
        ends: Some((ErrorKind::OutcomeUnknown, "the profile panicked")),
    },
];

#[tokio::test(start_paused = true)]
async fn a_part_that_panics_ends_its_own_write_and_no_other() {
    for seam in SEAMS {
        let server = Server::with(AT, r#"{"n":0}"#);
        let bomb = Bomb::default();
        let slow = Slow(server.clone(), Bomb::default(), Bomb::default());
        let client = (seam.set_up)(server.builder().transport(slow), &server, bomb.clone());
        let client = client.build().unwrap();
        let values = client.collection_with::<Value>("articles", ThreeWay::default());
        values.get(1).await.unwrap();
        server.script((seam.script)());
        let first = tokio::spawn(values.update(1, |value| value["first"] = 1.into()));
        tokio::time::sleep(TRIP / 2).await;
        // Each alone in its request, because it has a time of its own.
        let alone = |n: u32| {
            let (bomb, armed) = (bomb.clone(), AtomicBool::new(false));
            let edit = move |value: &mut Value| {
                let due = n == 0 && value["first"] == 1 && value["m0"].is_null();
                if due && !armed.swap(true, Ordering::SeqCst) {
                    bomb.arm();
                }
                value[format!("m{n}")] = 1.into();
            };
            tokio::spawn(values.update(1, edit).timeout(ALONE))
        };
        let calls = [alone(0), alone(1), alone(2)];
        first.await.unwrap().unwrap();
        let mut told = Vec::new();
        for call in calls {
            let ended = call.await.unwrap();
            told.extend(ended.err());
        }
        assert!(
            !bomb.0.load(Ordering::SeqCst),
            "{}: nothing panicked",
            seam.name
        );
        match (seam.ends, &*told) {
            (None, []) => assert_eq!(server.value(AT)["m0"], 1, "{}", seam.name),
            (Some((kind, why)), [error]) => {
                assert_eq!(error.kind(), kind, "{}: {error:?}", seam.name);
                assert!(error.to_string().contains(why), "{}: {error}", seam.name);
            }
            other => panic!("{}: {other:?}", seam.name),
        }
        assert_eq!([&server.value(AT)["m1"], &server.value(AT)["m2"]], [1, 1]);
    }
}

/// A value of which one cannot be written, one cannot be read, and one cannot be dropped.
#[derive(Debug, Deserialize, Merge)]
#[serde(try_from = "Plain")]
struct Touchy {
    title: String,
    n: u64,
}

#[derive(Deserialize)]
struct Plain {
    title: String,
    n: u64,
}

impl TryFrom<Plain> for Touchy {
    type Error = String;

    fn try_from(Plain { title, n }: Plain) -> Result<Self, String> {
        assert!(title != "cannot be read", "a title that cannot be read");
        Ok(Self { title, n })
    }
}

impl Serialize for Touchy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        assert!(
            self.title != "cannot be written",
            "a title that cannot be written"
        );
        let mut fields = serializer.serialize_struct("Touchy", 2)?;
        fields.serialize_field("title", &self.title)?;
        fields.serialize_field("n", &self.n)?;
        fields.end()
    }
}

impl Drop for Touchy {
    fn drop(&mut self) {
        let dropped = self.title == "cannot be dropped" && !std::thread::panicking();
        assert!(!dropped, "a title that cannot be dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_that_panics_ends_the_edit_that_made_it_alone_or_among_others() {
    for title in ["cannot be written", "cannot be dropped"] {
        for alone in [true, false] {
            let server = Server::with(AT, r#"{"title":"t","n":0}"#);
            let slow = Slow(server.clone(), Bomb::default(), Bomb::default());
            let client = server.builder().transport(slow).build().unwrap();
            let all = client.collection::<Touchy>("articles");
            all.get(1).await.unwrap();
            let update = |edit: fn(&mut Touchy)| {
                let update = all.update(1, edit);
                tokio::spawn(if alone { update.timeout(ALONE) } else { update })
            };
            let first = update(|touchy| touchy.n += 1);
            tokio::time::sleep(TRIP / 2).await;
            let before = update(|touchy| touchy.n += 1);
            let title = title.to_owned();
            let bad = all.update(1, move |touchy| touchy.title.clone_from(&title));
            let bad = tokio::spawn(if alone { bad.timeout(ALONE) } else { bad });
            let after = update(|touchy| touchy.n += 1);
            for good in [first, before, after] {
                good.await.unwrap().unwrap();
            }
            let error = bad.await.unwrap().unwrap_err();
            assert!(error.is_edit(), "{error:?}");
            assert!(error.to_string().contains("panicked"), "{error}");
            assert_eq!(server.value(AT)["n"], 3);
            assert_eq!(server.value(AT)["title"], "t");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stored_value_that_panics_when_it_is_read_is_an_error_of_each_call() {
    let server = Server::with(AT, r#"{"title":"cannot be read","n":0}"#);
    let all = server.client().collection::<Touchy>("articles");
    let error = all.get(1).await.unwrap_err();
    assert!(
        error.is_config() && error.to_string().contains("panicked"),
        "{error:?}"
    );
    let error = all.update(1, |touchy| touchy.n += 1).await.unwrap_err();
    assert!(error.to_string().contains("panicked"), "{error:?}");
    assert_eq!(server.applied(), 0);
}

struct Stumbles;

#[async_trait]
impl MergeStrategy<Article> for Stumbles {
    async fn resolve(&self, _: &Conflict<Article>) -> Result<Resolution<Article>, BoxError> {
        tokio::task::yield_now().await;
        panic!("it stumbles")
    }
}

#[async_trait]
impl RefusalHandler<Article> for Stumbles {
    async fn refused(&self, _: &Refusal<Article>) -> Result<Answer<Article>, BoxError> {
        tokio::task::yield_now().await;
        panic!("it stumbles")
    }
}

/// What is told of a save that somebody who decides has to be asked about.
async fn asked(events: Vec<Event>) -> Error {
    let server = Server::with(AT, ARTICLE);
    let slow = Slow(server.clone(), Bomb::default(), Bomb::default());
    let client = server.builder().transport(slow).build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    let mut read = articles.get(1).await.unwrap();
    read.title = "mine".to_owned();
    server.script(events);
    let asking = articles.clone().on_refusal(Stumbles);
    let saved = tokio::spawn(asking.save(read).strategy(Stumbles));
    tokio::time::sleep(TRIP / 2).await;
    let behind = tokio::spawn(articles.update(1, |article| article.views = 9));
    let error = saved.await.unwrap().unwrap_err();
    assert_eq!(behind.await.unwrap().unwrap().views, 9);
    assert_eq!(given_back(&error), "mine");
    error
}

#[tokio::test(start_paused = true)]
async fn a_strategy_or_a_handler_that_panics_leaves_the_conflict_or_the_refusal_as_it_is() {
    let error = asked(vec![foreign(|theirs| theirs["title"] = "theirs".into())]).await;
    assert!(error.is_conflict(), "{error:?}");
    assert!(
        error.report().why.contains("the merge strategy panicked"),
        "{error:?}"
    );
    let error = asked(vec![Event::Answer(422, &[], r#"{"title":"no"}"#)]).await;
    assert!(error.is_refused(), "{error:?}");
    assert!(
        error.report().why.contains("the refusal handler panicked"),
        "{error:?}"
    );
}

struct Nobody;

#[async_trait]
impl Authenticator for Nobody {
    async fn authenticate(&self, _: &mut HeaderMap) -> Result<(), BoxError> {
        Ok(())
    }

    fn identity(&self) -> Option<String> {
        panic!("it does not know")
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_anything_is_sent_is_an_error_as_well() {
    let server = Server::with(AT, ARTICLE);
    let client = server.builder().auth(Nobody).build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    let read = articles.get(1).await.unwrap_err();
    let written = articles
        .update(1, |article| article.views = 2)
        .await
        .unwrap_err();
    for error in [read, written] {
        assert!(error.is_config(), "{error:?}");
        assert!(
            error.to_string().contains("the authenticator panicked"),
            "{error}"
        );
        assert!(std::error::Error::source(&error).is_none(), "{error:?}");
    }
    assert!(server.seen().is_empty());
}
