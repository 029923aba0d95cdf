//! The feed itself: how it is opened and read.

use std::collections::VecDeque;
use std::time::Duration;

use http::header::{ACCEPT, LOCATION};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::body::{EVENT_STREAM, FeedBody, FeedResponse, TURTLE};
use super::{ClientGone, Driver, address};
use crate::address::within_origin;
use crate::exchange::open::{Opened as Answered, Opening};
use crate::exchange::transport::{Fate, Response, Streaming};
use crate::exchange::{Call, Exchange, NoResponse, RequestContext, RequestPurpose, RequestStats};
use crate::protocol::{FeedForm, Notice, essence, linked};
use crate::retry::later;
use crate::store::SnapshotOrigin;
use crate::value::{Error, ErrorKind, WatchEvent};
use crate::watch::machine::Failure;
use crate::watch::request::{Refused, ask};
use crate::write::request::reading;
use crate::write::request::target::Target;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// An open feed.
pub(super) struct Source {
    /// What was read and not told yet.
    notices: VecDeque<Notice>,
    origin: SnapshotOrigin,
    /// `None` if the response was one page.
    body: Option<FeedBody>,
    opened: Instant,
}

/// The outcome of an opening that has no error.
enum Opened {
    Source(Box<Source>),
    /// There was no sign of life.
    Silent,
    /// The transport cannot stream.
    Unsupported,
}

impl Driver {
    /// Opens the feed.
    pub(super) async fn open(&mut self, from: Option<String>) -> Result<(), ClientGone> {
        let documents = self.documents()?;
        self.leave();
        let failed = |error| Refused {
            failure: Failure::Final,
            error,
        };
        let call = documents.target().map_err(failed);
        let call = call.and_then(|target| Ok((self.feed_call(&target, from.as_deref())?, target)));
        let opened = match call {
            Ok((call, target)) if self.feed.form == FeedForm::Pages => {
                let page = self.open_page(&target, call).await;
                page.map(|page| Opened::Source(Box::new(page)))
            }
            Ok((call, target)) => self.open_stream(&target, call, from.as_deref()).await,
            Err(refused) => Err(refused),
        };
        let now = self.started.elapsed();
        match opened {
            Ok(Opened::Source(source)) => {
                if source.body.is_some() {
                    self.tell(WatchEvent::Connected);
                }
                self.source = Some(*source);
                self.core.machine().opened(now);
            }
            Ok(Opened::Silent) => self.is_silent(),
            Ok(Opened::Unsupported) => self.core.machine().falls_back(),
            Err(refused) => self.fails(refused),
        }
        Ok(())
    }

    fn feed_call(&self, target: &Target, from: Option<&str>) -> Result<Call, Refused> {
        let mut call = reading::read_call(target, Method::GET, false);
        reading::ask_past_caches(target, &mut call.headers);
        call.url = address(target, &self.scope.collection, &self.feed.path)?;
        if let Some((name, _)) = target.versioning.request() {
            // A feed has no version.
            call.headers.remove(name);
        }
        if !self.feed.query.is_empty() {
            call.url.query_pairs_mut().extend_pairs(&self.feed.query);
        }
        match (&self.feed.position_query, from) {
            (Some(name), Some(from)) => crate::address::set_parameter(&mut call.url, name, from),
            (None, Some(from)) => {
                // A position that is no header value cannot be sent. The feed then begins anew, and is compared.
                if let Ok(value) = HeaderValue::from_str(from) {
                    call.headers.insert(LAST_EVENT_ID, value);
                }
            }
            (_, None) => {}
        }
        Ok(call)
    }

    /// Reads a page of the feed.
    async fn open_page(&mut self, target: &Target, call: Call) -> Result<Source, Refused> {
        let reply = ask(target, &call).await?;
        if reply.status == StatusCode::NO_CONTENT {
            return Err(has_ended(&call));
        }
        let path = call.url.path();
        let body = reading::body(target, &reply);
        let body = body.map_err(|error| Refused::unusable(format!("{path}: {error}")))?;
        let notices = self.feed.reader.page(&body).ok_or_else(|| {
            Refused::unusable(format!(
                "{path}: the changes are not in their place in the feed: set it with `Feed::changes_at`"
            ))
        })?;
        Ok(Source {
            notices: notices.into(),
            origin: reply.origin,
            body: None,
            opened: Instant::now(),
        })
    }

    async fn open_stream(
        &mut self,
        target: &Target,
        mut call: Call,
        from: Option<&str>,
    ) -> Result<Opened, Refused> {
        let accepted = match self.feed.form {
            FeedForm::Events => Some(EVENT_STREAM),
            FeedForm::Statements => Some(TURTLE),
            FeedForm::Lines | FeedForm::Pages | FeedForm::Polling => None,
        };
        if let Some(accepted) = accepted {
            call.headers
                .insert(ACCEPT, HeaderValue::from_static(accepted));
        }
        if let Some(relation) = self.feed.link.clone() {
            let Some(linked) = self.linked(target, &relation).await? else {
                return Ok(Opened::Unsupported);
            };
            call.url = linked;
        }
        // Some servers send the head with the first event only.
        let head_time = self.core.machine().idle_time();
        let exchange = &target.shared.exchange;
        let opening = Opening {
            call: &call,
            // The time here is the shorter one, so that it is known as silence.
            head_time: head_time + Duration::from_secs(1),
            home: &target.url,
            elsewhere: &self.elsewhere,
        };
        let mut stats = RequestStats::default();
        let context = RequestContext {
            deadline: later(Instant::now(), head_time + Duration::from_secs(1)),
            stats: &mut stats,
            whose: None,
            sent: &mut || Ok(()),
            watched: target.watched(RequestPurpose::Read, 0),
        };
        let path = call.url.path();
        let opened = tokio::time::timeout(head_time, exchange.open(opening, context)).await;
        let Ok(opened) = opened else {
            return Ok(Opened::Silent);
        };
        match opened {
            Ok(Answered::Stream(stream)) if stream.status == StatusCode::NO_CONTENT => {
                Err(has_ended(&call))
            }
            // A service that answers with the list has no stream.
            Ok(Answered::Stream(stream)) if self.feed.tells_states() && is_json(&stream) => {
                Ok(Opened::Unsupported)
            }
            Ok(Answered::Refused(reply))
                if self.feed.tells_states() && reply.status == StatusCode::NOT_ACCEPTABLE =>
            {
                Ok(Opened::Unsupported)
            }
            Ok(Answered::Stream(stream)) => {
                let source = self.source_of(stream, exchange, &call.url, from)?;
                Ok(Opened::Source(Box::new(source)))
            }
            Ok(Answered::Refused(reply)) => Err(match leads_elsewhere(&call.url, &reply) {
                Some(refused) => refused,
                None => Refused::by_reply(target, &call, &reply),
            }),
            Err(NoResponse::Transport(error)) if error.fate == Fate::Unsupported => {
                Ok(Opened::Unsupported)
            }
            Err(NoResponse::Transport(error)) => {
                let failure = match error.fate {
                    Fate::Impossible => Failure::Final,
                    _ => Failure::Temporary(None),
                };
                let error = Error::new(ErrorKind::Transport, path).with_said(error);
                Err(Refused { failure, error })
            }
            Err(NoResponse::Gated(held)) => {
                let error = Error::new(ErrorKind::Exhausted, format!("{path}: {held}"));
                let failure = Failure::Temporary(held.retry_after());
                Err(Refused { failure, error })
            }
            Err(NoResponse::Credentials(source) | NoResponse::Withheld(source)) => {
                let error = Error::config(format!("{path}: the credentials could not be obtained"));
                Err(Refused {
                    failure: Failure::Final,
                    error: error.with_failed_part(source),
                })
            }
        }
    }

    fn source_of(
        &self,
        stream: Streaming,
        exchange: &Exchange,
        url: &Url,
        from: Option<&str>,
    ) -> Result<Source, Refused> {
        let (origin, limits) = (stream.origin, &exchange.limits);
        let response = FeedResponse {
            form: self.feed.form,
            url,
            from,
            depth: limits.depth,
            // An event that is the whole is as long as a list.
            longest_event: self.feed.begins_with_whole().then_some(limits.body),
        };
        let body = FeedBody::of(stream, &response).map_err(|kind| {
            let path = url.path();
            Refused::unusable(format!("{path}: the response is {kind}, and no feed"))
        })?;
        Ok(Source {
            notices: VecDeque::new(),
            origin,
            body: Some(body.translated(exchange.translation.clone(), url)),
            opened: Instant::now(),
        })
    }

    /// Leaves the feed. If a connection was open, tells that it has ended.
    pub(super) fn leave(&mut self) {
        let source = self.source.take();
        if source.is_some_and(|source| source.body.is_some()) {
            self.tell(WatchEvent::Disconnected { error: None });
        }
    }

    /// Leaves a connection that gives no sign of life.
    fn is_silent(&mut self) {
        self.source = None;
        self.tell(WatchEvent::Disconnected { error: None });
        self.core.machine().was_silent();
    }

    /// Asks for the address of the feed. Returns `None` if nothing names it.
    async fn linked(&mut self, target: &Target, relation: &str) -> Result<Option<Url>, Refused> {
        let mut call = reading::read_call(target, Method::HEAD, false);
        reading::ask_past_caches(target, &mut call.headers);
        if self.scope.only.is_none() {
            call.url = address(target, &self.scope.collection, &self.feed.list.path)?;
        }
        let reply = match ask(target, &call).await {
            Ok(reply) => reply,
            // What does not exist yet has no feed.
            Err(refused) if refused.error.is_not_found() && self.scope.only.is_some() => {
                return Ok(None);
            }
            Err(refused) => return Err(refused),
        };
        let Some(linked) = linked(&reply.headers, &call.url, relation) else {
            return Ok(None);
        };
        if let Some(url) = within_origin(&call.url, &linked) {
            return Ok(Some(url));
        }
        let url = call.url.join(&linked).map_err(|_| {
            let path = call.url.path();
            Refused::unusable(format!("{path}: the link to the feed is no address"))
        })?;
        if self.elsewhere.contains(&url.origin()) {
            return Ok(Some(url));
        }
        Err(is_elsewhere(&call.url, &url))
    }

    /// Tells the machine the next thing that the feed says.
    pub(super) async fn read(&mut self, until: Option<Duration>) -> Result<(), ClientGone> {
        let Some(source) = &mut self.source else {
            // The feed was left.
            self.core.machine().ended(Duration::ZERO);
            return Ok(());
        };
        let origin = source.origin;
        if let Some(notice) = source.notices.pop_front() {
            return self.told(notice, origin).await;
        }
        let lived_for = source.opened.elapsed();
        let Some(body) = &mut source.body else {
            self.leave();
            self.core.machine().ended(lived_for);
            return Ok(());
        };
        match body.decode(&self.feed.reader) {
            Ok(Some(notices)) => {
                if let Some(retry) = body.retry() {
                    self.core.machine().asked_to_wait(retry);
                }
                source.notices = notices.into();
                return Ok(());
            }
            Ok(None) => {
                if let Some(after) = body.heartbeat() {
                    self.core.machine().beat(after);
                }
            }
            Err(error) if self.feed.begins_with_whole() => {
                // Nothing can be told without the whole, which would come again.
                let path = self.scope.collection.path();
                self.fails(Refused::unusable(format!("{path}: {error}")));
                return Ok(());
            }
            Err(error) => {
                // The same would come again, so the feed goes on behind it.
                self.leave();
                #[cfg(feature = "tracing")]
                tracing::warn!(%error, "a feed cannot be read any further");
                #[cfg(not(feature = "tracing"))]
                drop(error);
                self.core.machine().lost_place();
                return Ok(());
            }
        }
        // The consumer comes first after each chunk.
        if body.has_to_rest() && self.core.machine().has_ready() {
            super::rest().await;
            return Ok(());
        }
        let silent = later(body.last_sign(), self.core.machine().idle_time());
        let until = until.map(|until| later(self.started, until));
        let deadline = until.map_or(silent, |until| until.min(silent));
        let wants_behind = self.core.machine().wants_behind();
        let chunk = tokio::select! {
            biased;
            chunk = body.chunk() => chunk,
            () = super::rest(), if wants_behind => return Ok(()),
            hint = self.hints.recv() => return self.hinted(hint),
            () = tokio::time::sleep_until(deadline) => {
                if deadline == silent {
                    self.is_silent();
                }
                return Ok(());
            }
        };
        match chunk {
            Ok(true) => self.core.machine().lives(),
            Ok(false) => {
                self.leave();
                self.core.machine().ended(lived_for);
            }
            Err(error) => {
                let path = self.scope.collection.path();
                let error = Error::new(ErrorKind::Transport, path).with_said(error);
                let failure = Failure::Temporary(None);
                self.fails(Refused { failure, error });
            }
        }
        Ok(())
    }
}

fn is_json(stream: &Streaming) -> bool {
    essence(&stream.headers).as_deref() == Some("application/json")
}

/// Returns the error of a redirect to another origin, which was not followed.
fn leads_elsewhere(from: &Url, reply: &Response) -> Option<Refused> {
    let location = reply.headers.get(LOCATION)?.to_str().ok()?;
    let to = from.join(location).ok()?;
    let is_elsewhere_at = reply.status.is_redirection() && to.origin() != from.origin();
    is_elsewhere_at.then(|| is_elsewhere(from, &to))
}

/// Returns the error of a feed on another origin.
fn is_elsewhere(from: &Url, to: &Url) -> Refused {
    let (path, origin) = (from.path(), to.origin().ascii_serialization());
    Refused {
        failure: Failure::Final,
        error: Error::config(format!(
            "{path}: the feed is on another origin: allow it with `OpenWatch::allow_origin({origin:?})`"
        )),
    }
}

/// Returns the error of a feed that the server ends for good.
fn has_ended(call: &Call) -> Refused {
    let message = format!("{}: the server has ended the feed (204)", call.url.path());
    Refused {
        failure: Failure::Final,
        error: Error::new(ErrorKind::Status, message),
    }
}
