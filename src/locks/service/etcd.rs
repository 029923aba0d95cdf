//! Leases of etcd, by the JSON gateway of its version 3.
//!
//! A lease is a key that exists for as long as an etcd lease does. The id of the etcd lease is made from the session, so
//! each request can be repeated, and a lost response is settled by reading the key.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::shown;
use crate::client::Client;
use crate::lease::{Granted, LeaseHolder, LeaseRequest, LeaseService, NotGranted};
use crate::locks::Leases;
use crate::operations::{PlainRequest, PlainResponse};
use crate::value::{Error, ErrorKind};

const GRANT: &str = "v3/lease/grant";
const KEEP_ALIVE: &str = "v3/lease/keepalive";
const REVOKE: &str = "v3/lease/revoke";
const TXN: &str = "v3/kv/txn";
const RANGE: &str = "v3/kv/range";

/// What all keys begin with.
const PREFIX: &str = "ifmatch/leases/";
/// The time limit of a request that belongs to no lease.
const LOOK: Duration = Duration::from_secs(10);

impl Leases {
    /// Keeps each lease in etcd, by the JSON gateway of its version 3.4 or later.
    ///
    /// The base URL of the client is the root of the server, such as `http://127.0.0.1:2379`. The key of a lease is
    /// `ifmatch/leases/` and its name. It is created in a transaction that requires that no such key exists, and belongs to
    /// an etcd lease, with which it ends.
    ///
    /// The fencing token is the revision at which the key was created. It rises through all keys of the server. etcd counts
    /// in whole seconds, and raises a ttl that is shorter than its election timeout allows (2 seconds by default).
    ///
    /// etcd itself does not check the writes of the application. A holder that stood still may write late, so protect
    /// documents with [`fenced`](crate::Collection::fenced).
    ///
    /// # Example
    ///
    /// ```no_run
    /// use ifmatch::{Client, Leases};
    ///
    /// # async fn run() -> Result<(), ifmatch::Error> {
    /// let leases = Leases::etcd(&Client::new("http://127.0.0.1:2379")?);
    /// let held = leases.acquire("nightly").owner("worker-7").await?;
    /// println!("the fencing token is {}", held.token());
    /// held.release().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn etcd(client: &Client) -> Self {
        let shared = client.shared();
        let client = client.clone();
        Self::of(Etcd { client }).of_client(shared)
    }
}

struct Etcd {
    client: Client,
}

/// The value of a key.
#[derive(Serialize, Deserialize)]
struct Stored {
    holder: Option<String>,
    session: String,
}

/// A key that exists.
struct Key {
    /// `None` if another program has written the value.
    stored: Option<Stored>,
    /// When it was created.
    revision: u64,
}

impl Key {
    fn is_of(&self, session: &str) -> bool {
        let stored = self.stored.as_ref();
        stored.is_some_and(|stored| stored.session == session)
    }

    fn owner(self) -> Option<String> {
        self.stored?.holder.as_deref().map(shown)
    }
}

impl Etcd {
    async fn ask(&self, path: &str, body: Value, time: Duration) -> Result<PlainResponse, Error> {
        self.request(path, &body, time).await
    }

    fn request(&self, path: &str, body: &Value, time: Duration) -> PlainRequest {
        let request = self.client.request(Method::POST, path).json(body);
        request.timeout(time).url_template(format!("/{path}"))
    }

    /// Sends a request that may be carried out twice, and for which any status but a success is an error.
    async fn answer(&self, path: &str, body: Value, time: Duration) -> Result<Value, NotGranted> {
        let answered = self.request(path, &body, time).retry().await;
        let answered = answered.and_then(PlainResponse::error_for_status);
        answered
            .and_then(|answered| answered.json())
            .map_err(NotGranted::Failed)
    }

    /// Reads the key of a lease.
    async fn read(&self, name: &str, time: Duration) -> Result<Option<Key>, NotGranted> {
        let answer = self.answer(RANGE, json!({ "key": key(name) }), time);
        let answer = answer.await?;
        let Some(found) = answer.pointer("/kvs/0") else {
            return Ok(None);
        };
        let value = found["value"].as_str().unwrap_or_default();
        let stored = STANDARD.decode(value).unwrap_or_default();
        let Some(revision) = number(&found["create_revision"]) else {
            return Err(unexpected("a key without `create_revision`"));
        };
        Ok(Some(Key {
            stored: serde_json::from_slice(&stored).ok(),
            revision,
        }))
    }

    /// Makes the etcd lease of a session, or finds that an earlier request has made it. Returns its ttl.
    async fn grant(&self, want: &LeaseRequest) -> Result<Duration, NotGranted> {
        let body = json!({
            "ID": id(&want.session).to_string(),
            "TTL": seconds(want.ttl).to_string(),
        });
        let error = match self.ask(GRANT, body, want.ttl).await {
            // "lease already exists" (code 9).
            Ok(refused) if refused.status() == StatusCode::PRECONDITION_FAILED => None,
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => Some(error),
            granted => {
                let granted = granted.and_then(PlainResponse::error_for_status);
                let granted: Value = granted
                    .and_then(|granted| granted.json())
                    .map_err(NotGranted::Failed)?;
                let Some(ttl) = number(&granted["TTL"]) else {
                    return Err(unexpected("a lease without `TTL`"));
                };
                return Ok(Duration::from_secs(ttl));
            }
        };
        match (self.keep_alive(&want.session, want.ttl).await?, error) {
            (Some(ttl), _) => Ok(ttl),
            (None, Some(error)) => Err(NotGranted::Failed(error)),
            (None, None) => Err(try_again()),
        }
    }

    /// Renews the etcd lease of a session. Returns `None` if the lease does not exist: the status is 200 then too, and
    /// `TTL` is missing.
    async fn keep_alive(
        &self,
        session: &str,
        time: Duration,
    ) -> Result<Option<Duration>, NotGranted> {
        let body = json!({ "ID": id(session).to_string() });
        let answer = self.answer(KEEP_ALIVE, body, time).await?;
        let Some(result) = answer.get("result") else {
            return Err(unexpected("no `result` of a renewal"));
        };
        let ttl = number(&result["TTL"]).filter(|ttl| *ttl > 0);
        Ok(ttl.map(Duration::from_secs))
    }

    /// Creates the key, if it does not exist.
    async fn create(&self, want: &LeaseRequest) -> Result<PlainResponse, Error> {
        let stored = json!(Stored {
            holder: want.owner.clone(),
            session: want.session.clone(),
        });
        let key = key(&want.name);
        let put = json!({
            "key": key,
            "value": STANDARD.encode(stored.to_string()),
            "lease": id(&want.session).to_string(),
        });
        let absent = json!({
            "key": key,
            "target": "CREATE",
            "result": "EQUAL",
            "create_revision": "0",
        });
        let body = json!({ "compare": [absent], "success": [{ "request_put": put }] });
        self.ask(TXN, body, want.ttl).await
    }

    /// Ends the etcd lease of a session, and with it the key. Returns whether it existed.
    async fn revoke(&self, session: &str, time: Duration) -> Result<bool, Error> {
        let body = json!({ "ID": id(session).to_string() });
        let answer = self.ask(REVOKE, body, time).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        answer.error_for_status().map(|_| true)
    }
}

/// Returns the id of the etcd lease of a session: a positive number with 63 bits.
fn id(session: &str) -> u64 {
    let digest = blake3::hash(session.as_bytes());
    let (first, _) = digest.as_bytes().split_at(8);
    let id = first
        .iter()
        .fold(0, |id: u64, byte| id << 8 | u64::from(*byte));
    id >> 1 | 1
}

fn key(name: &str) -> String {
    STANDARD.encode(format!("{PREFIX}{name}"))
}

/// Rounds up, because a lease must not be shorter than its holder believes.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Reads a number, which the gateway writes as a string.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn unexpected(what: &str) -> NotGranted {
    let why = format!("the response is not one of etcd: {what}");
    NotGranted::Failed(Error::new(ErrorKind::Decode, why))
}

/// The lease is free, but this attempt did not get it.
fn try_again() -> NotGranted {
    NotGranted::held(None, Some(Duration::ZERO))
}

#[async_trait]
impl LeaseService for Etcd {
    async fn acquire(&self, want: &LeaseRequest) -> Result<Granted, NotGranted> {
        let time = want.ttl;
        match self.read(&want.name, time).await? {
            Some(key) if key.is_of(&want.session) => {
                // The response to an earlier request was lost. Its etcd lease may be about to end.
                let own = Granted::new(&want.name, &want.session, key.revision, want.ttl);
                return match self.renew(&own, want).await {
                    Err(NotGranted::Lost { by }) => Err(NotGranted::held(by, None)),
                    renewed => renewed,
                };
            }
            Some(key) => return Err(NotGranted::held(key.owner(), None)),
            None => {}
        }
        let ttl = self.grant(want).await?;
        let created = self.create(want).await;
        // A transaction that lost has the status 200 too. Only the key shows whose it is, and whether its lease still
        // lived when it was created.
        let found = self.read(&want.name, time).await?;
        if let Some(key) = found.as_ref().filter(|key| key.is_of(&want.session)) {
            return Ok(Granted::new(&want.name, &want.session, key.revision, ttl));
        }
        // A request that arrives late creates nothing without its lease. If this fails, the lease ends by itself.
        let _ = self.revoke(&want.session, time).await;
        match (found, created) {
            (Some(key), _) => Err(NotGranted::held(key.owner(), None)),
            (None, Err(error)) => Err(NotGranted::Failed(error)),
            // The etcd lease, or a key of another one, has ended meanwhile.
            (None, Ok(refused)) if refused.status() == StatusCode::NOT_FOUND => Err(try_again()),
            (None, Ok(answer)) => match answer.error_for_status() {
                Ok(_) => Err(try_again()),
                Err(error) => Err(NotGranted::Failed(error)),
            },
        }
    }

    async fn renew(&self, lease: &Granted, _want: &LeaseRequest) -> Result<Granted, NotGranted> {
        let kept = self.keep_alive(&lease.id, lease.ttl).await?;
        match (self.read(&lease.name, lease.ttl).await?, kept) {
            (Some(key), Some(ttl)) if key.is_of(&lease.id) => {
                Ok(Granted::new(&lease.name, &lease.id, key.revision, ttl))
            }
            (Some(key), _) if !key.is_of(&lease.id) => Err(NotGranted::Lost { by: key.owner() }),
            // The key ends a moment after its lease.
            _ => Err(NotGranted::Lost { by: None }),
        }
    }

    async fn release(&self, lease: &Granted) -> Result<(), NotGranted> {
        let found = self.read(&lease.name, lease.ttl).await?;
        let is_ours = found.as_ref().is_some_and(|key| key.is_of(&lease.id));
        let mut revoked = self.revoke(&lease.id, lease.ttl).await;
        if !is_ours {
            let by = found.and_then(Key::owner);
            return Err(NotGranted::Lost { by });
        }
        match revoked.as_ref().map_err(Error::kind) {
            // It was ours when it was read. If it does not exist now, the first request has ended it.
            Err(ErrorKind::OutcomeUnknown) => {
                revoked = self.revoke(&lease.id, lease.ttl).await.map(|_| true);
            }
            Err(ErrorKind::Transport) => revoked = self.revoke(&lease.id, lease.ttl).await,
            _ => {}
        }
        match revoked {
            Ok(true) => Ok(()),
            Ok(false) => Err(NotGranted::Lost { by: None }),
            Err(error) => Err(NotGranted::Failed(error)),
        }
    }

    async fn look(&self, name: &str) -> Result<Option<LeaseHolder>, NotGranted> {
        let key = self.read(name, LOOK).await?;
        Ok(key.map(|key| {
            let token = key.revision;
            LeaseHolder::new(key.owner(), Some(token))
        }))
    }
}
