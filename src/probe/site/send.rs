//! Requests of a probe: sent one at a time, or several at once in a race.

use http::header::ACCEPT_ENCODING;
use http::{HeaderValue, Method, StatusCode};
use std::time::SystemTime;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Done, PAUSE, Presence, ProbeRead, Site, Stop, TRIES, WriteAnswer};
use crate::exchange::transport::{Fate, Response};
use crate::exchange::{Call, NoResponse, RequestContext, RequestPurpose, RequestStats};
use crate::json::Document;
use crate::protocol::{EntityTag, FoundVersion, RefusalKind, TagField, Validator, entity_tag_of};
use crate::retry::later;
use crate::store::StoredSnapshot;
use crate::write::machine::events::Condition;
use crate::write::request::reading;

impl Site {
    /// Sends one request. Reads are repeated after any transient failure, writes only if the server says that it
    /// did nothing.
    pub(in crate::probe) async fn send(&mut self, call: &Call) -> Result<Response, Stop> {
        let is_read = call.method == Method::GET;
        let target = self.target.clone();
        let exchange = &target.shared.exchange;
        let mut stats = RequestStats::default();
        for left in (0..TRIES).rev() {
            self.requests += 1;
            let context = RequestContext {
                deadline: self.deadline,
                stats: &mut stats,
                whose: None,
                sent: &mut || Ok(()),
                watched: target.watched(purpose_of(call), TRIES - 1 - left),
            };
            let reply = exchange.send(call, context).await;
            let (wait, why) = match reply {
                Ok(reply) => {
                    let code = reply.status.as_u16();
                    let passing = matches!(code, 429 | 503) || is_read && code >= 500;
                    let passing = passing && !(is_read && self.says_absent(&reply));
                    if !passing && (is_read || code < 500) {
                        return Ok(reply);
                    }
                    let why = format!("{} was answered {code}", call.method);
                    let wait = reading::requested_wait(&reply.headers).unwrap_or(PAUSE);
                    (passing.then_some(wait), why)
                }
                Err(NoResponse::Gated(wait)) => {
                    return Err(Stop(format!("the request would have to wait: {wait:?}")));
                }
                Err(NoResponse::Credentials(error) | NoResponse::Withheld(error)) => {
                    return Err(Stop(format!(
                        "the credentials could not be obtained: {error}"
                    )));
                }
                Err(NoResponse::Transport(error)) => {
                    let again =
                        error.fate == Fate::NotSent || is_read && error.fate == Fate::Unknown;
                    (again.then_some(PAUSE), format!("{}: {error}", call.method))
                }
            };
            match wait.filter(|_| left > 0) {
                Some(wait) if later(Instant::now(), wait) < self.deadline => {
                    self.wait(wait).await;
                }
                _ => return Err(Stop(why)),
            }
        }
        Err(Stop("the request failed on every attempt".to_owned()))
    }

    /// Reads the resource. Returns `None` if it does not exist.
    pub(in crate::probe) async fn read(&mut self) -> Result<Option<ProbeRead>, Stop> {
        let call = reading::read_call(&self.target, Method::GET, true);
        let reply = self.send(&call).await?;
        if matches!(reply.status.as_u16(), 404 | 410) || self.says_absent(&reply) {
            return Ok(None);
        }
        if !reply.status.is_success() {
            let (_, problem) = self.read_refusal(&reply, false);
            return Err(Stop(format!("the resource cannot be read: {problem}")));
        }
        let read = reading::representation(&self.target, &reply);
        let read = read.map_err(|error| Stop(error.to_string()))?;
        self.there = Presence::Yes;
        Ok(Some(ProbeRead {
            draft: self.drafts.which(&read.snapshot.document),
            snapshot: read.snapshot,
            found: read.found,
        }))
    }

    /// Whether an unsuccessful response to a read says by its code that there is no resource.
    fn says_absent(&self, reply: &Response) -> bool {
        !reply.status.is_success() && self.read_refusal(reply, false).0 == RefusalKind::NotFound
    }

    /// Reads the entity tag that a client gets when it asks for `gzip`.
    pub(in crate::probe) async fn read_coded_tag(&mut self) -> Result<Option<EntityTag>, Stop> {
        let mut call = reading::read_call(&self.target, Method::GET, true);
        call.headers
            .insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let reply = self.send(&call).await?;
        Ok(
            match entity_tag_of(
                &self
                    .versioning()
                    .with_trailers(&reply.headers, &reply.trailers),
            ) {
                TagField::Found(tag) if reply.status == StatusCode::OK => Some(tag),
                _ => None,
            },
        )
    }

    /// Returns the request that writes a draft over a state that was seen, onto a version.
    pub(in crate::probe) fn write_call(
        &self,
        version: &Validator,
        onto: &StoredSnapshot,
        draft: usize,
    ) -> Result<Call, Stop> {
        let document = self.drafts.laid_over(&onto.document, draft)?;
        let condition = Condition::Match(version.clone());
        self.draft_call(&condition, Some(onto), &document, draft)
    }

    /// Returns the version in a response to a write.
    pub(in crate::probe) fn version_in(&self, reply: &Response) -> Option<Validator> {
        self.done(reply).version
    }

    /// Writes a draft over a state that was seen.
    pub(in crate::probe) async fn write(
        &mut self,
        condition: &Condition<Validator>,
        onto: &StoredSnapshot,
        draft: usize,
    ) -> Result<WriteAnswer, Stop> {
        let document = self.drafts.laid_over(&onto.document, draft)?;
        let call = self.draft_call(condition, Some(onto), &document, draft)?;
        let reply = self.send(&call).await?;
        Ok(self.answered(&call, &reply))
    }

    /// Sends several new drafts at once under one condition, over `onto` if it is set. Returns the responses that
    /// arrived.
    pub(in crate::probe) async fn race(
        &mut self,
        condition: &Condition<Validator>,
        onto: Option<&StoredSnapshot>,
        writers: usize,
    ) -> Result<Vec<WriteAnswer>, Stop> {
        let mut racing = JoinSet::new();
        for _ in 0..writers {
            let draft = self.drafts.fresh()?;
            let document = match onto {
                Some(onto) => self.drafts.laid_over(&onto.document, draft)?,
                None => self.drafts.get(draft)?.clone(),
            };
            let call = self.draft_call(condition, onto, &document, draft)?;
            let (target, deadline) = (self.target.clone(), self.deadline);
            self.requests += 1;
            racing.spawn(async move {
                let mut stats = RequestStats::default();
                let context = RequestContext {
                    deadline,
                    stats: &mut stats,
                    whose: None,
                    sent: &mut || Ok(()),
                    watched: target.watched(RequestPurpose::Write, 0),
                };
                let reply = target.shared.exchange.send(&call, context).await;
                reply.map(|reply| (call, reply))
            });
        }
        let mut answered = Vec::new();
        while let Some(reply) = racing.join_next().await {
            if let Ok(Ok((call, reply))) = reply
                && !reply.status.is_server_error()
            {
                answered.push(self.answered(&call, &reply));
            }
        }
        Ok(answered)
    }

    /// Removes the resource.
    pub(in crate::probe) async fn remove(
        &mut self,
        condition: &Condition<Validator>,
        seen: &StoredSnapshot,
    ) -> Result<WriteAnswer, Stop> {
        let call = self.call(condition, Some(seen), None)?;
        let reply = self.send(&call).await?;
        Ok(self.answered(&call, &reply))
    }

    pub(super) fn answered(&self, call: &Call, reply: &Response) -> WriteAnswer {
        if let Some((kind, problem)) = self.refusal(call, reply) {
            return WriteAnswer::Refused(kind, Box::new(problem));
        }
        WriteAnswer::Done(self.done(reply))
    }

    /// Returns the content of a success response to a write.
    pub(super) fn done(&self, reply: &Response) -> Done {
        let depth = self.target.shared.exchange.limits.depth;
        let body = Document::parse_with_depth(&reply.body, depth).ok();
        let versioning = &self.target.versioning;
        let headers = versioning.with_trailers(&reply.headers, &reply.trailers);
        let version = match versioning.of_reply(&headers, body.as_ref(), SystemTime::now()) {
            FoundVersion::Version(version) => Some(version),
            _ => None,
        };
        Done {
            status: reply.status,
            version,
            shows_document: body.is_some(),
        }
    }

    /// Waits for a young version, or for a job of the server.
    pub(in crate::probe) async fn pause(&mut self) -> Result<(), Stop> {
        if later(Instant::now(), PAUSE) >= self.deadline {
            return Err(Stop("the time limit was reached".to_owned()));
        }
        self.wait(PAUSE).await;
        Ok(())
    }
}

fn purpose_of(call: &Call) -> RequestPurpose {
    if call.method == Method::GET || call.method == Method::HEAD {
        RequestPurpose::Read
    } else {
        RequestPurpose::Write
    }
}
