//! Carries the machine's actions out: requests, waits, questions to strategies and handlers.

use std::sync::Arc;
use std::time::Duration;

use ::http::StatusCode;
use tokio::time::Instant;

use super::abandoned::{Inherited, Out};
use super::ending::{Done, Remarks, Start, Trouble};
use super::machine::{Clock, Machine};
use super::payload::Payload;
use super::plan::{Action, Condition, Event, Goal, Outcome, Pause};
use super::reading::NoRepresentation;
use super::seen::ToSee;
use super::settle::Doubtful;
use super::target::{Target, WritePermit};
use super::task::{NotEdited, Task};
use crate::exchange::Course;
use crate::http::{Problem, Validator};
use crate::json::Document;
use crate::merge::FieldConflict;
use crate::panics;
use crate::refusal::RefusalKind;
use crate::retry::{self, Delays, Lost, later};
use crate::store::StoredSnapshot;

/// How long a young validator is given to become usable, each time; also the first pause for a replica that
/// lags behind.
const HEALING: Duration = Duration::from_millis(300);
/// The pause before the second question about an accepted write, where the server does not say how long.
const POLL: Duration = Duration::from_millis(100);
/// No pause that doubles grows beyond this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Where the local document comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// It was given, and no edit makes it.
    Given,
    /// It is what the edit made of the base.
    Edited,
    /// A strategy or a handler has changed what the edit made.
    Changed,
}

/// A request of this write that may have been applied.
pub(super) struct LostWrite {
    /// What it was built on.
    pub(super) base: Option<Document>,
    /// The document as it went out.
    pub(super) sent: Document,
    /// What the edit made of the base, if an edit made it.
    pub(super) edited: Option<Document>,
}

/// One write under way.
pub(crate) struct Driver<'a> {
    pub(super) target: &'a Target,
    pub(super) task: &'a mut dyn Task,
    pub(super) machine: Machine<Validator>,
    pub(super) permit: &'a mut WritePermit,
    pub(super) out: Out,
    pub(super) started: Instant,
    /// Time that the write's clock stood still.
    pub(super) stopped: Duration,
    pub(super) time: Duration,
    pub(super) delays: Delays,
    /// Its id, where the document has write stamps.
    pub(super) write_id: Option<String>,
    pub(super) idempotency_key: Option<String>,
    /// What the key was sent with: another document or condition gets another key.
    pub(super) keyed: Option<(Condition<Validator>, Option<Document>)>,
    pub(super) payload: Option<Arc<Payload>>,
    /// What was sent and may have landed.
    pub(super) lost: Vec<LostWrite>,
    /// What others sent onto it before us, of which the same holds.
    pub(super) inherited: Inherited,
    pub(super) doubtful: Vec<Doubtful>,
    /// What the edit was first made on.
    pub(super) begun_on: Option<StoredSnapshot>,
    pub(super) base: Option<StoredSnapshot>,
    pub(super) local: Option<Document>,
    pub(super) origin: Origin,
    pub(super) remote: Option<StoredSnapshot>,
    /// The last read found nothing.
    pub(super) gone: bool,
    pub(super) stored: Option<StoredSnapshot>,
    pub(super) fields: Vec<FieldConflict>,
    pub(super) refusal: Option<(RefusalKind, Problem)>,
    pub(super) said: Option<(RefusalKind, Problem)>,
    pub(super) trouble: Option<Trouble>,
    pub(super) course: Course,
    pub(super) last_status: Option<StatusCode>,
    pub(super) told: Option<Duration>,
    pub(super) location: Option<url::Url>,
    /// Where the server tells how far an accepted write has come.
    pub(super) monitor: Option<url::Url>,
    /// Races in a row after which the document was the same under another version.
    pub(super) restless: u32,
    pub(super) remarks: Remarks,
    /// A success was told that has to be seen.
    pub(super) to_see: Option<ToSee>,
    pub(super) renamed: Option<String>,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(
        target: &'a Target,
        task: &'a mut dyn Task,
        permit: &'a mut WritePermit,
        start: Start,
    ) -> Box<Self> {
        let shared = &target.shared;
        let round_trip = shared.exchange.host.round_trip();
        let out = Out::new(shared.abandoned.clone(), start.key);
        permit.reports(out.under_way());
        // It is moved into the future of its loop.
        Box::new(Self {
            target,
            task,
            permit,
            time: start.plan.deadline,
            machine: Machine::new(start.plan),
            out,
            started: start.since,
            stopped: Duration::ZERO,
            delays: shared.retry.delays(round_trip),
            write_id: target.stamp.as_ref().map(|_| crate::ids::uuid()),
            idempotency_key: start.idempotency_key,
            keyed: None,
            payload: None,
            lost: Vec::new(),
            inherited: start.inherited,
            doubtful: Vec::new(),
            begun_on: None,
            base: start.base,
            origin: match start.local {
                Some(_) => Origin::Given,
                None => Origin::Edited,
            },
            local: start.local,
            remote: None,
            gone: false,
            stored: None,
            fields: Vec::new(),
            refusal: None,
            said: None,
            trouble: None,
            course: Course::default(),
            last_status: None,
            told: None,
            location: None,
            monitor: None,
            restless: 0,
            remarks: Remarks::default(),
            to_see: None,
            renamed: None,
        })
    }

    /// Runs the write to its end.
    pub(crate) async fn run(mut self: Box<Self>) -> Box<Done> {
        let mut event = Event::Begin;
        loop {
            let action = self.machine.on(self.clock(), event);
            event = match action {
                Action::Prepare => self.prepare(),
                Action::Read => self.read().await,
                Action::Send {
                    condition,
                    delete,
                    resend,
                } => self.send(&condition, delete, resend).await,
                Action::Judge => self.judge(),
                Action::Resolve { may_have_landed } => self.resolve(may_have_landed).await,
                Action::Ask => self.ask().await,
                Action::Follow => self.follow().await,
                Action::Wait(pause) => self.wait(pause).await,
                Action::Finish(outcome) => return self.finish(outcome).await,
            };
        }
    }

    fn clock(&self) -> Clock {
        let round_trip = self.target.shared.exchange.host.round_trip();
        Clock {
            now: self.elapsed(),
            round_trip: round_trip.unwrap_or_default(),
        }
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed().saturating_sub(self.stopped)
    }

    /// Whether an earlier write onto the same version is still open.
    pub(super) fn inherits(&self) -> bool {
        !self.inherited.documents.is_empty()
    }

    pub(super) fn deadline(&self) -> Instant {
        later(later(self.started, self.stopped), self.time)
    }

    /// Takes what was last seen as the state to build on.
    pub(super) fn rebase(&mut self) {
        self.base.clone_from(&self.remote);
        self.inherited = Inherited::default();
    }

    /// Takes another document than the edit made, or than was given.
    pub(super) fn change(&mut self, document: Document) {
        self.local = Some(document);
        if self.origin == Origin::Edited {
            self.origin = Origin::Changed;
        }
    }

    fn prepare(&mut self) -> Event<Validator> {
        if self.remote.is_some() || self.gone {
            self.rebase();
        }
        if self.begun_on.is_none() {
            self.begun_on.clone_from(&self.base);
        }
        let base = self.base.as_ref().map(|base| &base.document);
        if self.origin == Origin::Given {
            return Event::Prepared(base != self.local.as_ref());
        }
        let prepared = panics::catch(panics::VALUE, || self.task.prepare(base));
        match prepared.unwrap_or_else(|panicked| Err(NotEdited::Failed(panicked.into()))) {
            Ok(local) => {
                // What an edit did not touch keeps its text.
                let changed = base.is_none_or(|base| !base.same_text(&local));
                (self.local, self.origin) = (Some(local), Origin::Edited);
                self.trouble = None;
                Event::Prepared(changed)
            }
            Err(error) => {
                self.trouble = Some(match error {
                    NotEdited::Misfit(error) => {
                        Trouble::NoRepresentation(NoRepresentation::Misfit(error))
                    }
                    NotEdited::Failed(error) => Trouble::Edit(error),
                    NotEdited::Unfaithful(error, local) => {
                        self.local = Some(local);
                        Trouble::Edit(error.into())
                    }
                });
                Event::EditFailed
            }
        }
    }

    async fn wait(&mut self, pause: Pause) -> Event<Validator> {
        let limits = &self.target.shared.exchange.limits;
        let time = match pause {
            Pause::Told(time) if time > limits.retry_after => {
                self.trouble = Some(Trouble::WaitTooLong(time));
                return Event::OutOfTime;
            }
            Pause::Settle(_) => HEALING,
            Pause::Lag(reads) => doubled(HEALING, reads),
            Pause::Poll(Some(time), _) => time.min(limits.retry_after),
            Pause::Poll(None, 1) => Duration::ZERO,
            Pause::Poll(None, polls) => doubled(POLL, polls - 1),
            Pause::Transient(_) | Pause::Told(_)
                if !self.target.shared.exchange.host.take_retry(Instant::now()) =>
            {
                self.trouble = Some(Trouble::Budget);
                return Event::OutOfTime;
            }
            Pause::Told(time) => time,
            Pause::Race(_) | Pause::Transient(_) => {
                let next = match pause {
                    Pause::Race(_) => self.delays.after_race(self.lost()),
                    _ => self.delays.next(),
                };
                let Some(time) = next else {
                    self.trouble = Some(Trouble::ScheduleEnded);
                    return Event::OutOfTime;
                };
                time
            }
        };
        if self.sleep(time).await {
            Event::Woke
        } else {
            Event::OutOfTime
        }
    }

    /// The race that was just lost.
    fn lost(&self) -> Lost {
        let base = self.base.as_ref().and_then(|base| base.validator.as_ref());
        let host = &self.target.shared.exchange.host;
        Lost {
            count: base.and_then(retry::count),
            elapsed: self.elapsed(),
            left: self.time.saturating_sub(self.elapsed()),
            round_trip: host.round_trip().unwrap_or_default(),
        }
    }

    /// Waits, unless the time does not allow it.
    pub(super) async fn sleep(&mut self, time: Duration) -> bool {
        if later(Instant::now(), time) >= self.deadline() {
            self.trouble = Some(Trouble::OutOfTime);
            return false;
        }
        tokio::time::sleep(time).await;
        self.course.waited += time;
        true
    }

    async fn finish(mut self: Box<Self>, outcome: Outcome) -> Box<Done> {
        if self.inherits() && matches!(outcome, Outcome::Stored | Outcome::Settled) {
            self.forget_inherited();
        }
        let known = match outcome {
            Outcome::Stored => self.stored.clone(),
            Outcome::Settled | Outcome::Unchanged if !self.gone => {
                self.remote.clone().or_else(|| self.base.clone())
            }
            _ => self.remote.clone(),
        };
        let known = known
            .filter(|_| !(self.machine.goal() == Goal::Delete && outcome != Outcome::Conflict));
        match &known {
            // The doubt is remembered: the next write onto this version settles it first.
            _ if matches!(outcome, Outcome::Unknown | Outcome::Accepted)
                || self.machine.goal() == Goal::Append => {}
            // The edit changed nothing, so an earlier write onto the same version stays open.
            _ if self.inherits() && self.remote.is_none() => {}
            Some(snapshot) if snapshot.validator.is_some() => self.file(snapshot.clone()).await,
            _ => self.forget().await,
        }
        let succeeded = matches!(
            outcome,
            Outcome::Stored | Outcome::Settled | Outcome::Unchanged
        );
        if succeeded || !self.machine.in_doubt() {
            self.out.settled();
        }
        Box::new(Done {
            outcome,
            goal: self.machine.goal(),
            stored: known.filter(|_| succeeded),
            elapsed: self.started.elapsed(),
            tally: self.machine.tally(),
            begun_on: self.begun_on,
            base: self.base,
            local: self.local.filter(|_| self.machine.goal() != Goal::Delete),
            remote: self.remote,
            fields: self.fields,
            refusal: self.refusal,
            said: self.said,
            trouble: self.trouble,
            course: self.course,
            last_status: self.last_status,
            told: self.told,
            location: self.location,
            monitor: self.monitor,
            remarks: self.remarks,
            renamed: self.renamed,
        })
    }
}

/// A pause that doubles with each time.
fn doubled(first: Duration, times: u32) -> Duration {
    let factor = 1_u32.checked_shl(times.saturating_sub(1));
    let pause = first.saturating_mul(factor.unwrap_or(u32::MAX));
    pause.min(LONGEST_PAUSE)
}
