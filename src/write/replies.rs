//! What replies mean to a write.

use ::http::StatusCode;
use tokio::time::Instant;

use super::address;
use super::driver::Driver;
use super::ending::{Remarks, Trouble};
use super::evidence::{self, Body};
use super::operation;
use super::payload::Payload;
use super::plan::{Event, Failure, Goal, Refused, Seen};
use super::reading::{self, NoRepresentation, Weighed};
use super::seen::ToSee;
use super::stamp;
use crate::http::{Problem, Validator};
use crate::json::Document;
use crate::observe::{self, ConflictSeen};
use crate::panics;
use crate::refusal::{Asked, Found, Meaning, RefusalKind, Standing, Told, is_no_representation};
use crate::transport::Response;

impl Driver<'_> {
    pub(super) async fn take(&mut self, reply: &Response) -> Event<Validator> {
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
                if let Some(seen) = self.end_in_sight(&snapshot) {
                    (self.remote, self.gone) = (Some(snapshot), false);
                    return Event::Read(seen);
                }
                if self.is_refusal(reply, &snapshot.document) {
                    let why = NoRepresentation::Refused(reply.status);
                    self.trouble = Some(Trouble::NoRepresentation(why));
                    return Event::Failed {
                        failure: Failure::Permanent,
                        wait: None,
                    };
                }
                let ours = self.is_stamped(&snapshot.document) || self.is_what_was_told(&snapshot);
                (self.remote, self.gone) = (Some(snapshot), false);
                if ours {
                    return Event::Recognised(seen);
                }
                Event::Read(seen)
            }
            Err(NoRepresentation::Absent(_)) => self.absent().await,
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

    /// A read found nothing.
    pub(super) async fn absent(&mut self) -> Event<Validator> {
        (self.remote, self.gone) = (None, true);
        self.forget().await;
        Event::Read(Seen::Absent)
    }

    /// Whether this write has left its stamp: then it has landed, whatever was answered to it.
    fn is_stamped(&self, document: &Document) -> bool {
        let stamped = self.payload.is_some() && self.machine.goal() != Goal::Append;
        match (&self.target.stamp, &self.write_id) {
            (Some(stamps), Some(id)) if stamped => stamp::holds(stamps, id, document),
            _ => false,
        }
    }

    /// A reply to a read, or a 207 to a write: the request was not, or perhaps not, carried out.
    pub(super) fn failed(&mut self, reply: &Response) -> Event<Validator> {
        let problem = self.problem(reply);
        let shared = &self.target.shared;
        let meaning = shared.meaning(&problem, &reply.headers, Asked::default());
        self.failed_by(problem, meaning)
    }

    fn failed_by(&mut self, problem: Problem, meaning: Meaning) -> Event<Validator> {
        let status = problem.status();
        let throttled = meaning.standing == Standing::Later;
        // Only "too many" and "not now" invite the same request again.
        let timed = throttled || status == StatusCode::SERVICE_UNAVAILABLE;
        let wait = meaning.wait.filter(|_| timed);
        let failure = match meaning.standing {
            // Only part of what a 207 tells of may be refused.
            _ if status.is_success() => by_status(status),
            Standing::Open => by_status(status),
            Standing::BrokenOff => Failure::InFlight,
            Standing::Later => Failure::Throttled,
            Standing::Refused if meaning.invites_again() => Failure::Throttled,
            Standing::Refused => Failure::Permanent,
        };
        if let Some(wait) = wait {
            let exchange = &self.target.shared.exchange;
            let wait = wait.min(exchange.limits.retry_after);
            exchange.host.close_for(wait, Instant::now());
        }
        self.told = wait.or(self.told);
        self.trouble = Some(Trouble::Status(status));
        self.said = Some((meaning.kind, problem));
        Event::Failed { failure, wait }
    }

    fn problem(&self, reply: &Response) -> Problem {
        Problem::read(reply.status, &reply.headers, &reply.body, &self.target.url)
    }

    pub(super) fn replied(&mut self, payload: &Payload, reply: &Response) -> Event<Validator> {
        self.to_see = None;
        let status = reply.status;
        if status == StatusCode::ACCEPTED {
            self.monitor = operation::monitor(self.target, reply);
            return Event::Accepted {
                wait: reading::told_to_wait(&reply.headers),
            };
        }
        let not_yet = status == StatusCode::MULTI_STATUS;
        if status.is_success() && !not_yet {
            match self.told(payload, reply) {
                Told::Success => {}
                Told::Refused(kind) => return self.refused(payload, reply, kind),
                Told::Doubtful => {
                    self.trouble = Some(Trouble::Status(status));
                    return Event::Failed {
                        failure: Failure::Answered,
                        wait: None,
                    };
                }
            }
            self.target.shared.exchange.host.succeeded();
            return self.weighed(payload, reply);
        }
        if not_yet {
            return self.failed(reply);
        }
        let problem = self.problem(reply);
        let asked = Asked {
            pinned: payload.pinned,
            creates: payload.creates,
        };
        let shared = &self.target.shared;
        let meaning = shared.meaning(&problem, &reply.headers, asked);
        match meaning.standing {
            Standing::Refused => self.refused_by(reply, problem, meaning),
            _ => self.failed_by(problem, meaning),
        }
    }

    /// What a success proves of what is stored.
    fn weighed(&mut self, payload: &Payload, reply: &Response) -> Event<Validator> {
        let pinned = payload.pinned && !payload.creates;
        let base = self.base.as_ref().filter(|_| !payload.creates);
        let onto = base.and_then(|base| base.validator.as_ref());
        let onto = onto.filter(|_| pinned);
        match reading::weigh(self.target, reply, base, onto, payload) {
            Weighed::Stored(mut stored) => {
                if payload.creates && reply.status == StatusCode::CREATED {
                    self.location = address::of_creation(self.target, reply);
                }
                if let (Some(stored), Some(_)) = (&mut stored, &self.location) {
                    // Its version is not filed under the address that it was to have.
                    stored.validator = None;
                }
                self.stored = stored;
                self.remarks = Remarks {
                    recreated: pinned && reply.status == StatusCode::CREATED,
                    removal_pending: payload.document.is_none() && self.shows_mark(reply),
                };
                if self.machine.goal() == Goal::Append {
                    self.location = address::of_new(self.target, reply);
                }
                Event::Stored
            }
            Weighed::Contradicted(why, version) => {
                let unmoved = onto.is_some_and(|onto| {
                    version.as_ref() == Some(onto) || evidence::has_tag_of(&reply.headers, onto)
                });
                self.to_see = Some(ToSee { version });
                self.trouble = Some(Trouble::Contradicted(why.why()));
                let url = &self.target.url;
                let problem = Problem::read(reply.status, &reply.headers, &reply.body, url);
                self.refusal = Some((RefusalKind::Unknown, problem));
                Event::Refused {
                    kind: Refused::Contradicted { unmoved },
                    current: None,
                    wait: None,
                }
            }
        }
    }

    /// Whether the reply to a removal shows that the object is only marked.
    fn shows_mark(&self, reply: &Response) -> bool {
        let depth = self.target.shared.exchange.limits.depth;
        let marks = self.target.practice.deletion_mark.is_some() && !reply.body.is_empty();
        let body = marks.then(|| Document::parse_with_depth(&reply.body, depth));
        body.is_some_and(|body| body.is_ok_and(|body| self.target.is_marked(&body)))
    }

    /// Whether a 2xx is a success. The reply may be a copy of what was sent, or of what was there before.
    fn told(&self, payload: &Payload, reply: &Response) -> Told {
        let depth = self.target.shared.exchange.limits.depth;
        match evidence::body(&reply.headers, &reply.body, depth) {
            // A login page, most likely. Only a read can tell.
            Body::Page => return Told::Doubtful,
            Body::Problem if self.gives_back(payload, reply) => {}
            Body::Problem => return Told::Refused(RefusalKind::Unknown),
            Body::Plain => {}
        }
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

    /// Whether the reply has every member of what was sent, or of what was removed, and so may be the
    /// resource.
    fn gives_back(&self, payload: &Payload, reply: &Response) -> bool {
        let depth = self.target.shared.exchange.limits.depth;
        let body = Document::parse_with_depth(&reply.body, depth).ok();
        let opened = body.and_then(|body| self.target.envelope().open(&body, depth));
        let removed = self.base.as_ref().map(|base| &base.document);
        let sent = payload.document.as_ref().or(removed);
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

    /// A 2xx that tells a refusal. `known`: what it means, if that was told as well.
    fn refused(
        &mut self,
        payload: &Payload,
        reply: &Response,
        known: RefusalKind,
    ) -> Event<Validator> {
        let problem = self.problem(reply);
        let asked = Asked {
            pinned: payload.pinned,
            creates: payload.creates,
        };
        let shared = &self.target.shared;
        let mut meaning = shared.meaning(&problem, &reply.headers, asked);
        if known != RefusalKind::Unknown {
            meaning.kind = known;
        }
        self.refused_by(reply, problem, meaning)
    }

    fn refused_by(
        &mut self,
        reply: &Response,
        problem: Problem,
        Meaning { kind, wait, .. }: Meaning,
    ) -> Event<Validator> {
        // What went wrong before is over: the server speaks.
        self.trouble = None;
        self.told = wait.or(self.told);
        let payload = self.payload.as_ref();
        let creates = payload.is_some_and(|payload| payload.creates);
        let tests = payload.is_some_and(|payload| payload.tests);
        let profile = &*self.target.shared.profile;
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
                let another = self.target.is_another(self.base.as_ref(), &body);
                if another || self.is_stamped(&opened.document) {
                    // It is of another object, or of a second delivery: a read settles that.
                    return None;
                }
                let (known, headers) = (Some(validator.clone()), reply.headers.clone());
                let snapshot = reading::snapshot(opened, known, headers, reply.origin);
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

/// What a status by itself says of a request.
fn by_status(status: StatusCode) -> Failure {
    match status.as_u16() {
        500 | 503 => Failure::Answered,
        // Done, as the other address shows (RFC 9110 15.4.4); many a framework says 302 for it. And of a
        // 207 only the body tells, which would be the same again.
        207 | 302 | 303 | 506..=508 | 510 => Failure::Doubtful,
        501 | 505 | 511 => Failure::Permanent,
        // Gateways have statuses of their own too (520, 524, 599): what is behind them may have
        // done it.
        500.. => Failure::InFlight,
        _ => Failure::Permanent,
    }
}
