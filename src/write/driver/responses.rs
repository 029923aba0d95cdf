//! Interprets responses to writes.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use tokio::time::Instant;

use super::super::diagnosis::{FailureCause, Remarks};
use super::super::in_flight::Contradicted;
use super::super::machine::events::{Event, Failure, Goal, Refused};
use super::{ActionResult, Driver};
use crate::exchange::transport::Response;
use crate::protocol::{
    Meaning, Problem, RefusalKind, RefusalStanding, RequestFacts, SuccessVerdict, Validator,
};
use crate::write::recovery::evidence::{self, BodyKind, EvidenceDocument};
use crate::write::recovery::monitor::Monitor;
use crate::write::request::action::ActionRequest;
use crate::write::request::address;
use crate::write::request::payload::Payload;
use crate::write::request::reading::{self, Weighed};

impl Driver<'_> {
    /// Handles the response to a write.
    pub(super) fn replied(&mut self, payload: &Payload, reply: &Response) -> ActionResult {
        self.in_flight.contradicted = None;
        let status = reply.status;
        if status == StatusCode::ACCEPTED {
            self.in_flight.monitor = Monitor::of_reply(self.target, reply);
            let wait = reading::requested_wait(&reply.headers);
            return Event::Accepted { wait }.into();
        }
        if status == StatusCode::MULTI_STATUS {
            return self.failed(reply);
        }
        if status.is_success() {
            match self.success_verdict(payload, reply) {
                SuccessVerdict::Success => {}
                SuccessVerdict::Refused(kind) => {
                    let step = self.refused(payload, reply, kind);
                    return if self.is_half_refused(reply, &step) {
                        HALF_REFUSED.into()
                    } else {
                        step
                    };
                }
                SuccessVerdict::Doubtful => {
                    return ActionResult::failed(Failure::Responded, FailureCause::Status(status));
                }
            }
            self.target.shared.exchange.server.succeeded();
            if self.action.is_some() {
                return self.acted(reply);
            }
            return self.weighed(payload, reply);
        }
        let problem = self.problem(reply);
        let meaning = self.meaning(&problem, reply, Some(payload));
        match meaning.standing {
            RefusalStanding::Refused => self.refused_by(reply, problem, meaning),
            _ => self.failed_by(problem, meaning),
        }
    }

    /// Handles an unsuccessful response to a read, or a 207 to a write. The problem and the status decide whether the
    /// request may have been carried out.
    pub(super) fn failed(&mut self, reply: &Response) -> ActionResult {
        let problem = self.problem(reply);
        let meaning = self.meaning(&problem, reply, None);
        self.failed_by(problem, meaning)
    }

    fn failed_by(&mut self, problem: Problem, meaning: Meaning) -> ActionResult {
        let status = problem.status();
        let throttled = meaning.standing == RefusalStanding::Later;
        // Only throttling (such as a 429) and a 503 mean that the same request may succeed later.
        let timed = throttled || status == StatusCode::SERVICE_UNAVAILABLE;
        let wait = meaning.wait.filter(|_| timed);
        let failure = match meaning.standing {
            // A 207 may report that only a part was refused, so the rest may have been carried out.
            _ if status.is_success() => by_status(status),
            RefusalStanding::Open => by_status(status),
            RefusalStanding::BrokenOff => Failure::InFlight,
            RefusalStanding::Later => Failure::Throttled,
            RefusalStanding::Refused if meaning.invites_again() => Failure::Throttled,
            RefusalStanding::Refused => Failure::Permanent,
        };
        if let Some(wait) = wait {
            let exchange = &self.target.shared.exchange;
            let wait = wait.min(exchange.limits.retry_after);
            exchange.server.close_for(wait, Instant::now());
        }
        self.session.retry_after = wait.or(self.session.retry_after);
        self.diagnosis.last_problem = Some((meaning.kind, problem));
        ActionResult::because(
            Event::Failed { failure, wait },
            FailureCause::Status(status),
        )
    }

    pub(super) fn problem(&self, reply: &Response) -> Problem {
        Problem::read(reply.status, &reply.headers, &reply.body, &self.target.url)
    }

    /// Classifies a response that is not a success. `payload` is `None` for a read.
    pub(super) fn meaning(
        &self,
        problem: &Problem,
        reply: &Response,
        payload: Option<&Payload>,
    ) -> Meaning {
        let asked = payload.map_or_else(RequestFacts::default, |payload| RequestFacts {
            has_condition: payload.has_condition,
            is_creation: payload.requires_absence,
            has_other_media_type: !self.names_version(problem.status(), payload),
        });
        self.target.shared.meaning(problem, &reply.headers, asked)
    }

    /// Whether the request has the media type of documents in the header that a response with this status is about.
    fn names_version(&self, status: StatusCode, payload: &Payload) -> bool {
        if status == StatusCode::NOT_ACCEPTABLE {
            return self.target.format.is_none();
        }
        let label = payload.call.headers.get(CONTENT_TYPE);
        let is_bytes = self.action.as_ref().is_some_and(ActionRequest::has_bytes);
        label.is_some() && !is_bytes && self.target.format.is_none()
    }

    /// Handles the success of an action. Its body is cached only if it is the resource.
    fn acted(&mut self, reply: &Response) -> ActionResult {
        let action = self.action.as_ref();
        let returns_resource = action.is_some_and(|action| action.returns_resource)
            || address::is_of_this(self.target, reply);
        let read = returns_resource.then(|| reading::representation(self.target, reply));
        self.state.stored = read.and_then(Result::ok).map(|read| read.snapshot);
        self.response = Some(reply.clone());
        Event::Stored.into()
    }

    /// Whether an unsuccessful response to a read says that there is no resource.
    pub(super) fn says_absent(&self, reply: &Response) -> bool {
        let problem = self.problem(reply);
        self.meaning(&problem, reply, None).kind == RefusalKind::NotFound
    }

    /// Handles what a success proves about the stored state.
    fn weighed(&mut self, payload: &Payload, reply: &Response) -> ActionResult {
        let pinned = payload.has_condition && !payload.requires_absence;
        let base = self
            .state
            .base
            .as_ref()
            .filter(|_| !payload.requires_absence);
        let onto = base.and_then(|base| base.validator.as_ref());
        let onto = onto.filter(|_| pinned);
        match reading::weigh(self.target, reply, base, onto, payload) {
            Weighed::Stored(mut stored, which) => {
                if payload.requires_absence && reply.status == StatusCode::CREATED {
                    self.diagnosis.location = address::of_creation(self.target, reply);
                }
                if let (Some(stored), Some(_)) = (&mut stored, &self.diagnosis.location) {
                    // The response's version must not be cached under the requested address.
                    stored.validator = None;
                }
                self.state.stored = stored;
                self.diagnosis.remarks = Remarks {
                    recreated: pinned && reply.status == StatusCode::CREATED,
                    removal_pending: payload.document.is_none() && self.shows_mark(reply),
                    response_too_large: false,
                };
                if self.machine.goal() == Goal::Append {
                    self.diagnosis.location = address::of_new(self.target, reply);
                    if which == EvidenceDocument::Sent {
                        // The response does not show what was made of the draft.
                        self.state.stored = None;
                    }
                }
                Event::Stored.into()
            }
            Weighed::Contradicted(why, version) => {
                let unmoved = onto.is_some_and(|onto| {
                    version.as_ref() == Some(onto) || evidence::has_tag_of(&reply.headers, onto)
                });
                self.in_flight.contradicted = Some(Contradicted { version });
                self.diagnosis.refusal = Some((RefusalKind::Unknown, self.problem(reply)));
                let event = Event::Refused {
                    kind: Refused::Contradicted { unmoved },
                    current: None,
                    wait: None,
                };
                ActionResult::because(event, FailureCause::Contradicted(why.why()))
            }
        }
    }

    /// Whether the response to a removal shows that the object is only marked as being removed.
    fn shows_mark(&self, reply: &Response) -> bool {
        let marks = self.target.storage_behaviour.deletion_mark.is_some() && !reply.body.is_empty();
        let body = marks.then(|| self.target.parse(reply));
        body.is_some_and(|body| body.is_ok_and(|body| self.target.is_marked(&body)))
    }

    /// Judges whether a 2xx response is a success. Its body may be a copy of what was sent or of the previous
    /// state.
    fn success_verdict(&self, payload: &Payload, reply: &Response) -> SuccessVerdict {
        match self.target.body_kind(reply) {
            // WebDAV servers return an HTML page with the 201 of a `PUT`.
            BodyKind::Page if reply.status == StatusCode::CREATED && payload.is_put() => {}
            BodyKind::Page | BodyKind::Problem if self.gives_back(payload, reply) => {}
            // Most likely a login page. Only a read can show the outcome.
            BodyKind::Page => return SuccessVerdict::Doubtful,
            BodyKind::Problem => return SuccessVerdict::Refused(RefusalKind::Unknown),
            BodyKind::Plain => {}
        }
        let documents = || {
            let before = self.state.base.as_ref();
            let whole = before.and_then(|before| {
                let envelope = self.target.envelope();
                envelope.wrap_original(&before.document, before.rest.as_ref())
            });
            let before = before.map(|before| before.document.clone());
            let sent = [payload.document.clone(), payload.body.clone()];
            sent.into_iter().chain([before, whole]).flatten().collect()
        };
        match self.target.shared.success_verdict(reply, documents) {
            SuccessVerdict::Refused(_) if self.gives_back(payload, reply) => {
                SuccessVerdict::Doubtful
            }
            verdict => verdict,
        }
    }

    /// Whether problem details in a success leave open whether the request was carried out. They may be about a part
    /// of it, such as an email that was not sent. So if the version has moved, this write may have moved it.
    fn is_half_refused(&self, reply: &Response, step: &ActionResult) -> bool {
        let changes = matches!(
            self.machine.goal(),
            Goal::Create | Goal::Replace | Goal::Act
        );
        let is_open = matches!(
            step.event,
            Event::Refused {
                kind: Refused::Unclassified,
                current: None,
                ..
            }
        );
        let is_declared = self.target.shared.success_verdict(reply, Vec::new);
        changes
            && is_open
            && self.target.body_kind(reply) == BodyKind::Problem
            && !matches!(is_declared, SuccessVerdict::Refused(_))
    }

    /// Whether the response has every member of the document that was sent or removed, and so may be the resource.
    fn gives_back(&self, payload: &Payload, reply: &Response) -> bool {
        let depth = self.target.shared.exchange.limits.depth;
        let body = self.target.parse(reply).ok();
        let unwrapped = body.and_then(|body| self.target.envelope().unwrap_body(&body, depth));
        let sent = payload.document.as_ref().or(self.state.base_document());
        unwrapped.zip(sent).is_some_and(|(unwrapped, sent)| {
            reading::is_representation(self.target, reply, &unwrapped.document, sent)
        })
    }
}

/// A success with problem details. A read judges it. The previous version shows that nothing was stored.
const HALF_REFUSED: Event<Validator> = Event::Refused {
    kind: Refused::Contradicted { unmoved: true },
    current: None,
    wait: None,
};

/// Classifies a request by its status alone.
fn by_status(status: StatusCode) -> Failure {
    match status.as_u16() {
        500 | 503 => Failure::Responded,
        // A 303 means that the request was carried out (RFC 9110 15.4.4), and many frameworks send 302 for it. A
        // 207 states its result only in the body, and a resend would get the same.
        207 | 302 | 303 | 506..=508 | 510 => Failure::Doubtful,
        501 | 505 | 511 => Failure::Permanent,
        // Gateways also use statuses of their own (520, 524, 599). The server behind them may have carried out the
        // request.
        500.. => Failure::InFlight,
        _ => Failure::Permanent,
    }
}
