//! What replies mean to a write.

use ::http::StatusCode;
use ::http::header::{ETAG, LAST_MODIFIED};
use tokio::time::Instant;

use super::driver::Driver;
use super::ending::Trouble;
use super::operation;
use super::payload::Payload;
use super::plan::{Event, Failure, Goal, Refused, Seen};
use super::reading::{self, NoRepresentation};
use super::stamp;
use crate::http::{Problem, Validator, essence, is_html};
use crate::json::Document;
use crate::observe::{self, ConflictSeen};
use crate::panics;
use crate::refusal::{Found, RefusalKind, Told, is_no_representation};
use crate::transport::Response;

impl Driver<'_> {
    pub(super) fn take(&mut self, reply: &Response) -> Event<Validator> {
        match reading::representation(self.target, reply) {
            Ok(representation) => {
                let seen = match representation.found {
                    Found::Version(validator) => {
                        self.seen(validator, &representation.snapshot.document)
                    }
                    Found::Nothing => Seen::Unversioned,
                    Found::Unusable { may_heal, why } => {
                        self.trouble = Some(Trouble::Unusable(why));
                        let before = self.remote.as_ref().map(|remote| &remote.document);
                        let now = &representation.snapshot.document;
                        let moved = before.is_some_and(|before| !before.same_text(now));
                        Seen::Unusable { may_heal, moved }
                    }
                };
                let snapshot = representation.snapshot;
                if self.is_refusal(reply, &snapshot.document) {
                    let why = NoRepresentation::Refused(reply.status);
                    self.trouble = Some(Trouble::NoRepresentation(why));
                    return Event::Failed {
                        failure: Failure::Permanent,
                        wait: None,
                    };
                }
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

    /// What a version that was read tells, held against the base.
    fn seen(&mut self, version: Validator, document: &Document) -> Seen<Validator> {
        let Some(base) = &self.base else {
            return Seen::Version(version);
        };
        let same_version = base.validator.as_ref() == Some(&version);
        let same_document = base.document == *document;
        if same_version && !same_document {
            return Seen::Altered(version);
        }
        if same_version || !same_document {
            self.restless = 0;
        } else if self.machine.tally().races > 0 {
            self.restless += 1;
        }
        if self.restless < MOST_RESTLESS {
            return Seen::Version(version);
        }
        self.trouble = Some(Trouble::Unusable(RESTLESS));
        Seen::Unusable {
            may_heal: false,
            moved: false,
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
    pub(super) fn failed(&mut self, status: StatusCode, reply: &Response) -> Event<Validator> {
        // Only "too many" and "not now" invite the same request again.
        let wait =
            reading::told_to_wait(&reply.headers).filter(|_| matches!(status.as_u16(), 429 | 503));
        let failure = match status.as_u16() {
            429 => Failure::Throttled,
            500 | 503 => Failure::Answered,
            // Done, as the other address shows (RFC 9110 15.4.4); many a framework says 302 for it. And of a
            // 207 only the body tells, which would be the same again.
            207 | 302 | 303 | 506..=508 | 510 => Failure::Doubtful,
            501 | 505 | 511 => Failure::Permanent,
            // Gateways have statuses of their own too (520, 524, 599): what is behind them may have
            // done it.
            408 | 425 | 500.. => Failure::InFlight,
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

    pub(super) fn replied(&mut self, payload: &Payload, reply: &Response) -> Event<Validator> {
        let status = reply.status;
        if status == StatusCode::ACCEPTED {
            self.monitor = operation::monitor(self.target, reply);
            return Event::Accepted {
                wait: reading::told_to_wait(&reply.headers),
            };
        }
        let not_yet = status == StatusCode::MULTI_STATUS;
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
        match self.target.shared.told(reply, documents) {
            Told::Refused(_) if self.gives_back(payload, reply) => Told::Doubtful,
            told => told,
        }
    }

    /// Whether the reply has every member of what was sent, and so may be the resource.
    fn gives_back(&self, payload: &Payload, reply: &Response) -> bool {
        let depth = self.target.shared.exchange.limits.depth;
        let body = Document::parse_with_depth(&reply.body, depth).ok();
        let opened = body.and_then(|body| self.target.envelope().open(&body, depth));
        let sent = payload.document.as_ref();
        opened.zip(sent).is_some_and(|(opened, sent)| {
            reading::is_representation(self.target, reply, &opened.document, sent)
        })
    }

    /// Whether what a read brought is a refusal although it has a version, as some servers give one to every
    /// reply: it says so, and lacks what the resource had.
    fn is_refusal(&self, reply: &Response, document: &Document) -> bool {
        let told = is_no_representation(&self.target.shared.hidden, document);
        let base = self.base.as_ref().filter(|_| told);
        base.is_some_and(|base| {
            !reading::is_representation(self.target, reply, document, &base.document)
        })
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
            .then(|| {
                let current = || profile.current(&problem, &reply.headers);
                panics::named("the profile", current)
            })
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
}

/// After so many races in a row that left the document as it was, its versions are taken to mean nothing.
const MOST_RESTLESS: u32 = 4;
const RESTLESS: &str = "its version changes with each read although the document stays the same, so no write can be pinned to it: the server most likely computes the tag from something that differs each time, such as the time";

/// HTML without any validator: no word of the resource.
fn is_page(reply: &Response) -> bool {
    let is_html = essence(&reply.headers).is_some_and(|essence| is_html(&essence));
    let versioned = [ETAG, LAST_MODIFIED]
        .iter()
        .any(|name| reply.headers.contains_key(name));
    is_html && !versioned
}
