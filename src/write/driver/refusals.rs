//! Turns refusals into events.

use super::super::machine::events::{Event, Refused};
use super::super::merge_state::Remote;
use super::{ActionResult, Driver};
use crate::exchange::Watch;
use crate::exchange::transport::Response;
use crate::protocol::{Meaning, Problem, RefusalKind, Validator};
use crate::support::panics;
use crate::value::{ConflictSeen, observer};
use crate::write::request::payload::Payload;
use crate::write::request::reading;

impl Driver<'_> {
    /// Handles a 2xx response that contains a refusal. `known` is its meaning, if the response states it.
    pub(super) fn refused(
        &mut self,
        payload: &Payload,
        reply: &Response,
        known: RefusalKind,
    ) -> ActionResult {
        let problem = self.problem(reply);
        let mut meaning = self.meaning(&problem, reply, Some(payload));
        if known != RefusalKind::Unknown {
            meaning.kind = known;
        }
        self.refused_by(reply, problem, meaning)
    }

    pub(super) fn refused_by(
        &mut self,
        reply: &Response,
        problem: Problem,
        Meaning { kind, wait, .. }: Meaning,
    ) -> ActionResult {
        self.session.retry_after = wait.or(self.session.retry_after);
        let asked = self.asks_for(kind, reply);
        let current = self.current(kind, asked, &problem, reply);
        // A state of another version proves the race that the response does not name.
        let kind = if current.is_some() {
            RefusalKind::StaleVersion
        } else {
            kind
        };
        let event = Event::Refused {
            kind: self.asks_for(kind, reply),
            current,
            wait,
        };
        self.diagnosis.refusal = Some((kind, problem));
        event.into()
    }

    /// Reports the last refusal to the observer.
    pub(super) fn tell_observer(&self) {
        if let Some((kind, problem)) = &self.diagnosis.refusal {
            let (path, round) = (self.target.url.path(), self.machine.tally().rounds);
            let template = self.target.template();
            let seen = ConflictSeen::new(path, template, *kind, problem.status(), round);
            observer::conflict(self.target.shared.observer.as_deref(), &seen);
        }
    }

    fn asks_for(&self, kind: RefusalKind, reply: &Response) -> Refused {
        let payload = self.in_flight.payload.as_ref();
        let creates = payload.is_some_and(|payload| payload.requires_absence);
        let tests = payload.is_some_and(|payload| payload.has_patch_tests);
        match (kind, reply.status.as_u16()) {
            (RefusalKind::StaleVersion, _) => Refused::Stale,
            (RefusalKind::Locked, _) => Refused::Locked,
            (RefusalKind::InFlight | RefusalKind::Transient, _) => Refused::Transient,
            (RefusalKind::UnsupportedApiVersion, _) => Refused::Final,
            (RefusalKind::NotFound, _) | (_, 404 | 410) => Refused::Missing,
            // The existing resource may be at this address, or elsewhere under a name that must be unique.
            (RefusalKind::AlreadyExists, _) if creates => Refused::Unclassified,
            (_, 428) => Refused::ConditionRequired,
            (RefusalKind::Unknown, 200..300 | 409 | 412) => Refused::Unclassified,
            // A test of the patch may have failed. RFC 6902 does not fix the status, and RFC 5789 2.2 offers
            // several.
            (RefusalKind::Invalid, _) if tests => Refused::Unclassified,
            _ => Refused::Final,
        }
    }

    /// Returns the version of the current state, if the refusal carries the whole state. That state then counts as
    /// the last read.
    fn current(
        &mut self,
        kind: RefusalKind,
        asked: Refused,
        problem: &Problem,
        reply: &Response,
    ) -> Option<Validator> {
        let may_be_race = kind == RefusalKind::Unknown && asked == Refused::Unclassified;
        // A profile reads the current state from its own envelope only.
        let is_readable = self.target.envelope.is_none() && self.target.is_json();
        if (kind != RefusalKind::StaleVersion && !may_be_race) || !is_readable {
            return None;
        }
        let profile = &*self.target.shared.profile;
        let current = || profile.current(problem, &reply.headers);
        let (body, validator) = panics::named("the profile", current)?;
        let known = self.state.base_version();
        if may_be_race && known.is_none_or(|known| *known == validator) {
            return None;
        }
        let depth = self.target.shared.exchange.limits.depth;
        let unwrapped = self.target.envelope().unwrap_body(&body, depth)?;
        let another = self.target.is_another(self.state.base.as_ref(), &body);
        if another || self.is_stamped(&unwrapped.document) {
            // The body shows another object or a second delivery of this write. A read settles that.
            return None;
        }
        let (known, headers) = (Some(validator.clone()), reply.headers.clone());
        let snapshot = reading::snapshot(unwrapped, known, headers, reply.origin);
        self.state.remote = Remote::Present(snapshot);
        Some(validator)
    }
}
