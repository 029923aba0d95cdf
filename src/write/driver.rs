//! Carries the machine's actions out: requests, waits, questions to strategies and handlers.

use std::time::Duration;

use ::http::{Method, StatusCode};
use tokio::time::Instant;

use super::abandoned::Out;
use super::ending::{Done, Start, Trouble};
use super::machine::Machine;
use super::payload::Payload;
use super::plan::{Action, Answered, Decision, Event, Goal, Outcome, Pause, Verdict};
use super::reading;
use super::settle::{self, Doubtful, Lost};
use super::target::Target;
use super::task::{Clash, Decided, RefusedWrite, Reply, Task};
use crate::http::{Problem, Validator};
use crate::json::Document;
use crate::merge::FieldConflict;
use crate::refusal::RefusalKind;
use crate::retry::Delays;
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
    pub(super) inherited: Option<Document>,
    pub(super) doubtful: Vec<Doubtful>,
    pub(super) base: Option<StoredSnapshot>,
    pub(super) local: Option<Document>,
    /// The local document was given, and no edit makes it.
    pub(super) fixed: bool,
    pub(super) remote: Option<StoredSnapshot>,
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
    pub(crate) async fn new(target: &'a Target, task: &'a mut dyn Task, start: Start) -> Self {
        let shared = &target.shared;
        let call = reading::read_call(target, Method::GET, false);
        let key = shared.exchange.key(&target.url, &call.headers).await;
        let round_trip = shared.exchange.host.round_trip();
        Self {
            target,
            task,
            goal: start.plan.goal,
            time: start.plan.deadline,
            machine: Machine::new(start.plan),
            out: Out::new(shared.abandoned.clone(), key),
            started: Instant::now(),
            stopped: Duration::ZERO,
            delays: shared.retry.delays(round_trip),
            write_id: crate::ids::uuid(),
            idempotency_key: start.idempotency_key,
            payload: None,
            sent: start.inherited.iter().cloned().collect(),
            inherited: start.inherited,
            doubtful: Vec::new(),
            base: start.base,
            fixed: start.local.is_some(),
            local: start.local,
            remote: None,
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
        self.started + self.stopped + self.time
    }

    /// Takes what was last seen as the state to build on.
    fn rebase(&mut self) {
        self.base.clone_from(&self.remote);
        self.sent.clear();
        self.inherited = None;
    }

    fn prepare(&mut self) -> Event<Validator> {
        if self.remote.is_some() {
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
        let (mut verdict, mut doubtful) = (Verdict::NotLanded, Vec::new());
        for sent in &self.sent {
            let ours = self
                .inherited
                .as_ref()
                .is_none_or(|inherited| !inherited.same_text(sent));
            let (judged, open) = settle::judge(&Lost {
                base: self.base.as_ref().map(|base| &base.document),
                sent,
                remote: &remote.document,
                policy: &self.target.policy,
                stamp: self
                    .target
                    .stamp
                    .as_deref()
                    .filter(|_| ours)
                    .map(|at| (at, self.write_id.as_str())),
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
                    if let Some(base) = &mut self.base {
                        base.document = sent.clone();
                    }
                    (verdict, doubtful) = (Verdict::NotLanded, Vec::new());
                    break;
                }
                Verdict::NotLanded => {}
                Verdict::Doubtful if verdict == Verdict::Unknown => {}
                other => (verdict, doubtful) = (other, open),
            }
        }
        if self.inherited.is_some() && verdict != Verdict::Unknown {
            self.forget_inherited();
        }
        self.doubtful = doubtful;
        Event::Judged(verdict)
    }

    /// Nothing that was sent onto this version before can be applied any more.
    fn forget_inherited(&self) {
        let version = self.base.as_ref().and_then(|base| base.validator.as_ref());
        self.out.judged(version);
    }

    async fn resolve(&mut self, may_have_landed: bool) -> Event<Validator> {
        let documents = (&self.base, &self.remote);
        if let (Goal::Delete, (Some(base), Some(remote))) = (self.goal, documents)
            && base.document == remote.document
        {
            // Only the version is another one: what is to be removed is what was seen.
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
        // Nothing is in doubt when a handler is asked: what was sent so far was refused.
        self.sent.clear();
        let limit = self.deadline().saturating_duration_since(Instant::now());
        let refused = RefusedWrite {
            kind,
            problem,
            local: self.local.clone(),
            remote: self.remote.clone(),
            attempt: self.machine.tally().rounds,
        };
        let Ok(reply) = tokio::time::timeout(limit, self.task.refused(refused)).await else {
            self.trouble = Some(Trouble::OutOfTime);
            return Event::OutOfTime;
        };
        Event::Answered(match reply {
            Reply::GiveUp => Answered::GiveUp,
            Reply::Again => self.again(),
            Reply::Change(document) => {
                self.local = Some(document);
                self.again();
                Answered::Changed
            }
            Reply::Adopt => Answered::Adopt,
            Reply::Wait(time) => {
                if !self.sleep(time).await {
                    return Event::OutOfTime;
                }
                self.again()
            }
            Reply::Failed(error) => {
                self.trouble = Some(Trouble::Handler(error));
                Answered::GiveUp
            }
        })
    }

    /// The same edit once more, pinned to what the refusal's read showed.
    fn again(&mut self) -> Answered {
        if self.goal != Goal::Create && self.remote.is_some() {
            self.rebase();
        }
        Answered::Again
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
        if Instant::now() + time >= self.deadline() {
            self.trouble = Some(Trouble::OutOfTime);
            return false;
        }
        tokio::time::sleep(time).await;
        self.waited += time;
        true
    }

    async fn finish(mut self, outcome: Outcome) -> Done {
        if self.inherited.is_some() && matches!(outcome, Outcome::Stored | Outcome::Settled) {
            self.forget_inherited();
        }
        let known = match outcome {
            Outcome::Stored => self.stored.clone(),
            Outcome::Settled | Outcome::Unchanged => {
                self.remote.clone().or_else(|| self.base.clone())
            }
            _ => self.remote.clone(),
        };
        let known = known.filter(|_| !(self.goal == Goal::Delete && outcome != Outcome::Conflict));
        match &known {
            // The doubt is remembered: the next write onto this version settles it first.
            _ if outcome == Outcome::Unknown || self.goal == Goal::Append => {}
            // The edit changed nothing, so an earlier write onto the same version stays open.
            _ if self.inherited.is_some() && self.remote.is_none() => {}
            Some(snapshot) if snapshot.validator.is_some() => self.file(snapshot.clone()).await,
            _ => self.forget().await,
        }
        if outcome != Outcome::Unknown || self.goal == Goal::Append {
            self.out.settled();
        }
        let succeeded = matches!(
            outcome,
            Outcome::Stored | Outcome::Settled | Outcome::Unchanged
        );
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
