//! One request and its response: the gate, the credentials, redirects, and the round trip.

mod answer;
mod authenticator;
mod credentials;
mod fresh;
mod gate;
pub(crate) mod open;
mod redirect;
pub mod transport;
mod watch;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::time::Instant;
use url::Url;

use crate::BoxError;
use crate::protocol::{RequestParts, Translation, forbid_keeping};
use crate::retry::{BlockedBy, Limits, RequestSample, ServerState};
use crate::store::{CredentialsDigest, HeadersDigest, Secret, SnapshotOrigin};
use crate::support::panics;
use answer::Answer;
pub use authenticator::Authenticator;
pub(crate) use credentials::NoCredentials;
use open::{Opening, headers_elsewhere};
use redirect::Loses;
pub use transport::Transport;
use transport::{Fate, Request, Response, TransportError};
use watch::RequestSpan;
pub use watch::{AttemptSeen, RequestPurpose};
pub(crate) use watch::{Watch, Watched};

/// The state that all requests of one client share.
pub(crate) struct Exchange {
    pub(crate) transport: Arc<dyn Transport>,
    /// What the transport has before it, if the API has no resources.
    pub(crate) translation: Option<Translation>,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) server: ServerState,
    pub(crate) limits: Limits,
    /// The default headers, without preconditions. A precondition belongs to one call, and a fixed one would
    /// protect nothing.
    pub(crate) headers: HeaderMap,
    /// The key of the digests under which snapshots are cached.
    pub(crate) secret: Secret,
}

/// One request, before credentials.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl<'c> From<&'c Call> for RequestParts<'c> {
    fn from(call: &'c Call) -> Self {
        Self {
            method: &call.method,
            url: &call.url,
            headers: &call.headers,
            body: &call.body,
        }
    }
}

/// The context in which a call is sent: its deadline, its credentials and its statistics.
pub(crate) struct RequestContext<'a> {
    pub(crate) deadline: Instant,
    pub(crate) stats: &'a mut RequestStats,
    /// The user of the call, if it must not continue as another user.
    pub(crate) whose: Option<CredentialsDigest>,
    /// Called right before a request goes out. After an error, it does not go out. If the future is dropped before this
    /// call, no request left the client.
    pub(crate) sent: &'a mut (dyn FnMut() -> Result<(), BoxError> + Send),
    /// Who is told about the request.
    pub(crate) watched: Watched<'a>,
}

/// The statistics of the requests of one call so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RequestStats {
    /// How many requests were sent.
    pub(crate) requests: u32,
    /// How long the call was held back.
    pub(crate) waited: Duration,
    /// Whether the last response showed an overload.
    pub(crate) shows_overload: bool,
}

/// The reason for a missing response.
#[derive(Debug)]
pub(crate) enum NoResponse {
    /// The transport failed.
    Transport(TransportError),
    /// No request may be sent for this long.
    Gated(BlockedBy),
    /// The credentials could not be obtained.
    Credentials(BoxError),
    /// The caller did not let the request go out.
    Withheld(BoxError),
}

impl Exchange {
    /// Sends a call. Its own headers override the default headers.
    pub(crate) async fn send(
        &self,
        call: &Call,
        context: RequestContext<'_>,
    ) -> Result<Response, NoResponse> {
        let opening = Opening {
            call,
            head_time: self.limits.request,
            home: &call.url,
            elsewhere: &[],
        };
        self.run(opening, context).await
    }

    async fn run<A: Answer>(
        &self,
        opening: Opening<'_>,
        context: RequestContext<'_>,
    ) -> Result<A, NoResponse> {
        let call = opening.call;
        let RequestContext {
            deadline,
            stats,
            whose,
            sent,
            watched,
        } = context;
        let mut url = Cow::Borrowed(&call.url);
        let (mut renewed, mut redirects) = (false, 0);
        loop {
            let is_home = opening.is_home(&url);
            if !is_home && !opening.is_allowed_elsewhere(&url) {
                let message =
                    "the address is on another origin than the API, and that origin is not allowed";
                let error = TransportError::new(Fate::Impossible, message);
                return Err(NoResponse::Transport(error));
            }
            let number = self
                .pass_gate(deadline, &mut stats.waited, watched.watch)
                .await?;
            let sent_before = stats.requests;
            let (requests, sent_at) = (&mut stats.requests, Instant::now());
            let mut sent = || {
                sent()?;
                *requests += 1;
                Ok(())
            };
            let resends = watched.resends + u32::from(renewed) + redirects;
            let span = RequestSpan::new(&call.method, &url, &watched, resends);
            let reply = self.send_once::<A>(&opening, &url, whose, deadline, &mut sent);
            let reply = span.run(reply).await;
            let now = Instant::now();
            let seen = reply.as_ref().map(Answer::status);
            span.ended(seen);
            if stats.requests > sent_before {
                let took = now - sent_at;
                let seen = AttemptSeen::new(&watched, &call.method, resends, seen, took);
                watched.watch.attempt(&seen);
            }
            let is_late = now >= deadline || A::IS_STREAM;
            if let Some(overload) = gate::tells_overload(seen, !is_late)
                && is_home
            {
                let again = std::mem::replace(&mut stats.shows_overload, overload);
                let sample = RequestSample {
                    number,
                    took: now - sent_at,
                    shows_overload: overload,
                    is_retry: again,
                };
                self.server.replied(sample, now);
            }
            let mut reply = reply?;
            if is_home {
                self.heed(reply.headers(), number);
            }
            let Some(response) = reply.whole() else {
                return Ok(reply);
            };
            if is_home && !renewed && fresh::is_wanted(response) {
                if self.renew(deadline).await? {
                    renewed = true;
                    continue;
                }
            } else if let Some(next) = redirect::redirect(&opening, &url, response)? {
                redirects += 1;
                if redirects <= self.limits.redirects {
                    url = Cow::Owned(next);
                    continue;
                }
            }
            response.redirected_to = match url {
                Cow::Owned(to) => Some(to),
                Cow::Borrowed(_) => None,
            };
            return Ok(reply);
        }
    }

    async fn send_once<A: Answer>(
        &self,
        opening: &Opening<'_>,
        url: &Url,
        whose: Option<CredentialsDigest>,
        deadline: Instant,
        sent: &mut (dyn FnMut() -> Result<(), BoxError> + Send),
    ) -> Result<A, NoResponse> {
        let call = opening.call;
        let (headers, credentials) = if opening.is_home(url) {
            self.headers_at_home(call, whose, deadline).await?
        } else {
            let headers = headers_elsewhere(&call.headers);
            (headers, CredentialsDigest::ANONYMOUS)
        };
        let kept_out = forbid_keeping(&headers);
        let begun = Instant::now();
        let timeout = deadline
            .saturating_duration_since(begun)
            .min(opening.head_time);
        let mut request = Request::limited(call.method.clone(), url.clone(), headers, &self.limits);
        (request.body, request.timeout) = (call.body.clone(), timeout);
        sent().map_err(NoResponse::Withheld)?;
        // A custom transport may ignore the timeout.
        let reply = async { A::ask(&*self.transport, request).await };
        let reply = panics::catch_in("the transport", reply);
        let reply = tokio::time::timeout(timeout, reply).await.map(|reply| {
            // The transport may have sent the request before it panicked.
            reply.unwrap_or_else(|panicked| {
                Err(TransportError::new(Fate::Unknown, panicked.to_string()))
            })
        });
        let reply = reply
            .unwrap_or_else(|_| Err(TransportError::new(Fate::Unknown, "no response in time")));
        let mut reply = reply.map_err(NoResponse::Transport)?;
        if !A::IS_STREAM {
            self.server.answered(begun.elapsed());
        }
        let is_storable = !kept_out && !forbid_keeping(reply.headers());
        reply.set_origin(SnapshotOrigin {
            credentials: Some(credentials),
            is_storable,
        });
        Ok(reply)
    }

    /// Returns the headers of a request to the API, and whose credentials are among them.
    async fn headers_at_home(
        &self,
        call: &Call,
        whose: Option<CredentialsDigest>,
        deadline: Instant,
    ) -> Result<(HeaderMap, CredentialsDigest), NoResponse> {
        let mut headers = self.headers.clone();
        for (name, value) in &call.headers {
            headers.insert(name, value.clone());
        }
        let credentials = self.authenticated(&mut headers, deadline).await?;
        if !whose.is_none_or(|whose| whose.may_go_on_as(credentials)) {
            return Err(NoResponse::Credentials(NoCredentials::OfAnother.into()));
        }
        Ok((headers, credentials))
    }

    /// Returns the digest of a handle's headers for the keys of its snapshots.
    pub(crate) fn headers_digest(&self, mut headers: HeaderMap) -> HeadersDigest {
        self.default(&mut headers);
        HeadersDigest::of(&self.secret, &headers)
    }

    /// Adds the default headers that are missing.
    fn default(&self, headers: &mut HeaderMap) {
        for name in self.headers.keys() {
            if !headers.contains_key(name) {
                for value in self.headers.get_all(name) {
                    headers.append(name, value.clone());
                }
            }
        }
    }
}

impl From<Loses> for NoResponse {
    fn from(Loses(name): Loses) -> Self {
        let message = format!(
            "the server redirected the write to an address with another value of the query parameter {name:?}; \
             the write needs its own value and is not repeated there"
        );
        Self::Transport(TransportError::new(Fate::Impossible, message))
    }
}
