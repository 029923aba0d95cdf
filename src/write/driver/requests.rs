//! The requests of a write: reads, writes, polls of a status monitor.

use std::sync::Arc;

use http::{Method, StatusCode};

use super::super::diagnosis::FailureCause;
use super::super::machine::events::{Condition, Event, Failure, Goal, Progress, Refused};
use super::{ActionResult, Driver};
use crate::exchange::transport::Response;
use crate::exchange::{Call, RequestPurpose};
use crate::protocol::{Problem, RefusalKind, Validator};
use crate::store::StoredSnapshot;
use crate::write::recovery::monitor;
use crate::write::recovery::recorder::WrittenFrom;
use crate::write::recovery::unsettled::UnsettledWrite;
use crate::write::request::carrier::Carried;
use crate::write::request::payload::{NoPayload, Payload, RequestDraft};
use crate::write::request::reading;

impl Driver<'_> {
    /// Sends a call that leaves nothing in doubt if it is dropped.
    async fn request(
        &mut self,
        call: &Call,
        purpose: RequestPurpose,
    ) -> Result<Response, (Failure, FailureCause)> {
        let (exchange, deadline) = (&self.target.shared.exchange, self.timer.deadline());
        // A read after a failed read is the same request again.
        let is_again = self.diagnosis.retried.is_some() && purpose == RequestPurpose::Read;
        let watched = self
            .target
            .watched(purpose, self.session.count_read(is_again));
        let mut sent = || Ok(());
        let reply = self
            .session
            .send(exchange, call, deadline, &mut sent, watched);
        let reply = reply.await;
        self.timer.count(self.session.stats.waited);
        reply
    }

    /// Reads the resource.
    pub(super) async fn read(&mut self) -> ActionResult {
        let call = reading::read_call(self.target, Method::GET, true);
        let purpose = if self.machine.in_doubt() {
            RequestPurpose::Settle
        } else {
            RequestPurpose::Read
        };
        let reply = match self.request(&call, purpose).await {
            Ok(reply) => reply,
            Err((failure, cause)) => return ActionResult::failed(failure, cause),
        };
        match reply.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => self.absent().await,
            status if status.is_success() => self.take(&reply).await,
            _ if self.says_absent(&reply) => self.absent().await,
            _ => self.failed(&reply),
        }
    }

    /// Sends the write or, with `resend`, the last request once more.
    pub(super) async fn send(
        &mut self,
        condition: &Condition<Validator>,
        delete: bool,
        resend: bool,
    ) -> ActionResult {
        if let Condition::Match(version) = condition
            && self.state.has_read(version)
        {
            self.rebase();
        }
        if !self.machine.in_doubt() {
            self.in_flight.lost.clear();
        }
        let until = match self.check_lease(self.state.base_document()) {
            Ok(until) => until,
            Err(cause) => return ActionResult::failed(Failure::Permanent, cause),
        };
        let purpose = if resend {
            RequestPurpose::Resend
        } else {
            RequestPurpose::Write
        };
        let payload = match self.payload(condition, delete, resend) {
            Ok(payload) => payload,
            Err(cause) => return ActionResult::failed(Failure::Permanent, cause),
        };
        if self.action.is_some() && !resend {
            // The snapshot must not outlive the action if the call is dropped while its response is awaited.
            self.forget().await;
        }
        self.in_flight.payload = Some(payload.clone());
        let onto = self.state.base_version().cloned();
        let onto = onto.filter(|_| *condition != Condition::Absent);
        let document = payload.document.clone();
        let is_append = self.machine.goal() == Goal::Append;
        // A later write cannot recognise a new document in a collection, nor an action.
        let is_remembered = !matches!(self.machine.goal(), Goal::Append | Goal::Act);
        let going_out = UnsettledWrite {
            onto,
            document,
            mark: None,
        };
        let key = self.in_flight.key().filter(|_| is_append);
        let key = key.map(str::to_owned);
        let from = WrittenFrom {
            base: self.state.base.as_ref(),
            local: self.state.local.as_ref(),
            key: key.as_deref(),
        };
        if let Err(error) = self.in_flight.guard.record(&going_out, from).await {
            let cause = FailureCause::Journal(Arc::new(error));
            return ActionResult::failed(Failure::Permanent, cause);
        }
        let going_out = is_remembered.then_some(going_out);
        let (guard, lease) = (&mut self.in_flight.guard, self.target.lease.as_ref());
        let mut left = 0;
        let mut sent = || {
            // It may have waited for its turn, and the lease may be over since.
            lease.map_or(Ok(()), |lease| lease.leaves(&mut left))?;
            guard.send(going_out.clone());
            Ok(())
        };
        let deadline = self.timer.deadline();
        let deadline = until.map_or(deadline, |until| until.min(deadline));
        let session = &mut self.session;
        let write = Carried {
            target: self.target,
            call: &payload.call,
            condition,
            deadline,
            whose: session.whose(),
            sent: &mut sent,
        };
        let reply = session.send_write(write, purpose, resend).await;
        self.timer.count(self.session.stats.waited);
        let is_settled = match &reply {
            Ok(_) => true,
            Err((failure, _)) => matches!(failure, Failure::NotSent | Failure::Permanent),
        };
        if let Some(lease) = lease.filter(|_| is_settled) {
            lease.answered(left);
        }
        let step = match reply {
            Ok(reply) => match self.lost_lease(&reply).await {
                Some(cause) => ActionResult::failed(Failure::Permanent, cause),
                None => self.replied(&payload, &reply),
            },
            Err((_, cause)) if self.action.is_some() && cause.is_too_large() => {
                // The response to the same action would be too large again.
                self.diagnosis.remarks.response_too_large = true;
                ActionResult::failed(Failure::Doubtful, cause)
            }
            Err((failure, cause)) => ActionResult::failed(failure, cause),
        };
        if may_have_been_applied(&step.event) {
            let (base, edited) = (self.state.base_document(), self.state.edited());
            self.in_flight.remember(&payload, base, edited);
            let is_lost = !matches!(step.event, Event::Accepted { .. });
            self.diagnosis.lost_replies += u32::from(is_lost);
        }
        if was_not_applied(&step.event) && !self.machine.in_doubt() {
            // No request of ours is in flight, so a write dropped from here on leaves nothing in doubt.
            self.in_flight.guard.refused().await;
        }
        if is_refusal(&step.event) {
            self.tell_observer();
        }
        step
    }

    /// Returns the request: the last one, or a new one.
    fn payload(
        &mut self,
        condition: &Condition<Validator>,
        delete: bool,
        resend: bool,
    ) -> Result<Arc<Payload>, FailureCause> {
        match self.in_flight.payload.clone() {
            Some(payload) if resend => Ok(payload),
            _ => match self.draft(condition, delete) {
                Ok(payload) => Ok(Arc::new(payload)),
                Err(NoPayload::Unpinned(why)) => Err(FailureCause::Unusable(why)),
                Err(NoPayload::Other(error)) => Err(FailureCause::Payload(error.into())),
            },
        }
    }

    /// Builds the next request.
    fn draft(
        &mut self,
        condition: &Condition<Validator>,
        delete: bool,
    ) -> Result<Payload, NoPayload> {
        let honours = self.target.shared.profile.honours_idempotency_keys();
        let local = self.state.local.as_ref().filter(|_| !delete);
        let append = self.machine.goal() == Goal::Append;
        let keyed = append || honours || self.action.is_some();
        let write_id = self.in_flight.write_id.clone();
        let key = keyed.then(|| self.in_flight.key_for(condition, local));
        RequestDraft {
            target: self.target,
            condition,
            base: self.state.base.as_ref(),
            local,
            action: self.action.as_ref(),
            is_post: append,
            write_id: write_id.as_deref(),
            key,
        }
        .payload()
    }

    /// Polls the status of an accepted write.
    pub(super) async fn follow(&mut self) -> ActionResult {
        let monitor = self.in_flight.monitor.clone().filter(|it| it.is_asked);
        let Some(monitor) = monitor else {
            return Event::Followed(Progress::Unknown).into();
        };
        let mut call = reading::read_call(self.target, Method::GET, true);
        call.url = monitor.url;
        let reply = match self.request(&call, RequestPurpose::Poll).await {
            Ok(reply) => reply,
            Err((_, cause)) => {
                return ActionResult::because(Event::Followed(Progress::Running(None)), cause);
            }
        };
        let acts = self.machine.goal() == Goal::Act;
        let progress = match monitor::progress(&reply) {
            // A resource at the address is not yet a report. The state of the acted-on resource may show the action.
            Progress::Done if acts && !monitor::is_report(&reply) => Progress::Unknown,
            progress => progress,
        };
        match progress {
            Progress::Done => self.diagnosis.location = monitor::made_at(&call.url, &reply),
            Progress::Refused => {
                let problem = Problem::read(reply.status, &reply.headers, &reply.body, &call.url);
                let kind = match self.target.shared.classify(&problem, false) {
                    RefusalKind::Unknown => RefusalKind::InvalidState,
                    kind => kind,
                };
                self.diagnosis.refusal = Some((kind, problem));
            }
            Progress::Running(_) | Progress::Unknown => {}
        }
        Event::Followed(progress).into()
    }

    /// Stores the snapshot of the resource.
    pub(super) async fn cache(&mut self, snapshot: StoredSnapshot) {
        let (store, until) = (&self.target.shared.store, self.timer.deadline());
        store.put(self.in_flight.guard.key(), snapshot, until).await;
    }

    /// Removes the cached snapshot of the resource.
    pub(super) async fn forget(&mut self) {
        let (store, until) = (&self.target.shared.store, self.timer.deadline());
        store.remove(self.in_flight.guard.key(), until).await;
    }
}

/// Whether the write of this event may have been applied without a success response.
fn may_have_been_applied(event: &Event<Validator>) -> bool {
    matches!(
        event,
        Event::Accepted { .. }
            | Event::Failed {
                failure: Failure::InFlight | Failure::Responded | Failure::Doubtful,
                ..
            }
            | Event::Refused {
                kind: Refused::Contradicted { .. },
                ..
            }
    )
}

/// Whether the write of this event was certainly not applied.
fn was_not_applied(event: &Event<Validator>) -> bool {
    match event {
        Event::Failed { failure, .. } => matches!(failure, Failure::NotSent | Failure::Throttled),
        event => is_refusal(event),
    }
}

/// Whether the event is a refusal that says that the write was not applied.
fn is_refusal(event: &Event<Validator>) -> bool {
    match event {
        Event::Refused { kind, .. } => !matches!(kind, Refused::Contradicted { .. }),
        _ => false,
    }
}
