//! The driver's side towards the server: reads, sends, and what their replies mean.

use std::sync::Arc;

use ::http::header::{ETAG, LAST_MODIFIED};
use ::http::{Method, StatusCode};
use tokio::time::Instant;

use super::abandoned::Sent;
use super::driver::Driver;
use super::ending::Trouble;
use super::payload::{Draft, NoPayload, Payload};
use super::plan::{Condition, Event, Failure, Goal, Refused, Seen};
use super::{reading, stamp};
use crate::exchange::{Call, Errand, NoReply};
use crate::http::{Problem, Validator, essence, is_html};
use crate::json::Document;
use crate::observe::{self, ConflictSeen};
use crate::refusal::{Found, RefusalKind, Told};
use crate::store::StoredSnapshot;
use crate::transport::{Fate, Response};

impl Driver<'_> {
    /// Sends a call. `going_out`: what is to be remembered from the moment in which it does.
    async fn exchange(
        &mut self,
        call: &Call,
        going_out: Option<Sent>,
    ) -> Result<Response, Failure> {
        let deadline = self.deadline();
        let exchange = &self.target.shared.exchange;
        let (out, stranger, expected) = (&mut self.out, &mut self.stranger, self.who);
        let mut sent = |who| {
            *stranger |= who != expected;
            if let Some(going_out) = &going_out {
                out.send(going_out.clone());
            }
        };
        let errand = Errand {
            deadline,
            waited: &mut self.waited,
            sent: &mut sent,
        };
        match exchange.send(call, errand).await {
            Ok(reply) => {
                self.last_status = Some(reply.status);
                Ok(reply)
            }
            Err(NoReply::Transport(error)) => {
                let failure = match error.fate {
                    Fate::NotSent => Failure::NotSent,
                    Fate::Impossible => Failure::Permanent,
                    Fate::TooLarge if call.method == Method::GET => Failure::Permanent,
                    _ => Failure::InFlight,
                };
                self.trouble = Some(Trouble::Transport(error));
                Err(failure)
            }
            Err(NoReply::Gated(held)) => {
                self.told = self.told.max(held.told());
                self.trouble = Some(Trouble::Gated(held));
                Err(Failure::Permanent)
            }
            Err(NoReply::Credentials(error)) => {
                self.trouble = Some(Trouble::Credentials(error));
                Err(Failure::Permanent)
            }
        }
    }

    pub(super) async fn read(&mut self) -> Event<Validator> {
        let call = reading::read_call(self.target, Method::GET, true);
        let reply = match self.exchange(&call, None).await {
            Ok(reply) => reply,
            Err(failure) => {
                return Event::Failed {
                    failure,
                    wait: None,
                };
            }
        };
        match reply.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                (self.remote, self.gone) = (None, true);
                self.forget().await;
                Event::Read(Seen::Absent)
            }
            status if status.is_success() => self.take(&reply),
            status => self.failed(status, &reply),
        }
    }

    fn take(&mut self, reply: &Response) -> Event<Validator> {
        match reading::representation(self.target, reply) {
            Ok(representation) => {
                let seen = match representation.found {
                    Found::Version(validator) => Seen::Version(validator),
                    Found::Nothing => Seen::Unversioned,
                    Found::Unusable { may_heal, why } => {
                        self.trouble = Some(Trouble::Unusable(why));
                        Seen::Unusable { may_heal }
                    }
                };
                let snapshot = representation.snapshot;
                let ours = self.is_stamped(&snapshot.document);
                (self.remote, self.gone) = (Some(snapshot), false);
                if ours {
                    return Event::Recognised(seen);
                }
                Event::Read(seen)
            }
            Err(error) => {
                self.trouble = Some(Trouble::NoRepresentation(error));
                Event::Failed {
                    failure: Failure::Permanent,
                    wait: None,
                }
            }
        }
    }

    /// Whether this write has left its stamp: then it has landed, whatever was answered to it.
    fn is_stamped(&self, document: &Document) -> bool {
        let stamped = self.payload.is_some() && self.machine.goal() != Goal::Append;
        match (&self.target.stamp, &self.write_id) {
            (Some(stamps), Some(id)) if stamped => stamp::holds(stamps, id, document),
            _ => false,
        }
    }

    /// A status that says that the request was not, or perhaps not, carried out.
    fn failed(&mut self, status: StatusCode, reply: &Response) -> Event<Validator> {
        // Only "too many" and "not now" invite the same request again.
        let wait =
            reading::told_to_wait(&reply.headers).filter(|_| matches!(status.as_u16(), 429 | 503));
        let failure = match status.as_u16() {
            429 => Failure::Throttled,
            500 | 503 => Failure::Answered,
            202 => Failure::Pending,
            // Done, as the other address shows (RFC 9110 15.4.4); many a framework says 302 for it.
            301..=303 | 506..=508 | 510 => Failure::Doubtful,
            501 | 505 | 511 => Failure::Permanent,
            // Gateways have statuses of their own too (520, 524, 599): what is behind them may have
            // done it. So may whatever answers 207, of which only the body tells.
            207 | 408 | 425 | 500.. => Failure::InFlight,
            _ => Failure::Permanent,
        };
        if let Some(wait) = wait
            && matches!(status.as_u16(), 429 | 503)
        {
            let limits = &self.target.shared.exchange.limits;
            self.target
                .shared
                .exchange
                .host
                .close_for(wait.min(limits.retry_after), Instant::now());
        }
        self.told = wait.or(self.told);
        self.trouble = Some(Trouble::Status(status));
        let problem = Problem::read(status, &reply.headers, &reply.body, &self.target.url);
        let kind = self.target.shared.classify(&problem, false);
        self.said = Some((kind, problem));
        Event::Failed { failure, wait }
    }

    pub(super) async fn send(
        &mut self,
        condition: &Condition<Validator>,
        delete: bool,
        resend: bool,
    ) -> Event<Validator> {
        if let Condition::Match(version) = condition {
            self.pin(version);
        }
        let payload = match self.payload.clone() {
            Some(payload) if resend => payload,
            _ => match self.draft(condition, delete) {
                Ok(payload) => Arc::new(payload),
                Err(error) => {
                    self.trouble = Some(match error {
                        NoPayload::Unpinned(why) => Trouble::Unusable(why),
                        NoPayload::Other(error) => Trouble::Payload(error),
                    });
                    return Event::Failed {
                        failure: Failure::Permanent,
                        wait: None,
                    };
                }
            },
        };
        self.payload = Some(payload.clone());
        if let Some(document) = &payload.document
            && self
                .sent
                .last()
                .is_none_or(|last| !last.same_text(document))
        {
            self.sent.push(document.clone());
        }
        let onto = self.base.as_ref().and_then(|base| base.validator.clone());
        let onto = onto.filter(|_| *condition != Condition::Absent);
        let document = payload.document.clone();
        let going_out = (self.machine.goal() != Goal::Append).then_some(Sent { onto, document });
        let event = match self.exchange(&payload.call, going_out).await {
            Ok(reply) => self.replied(&payload, &reply),
            Err(failure) => Event::Failed {
                failure,
                wait: None,
            },
        };
        let refused = match &event {
            Event::Refused { .. } => true,
            Event::Failed { failure, .. } => {
                matches!(failure, Failure::NotSent | Failure::Throttled)
            }
            _ => false,
        };
        if refused && !self.machine.in_doubt() {
            // Nothing of ours is under way: a write dropped from here on leaves nothing behind.
            self.out.settled();
        }
        event
    }

    /// Makes the state of this version the base, if it was read for the write and not edited.
    fn pin(&mut self, version: &Validator) {
        let of = |side: &Option<StoredSnapshot>| {
            side.as_ref()
                .is_some_and(|side| side.validator.as_ref() == Some(version))
        };
        if !of(&self.base) && of(&self.remote) {
            self.rebase();
        }
    }

    fn draft(
        &mut self,
        condition: &Condition<Validator>,
        delete: bool,
    ) -> Result<Payload, NoPayload> {
        let honours = self.target.shared.profile.honours_idempotency_keys();
        let fresh_key = (self.machine.goal() == Goal::Append || honours)
            && (self.payload.is_some() || self.idempotency_key.is_none());
        if fresh_key {
            // A key names one payload: another payload gets another key.
            self.idempotency_key = Some(crate::ids::uuid());
        }
        Draft {
            target: self.target,
            condition,
            base: self.base.as_ref(),
            local: if delete { None } else { self.local.as_ref() },
            post: self.machine.goal() == Goal::Append,
            write_id: self.write_id.as_deref(),
            key: self.idempotency_key.as_deref(),
        }
        .payload()
    }

    fn replied(&mut self, payload: &Payload, reply: &Response) -> Event<Validator> {
        let status = reply.status;
        let not_yet = matches!(status, StatusCode::ACCEPTED | StatusCode::MULTI_STATUS);
        if status == StatusCode::OK && is_page(reply) {
            // A login page, most likely. Only a read can tell.
            self.trouble = Some(Trouble::Status(status));
            return Event::Failed {
                failure: Failure::Answered,
                wait: None,
            };
        }
        if status.is_success() && !not_yet {
            match self.told(payload, reply) {
                Told::Success => {}
                Told::Refused(kind) => return self.refused(reply, kind),
                Told::Doubtful => {
                    self.trouble = Some(Trouble::Status(status));
                    return Event::Failed {
                        failure: Failure::Answered,
                        wait: None,
                    };
                }
            }
            self.target.shared.exchange.host.succeeded();
            let before = self.base.as_ref().map(|base| &base.document);
            self.stored = reading::stored(self.target, reply, before, payload);
            self.location = reading::location(self.target, reply);
            return Event::Stored;
        }
        if not_yet
            || status == StatusCode::TOO_MANY_REQUESTS
            || status.is_server_error()
            || status.is_redirection()
            || status == StatusCode::REQUEST_TIMEOUT
        {
            return self.failed(status, reply);
        }
        self.refused(reply, RefusalKind::Unknown)
    }

    /// Whether a 2xx is a success. The reply may be a copy of what was sent, or of what was there before.
    fn told(&self, payload: &Payload, reply: &Response) -> Told {
        let documents = || {
            let before = self.base.as_ref();
            let whole = before.and_then(|before| {
                let envelope = self.target.envelope();
                envelope.whole(&before.document, before.frame.as_ref())
            });
            let before = before.map(|before| before.document.clone());
            let sent = [payload.document.clone(), payload.body.clone()];
            sent.into_iter().chain([before, whole]).flatten().collect()
        };
        self.target.shared.told(&reply.body, documents)
    }

    /// `known`: what it means, if a 2xx told that.
    fn refused(&mut self, reply: &Response, known: RefusalKind) -> Event<Validator> {
        // What went wrong before is over: the server speaks.
        self.trouble = None;
        let problem = Problem::read(reply.status, &reply.headers, &reply.body, &self.target.url);
        let wait = reading::told_to_wait(&reply.headers).or(problem.retry_after());
        self.told = wait.or(self.told);
        let payload = self.payload.as_ref();
        let pinned = payload.is_some_and(|payload| payload.pinned);
        let creates = payload.is_some_and(|payload| payload.creates);
        let tests = payload.is_some_and(|payload| payload.tests);
        let profile = &*self.target.shared.profile;
        let kind = match known {
            RefusalKind::Unknown => self.target.shared.classify(&problem, pinned),
            known => known,
        };
        // A profile knows the current state in its own envelope only.
        let current = (kind == RefusalKind::StaleVersion && self.target.envelope.is_none())
            .then(|| profile.current(&problem, &reply.headers))
            .flatten()
            .and_then(|(body, validator)| {
                let depth = self.target.shared.exchange.limits.depth;
                let opened = self.target.envelope().open(&body, depth)?;
                if self.is_stamped(&opened.document) {
                    // The refusal is of a second delivery: a read settles that.
                    return None;
                }
                let (known, headers) = (Some(validator.clone()), reply.headers.clone());
                let snapshot = reading::snapshot(opened, known, headers);
                (self.remote, self.gone) = (Some(snapshot), false);
                Some(validator)
            });
        let refused = match (kind, reply.status.as_u16()) {
            (RefusalKind::StaleVersion, _) => Refused::Stale,
            (RefusalKind::Locked, _) => Refused::Locked,
            (RefusalKind::InFlight | RefusalKind::Transient, _) => Refused::Transient,
            (RefusalKind::UnsupportedApiVersion, _) => Refused::Final,
            (_, 404 | 410) => Refused::Missing,
            // Here, or somewhere else under a name that has to be unique.
            (RefusalKind::AlreadyExists, _) if creates => Refused::Unclassified,
            (_, 428) => Refused::ConditionRequired,
            (RefusalKind::Unknown, 200..300 | 409 | 412) => Refused::Unclassified,
            // A test of the patch may have failed: RFC 6902 leaves the status open, and RFC 5789 2.2
            // offers several.
            (RefusalKind::Invalid, _) if tests => Refused::Unclassified,
            _ => Refused::Final,
        };
        let path = self.target.url.path();
        let round = self.machine.tally().rounds;
        observe::conflict(
            self.target.shared.observer.as_deref(),
            &ConflictSeen::new(path, kind, problem.status(), round),
        );
        self.refusal = Some((kind, problem));
        Event::Refused {
            kind: refused,
            current,
            wait,
        }
    }

    pub(super) async fn file(&mut self, snapshot: StoredSnapshot) {
        let (store, until) = (&self.target.shared.store, self.deadline());
        store.put(self.out.key(), snapshot, until).await;
    }

    pub(super) async fn forget(&mut self) {
        let (store, until) = (&self.target.shared.store, self.deadline());
        store.remove(self.out.key(), until).await;
    }
}

/// HTML without any validator: no word of the resource.
fn is_page(reply: &Response) -> bool {
    let is_html = essence(&reply.headers).is_some_and(|essence| is_html(&essence));
    let versioned = [ETAG, LAST_MODIFIED]
        .iter()
        .any(|name| reply.headers.contains_key(name));
    is_html && !versioned
}
