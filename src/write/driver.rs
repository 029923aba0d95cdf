//! Carries the machine's actions out: requests, waits, questions to strategies and handlers.

use std::time::Duration;

use ::http::StatusCode;
use tokio::time::Instant;

use super::abandoned::Out;
use super::ending::{Done, Start, Trouble};
use super::machine::Machine;
use super::payload::Payload;
use super::plan::{Action, Answered, Decision, Event, Goal, Outcome, Pause, Verdict};
use super::settle::{self, Doubtful, Lost};
use super::target::Target;
use super::task::{Clash, Decided, RefusedWrite, Reply, Task};
use crate::http::{Problem, Validator};
use crate::json::Document;
use crate::merge::FieldConflict;
use crate::refusal::RefusalKind;
use crate::retry::{Delays, later};
use crate::store::StoredSnapshot;

/// How long a young validator is given to become usable, each time.
const HEALING: Duration = Duration::from_millis(300);

/// One write under way.
pub(crate) struct Driver<'a> {
    pub(super) target: &'a Target,
    pub(super) task: &'a mut dyn Task,
    pub(super) machine: Machine<Validator>,
    pub(super) goal: Goal,
    pub(super) out: Out,
    pub(super) started: Instant,
    /// Time that the write's clock stood still.
    pub(super) stopped: Duration,
    pub(super) time: Duration,
    pub(super) delays: Delays,
    pub(super) write_id: String,
    pub(super) idempotency_key: Option<String>,
    pub(super) payload: Option<Payload>,
    /// What was sent under the present base and may have landed.
    pub(super) sent: Vec<Document>,
    /// What others sent onto it before us, of which the same holds.
    pub(super) inherited: Vec<Document>,
    pub(super) doubtful: Vec<Doubtful>,
    pub(super) base: Option<StoredSnapshot>,
    pub(super) local: Option<Document>,
    /// The local document was given, and no edit makes it.
    pub(super) fixed: bool,
    pub(super) remote: Option<StoredSnapshot>,
    /// The last read found nothing.
    pub(super) gone: bool,
    pub(super) stored: Option<StoredSnapshot>,
    pub(super) fields: Vec<FieldConflict>,
    pub(super) refusal: Option<(RefusalKind, Problem)>,
    pub(super) trouble: Option<Trouble>,
    pub(super) waited: Duration,
    pub(super) last_status: Option<StatusCode>,
    pub(super) told: Option<Duration>,
    pub(super) location: Option<url::Url>,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(target: &'a Target, task: &'a mut dyn Task, start: Start) -> Self {
        let shared = &target.shared;
        let round_trip = shared.exchange.host.round_trip();
        Self {
            target,
            task,
            goal: start.plan.goal,
            time: start.plan.deadline,
            machine: Machine::new(start.plan),
            out: Out::new(shared.abandoned.clone(), start.key),
            started: start.since,
            stopped: Duration::ZERO,
            delays: shared.retry.delays(round_trip),
            write_id: crate::ids::uuid(),
            idempotency_key: start.idempotency_key,
            payload: None,
            sent: start.inherited.clone(),
            inherited: start.inherited,
            doubtful: Vec::new(),
            base: start.base,
            fixed: start.local.is_some(),
            local: start.local,
            remote: None,
            gone: false,
            stored: None,
            fields: Vec::new(),
            refusal: None,
            trouble: None,
            waited: Duration::ZERO,
            last_status: None,
            told: None,
            location: None,
        }
    }

    /// Runs the write to its end.
    pub(crate) async fn run(mut self) -> Done {
        let mut event = Event::Begin;
        loop {
            let action = self.machine.on(self.elapsed(), event);
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
                Action::Wait(pause) => self.wait(pause).await,
                Action::Finish(outcome) => return self.finish(outcome).await,
            };
        }
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed().saturating_sub(self.stopped)
    }

    pub(super) fn deadline(&self) -> Instant {
        later(later(self.started, self.stopped), self.time)
    }

    /// Takes what was last seen as the state to build on.
    pub(super) fn rebase(&mut self) {
        self.base.clone_from(&self.remote);
        self.sent.clear();
        self.inherited.clear();
    }

    fn prepare(&mut self) -> Event<Validator> {
        if self.remote.is_some() || self.gone {
            self.rebase();
        }
        let base = self.base.as_ref().map(|base| &base.document);
        if self.fixed {
            return Event::Prepared(base != self.local.as_ref());
        }
        match self.task.prepare(base) {
            Ok(local) => {
                let changed = base != Some(&local);
                self.local = Some(local);
                Event::Prepared(changed)
            }
            Err(error) => {
                self.trouble = Some(Trouble::Edit(error));
                Event::EditFailed
            }
        }
    }

    fn judge(&mut self) -> Event<Validator> {
        let Some(remote) = &self.remote else {
            return Event::Judged(Verdict::NotLanded);
        };
        let (mut verdict, mut doubtful, mut landed) = (Verdict::NotLanded, Vec::new(), None);
        for sent in &self.sent {
            let ours = !self.inherited.iter().any(|other| other.same_text(sent));
            let (judged, open) = settle::judge(&Lost {
                base: self.base.as_ref().map(|base| &base.document),
                sent,
                remote: &remote.document,
                policy: &self.target.policy,
                stamps: self.target.stamp.as_deref(),
                operation: self.task.is_operation(),
                strict: self.target.strict,
            });
            match judged {
                Verdict::Landed if ours || self.local.as_ref() == Some(sent) => {
                    (verdict, doubtful) = (Verdict::Landed, Vec::new());
                    break;
                }
                // The dropped write landed: it is what our edit has to be merged against.
                Verdict::Landed => {
                    landed = Some(sent.clone());
                    break;
                }
                Verdict::NotLanded => {}
                Verdict::Doubtful if verdict == Verdict::Unknown => {}
                other => (verdict, doubtful) = (other, open),
            }
        }
        if let Some(landed) = landed {
            (verdict, doubtful) = self.beside(&landed);
        }
        if !self.inherited.is_empty() && verdict != Verdict::Unknown {
            self.forget_inherited();
        }
        self.doubtful = doubtful;
        Event::Judged(verdict)
    }

    /// Brings an edit and an earlier one of the same base, which has landed, together.
    fn beside(&mut self, landed: &Document) -> (Verdict, Vec<Doubtful>) {
        let (Some(base), Some(remote)) = (&mut self.base, &self.remote) else {
            return (Verdict::NotLanded, Vec::new());
        };
        let (local, policy) = (self.local.as_ref(), &self.target.policy);
        let known = settle::base_after(&base.document, landed, local, &remote.document, policy);
        match known {
            Ok((known, doubtful)) => {
                base.document = known;
                let verdict = if doubtful.is_empty() {
                    Verdict::NotLanded
                } else {
                    Verdict::Doubtful
                };
                (verdict, doubtful)
            }
            Err(_) => (Verdict::Unknown, Vec::new()),
        }
    }

    /// Nothing that was sent onto this version before can be applied any more.
    fn forget_inherited(&self) {
        let version = self.base.as_ref().and_then(|base| base.validator.as_ref());
        self.out.judged(version);
    }

    async fn resolve(&mut self, may_have_landed: bool) -> Event<Validator> {
        if self.goal == Goal::Delete && !may_have_landed && self.is_as_seen() {
            self.rebase();
            return Event::Resolved(Decision::Delete);
        }
        let clash = Clash {
            base: self.base.as_ref().map(|base| base.document.clone()),
            local: if self.goal == Goal::Delete {
                None
            } else {
                self.local.clone()
            },
            remote: self.remote.as_ref().map(|remote| remote.document.clone()),
            problem: self.refusal.as_ref().map(|(_, problem)| problem.clone()),
            round: self.machine.tally().rounds,
            may_have_landed,
            doubtful: std::mem::take(&mut self.doubtful),
        };
        let asked = Instant::now();
        let own_time = self.task.time();
        let limit = own_time.unwrap_or_else(|| self.deadline().saturating_duration_since(asked));
        let decided = tokio::time::timeout(limit, self.task.resolve(clash)).await;
        if own_time.is_some() {
            self.stopped += asked.elapsed();
        }
        let Ok(decided) = decided else {
            self.trouble = Some(Trouble::OutOfTime);
            return Event::OutOfTime;
        };
        Event::Resolved(match decided {
            Decided::Write(Some(document)) => {
                if self
                    .remote
                    .as_ref()
                    .is_some_and(|remote| remote.document == document)
                {
                    Decision::AsRemote
                } else {
                    self.local = Some(document);
                    self.rebase();
                    Decision::Write
                }
            }
            Decided::Write(None) => {
                self.rebase();
                Decision::Delete
            }
            Decided::Remote => Decision::AsRemote,
            Decided::Open(fields) => {
                self.fields = fields;
                Decision::Unresolved
            }
            Decided::Failed(error) => {
                self.trouble = Some(Trouble::Strategy(error));
                Decision::Unresolved
            }
        })
    }

    async fn ask(&mut self) -> Event<Validator> {
        let Some((kind, problem)) = self.refusal.clone() else {
            return Event::Answered(Answered::GiveUp);
        };
        if !self.machine.in_doubt() {
            // What was sent so far was refused.
            self.sent.clear();
        }
        let limit = self.deadline().saturating_duration_since(Instant::now());
        let refused = RefusedWrite {
            kind,
            problem,
            local: self.local.clone().filter(|_| self.goal != Goal::Delete),
            remote: self.remote.clone(),
            attempt: self.machine.tally().rounds,
        };
        let Ok(reply) = tokio::time::timeout(limit, self.task.refused(refused)).await else {
            self.trouble = Some(Trouble::OutOfTime);
            return Event::OutOfTime;
        };
        Event::Answered(match reply {
            Reply::GiveUp => Answered::GiveUp,
            Reply::Again => Answered::Again,
            Reply::Change(_) if self.goal == Goal::Delete => {
                let why = "a removal has no document that could be changed";
                self.trouble = Some(Trouble::Handler(why.into()));
                Answered::GiveUp
            }
            Reply::Change(document) => {
                self.local = Some(document);
                self.take_what_was_shown();
                Answered::Changed
            }
            Reply::Adopt => Answered::Adopt,
            Reply::Wait(time) => {
                if !self.sleep(time).await {
                    return Event::OutOfTime;
                }
                Answered::Again
            }
            Reply::Failed(error) => {
                self.trouble = Some(Trouble::Handler(error));
                Answered::GiveUp
            }
        })
    }

    /// Whether what is to be removed is what was seen, or what this client wrote over it, and only its
    /// version is another one.
    fn is_as_seen(&self) -> bool {
        let (Some(base), Some(remote)) = (&self.base, &self.remote) else {
            return false;
        };
        let mut known = self.inherited.iter().chain([&base.document]);
        known.any(|known| *known == remote.document)
    }

    /// The handler's document is for the state that it was shown, if that is another one.
    fn take_what_was_shown(&mut self) {
        let version = |side: &Option<StoredSnapshot>| side.as_ref()?.validator.clone();
        let moved = self.remote.is_some() && version(&self.remote) != version(&self.base);
        if moved && self.goal != Goal::Create {
            self.rebase();
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
            Pause::Transient(_) | Pause::Told(_)
                if !self.target.shared.exchange.host.take_retry(Instant::now()) =>
            {
                self.trouble = Some(Trouble::Budget);
                return Event::OutOfTime;
            }
            Pause::Told(time) => time,
            Pause::Race(_) | Pause::Transient(_) => {
                let Some(time) = self.delays.next() else {
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

    /// Waits, unless the time does not allow it.
    async fn sleep(&mut self, time: Duration) -> bool {
        if later(Instant::now(), time) >= self.deadline() {
            self.trouble = Some(Trouble::OutOfTime);
            return false;
        }
        tokio::time::sleep(time).await;
        self.waited += time;
        true
    }

    async fn finish(mut self, outcome: Outcome) -> Done {
        if !self.inherited.is_empty() && matches!(outcome, Outcome::Stored | Outcome::Settled) {
            self.forget_inherited();
        }
        let known = match outcome {
            Outcome::Stored => self.stored.clone(),
            Outcome::Settled | Outcome::Unchanged if !self.gone => {
                self.remote.clone().or_else(|| self.base.clone())
            }
            _ => self.remote.clone(),
        };
        let known = known.filter(|_| !(self.goal == Goal::Delete && outcome != Outcome::Conflict));
        match &known {
            // The doubt is remembered: the next write onto this version settles it first.
            _ if outcome == Outcome::Unknown || self.goal == Goal::Append => {}
            // The edit changed nothing, so an earlier write onto the same version stays open.
            _ if !self.inherited.is_empty() && self.remote.is_none() => {}
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
        Done {
            outcome,
            goal: self.goal,
            stored: known.filter(|_| succeeded),
            elapsed: self.started.elapsed(),
            tally: self.machine.tally(),
            base: self.base,
            local: self.local.filter(|_| self.goal != Goal::Delete),
            remote: self.remote,
            fields: self.fields,
            refusal: self.refusal,
            trouble: self.trouble,
            waited: self.waited,
            last_status: self.last_status,
            told: self.told,
            location: self.location,
        }
    }
}
