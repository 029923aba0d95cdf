//! Carries the machine's actions out: requests, waits, questions to strategies and handlers.

use std::time::Duration;

use ::http::{Method, StatusCode};
use tokio::time::Instant;

use super::machine::Machine;
use super::payload::{Draft, Payload};
use super::plan::{
    Action, Answered, Condition, Decision, Event, Failure, Goal, Outcome, Pause, Plan, Refused,
    Seen, Tally, Verdict,
};
use super::reading::{self, NoRepresentation};
use super::settle::{self, Doubtful, Lost};
use super::target::Target;
use super::task::{Clash, Decided, RefusedWrite, Reply, Task};
use crate::BoxError;
use crate::exchange::NoReply;
use crate::http::{Problem, Validator};
use crate::json::Document;
use crate::merge::FieldConflict;
use crate::observe::{self, ConflictSeen};
use crate::refusal::{Found, RefusalKind, classify};
use crate::retry::Delays;
use crate::store::{SnapshotKey, StoredSnapshot};
use crate::transport::{Fate, Response, TransportError};

/// How long a young validator is given to become usable, each time.
const HEALING: Duration = Duration::from_millis(300);

/// What a write begins with.
pub(crate) struct Start {
    pub(crate) plan: Plan<Validator>,
    pub(crate) base: Option<StoredSnapshot>,
    /// The document to write, if no edit has to be run first.
    pub(crate) local: Option<Document>,
    /// A document of an earlier write that was dropped and may have landed.
    pub(crate) inherited: Option<Document>,
    pub(crate) idempotency_key: Option<String>,
}

/// How a write ended, as documents.
pub(crate) struct Done {
    pub(crate) outcome: Outcome,
    pub(crate) goal: Goal,
    pub(crate) base: Option<StoredSnapshot>,
    pub(crate) local: Option<Document>,
    pub(crate) remote: Option<StoredSnapshot>,
    /// What is stored now, if the write succeeded and did not remove it.
    pub(crate) stored: Option<StoredSnapshot>,
    pub(crate) fields: Vec<FieldConflict>,
    pub(crate) refusal: Option<(RefusalKind, Problem)>,
    pub(crate) trouble: Option<Trouble>,
    pub(crate) tally: Tally,
    pub(crate) waited: Duration,
    pub(crate) elapsed: Duration,
    pub(crate) last_status: Option<StatusCode>,
    pub(crate) told: Option<Duration>,
    pub(crate) location: Option<url::Url>,
}

/// The last thing that went wrong beneath the machine.
#[derive(Debug)]
pub(crate) enum Trouble {
    Transport(TransportError),
    Gated(Duration),
    Credentials(BoxError),
    NoRepresentation(NoRepresentation),
    Status(StatusCode),
    Unusable(&'static str),
    Edit(BoxError),
    Strategy(BoxError),
    Handler(BoxError),
    Payload(BoxError),
    OutOfTime,
    WaitTooLong(Duration),
    Budget,
    ScheduleEnded,
}

/// One write under way.
pub(crate) struct Driver<'a> {
    target: &'a Target,
    task: &'a mut dyn Task,
    machine: Machine<Validator>,
    goal: Goal,
    key: SnapshotKey,
    started: Instant,
    /// Time that the write's clock stood still.
    stopped: Duration,
    time: Duration,
    delays: Delays,
    write_id: String,
    idempotency_key: Option<String>,
    payload: Option<Payload>,
    /// What was sent under the present base and may have landed.
    sent: Vec<Document>,
    inherited: Option<Document>,
    doubtful: Vec<Doubtful>,
    base: Option<StoredSnapshot>,
    local: Option<Document>,
    /// The local document was given, and no edit makes it.
    fixed: bool,
    remote: Option<StoredSnapshot>,
    stored: Option<StoredSnapshot>,
    fields: Vec<FieldConflict>,
    refusal: Option<(RefusalKind, Problem)>,
    trouble: Option<Trouble>,
    waited: Duration,
    last_status: Option<StatusCode>,
    told: Option<Duration>,
    location: Option<url::Url>,
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
            key,
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

    fn deadline(&self) -> Instant {
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

    async fn exchange(&mut self, call: &crate::exchange::Call) -> Result<Response, Failure> {
        let deadline = self.deadline();
        let exchange = &self.target.shared.exchange;
        match exchange.send(call, deadline, &mut self.waited).await {
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
            Err(NoReply::Gated(wait)) => {
                self.told = self.told.max(Some(wait));
                self.trouble = Some(Trouble::Gated(wait));
                Err(Failure::Permanent)
            }
            Err(NoReply::Credentials(error)) => {
                self.trouble = Some(Trouble::Credentials(error));
                Err(Failure::Permanent)
            }
        }
    }

    async fn read(&mut self) -> Event<Validator> {
        let call = reading::read_call(self.target, Method::GET, true);
        let reply = match self.exchange(&call).await {
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
                self.remote = None;
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
                self.remote = Some(representation.snapshot);
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

    /// A status that says that the request was not, or perhaps not, carried out.
    fn failed(&mut self, status: StatusCode, reply: &Response) -> Event<Validator> {
        let wait = reading::told_to_wait(&reply.headers);
        let failure = match status.as_u16() {
            429 => Failure::Throttled,
            500 | 503 => Failure::Answered,
            408 | 425 | 502 | 504 => Failure::InFlight,
            202 => Failure::Pending,
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
        Event::Failed { failure, wait }
    }

    async fn send(
        &mut self,
        condition: &Condition<Validator>,
        delete: bool,
        resend: bool,
    ) -> Event<Validator> {
        let payload = match self.payload.clone() {
            Some(payload) if resend => payload,
            _ => match self.draft(condition, delete) {
                Ok(payload) => payload,
                Err(error) => {
                    self.trouble = Some(Trouble::Payload(error));
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
        self.mark(&payload).await;
        let reply = match self.exchange(&payload.call).await {
            Ok(reply) => reply,
            Err(failure) => {
                return Event::Failed {
                    failure,
                    wait: None,
                };
            }
        };
        self.replied(&payload, &reply)
    }

    fn draft(
        &mut self,
        condition: &Condition<Validator>,
        delete: bool,
    ) -> Result<Payload, BoxError> {
        let honours = self.target.shared.profile.honours_idempotency_keys();
        let fresh_key = (self.goal == Goal::Append || honours)
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
            post: self.goal == Goal::Append,
            write_id: &self.write_id,
            key: self.idempotency_key.as_deref(),
        }
        .payload()
    }

    fn replied(&mut self, payload: &Payload, reply: &Response) -> Event<Validator> {
        let status = reply.status;
        if status.is_success() && status != StatusCode::ACCEPTED {
            self.target.shared.exchange.host.succeeded();
            self.stored = payload
                .document
                .as_ref()
                .map(|sent| reading::stored(self.target, reply, sent, &payload.call.method));
            self.location = reply
                .headers
                .get(::http::header::LOCATION)
                .and_then(|location| self.target.url.join(location.to_str().ok()?).ok());
            return Event::Stored;
        }
        if status == StatusCode::ACCEPTED
            || status == StatusCode::TOO_MANY_REQUESTS
            || status.is_server_error()
            || status.is_redirection()
            || status == StatusCode::REQUEST_TIMEOUT
        {
            return self.failed(status, reply);
        }
        self.refused(reply)
    }

    fn refused(&mut self, reply: &Response) -> Event<Validator> {
        let problem = Problem::read(reply.status, &reply.headers, &reply.body, &self.target.url);
        let wait = reading::told_to_wait(&reply.headers);
        self.told = wait.or(self.told);
        let pinned = self.payload.as_ref().is_some_and(|payload| payload.pinned);
        let profile = &*self.target.shared.profile;
        let kind = classify(profile, &problem, pinned, wait.is_some());
        let current = (kind == RefusalKind::StaleVersion)
            .then(|| profile.current(&problem, &reply.headers))
            .flatten()
            .map(|(document, validator)| {
                let snapshot =
                    StoredSnapshot::new(document, Some(validator.clone()), reply.headers.clone());
                self.remote = Some(snapshot);
                validator
            });
        let refused = match (kind, reply.status.as_u16()) {
            (RefusalKind::StaleVersion, _) => Refused::Stale,
            (RefusalKind::Locked, _) => Refused::Locked,
            (RefusalKind::InFlight | RefusalKind::Transient, _) => Refused::Transient,
            (_, 404 | 410) => Refused::Missing,
            (_, 428) => Refused::ConditionRequired,
            (RefusalKind::Unknown, 409) => Refused::Unclassified,
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
        self.doubtful = doubtful;
        Event::Judged(verdict)
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

    /// Notes before a send that the snapshot may be outdated by it, so that a dropped future leaves
    /// no snapshot behind that would be trusted.
    async fn mark(&mut self, payload: &Payload) {
        match (&self.base, &payload.document) {
            (Some(base), Some(document)) => {
                let mut snapshot = base.clone();
                snapshot.unsettled = Some(document.clone());
                self.file(snapshot).await;
            }
            _ => self.forget().await,
        }
    }

    async fn file(&mut self, snapshot: StoredSnapshot) {
        let filed = self.target.shared.store.put(&self.key, snapshot).await;
        observe::store_result(filed);
    }

    async fn forget(&mut self) {
        let forgotten = self.target.shared.store.remove(&self.key).await;
        observe::store_result(forgotten);
    }

    async fn finish(mut self, outcome: Outcome) -> Done {
        let known = match outcome {
            Outcome::Stored => self.stored.clone(),
            Outcome::Settled | Outcome::Unchanged => {
                self.remote.clone().or_else(|| self.base.clone())
            }
            _ => self.remote.clone(),
        };
        let known = known.filter(|_| !(self.goal == Goal::Delete && outcome != Outcome::Conflict));
        match &known {
            // The doubt stays on file: the next write reads first, and settles it.
            _ if outcome == Outcome::Unknown || self.goal == Goal::Append => {}
            Some(snapshot) if snapshot.validator.is_some() => self.file(snapshot.clone()).await,
            _ => self.forget().await,
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
