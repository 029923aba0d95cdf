//! One request and its reply: the gate, the credentials, redirects, and the round trip.

use std::sync::Arc;
use std::time::Duration;

use ::http::header::{AUTHORIZATION, COOKIE, LOCATION, PROXY_AUTHORIZATION};
use ::http::{HeaderMap, HeaderValue, Method, StatusCode};
use bytes::Bytes;
use tokio::time::Instant;
use url::Url;

use crate::BoxError;
use crate::auth::Authenticator;
use crate::retry::{Host, Limits};
use crate::store::SnapshotKey;
use crate::transport::{Fate, Request, Response, Transport, TransportError};

/// Everything that requests of one client share.
pub(crate) struct Exchange {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) host: Host,
    pub(crate) limits: Limits,
    pub(crate) headers: HeaderMap,
}

/// One request, before credentials.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no reply.
#[derive(Debug)]
pub(crate) enum NoReply {
    /// The transport failed.
    Transport(TransportError),
    /// The server is not to be asked for so long.
    Gated(Duration),
    /// The credentials could not be had.
    Credentials(BoxError),
}

impl Exchange {
    /// Sends a call, with the default headers beneath its own.
    pub(crate) async fn send(
        &self,
        call: &Call,
        deadline: Instant,
        waited: &mut Duration,
    ) -> Result<Response, NoReply> {
        self.pass_gate(deadline, waited).await?;
        let mut url = call.url.clone();
        let (mut renewed, mut redirects) = (false, 0);
        loop {
            let reply = self.send_once(call, &url, deadline).await?;
            if reply.status == StatusCode::UNAUTHORIZED && !renewed {
                if let Some(authenticator) = &self.authenticator
                    && authenticator.renew().await.map_err(NoReply::Credentials)?
                {
                    renewed = true;
                    continue;
                }
            } else if let Some(next) = redirect(call, &url, &reply) {
                redirects += 1;
                if redirects <= self.limits.redirects {
                    url = next;
                    continue;
                }
            }
            return Ok(reply);
        }
    }

    async fn pass_gate(&self, deadline: Instant, waited: &mut Duration) -> Result<(), NoReply> {
        loop {
            let now = Instant::now();
            let closed = self.host.closed_for(now);
            if closed.is_zero() {
                return Ok(());
            }
            if now + closed >= deadline {
                return Err(NoReply::Gated(closed));
            }
            tokio::time::sleep(closed).await;
            *waited += closed;
        }
    }

    async fn send_once(
        &self,
        call: &Call,
        url: &Url,
        deadline: Instant,
    ) -> Result<Response, NoReply> {
        let mut headers = self.headers.clone();
        for (name, value) in &call.headers {
            headers.insert(name, value.clone());
        }
        if let Some(authenticator) = &self.authenticator {
            authenticator
                .authenticate(&mut headers)
                .await
                .map_err(NoReply::Credentials)?;
        }
        let begun = Instant::now();
        let timeout = self
            .limits
            .request
            .min(deadline.saturating_duration_since(begun));
        let request = Request {
            method: call.method.clone(),
            url: url.clone(),
            headers,
            body: call.body.clone(),
            max_body: self.limits.body,
            max_refusal_body: self.limits.refusal_body,
            timeout,
        };
        // A transport of the user's may not keep to the time.
        let reply = tokio::time::timeout(timeout, self.transport.send(request)).await;
        let reply =
            reply.unwrap_or_else(|_| Err(TransportError::new(Fate::Unknown, "no reply in time")));
        let reply = reply.map_err(NoReply::Transport)?;
        self.host.answered(begun.elapsed());
        Ok(reply)
    }

    /// What a snapshot of this address is filed under.
    pub(crate) async fn key(&self, url: &Url, call_headers: &HeaderMap) -> SnapshotKey {
        let mut credentials = self.headers.clone();
        credentials.extend(call_headers.clone());
        let mut chosen_by = HeaderMap::new();
        for name in [::http::header::ACCEPT, ::http::header::ACCEPT_LANGUAGE] {
            if let Some(value) = credentials.get(&name) {
                chosen_by.insert(name, value.clone());
            }
        }
        let mut identity = None;
        if let Some(authenticator) = &self.authenticator {
            identity = authenticator.identity();
            if identity.is_none() {
                // An error comes again, and is told, when the request itself is authenticated.
                let _ = authenticator.authenticate(&mut credentials).await;
            }
        }
        let mut parts: Vec<&[u8]> = identity.iter().map(String::as_bytes).collect();
        if identity.is_none() {
            // Any header may hold a key; those that are not credentials only split the store.
            let mut pairs: Vec<_> = credentials
                .iter()
                .filter(|(name, _)| !chosen_by.contains_key(*name))
                .collect();
            pairs.sort_by(|a, b| {
                (a.0.as_str(), a.1.as_bytes()).cmp(&(b.0.as_str(), b.1.as_bytes()))
            });
            for (name, value) in pairs {
                parts.extend([name.as_str().as_bytes(), value.as_bytes()]);
            }
        } else {
            for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
                parts.extend(credentials.get(&name).map(HeaderValue::as_bytes));
            }
        }
        SnapshotKey::new(url, &chosen_by, &parts)
    }
}

/// Where a redirect leads, if it may be followed: within the origin, so that credentials and
/// validators stay home, and without turning a write into a read.
fn redirect(call: &Call, from: &Url, reply: &Response) -> Option<Url> {
    let keeps_method = matches!(reply.status.as_u16(), 307 | 308);
    let for_reads = matches!(reply.status.as_u16(), 301 | 302);
    let is_read = call.method == Method::GET || call.method == Method::HEAD;
    if !(keeps_method || for_reads && is_read) {
        return None;
    }
    let to = from
        .join(reply.headers.get(LOCATION)?.to_str().ok()?)
        .ok()?;
    (to.origin() == from.origin()).then_some(to)
}
