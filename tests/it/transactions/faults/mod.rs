//! Endings are true: whatever is lost, delayed or refused, and whichever other client writes.

mod doubts;
mod leases;
mod random;
mod told;
mod undoing;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{ETAG, IF_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{ErrorKind, Limits, MemoryStore, Policy, Rule, ThreeWay, async_trait};
use serde_json::Value;

use super::Bank;
use crate::support::{Event, foreign};

pub(super) fn refused() -> Event {
    Event::Answer(403, &[], "{}")
}

pub(super) fn unavailable() -> Event {
    Event::Answer(503, &[], "{}")
}

/// A bank whose client gives up after one failure of a request.
pub(super) fn impatient(seconds: u64) -> Bank {
    let mut bank = Bank::new();
    let limits = Limits::default()
        .time(Duration::from_secs(seconds))
        .transient(0);
    let builder = bank.server.builder().store(MemoryStore::default());
    bank.client = builder.limits(limits).build().unwrap();
    bank.accounts = bank.client.collection("accounts").write_stamp("/writes");
    bank.transfers = bank.client.collection("transfers");
    bank
}

/// The same, with a journal.
pub(super) fn journalled(seconds: u64, transient: u32, is_awaited: bool) -> Bank {
    let mut bank = Bank::new();
    let limits = Limits::default()
        .time(Duration::from_secs(seconds))
        .transient(transient);
    let builder = bank.server.builder().store(MemoryStore::default());
    let builder = builder
        .journal(ifmatch::Journal::in_memory())
        .journal_awaited(is_awaited);
    bank.client = builder.limits(limits).build().unwrap();
    bank.accounts = bank.client.collection("accounts").write_stamp("/writes");
    bank.transfers = bank.client.collection("transfers");
    bank
}

pub(super) async fn warm(bank: &Bank) {
    bank.accounts.get("anna").await.unwrap();
    bank.accounts.get("ben").await.unwrap();
}

/// A server whose tags are hashes of the documents, and that does not move a version for a write that changes nothing. The
/// requests of this number (reads not counted) are held back until they are released.
#[derive(Clone, Default)]
pub(super) struct Hashed(Arc<Mutex<HashedState>>);

#[derive(Default)]
pub(super) struct HashedState {
    documents: std::collections::BTreeMap<String, Vec<u8>>,
    writes: usize,
    held: Vec<Request>,
    /// Which writes are held back.
    hold: Vec<usize>,
    /// Reads of this path fail so often.
    deaf: (String, usize),
}

impl HashedState {
    pub(super) fn handle(&mut self, request: &Request) -> Response {
        let path = request.url.path().to_owned();
        let now = self.documents.get(&path).cloned();
        let tag = |body: &[u8]| {
            let mut hasher = DefaultHasher::new();
            body.hash(&mut hasher);
            HeaderValue::from_str(&format!("\"{:016x}{:016x}\"", hasher.finish(), 7)).unwrap()
        };
        let reply = |status: u16, body: Option<&[u8]>, shows: bool| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static("application/json"));
            if let Some(body) = body {
                headers.insert(ETAG, tag(body));
            }
            let shown = body.filter(|_| shows).unwrap_or_default().to_vec();
            Response::new(StatusCode::from_u16(status).unwrap(), headers, shown)
        };
        if request.method == Method::GET {
            return match &now {
                Some(body) => reply(200, Some(body), true),
                None => reply(404, None, false),
            };
        }
        let wanted = request.headers.get(IF_MATCH);
        if wanted.is_some() && wanted != now.as_deref().map(tag).as_ref() {
            return reply(412, None, false);
        }
        let body = request.body.to_vec();
        self.documents.insert(path, body.clone());
        reply(204, Some(&body), false)
    }

    pub(super) fn release(&mut self) {
        for late in std::mem::take(&mut self.held) {
            self.handle(&late);
        }
    }
}

#[async_trait]
impl Transport for Hashed {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut state = self.0.lock().unwrap();
        if request.method == Method::GET {
            if state.deaf.1 > 0 && state.deaf.0 == request.url.path() && state.writes > 1 {
                state.deaf.1 -= 1;
                return Err(TransportError::new(Fate::NotSent, "no connection"));
            }
            return Ok(state.handle(&request));
        }
        state.writes += 1;
        let nth = state.writes;
        if state.hold.contains(&nth) {
            state.held.push(request);
            return Err(TransportError::new(Fate::Unknown, "cut"));
        }
        Ok(state.handle(&request))
    }
}

/// Updates a document of this rule, is refused, and takes it back while another client writes. Returns the ending and what is
/// there.
pub(super) async fn taken_back(
    rule: Rule,
    before: Value,
    ours: Value,
    theirs: Option<Value>,
) -> (ErrorKind, Value, String) {
    let bank = Bank::new();
    let strategy = ThreeWay::new(Policy::new().field("/n", rule));
    let notes = bank.client.collection_with::<Value>("notes", strategy);
    bank.server.put(
        "/v1/notes/1",
        &serde_json::json!({ "n": before }).to_string(),
    );
    notes.get(1).await.unwrap();
    bank.accounts.get("ben").await.unwrap();
    let transaction = bank
        .client
        .transaction()
        .try_update(&notes, 1, move |note| {
            note["n"] = ours.clone();
            Ok(())
        })
        .update(&bank.accounts, "ben", |ben| ben.balance += 1);
    bank.server.script([Event::Plain, refused()]);
    if let Some(theirs) = theirs {
        bank.server
            .script([foreign(move |note| note["n"] = theirs.clone())]);
    }
    let error = transaction.commit().await.unwrap_err();
    let told = format!("{error} {:?}", error.steps());
    let now = bank.server.value("/v1/notes/1")["n"].clone();
    (error.kind(), now, told)
}
