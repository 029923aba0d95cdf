//! Leases in etcd: what holds however requests and responses get lost.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use ifmatch::transport::{Request, Response};
use ifmatch::{ErrorKind, Leases};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::wire::{Answers, Fate, Wire, json as answer};

const TTL: Duration = Duration::from_secs(15);

/// The JSON gateway of etcd 3.4, as far as leases need it. Its answers are those of the real one.
#[derive(Default)]
struct Etcd(Mutex<State>);

#[derive(Default)]
struct State {
    revision: u64,
    /// The end and the ttl of each lease.
    leases: BTreeMap<String, (Instant, u64)>,
    keys: BTreeMap<String, Key>,
}

struct Key {
    created: u64,
    value: String,
    lease: String,
}

impl State {
    fn expire(&mut self) {
        let now = Instant::now();
        self.leases.retain(|_, (end, _)| *end > now);
        let leases = &self.leases;
        self.keys
            .retain(|_, key| key.lease.is_empty() || leases.contains_key(&key.lease));
    }

    fn range(&self, key: &str) -> Value {
        let header = json!({ "revision": self.revision.to_string() });
        match self.keys.get(key) {
            None => json!({ "header": header }),
            Some(found) => json!({
                "header": header,
                "kvs": [{
                    "key": key,
                    "create_revision": found.created.to_string(),
                    "value": found.value,
                    "lease": found.lease,
                }],
                "count": "1",
            }),
        }
    }

    fn txn(&mut self, body: &Value) -> Response {
        let compared = &body["compare"][0];
        let key = compared["key"].as_str().unwrap().to_owned();
        assert_eq!(
            (&compared["target"], &compared["create_revision"]),
            (&"CREATE".into(), &"0".into())
        );
        let put = &body["success"][0]["request_put"];
        let lease = put["lease"].as_str().unwrap().to_owned();
        if self.keys.contains_key(&key) {
            // Without `succeeded`.
            return answer(200, &json!({ "header": {} }));
        }
        if !self.leases.contains_key(&lease) {
            return missing();
        }
        self.revision += 1;
        let new = Key {
            created: self.revision,
            value: put["value"].as_str().unwrap().to_owned(),
            lease,
        };
        self.keys.insert(key, new);
        answer(200, &json!({ "header": {}, "succeeded": true }))
    }
}

fn missing() -> Response {
    let message = "etcdserver: requested lease not found";
    answer(
        404,
        &json!({ "error": message, "message": message, "code": 5 }),
    )
}

impl Answers for Etcd {
    fn answer(&self, request: &Request) -> Response {
        let mut state = self.0.lock().unwrap();
        state.expire();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        match request.url.path() {
            "/v3/lease/grant" => {
                let (id, ttl) = (text("ID"), text("TTL").parse().unwrap());
                if state.leases.contains_key(&id) {
                    let message = "etcdserver: lease already exists";
                    return answer(412, &json!({ "message": message, "code": 9 }));
                }
                let end = Instant::now() + Duration::from_secs(ttl);
                state.leases.insert(id.clone(), (end, ttl));
                answer(200, &json!({ "ID": id, "TTL": ttl.to_string() }))
            }
            "/v3/lease/keepalive" => {
                let id = text("ID");
                let Some((end, ttl)) = state.leases.get_mut(&id) else {
                    return answer(200, &json!({ "result": { "ID": id } }));
                };
                *end = Instant::now() + Duration::from_secs(*ttl);
                let result = json!({ "ID": id, "TTL": ttl.to_string() });
                answer(200, &json!({ "result": result }))
            }
            "/v3/lease/revoke" => {
                if state.leases.remove(&text("ID")).is_none() {
                    return missing();
                }
                state.expire();
                answer(200, &json!({ "header": {} }))
            }
            "/v3/kv/range" => answer(200, &state.range(&text("key"))),
            "/v3/kv/txn" => state.txn(&body),
            other => panic!("{other}"),
        }
    }
}

fn etcd() -> Wire<Etcd> {
    Wire::to(Etcd::default())
}

fn leases(wire: &Wire<Etcd>) -> Leases {
    Leases::etcd(&wire.client("http://etcd.test"))
}

impl Wire<Etcd> {
    /// How many etcd leases and keys are there.
    fn counts(&self) -> (usize, usize) {
        let mut state = self.server().0.lock().unwrap();
        state.expire();
        (state.leases.len(), state.keys.len())
    }

    /// Another program puts a key in place of the present one.
    fn steal(&self, value: &str) {
        let mut state = self.server().0.lock().unwrap();
        state.revision += 1;
        let created = state.revision;
        for key in state.keys.values_mut() {
            *key = Key {
                created,
                value: value.to_owned(),
                lease: String::new(),
            };
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_of_two_holders_gets_a_lease_and_the_next_one_has_a_greater_token() {
    let wire = etcd();
    let (one, other) = (leases(&wire), leases(&wire));
    let held = one.acquire("nightly").owner("worker-7").await.unwrap();
    let refused = other.acquire("nightly").wait(TTL * 2).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Locked);
    assert!(refused.to_string().contains("worker-7"), "{refused}");
    let holder = other.look("nightly").await.unwrap().unwrap();
    assert_eq!(
        (holder.owner.as_deref(), holder.token),
        (Some("worker-7"), Some(held.token()))
    );
    let first = held.token();
    held.release().await.unwrap();
    assert_eq!(other.look("nightly").await.unwrap(), None);
    assert_eq!(wire.counts(), (0, 0));
    let held = other.acquire("nightly").await.unwrap();
    assert!(held.token() > first, "{} {first}", held.token());
}

#[tokio::test(start_paused = true)]
async fn whatever_gets_lost_the_lease_is_ours_and_is_left_to_others() {
    for fate in [Fate::LoseReply, Fate::LoseRequest, Fate::NoConnection] {
        let mut nth = 0;
        // Each request of an acquisition, two renewals and a release is lost once.
        loop {
            let wire = etcd();
            wire.after(nth, fate);
            let held = leases(&wire).acquire("nightly").await.unwrap();
            assert_eq!(held.token(), 1, "{fate:?} {nth}");
            assert_eq!(wire.counts(), (1, 1));
            tokio::time::sleep(TTL * 4 / 5).await;
            assert!(!held.remaining().is_zero(), "{fate:?} {nth}");
            held.release()
                .await
                .unwrap_or_else(|error| panic!("{fate:?} {nth}: {error}"));
            assert_eq!(wire.counts(), (0, 0), "{fate:?} {nth}");
            if wire.calm() {
                break;
            }
            nth += 1;
        }
        // Four for the lease, two for each renewal, two for the release.
        assert!(nth >= 10, "{nth}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_contender_that_loses_the_race_leaves_no_etcd_lease_behind() {
    let wire = etcd();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let leases = leases(&wire);
        tasks.spawn(async move { leases.acquire("nightly").wait(TTL / 20).await });
    }
    let all = tasks.join_all().await;
    let held: Vec<_> = all.iter().filter_map(|it| it.as_ref().ok()).collect();
    assert_eq!(held.len(), 1);
    for refused in all.iter().filter_map(|it| it.as_ref().err()) {
        assert_eq!(refused.kind(), ErrorKind::Locked);
    }
    assert_eq!(wire.counts(), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_lease_of_an_ended_program_goes_to_the_next_one_after_its_time() {
    let wire = etcd();
    let other = leases(&wire);
    let held = leases(&wire).acquire("nightly").await.unwrap();
    // Nothing of the program is sent any more.
    wire.server()
        .0
        .lock()
        .unwrap()
        .leases
        .values_mut()
        .for_each(|lease| {
            lease.0 = Instant::now() + TTL;
        });
    let since = Instant::now();
    std::mem::forget(held);
    let requests = wire.seen().len();
    for _ in 0..64 {
        wire.after(0, Fate::NoConnection);
    }
    tokio::time::sleep(TTL * 2 / 3).await;
    assert!(wire.calm() && wire.seen().len() > requests);
    let next = other.acquire("nightly").wait(TTL).await.unwrap();
    assert!(since.elapsed() >= TTL, "{:?}", since.elapsed());
    assert_eq!(next.token(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_holder_whose_lease_is_revoked_or_stolen_is_told() {
    let stored = base64_of(r#"{"holder": "thief", "session": "another"}"#);
    for stolen in [None, Some(stored), Some("no base64".to_owned())] {
        let wire = etcd();
        let held = leases(&wire).acquire("nightly").await.unwrap();
        match &stolen {
            None => wire.server().0.lock().unwrap().leases.clear(),
            Some(value) => wire.steal(value),
        }
        let lost = held.lost().await;
        let is_named = lost.to_string().contains("thief");
        assert_eq!(is_named, stolen.is_some_and(|it| it.len() > 20), "{lost}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_name_of_a_holder_stays_in_one_line_of_bounded_length() {
    let wire = etcd();
    let owner = format!("a\nb\u{202e}c{}", "d".repeat(10_000));
    let _held = leases(&wire).acquire("nightly").owner(owner).await.unwrap();
    let other = leases(&wire);
    let refused = other.acquire("nightly").wait(TTL / 10).await.unwrap_err();
    let told = refused.to_string();
    assert!(
        !told.contains(['\n', '\u{202e}']) && told.len() < 400,
        "{told}"
    );
    assert!(told.contains("ddd"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_release_tells_that_the_lease_was_lost_before() {
    let wire = etcd();
    let held = leases(&wire).acquire("nightly").await.unwrap();
    wire.steal("");
    let error = held.release().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LeaseLost);
    // The key of the thief stays.
    assert_eq!(wire.counts(), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_ttl_is_rounded_up_and_what_was_granted_counts() {
    let wire = etcd();
    let leases = leases(&wire).ttl(Duration::from_millis(1_500));
    let held = leases.acquire("nightly").await.unwrap();
    assert!(
        held.remaining() > Duration::from_millis(1_300),
        "{:?}",
        held.remaining()
    );
    let granted = &wire.seen()[1];
    assert!(
        std::str::from_utf8(&granted.body)
            .unwrap()
            .contains(r#""TTL":"2""#)
    );
}

#[tokio::test(start_paused = true)]
async fn answers_of_another_server_are_errors() {
    struct Other(Value);
    impl Answers for Other {
        fn answer(&self, _: &Request) -> Response {
            answer(200, &self.0)
        }
    }
    for body in [
        json!([]),
        json!({}),
        json!({ "kvs": 7 }),
        json!({ "kvs": [{}] }),
        json!({ "kvs": [{ "create_revision": -1, "value": 7 }] }),
        json!({ "TTL": "many" }),
    ] {
        let wire = Wire::to(Other(body.clone()));
        let leases = Leases::etcd(&wire.client("http://etcd.test"));
        let error = leases.acquire("nightly").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{body}");
    }
}

fn base64_of(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= chunk.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    out
}
