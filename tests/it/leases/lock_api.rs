//! Lock APIs that are described as data, on the dialects that come with the crate and on one of a test.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use http::{HeaderMap, HeaderName, Method, StatusCode};
use ifmatch::profiles::WebDav;
use ifmatch::transport::{Request, Response};
use ifmatch::{
    Client, Collection, ErrorKind, Generic, Leases, LockApi, LockPlace, LockRequest, LockValue,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::wire::{Answers, Fate, Wire, json as answer};

const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);

fn header<'r>(request: &'r Request, name: &str) -> &'r str {
    let value = request.headers.get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

/// A WOPI host with one file.
#[derive(Default)]
struct Wopi(Mutex<Option<(String, Instant)>>);

impl Wopi {
    fn lock(&self) -> Option<String> {
        let lock = self.0.lock().unwrap().clone();
        lock.filter(|(_, end)| *end > Instant::now())
            .map(|(id, _)| id)
    }

    fn set(&self, id: Option<&str>) {
        let end = Instant::now() + HALF_AN_HOUR;
        *self.0.lock().unwrap() = id.map(|id| (id.to_owned(), end));
    }
}

impl Answers for Wopi {
    fn answer(&self, request: &Request) -> Response {
        let reply = |status: u16, lock: Option<String>| {
            let mut headers = HeaderMap::new();
            headers.insert("x-wopi-lock", lock.unwrap_or_default().parse().unwrap());
            Response::new(StatusCode::from_u16(status).unwrap(), headers, "")
        };
        let (id, held) = (header(request, "x-wopi-lock"), self.lock());
        if request.url.path() == "/wopi/files/7/contents" {
            return match request.method {
                Method::GET => {
                    let mut read = answer(200, &json!({ "n": 1 }));
                    read.headers.insert("etag", "\"1\"".parse().unwrap());
                    read
                }
                _ if held.as_deref() == Some(id) => reply(200, None),
                _ => reply(409, held),
            };
        }
        assert_eq!(
            (&request.method, request.url.path()),
            (&Method::POST, "/wopi/files/7")
        );
        let is_ours = held.as_deref() == Some(id);
        match (header(request, "x-wopi-override"), &held) {
            ("GET_LOCK", _) => reply(200, held),
            ("LOCK", None) => {
                self.set(Some(id));
                reply(200, None)
            }
            ("LOCK" | "REFRESH_LOCK", Some(_)) if is_ours => {
                self.set(Some(id));
                reply(200, None)
            }
            ("UNLOCK", Some(_)) if is_ours => {
                self.set(None);
                reply(200, None)
            }
            _ => reply(409, held),
        }
    }
}

fn wopi(wire: &Wire<Wopi>) -> (Client, Leases) {
    let client = wire.client("http://host.test/wopi");
    let files = client.collection::<Value>("files");
    (client, Leases::resource(LockApi::wopi()).on(&files))
}

#[tokio::test(start_paused = true)]
async fn a_file_of_wopi_is_locked_refreshed_and_unlocked() {
    let wire = Wire::to(Wopi::default());
    let ((client, one), (_, other)) = (wopi(&wire), wopi(&wire));
    let held = one.acquire(7).await.unwrap();
    assert_eq!(held.token(), 0, "WOPI has no tokens");
    assert!(held.remaining() > HALF_AN_HOUR / 2);
    let id = wire.server().lock().unwrap();
    let refused = other.acquire(7).wait(Duration::from_secs(9)).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Locked);
    assert!(
        !format!("{refused} {refused:?} {held:?}").contains(&id),
        "it is a secret"
    );
    assert!(other.look(7).await.unwrap().is_some());
    // It is refreshed for hours.
    tokio::time::sleep(HALF_AN_HOUR * 5).await;
    assert_eq!(wire.server().lock().as_ref(), Some(&id));

    let contents = client.resource::<Value>(["files", "7", "contents"]);
    contents
        .under(&held)
        .update(|it| it["n"] = 2.into())
        .await
        .unwrap();
    let written = wire.seen().pop().unwrap();
    assert_eq!(header(&written, "x-wopi-lock"), id);
    held.release().await.unwrap();
    assert_eq!(other.look(7).await.unwrap(), None);
    other.acquire(7).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lock_of_wopi_is_ours_whatever_gets_lost() {
    for fate in [Fate::LoseReply, Fate::LoseRequest, Fate::NoConnection] {
        for nth in 0..3 {
            let wire = Wire::to(Wopi::default());
            wire.after(nth, fate);
            let (_, leases) = wopi(&wire);
            let held = leases.acquire(7).await.unwrap();
            tokio::time::sleep(HALF_AN_HOUR / 2).await;
            assert!(held.remaining() > HALF_AN_HOUR / 3, "{fate:?} {nth}");
            held.release().await.unwrap();
            assert_eq!(wire.server().lock(), None);
            assert!(!wire.calm(), "{fate:?} {nth}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_of_wopi_that_is_stolen_is_lost_and_its_write_is_not_sent_again() {
    let wire = Wire::to(Wopi::default());
    let (client, leases) = wopi(&wire);
    let held = leases.acquire(7).await.unwrap();
    let contents = client.resource::<Value>(["files", "7", "contents"]);
    wire.server().set(Some("thief"));
    let update = contents.under(&held).update(|it| it["n"] = 2.into());
    assert_eq!(update.await.unwrap_err().kind(), ErrorKind::LeaseLost);
    assert_eq!(
        held.release().await.unwrap_err().kind(),
        ErrorKind::LeaseLost
    );
    assert_eq!(wire.server().lock().as_deref(), Some("thief"));
}

/// A backend for Terraform's states, as its documents describe it.
#[derive(Default)]
struct Terraform {
    lock: Mutex<Option<Value>>,
    states: Mutex<BTreeMap<String, (u64, Vec<u8>)>>,
}

impl Answers for Terraform {
    fn answer(&self, request: &Request) -> Response {
        let (mut lock, mut states) = (self.lock.lock().unwrap(), self.states.lock().unwrap());
        let path = request.url.path().to_owned();
        let refused = |lock: &Option<Value>| answer(423, lock.as_ref().unwrap_or(&Value::Null));
        let state = states
            .entry(path)
            .or_insert((1, b"{\"serial\": 1}".to_vec()));
        let tagged = |status: u16, state: &(u64, Vec<u8>)| {
            let mut reply = answer(status, &serde_json::from_slice(&state.1).unwrap());
            let tag = format!("\"{}\"", state.0).parse().unwrap();
            reply.headers.insert("etag", tag);
            reply
        };
        if request.method == Method::GET {
            return tagged(200, state);
        }
        if request.method == Method::PUT {
            let pairs = request.url.query_pairs();
            let ids: Vec<_> = pairs.filter(|(name, _)| name == "ID").collect();
            let held = lock.as_ref().map(|lock| lock["ID"].as_str().unwrap());
            if held.is_some() && (ids.len() != 1 || held != Some(&*ids[0].1)) {
                return refused(&lock);
            }
            *state = (state.0 + 1, request.body.to_vec());
            return tagged(200, state);
        }
        let described: Value = serde_json::from_slice(&request.body).unwrap();
        for member in [
            "ID",
            "Operation",
            "Info",
            "Who",
            "Version",
            "Created",
            "Path",
        ] {
            assert!(described[member].is_string(), "{described}");
        }
        match (request.method.as_str(), &*lock) {
            ("LOCK", None) => *lock = Some(described),
            ("UNLOCK", Some(held)) if held["ID"] == described["ID"] => *lock = None,
            ("LOCK" | "UNLOCK", _) => return refused(&lock),
            other => panic!("{other:?}"),
        }
        Response::new(StatusCode::OK, HeaderMap::new(), "")
    }
}

fn terraform(wire: &Wire<Terraform>) -> (Collection<Value>, Leases) {
    let states = wire
        .client("http://state.test")
        .collection::<Value>("state");
    let leases = Leases::resource(LockApi::terraform()).on(&states);
    (states, leases)
}

#[tokio::test(start_paused = true)]
async fn a_state_of_terraform_is_written_under_its_lock() {
    let wire = Wire::to(Terraform::default());
    let ((states, one), (others, other)) = (terraform(&wire), terraform(&wire));
    let held = one.acquire("prod").owner("ann@host").await.unwrap();
    let refused = other.acquire("prod").wait(Duration::from_secs(5)).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Locked);
    assert!(refused.to_string().contains("ann@host"), "{refused}");
    let saved = states
        .clone()
        .under(&held)
        .update("prod", |state| state["serial"] = 2.into());
    assert_eq!(saved.await.unwrap()["serial"], 2);
    // Others are refused, and the lease protects no other state.
    let error = others.update("prod", |state| state["serial"] = 3.into());
    assert_eq!(error.await.unwrap_err().kind(), ErrorKind::Locked);
    let error = states
        .clone()
        .under(&held)
        .update("test", |state| state["serial"] = 3.into());
    assert_eq!(error.await.unwrap_err().kind(), ErrorKind::Config);
    // It has no token.
    let fenced = states.clone().under(&held).fenced("/fence");
    let error = fenced.update("prod", |state| state["serial"] = 3.into());
    assert_eq!(error.await.unwrap_err().kind(), ErrorKind::Config);
    // The lock has no end.
    tokio::time::sleep(Duration::from_secs(1_000_000)).await;
    assert!(!held.remaining().is_zero());
    held.release().await.unwrap();
    other.acquire("prod").await.unwrap();
    assert_eq!(
        other.look("prod").await.unwrap_err().kind(),
        ErrorKind::Config
    );
}

#[tokio::test(start_paused = true)]
async fn a_lock_of_terraform_is_ours_whatever_gets_lost() {
    for fate in [Fate::LoseReply, Fate::LoseRequest, Fate::NoConnection] {
        for nth in 0..2 {
            let wire = Wire::to(Terraform::default());
            wire.after(nth, fate);
            let (_, leases) = terraform(&wire);
            leases
                .acquire("prod")
                .await
                .unwrap()
                .release()
                .await
                .unwrap();
            assert_eq!(*wire.server().lock.lock().unwrap(), None, "{fate:?} {nth}");
            assert!(!wire.calm(), "{fate:?} {nth}");
        }
    }
}

/// A server that chooses the ids of its locks, counts its holders and grants what it wants.
#[derive(Default)]
struct Chooses(Mutex<(u64, bool)>);

impl Answers for Chooses {
    fn answer(&self, request: &Request) -> Response {
        let mut state = self.0.lock().unwrap();
        assert_eq!(request.url.path(), "/docs/7/lock");
        match (&request.method, state.1) {
            (&Method::POST, false) => {
                *state = (state.0 + 1, true);
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                assert_eq!(body, json!({ "seconds": 60, "user": "ann" }));
                answer(
                    201,
                    &json!({ "lock": { "id": state.0 * 100, "seconds": 30, "n": state.0 } }),
                )
            }
            (&Method::POST, true) => answer(403, &json!({ "locked_by": "ann" })),
            (&Method::DELETE, true) => {
                assert_eq!(request.url.query(), Some(&*format!("id={}", state.0 * 100)));
                state.1 = false;
                answer(200, &Value::Null)
            }
            other => panic!("{other:?}"),
        }
    }
}

fn chooses(wire: &Wire<Chooses>) -> Leases {
    let lock = LockRequest::new(Method::POST)
        .beneath("lock")
        .member("seconds", LockValue::Seconds)
        .member("user", LockValue::Owner);
    let unlock = LockRequest::new(Method::DELETE)
        .beneath("lock")
        .query("id", LockValue::Id);
    let api = LockApi::new(lock, unlock)
        .held_on([StatusCode::FORBIDDEN])
        .granted_id(LockPlace::member("/lock/id"))
        .granted_seconds(LockPlace::member("/lock/seconds"))
        .token(LockPlace::member("/lock/n"));
    let documents = wire.client("http://any.test").collection::<Value>("docs");
    Leases::resource(api)
        .on(&documents)
        .ttl(Duration::from_secs(60))
}

#[tokio::test(start_paused = true)]
async fn what_the_server_chooses_counts() {
    let wire = Wire::to(Chooses::default());
    let leases = chooses(&wire);
    for token in 1..=2 {
        let held = leases.acquire(7).owner("ann").await.unwrap();
        assert_eq!(held.token(), token);
        assert!(
            held.remaining() <= Duration::from_secs(20),
            "{:?}",
            held.remaining()
        );
        let refused = chooses(&wire)
            .acquire(7)
            .owner("ann")
            .wait(Duration::from_secs(1));
        let refused = refused.await.unwrap_err();
        assert!(refused.to_string().contains("`ann` holds it"), "{refused}");
        held.release().await.unwrap();
    }
    // There is no request that renews it.
    let held = leases.acquire(7).owner("ann").await.unwrap();
    let since = Instant::now();
    held.lost().await;
    assert!(
        since.elapsed() <= Duration::from_secs(20),
        "{:?}",
        since.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_with_an_id_that_the_server_has_chosen_is_unknown() {
    let wire = Wire::to(Chooses::default());
    wire.after(0, Fate::LoseReply);
    let acquire = chooses(&wire)
        .acquire(7)
        .owner("ann")
        .wait(Duration::from_secs(40));
    assert_eq!(acquire.await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
}

#[tokio::test(start_paused = true)]
async fn settings_of_the_collection_apply_and_mistakes_are_config_errors() {
    struct Echo;
    impl Answers for Echo {
        fn answer(&self, request: &Request) -> Response {
            assert_eq!(header(request, "x-own"), "1");
            assert_eq!(request.url.query(), Some("tenant=a&k=v"));
            answer(200, &Value::Null)
        }
    }
    let wire = Wire::to(Echo);
    let builder = Client::builder("http://any.test").transport(wire.clone());
    let client = builder.profile(Generic::over(WebDav)).build().unwrap();
    let own = HeaderName::from_static("x-own");
    let documents = client
        .collection::<Value>("docs")
        .header(own, "1".parse().unwrap());
    let documents = documents.query("tenant", "a");
    let lock = LockRequest::new(Method::POST).query("k", "v");
    let leases = Leases::resource(LockApi::new(lock.clone(), lock));
    let error = leases.acquire(7).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "no collection is named");
    let leases = leases.on(&documents);
    leases.acquire(7).await.unwrap().release().await.unwrap();
    let error = leases.acquire("..").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

/// A server whose locks last for ten seconds, and whose refusals tell only the id of the lock.
#[derive(Default)]
struct Brief(Mutex<Option<(String, Instant)>>);

impl Answers for Brief {
    fn answer(&self, request: &Request) -> Response {
        let mut lock = self.0.lock().unwrap();
        lock.take_if(|(_, end)| *end <= Instant::now());
        let end = Instant::now() + Duration::from_secs(10);
        let id = header(request, "x-lock").to_owned();
        let is_ours = lock.as_ref().is_some_and(|(held, _)| *held == id);
        match (request.method.as_str(), &*lock) {
            ("POST", None) => *lock = Some((id, end)),
            ("PATCH", Some(_)) if is_ours => *lock = Some((id, end)),
            ("DELETE", Some(_)) if is_ours => *lock = None,
            (_, held) => {
                let id = held.as_ref().map(|(id, _)| id);
                return answer(423, &json!({ "id": id }));
            }
        }
        answer(200, &Value::Null)
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_was_granted_by_a_lost_response_lasts_for_its_whole_time() {
    let own = HeaderName::from_static("x-lock");
    let request = |method| LockRequest::new(method).header(own.clone(), LockValue::Id);
    let api = LockApi::new(request(Method::POST), request(Method::DELETE))
        .id(LockPlace::member("/id"))
        .lasts(Duration::from_secs(10));
    for api in [api.clone().renew(request(Method::PATCH)), api] {
        let wire = Wire::to(Brief::default());
        // The lock is granted, and found only by a later attempt.
        wire.after(0, Fate::LoseReply);
        (0..4).for_each(|_| wire.after(0, Fate::LoseRequest));
        let documents = wire.client("http://any.test").collection::<Value>("docs");
        let held = Leases::resource(api)
            .on(&documents)
            .acquire(7)
            .await
            .unwrap();
        let (_, end) = wire.server().0.lock().unwrap().clone().unwrap();
        assert!(
            Instant::now() + held.remaining() <= end,
            "{:?}",
            held.remaining()
        );
        assert!(
            held.remaining() > Duration::from_secs(5),
            "{:?}",
            held.remaining()
        );
        held.release().await.unwrap();
    }
}
