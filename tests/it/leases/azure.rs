//! Leases of Azure Blob Storage.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::profiles::AzureBlob;
use ifmatch::testing::Clocks;
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Client, Collection, ErrorKind, Generic, Leases, async_trait};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{TTL, rename};
use crate::support::{ARTICLE, AT, Server, foreign};

/// What happens to the next request about a lease.
enum Fault {
    LoseReply,
    LoseRequest,
    Answer(u16, &'static str),
}

#[derive(Default)]
struct State {
    lease: Option<(String, Duration, Instant)>,
    faults: VecDeque<Fault>,
    /// The actions and the durations that were asked for.
    seen: Vec<(String, Option<String>)>,
}

/// Blob storage in memory, with the codes of Azurite 3.35.
#[derive(Clone)]
struct Blobs {
    files: Server,
    state: Arc<Mutex<State>>,
}

impl Blobs {
    fn new() -> Self {
        Self {
            files: Server::with(AT, ARTICLE),
            state: Arc::default(),
        }
    }

    fn program(&self) -> (Collection<Value>, Leases) {
        let client = Client::builder("http://server.test/v1").transport(self.clone());
        let client = client.profile(Generic::over(AzureBlob)).build().unwrap();
        let blobs = client.collection("articles").query("sig", "secret");
        let leases = Leases::azure_blob().on(&blobs).clock(Clocks::new());
        (blobs, leases.ttl(TTL))
    }

    fn faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().unwrap().faults.extend(faults);
    }

    fn holder(&self) -> Option<String> {
        let state = self.state.lock().unwrap();
        let lease = state.lease.as_ref();
        lease.map(|(id, ..)| id.clone())
    }

    /// Breaks the lease, and gives it to another one.
    fn give_to(&self, id: Option<&str>) {
        let until = Instant::now() + TTL * 10;
        let lease = id.map(|id| (id.to_owned(), TTL * 10, until));
        self.state.lock().unwrap().lease = lease;
    }

    fn act(&self, request: &Request) -> Response {
        let header = |name| {
            let value = request.headers.get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        let action = header("x-ms-lease-action").unwrap();
        let duration = header("x-ms-lease-duration");
        let mut state = self.state.lock().unwrap();
        state.seen.push((action.clone(), duration.clone()));
        if self.files.text(request.url.path()).is_none() {
            return refusal(404, "BlobNotFound");
        }
        let now = Instant::now();
        let is_free = state
            .lease
            .as_ref()
            .is_none_or(|(_, _, until)| *until <= now);
        let id = header("x-ms-lease-id");
        let is_own = state.lease.as_ref().map(|(own, ..)| own) == id.as_ref();
        match &*action {
            "acquire" => {
                let proposed = header("x-ms-proposed-lease-id").unwrap();
                let is_same = state.lease.as_ref().is_some_and(|(id, ..)| *id == proposed);
                if !is_free && !is_same {
                    return refusal(409, "LeaseAlreadyPresent");
                }
                let seconds = duration.unwrap().parse().unwrap();
                assert!((15..=60).contains(&seconds));
                let time = Duration::from_secs(seconds);
                state.lease = Some((proposed, time, now + time));
                response(201)
            }
            "renew" if is_own => {
                let lease = state.lease.as_mut().unwrap();
                lease.2 = now + lease.1;
                response(200)
            }
            "release" if is_own => {
                state.lease = None;
                response(200)
            }
            _ => refusal(409, "LeaseIdMismatchWithLeaseOperation"),
        }
    }

    async fn handle(&self, request: Request) -> Result<Response, TransportError> {
        if request
            .url
            .query()
            .is_some_and(|query| query.contains("comp=lease"))
        {
            return Ok(self.act(&request));
        }
        let is_write = !request.method.is_safe();
        let (holder, sent) = (self.holder(), request.headers.get("x-ms-lease-id"));
        let sent = sent.map(|id| id.to_str().unwrap().to_owned());
        let code = match (&holder, &sent) {
            (Some(_), None) => "LeaseIdMissing",
            (None, Some(_)) => "LeaseNotPresentWithBlobOperation",
            (holder, sent) if holder != sent => "LeaseIdMismatchWithBlobOperation",
            _ => "",
        };
        if is_write && !code.is_empty() {
            return Ok(refusal(412, code));
        }
        let is_head = request.method == Method::HEAD;
        let mut response = self.files.send(request).await?;
        if is_head {
            let status = if holder.is_some() {
                "locked"
            } else {
                "unlocked"
            };
            let status = HeaderValue::from_static(status);
            response.headers.insert("x-ms-lease-status", status);
        }
        if response.status == StatusCode::PRECONDITION_FAILED {
            return Ok(refusal(412, "ConditionNotMet"));
        }
        Ok(response)
    }
}

#[async_trait]
impl Transport for Blobs {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        assert!(request.url.query().unwrap().contains("sig=secret"));
        let is_about_lease = request.headers.contains_key("x-ms-lease-action");
        let fault = if is_about_lease {
            self.state.lock().unwrap().faults.pop_front()
        } else {
            None
        };
        let lost = || Err(TransportError::new(Fate::Unknown, "the connection was cut"));
        match fault {
            None => self.handle(request).await,
            Some(Fault::LoseRequest) => lost(),
            Some(Fault::LoseReply) => {
                self.handle(request).await?;
                lost()
            }
            Some(Fault::Answer(status, code)) => Ok(refusal(status, code)),
        }
    }
}

fn response(status: u16) -> Response {
    Response::new(StatusCode::from_u16(status).unwrap(), HeaderMap::new(), "")
}

fn refusal(status: u16, code: &'static str) -> Response {
    let mut response = response(status);
    let code = HeaderValue::from_static(code);
    response.headers.insert("x-ms-error-code", code);
    response
}

#[tokio::test(start_paused = true)]
async fn a_lease_excludes_others_until_it_is_released() {
    let blobs = Blobs::new();
    let ((_, one), (articles, other)) = (blobs.program(), blobs.program());
    let held = one.acquire(1).await.unwrap();
    tokio::time::sleep(TTL * 4).await;
    let refused = other.acquire(1).wait(TTL * 2).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Locked, "{refused}");
    assert!(other.look(1).await.unwrap().is_some());
    let refused = rename(&articles, "not mine").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Locked, "{refused}");
    held.release().await.unwrap();
    assert_eq!(other.look(1).await.unwrap(), None);
    other.acquire(1).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_time_is_rounded_into_what_the_service_grants() {
    for (millis, asked) in [(100, 15), (15_000, 15), (20_001, 21), (600_000, 60)] {
        let blobs = Blobs::new();
        let (_, leases) = blobs.program();
        let ttl = Duration::from_millis(millis);
        let held = leases.ttl(ttl).acquire(1).await.unwrap();
        let duration = blobs.state.lock().unwrap().seen[0].1.clone();
        assert_eq!(duration, Some(asked.to_string()));
        assert_eq!(held.remaining(), Duration::from_secs(asked) / 3 * 2);
        tokio::time::sleep(TTL * 20).await;
        assert!(!held.remaining().is_zero());
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_is_settled_by_the_id() {
    for fault in [|| Fault::LoseReply, || Fault::LoseRequest] {
        let blobs = Blobs::new();
        let (articles, leases) = blobs.program();
        blobs.faults([fault()]);
        let held = leases.acquire(1).await.unwrap();
        let under = articles.under(&held);
        rename(&under, "mine").await.unwrap();
        blobs.faults([fault()]);
        tokio::time::sleep(TTL).await;
        assert!(!held.remaining().is_zero());
        blobs.faults([fault()]);
        held.release().await.unwrap();
        assert_eq!(blobs.holder(), None);
    }
    let blobs = Blobs::new();
    let (_, leases) = blobs.program();
    blobs.faults((0..1_000).map(|_| Fault::LoseRequest));
    let unknown = leases.acquire(1).wait(TTL * 3).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::OutcomeUnknown, "{unknown}");
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_lease_was_stolen_is_lost_and_not_merged() {
    for thief in [Some("another"), None] {
        let blobs = Blobs::new();
        let (articles, leases) = blobs.program();
        let held = leases.acquire(1).await.unwrap();
        let under = articles.under(&held);
        rename(&under, "first").await.unwrap();
        blobs.give_to(thief);
        let stored = r#"{"title":"theirs","body":"text","views":7}"#;
        blobs.files.put(AT, stored);
        let lost = rename(&under, "late").await.unwrap_err();
        assert_eq!(lost.kind(), ErrorKind::LeaseLost, "{lost}");
        assert_eq!(blobs.files.text(AT).as_deref(), Some(stored));
        let late = held.release().await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::LeaseLost);
        assert_eq!(blobs.holder().as_deref(), thief);
    }
}

#[tokio::test(start_paused = true)]
async fn each_code_of_a_lost_lease_loses_it_and_no_other_answer_does() {
    for (status, code, is_lost) in [
        (409, "LeaseIdMismatchWithLeaseOperation", true),
        (409, "LeaseNotPresentWithLeaseOperation", true),
        (409, "LeaseIsBrokenAndCannotBeRenewed", true),
        (412, "LeaseLost", true),
        (404, "BlobNotFound", true),
        (500, "InternalError", false),
        (503, "ServerBusy", false),
        (403, "AuthenticationFailed", false),
        (409, "AccountBeingCreated", false),
        (412, "ConditionNotMet", false),
    ] {
        let blobs = Blobs::new();
        let (_, leases) = blobs.program();
        let held = leases.acquire(1).await.unwrap();
        blobs.faults([Fault::Answer(status, code)]);
        tokio::time::sleep(TTL).await;
        assert_eq!(held.remaining().is_zero(), is_lost, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_race_under_a_lease_is_merged_as_usual() {
    let blobs = Blobs::new();
    let (articles, leases) = blobs.program();
    let held = leases.acquire(1).await.unwrap();
    let under = articles.under(&held);
    rename(&under, "first").await.unwrap();
    blobs
        .files
        .script([foreign(|article| article["views"] = json!(7))]);
    rename(&under, "second").await.unwrap();
    let stored = blobs.files.value(AT);
    assert_eq!(
        (&stored["title"], &stored["views"]),
        (&json!("second"), &json!(7))
    );
    assert!(!held.remaining().is_zero());
}

#[tokio::test(start_paused = true)]
async fn a_blob_that_does_not_exist_cannot_be_leased() {
    let blobs = Blobs::new();
    let (_, leases) = blobs.program();
    let missing = leases.acquire(2).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound, "{missing}");
    assert_eq!(leases.look(2).await.unwrap(), None);
    blobs.faults([Fault::Answer(403, "AuthorizationFailure")]);
    let refused = leases.acquire(1).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Status, "{refused}");
}
