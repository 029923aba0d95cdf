//! Leases that are the locks of a `WebDAV` server (RFC 4918 6 and 7).
//!
//! The owner of a lock holds the session of its request, so a lock whose response was lost is found again. Answers about a
//! lock are not believed alone: lighttpd 1.4.69 answers 200 to the refresh of a lock that is gone, and several servers
//! answer 412 to more than a lost lock. The locks of the resource decide.

use std::time::Duration;

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;
use url::Url;

use super::responses::{missing, refused, send_release, time_of};
use crate::client::Collection;
use crate::lease::{Granted, LeaseHolder, LeaseRequest, LeaseService, NotGranted};
use crate::operations::{PlainRequest, PlainResponse};
use crate::protocol::{ActiveLock, FIND_LOCKS, LockTimeout, LockToken, active_locks, lock_info};
use crate::value::{Error, ErrorKind};

const IF: HeaderName = HeaderName::from_static("if");
const DEPTH: HeaderName = HeaderName::from_static("depth");
const TIMEOUT: HeaderName = HeaderName::from_static("timeout");
const LOCK_TOKEN: HeaderName = HeaderName::from_static("lock-token");
const XML: HeaderValue = HeaderValue::from_static("application/xml; charset=utf-8");
const NO_DEPTH: HeaderValue = HeaderValue::from_static("0");

/// Leases that are locks on the resources of a collection.
pub(in crate::locks) struct WebDavLocks {
    documents: Collection<Value>,
}

impl WebDavLocks {
    pub(in crate::locks) fn new(documents: Collection<Value>) -> Self {
        Self { documents }
    }

    fn request(&self, method: &str, name: &str) -> PlainRequest {
        // The methods of RFC 4918 are valid.
        let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
        self.documents.request(method, name)
    }

    /// Returns the locks of a resource, or `None` if there is no resource.
    async fn locks_of(&self, name: &str) -> Result<Option<Vec<ActiveLock>>, NotGranted> {
        let find = self.request("PROPFIND", name).header(DEPTH, NO_DEPTH);
        let find = find.header(CONTENT_TYPE, XML).body(XML, FIND_LOCKS);
        let response = find.retry().await.map_err(NotGranted::Failed)?;
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            StatusCode::MULTI_STATUS => read_locks(&response).map(Some),
            _ => Err(refused(response)),
        }
    }

    /// Asks for a lock on a resource that exists.
    async fn lock(&self, want: &LeaseRequest) -> Result<Granted, NotGranted> {
        let unnamed = || want.session.split('-').next().unwrap_or_default();
        let owner = want.owner.as_deref().unwrap_or_else(unnamed);
        let lock = self
            .request("LOCK", &want.name)
            .header(DEPTH, NO_DEPTH)
            .header(TIMEOUT, LockTimeout::asking_for(want.ttl))
            .header(CONTENT_TYPE, XML)
            .body(XML, lock_info(owner, &want.session));
        let response = match lock.await {
            Ok(response) => response,
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                return self.settle(want, error).await;
            }
            Err(error) => return Err(NotGranted::Failed(error)),
        };
        match response.status() {
            StatusCode::OK => granted(&response, want),
            StatusCode::CREATED => {
                let lease = granted(&response, want)?;
                if self.removes_empty(&lease).await? {
                    return Err(missing(&want.name));
                }
                Ok(lease)
            }
            StatusCode::LOCKED => Err(NotGranted::held(None, None)),
            // A gateway may have given up on a server that goes on.
            StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::GATEWAY_TIMEOUT => match refused(response) {
                NotGranted::Failed(error) => self.settle(want, error).await,
                other => Err(other),
            },
            _ => Err(refused(response)),
        }
    }

    /// Finds out whether a lock was granted whose response was lost.
    async fn settle(&self, want: &LeaseRequest, lost: Error) -> Result<Granted, NotGranted> {
        let Some(locks) = self.locks_of(&want.name).await.unwrap_or_default() else {
            return Err(NotGranted::Unknown(lost));
        };
        if let Some(token) = own_token(&locks, &want.session) {
            return self.adopt(want, &token).await;
        }
        match locks.first() {
            Some(lock) if lock.owner.is_some() => Err(held(lock)),
            // The server hides the owner, or the request may still arrive.
            _ => Err(NotGranted::Unknown(lost)),
        }
    }

    /// Takes a lock that an earlier request of this session has got.
    async fn adopt(&self, want: &LeaseRequest, token: &LockToken) -> Result<Granted, NotGranted> {
        let (response, ttl) = match self.refresh(token, want).await {
            Ok(refreshed) => refreshed,
            Err(NotGranted::Lost { by }) => {
                return Err(NotGranted::held(by, Some(Duration::ZERO)));
            }
            Err(error) => return Err(error),
        };
        Ok(Granted::new(
            &want.name,
            token.as_str(),
            time_of(&response),
            ttl,
        ))
    }

    /// Removes the empty resource that a lock has created, because the former one was removed after we looked for it (RFC
    /// 4918 7.3). The lock keeps others from writing to it. Returns `false` if there is a document.
    async fn removes_empty(&self, lease: &Granted) -> Result<bool, NotGranted> {
        let Some(token) = LockToken::new(&lease.id) else {
            return Ok(false);
        };
        let read = self.documents.request(Method::GET, &lease.name).retry();
        let read = read.await.map_err(NotGranted::Failed)?;
        let is_empty = match read.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => true,
            status => status.is_success() && read.bytes().is_empty(),
        };
        if !is_empty {
            return Ok(false);
        }
        let remove = self.documents.request(Method::DELETE, &lease.name);
        let removed = remove.header(IF, token.condition()).await;
        removed.map_err(NotGranted::Failed)?;
        // Some servers keep the lock. On the others, it has ended with the resource.
        let _ = self.release(lease).await;
        Ok(true)
    }

    /// Refreshes a lock, and returns the time for which it is granted now.
    async fn refresh(
        &self,
        token: &LockToken,
        want: &LeaseRequest,
    ) -> Result<(PlainResponse, Duration), NotGranted> {
        let refresh = self
            .request("LOCK", &want.name)
            .header(IF, token.condition())
            .header(TIMEOUT, LockTimeout::asking_for(want.ttl));
        let response = refresh.await.map_err(NotGranted::Failed)?;
        if response.status() == StatusCode::OK {
            let locks = read_locks(&response).unwrap_or_default();
            let shows_owner = own_token(&locks, &want.session).is_some_and(|own| own == *token);
            if !shows_owner {
                self.check_listed(&want.name, token).await?;
            }
            let ttl = ttl_of(&response, &locks, token, want);
            return Ok((response, ttl));
        }
        if may_say_lost(response.status()) {
            self.check_listed(&want.name, token).await?;
        }
        Err(refused(response))
    }

    /// Checks that a lock still exists.
    async fn check_listed(&self, name: &str, token: &LockToken) -> Result<(), NotGranted> {
        let locks = self.locks_of(name).await?.unwrap_or_default();
        // A server may hide the tokens of locks (RFC 4918 6.8).
        let may_be = |lock: &ActiveLock| lock.token.as_ref().is_none_or(|own| own == token);
        if locks.iter().any(may_be) {
            return Ok(());
        }
        let by = locks.first().and_then(ActiveLock::holder);
        Err(NotGranted::Lost { by })
    }
}

/// Whether a status may say that the token of a request is gone: 412 as RFC 4918 says, 423 if another one has locked it,
/// and 400, 404 and 409 to `UNLOCK`.
fn may_say_lost(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 404 | 409 | 410 | 412 | 423)
}

fn read_locks(response: &PlainResponse) -> Result<Vec<ActiveLock>, NotGranted> {
    let text = response.text().map_err(NotGranted::Failed)?;
    active_locks(text).map_err(|error| {
        let what = response.url().path();
        NotGranted::Failed(Error::decode(what, error))
    })
}

/// Reads the response to a new lock.
fn granted(response: &PlainResponse, want: &LeaseRequest) -> Result<Granted, NotGranted> {
    // The header is required (RFC 4918 9.10.1), and the body only says for how long.
    let locks = read_locks(response).unwrap_or_default();
    let token = response.headers().get(LOCK_TOKEN);
    let token = token.and_then(LockToken::from_header);
    let Some(token) = token.or_else(|| own_token(&locks, &want.session)) else {
        let path = response.url().path();
        let why = format!("{path}: the server has locked it without a token that can be sent");
        return Err(NotGranted::Failed(Error::new(ErrorKind::Decode, why)));
    };
    let ttl = ttl_of(response, &locks, &token, want);
    let granted_at = time_of(response);
    Ok(Granted::new(&want.name, token.as_str(), granted_at, ttl))
}

/// Returns the token of the lock that a session has got.
fn own_token(locks: &[ActiveLock], session: &str) -> Option<LockToken> {
    let own = locks.iter().find(|lock| lock.is_of(session));
    own.and_then(|lock| lock.token.clone())
}

/// Returns for how long a lock was granted. If the server does not tell, or grants it for ever, the holder counts on no
/// more than it has asked for.
fn ttl_of(
    response: &PlainResponse,
    locks: &[ActiveLock],
    token: &LockToken,
    want: &LeaseRequest,
) -> Duration {
    let own = locks.iter().find(|lock| lock.token.as_ref() == Some(token));
    let header = || {
        let header = response.headers().get(TIMEOUT)?.to_str().ok()?;
        LockTimeout::parse(header)
    };
    match own.and_then(|lock| lock.timeout).or_else(header) {
        Some(LockTimeout::After(ttl)) => ttl,
        Some(LockTimeout::Infinite) | None => want.ttl,
    }
}

fn held(lock: &ActiveLock) -> NotGranted {
    let left = match lock.timeout {
        Some(LockTimeout::After(left)) => Some(left),
        Some(LockTimeout::Infinite) | None => None,
    };
    NotGranted::held(lock.holder(), left)
}

#[async_trait]
impl LeaseService for WebDavLocks {
    async fn acquire(&self, want: &LeaseRequest) -> Result<Granted, NotGranted> {
        // A lock on nothing would create an empty resource.
        let Some(locks) = self.locks_of(&want.name).await? else {
            return Err(missing(&want.name));
        };
        if let Some(token) = own_token(&locks, &want.session) {
            return self.adopt(want, &token).await;
        }
        match locks.first() {
            Some(lock) => Err(held(lock)),
            None => self.lock(want).await,
        }
    }

    async fn renew(&self, lease: &Granted, want: &LeaseRequest) -> Result<Granted, NotGranted> {
        let token = LockToken::new(&lease.id).ok_or(NotGranted::Lost { by: None })?;
        let (_, ttl) = self.refresh(&token, want).await?;
        Ok(Granted::new(&lease.name, &lease.id, lease.token, ttl))
    }

    async fn release(&self, lease: &Granted) -> Result<(), NotGranted> {
        let token = LockToken::new(&lease.id).ok_or(NotGranted::Lost { by: None })?;
        let unlock = || {
            let unlock = self.request("UNLOCK", &lease.name);
            unlock.header(LOCK_TOKEN, token.coded())
        };
        let (response, was_lost) = send_release(unlock).await?;
        if response.status().is_success() {
            return Ok(());
        }
        if may_say_lost(response.status()) {
            match self.check_listed(&lease.name, &token).await {
                Ok(()) => {}
                Err(NotGranted::Lost { .. }) if was_lost => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Err(refused(response))
    }

    async fn look(&self, name: &str) -> Result<Option<LeaseHolder>, NotGranted> {
        let locks = self.locks_of(name).await?.unwrap_or_default();
        let lock = locks.first();
        Ok(lock.map(|lock| LeaseHolder::new(lock.holder(), None)))
    }

    async fn break_lock(&self, name: &str) -> Result<(), NotGranted> {
        let locks = self.locks_of(name).await?.unwrap_or_default();
        for lock in locks {
            let Some(token) = lock.token else {
                let why = "the server does not tell the token of the lock, without which it cannot be broken";
                return Err(NotGranted::Failed(Error::config(why)));
            };
            match self
                .release(&Granted::new(name, token.as_str(), 0, Duration::ZERO))
                .await
            {
                // It has ended in the meantime.
                Ok(()) | Err(NotGranted::Lost { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn stamp(&self, lease: &Granted, headers: &mut HeaderMap) {
        if let Some(token) = LockToken::new(&lease.id) {
            headers.insert(IF, token.condition());
        }
    }

    fn is_enforced(&self) -> bool {
        true
    }

    fn protects(&self, lease: &Granted) -> Option<Url> {
        self.documents.url_of(&lease.name)
    }
}
