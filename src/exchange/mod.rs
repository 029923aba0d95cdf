//! One request and its reply: the gate, the credentials, redirects, and the round trip.

mod fresh;
mod gate;

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{ACCEPT, ACCEPT_LANGUAGE, LOCATION};
use ::http::{HeaderMap, Method};
use bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::BoxError;
use crate::auth::Authenticator;
use crate::http::CONDITIONS;
use crate::panics;
use crate::retry::{Held, Host, Limits, Went};
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

/// What goes along with a call, and what it tells on its way.
pub(crate) struct Errand<'a> {
    pub(crate) deadline: Instant,
    pub(crate) course: &'a mut Course,
    /// Called right before a request goes out, with whose credentials it has: what is dropped before
    /// that has sent nothing.
    pub(crate) sent: &'a mut (dyn FnMut(Option<Who>) + Send),
}

/// What the requests of one call came to so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Course {
    /// How many went out.
    pub(crate) requests: u32,
    /// How long the call was held back.
    pub(crate) waited: Duration,
    /// The last reply told of overload.
    pub(crate) overload: bool,
}

/// Whose credentials a request has: a digest of the headers that the authenticator put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Who(u64);

impl Who {
    fn of(before: &HeaderMap, after: &HeaderMap) -> Self {
        let mut put_on: Vec<_> = after
            .iter()
            .filter(|(name, value)| !before.get_all(*name).iter().any(|old| old == *value))
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        put_on.sort_unstable();
        let mut hasher = DefaultHasher::new();
        put_on.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// Why there is no reply.
#[derive(Debug)]
pub(crate) enum NoReply {
    /// The transport failed.
    Transport(TransportError),
    /// No request may go out for so long.
    Gated(Held),
    /// The credentials could not be had.
    Credentials(BoxError),
}

impl Exchange {
    /// Sends a call, with the default headers beneath its own.
    pub(crate) async fn send(&self, call: &Call, errand: Errand<'_>) -> Result<Response, NoReply> {
        let Errand {
            deadline,
            course,
            sent,
        } = errand;
        let mut url = Cow::Borrowed(&call.url);
        let (mut renewed, mut redirects) = (false, 0);
        loop {
            let number = self.pass_gate(deadline, &mut course.waited).await?;
            let (requests, begun) = (&mut course.requests, Instant::now());
            let mut sent = |who| {
                *requests += 1;
                sent(who);
            };
            let reply = self.send_once(call, &url, deadline, &mut sent).await;
            let now = Instant::now();
            if let Some(told) = gate::tells_overload(&reply, now < deadline) {
                let again = std::mem::replace(&mut course.overload, told);
                let went = Went {
                    number,
                    took: now - begun,
                    overload: told,
                    again,
                };
                self.host.replied(went, now);
            }
            let reply = reply?;
            self.heed(&reply.headers, number);
            if !renewed && fresh::is_wanted(&reply) {
                if let Some(authenticator) = &self.authenticator
                    && in_time(deadline, authenticator.renew()).await?
                {
                    renewed = true;
                    continue;
                }
            } else if let Some(next) = redirect(call, &url, &reply) {
                redirects += 1;
                if redirects <= self.limits.redirects {
                    url = Cow::Owned(next);
                    continue;
                }
            }
            return Ok(reply);
        }
    }

    async fn send_once(
        &self,
        call: &Call,
        url: &Url,
        deadline: Instant,
        sent: &mut (dyn FnMut(Option<Who>) + Send),
    ) -> Result<Response, NoReply> {
        let mut headers = self.headers.clone();
        for name in CONDITIONS {
            // The condition is the call's own; one that stands for all calls would be none.
            headers.remove(name);
        }
        for (name, value) in &call.headers {
            headers.insert(name, value.clone());
        }
        let who = self.authenticated(&mut headers, deadline).await?;
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
        sent(who);
        // A transport of the user's may not keep to the time.
        let reply = async { self.transport.send(request).await };
        let reply = panics::catch_in("the transport", reply);
        let reply = tokio::time::timeout(timeout, reply).await.map(|reply| {
            // It may have sent the request before.
            reply.unwrap_or_else(|panicked| {
                Err(TransportError::new(Fate::Unknown, panicked.to_string()))
            })
        });
        let reply =
            reply.unwrap_or_else(|_| Err(TransportError::new(Fate::Unknown, "no reply in time")));
        let reply = reply.map_err(NoReply::Transport)?;
        self.host.answered(begun.elapsed());
        Ok(reply)
    }

    /// Puts the credentials on, and tells whose they are, unless the authenticator names its user.
    async fn authenticated(
        &self,
        headers: &mut HeaderMap,
        deadline: Instant,
    ) -> Result<Option<Who>, NoReply> {
        let Some(authenticator) = &self.authenticator else {
            return Ok(None);
        };
        if authenticator.identity().is_some() {
            in_time(deadline, authenticator.authenticate(headers)).await?;
            return Ok(None);
        }
        let before = headers.clone();
        in_time(deadline, authenticator.authenticate(headers)).await?;
        Ok(Some(Who::of(&before, headers)))
    }

    /// What a snapshot of this address is filed under, and for whom.
    ///
    /// Any header may hold a key or a tenant; those that do not only split the store. `credentials` are at first
    /// the call's own headers.
    pub(crate) async fn key(
        &self,
        url: &Url,
        mut credentials: HeaderMap,
        view: Option<&str>,
        deadline: Instant,
    ) -> (SnapshotKey, Option<Who>) {
        for name in self.headers.keys() {
            if !credentials.contains_key(name) {
                for value in self.headers.get_all(name) {
                    credentials.append(name, value.clone());
                }
            }
        }
        let mut chosen_by = Vec::new();
        for name in [ACCEPT, ACCEPT_LANGUAGE] {
            let value = credentials.get(&name).cloned();
            chosen_by.extend(value.map(|value| (name, value)));
        }
        let (mut identity, mut who) = (None, None);
        if let Some(authenticator) = &self.authenticator {
            identity = authenticator.identity();
            if identity.is_none() {
                match self.authenticated(&mut credentials, deadline).await {
                    Ok(whose) => who = whose,
                    // Whose the request will be is not known, so its snapshots are nobody's. The error
                    // comes again, and is told, when the request itself is authenticated.
                    Err(_) => identity = Some(crate::ids::uuid()),
                }
            }
        }
        let mut pairs: Vec<_> = credentials
            .iter()
            .filter(|(name, _)| !chosen_by.iter().any(|(chosen, _)| chosen == *name))
            .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
            .collect();
        pairs.sort_unstable();
        let mut parts: Vec<&[u8]> = identity.iter().map(String::as_bytes).collect();
        parts.extend(pairs.into_iter().flat_map(|(name, value)| [name, value]));
        (SnapshotKey::new(url, &chosen_by, view, &parts), who)
    }
}

async fn in_time<T>(
    deadline: Instant,
    credentials: impl Future<Output = Result<T, BoxError>>,
) -> Result<T, NoReply> {
    let credentials = panics::catch_in("the authenticator", credentials);
    let had = match timeout_at(deadline, credentials).await {
        Ok(Ok(had)) => had,
        Ok(Err(panicked)) => Err(panicked.into()),
        Err(_) => Err("they did not come in time".into()),
    };
    had.map_err(NoReply::Credentials)
}

/// A reference of the server's, resolved: within the origin, so that credentials and validators stay
/// home, and with the user that we had, not with one of the server's choosing.
pub(crate) fn within_origin(from: &Url, reference: &str) -> Option<Url> {
    let mut to = from.join(reference).ok()?;
    if to.origin() != from.origin() {
        return None;
    }
    to.set_username(from.username()).ok()?;
    to.set_password(from.password()).ok()?;
    Some(to)
}

/// Where a redirect leads, if it may be followed: within the origin, and without turning a write into a
/// read.
fn redirect(call: &Call, from: &Url, reply: &Response) -> Option<Url> {
    let keeps_method = matches!(reply.status.as_u16(), 307 | 308);
    let for_reads = matches!(reply.status.as_u16(), 301 | 302);
    let is_read = call.method == Method::GET || call.method == Method::HEAD;
    if !(keeps_method || for_reads && is_read) {
        return None;
    }
    within_origin(from, reply.headers.get(LOCATION)?.to_str().ok()?)
}
