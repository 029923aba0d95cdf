//! From the settings of a verb through the loop to the caller's result.

use std::time::Duration;

use crate::collection::{Handle, Resourceful};
use crate::document::{Saved, Versioned, WriteReport};
use crate::error::{Error, ErrorKind, ErrorReport, Sides};
use crate::http::Validator;
use crate::json::Document;
use crate::observe::{self, WriteSeen};
use crate::refusal::RefusalKind;
use crate::store::StoredSnapshot;
use crate::transport::Fate;
use crate::verbs::task::{Judgement, Strategy, TypedTask};
use crate::write::driver::{Done, Driver, Start, Trouble};
use crate::write::plan::{Base, Goal, Outcome, Plan};
use crate::write::target::Target;

/// What every write can be told.
pub(crate) struct WriteSettings<T> {
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_rounds: Option<u32>,
    pub(crate) strategy: Option<Strategy<T>>,
}

impl<T> Default for WriteSettings<T> {
    fn default() -> Self {
        Self {
            timeout: None,
            max_rounds: None,
            strategy: None,
        }
    }
}

/// The setters that all writes share.
macro_rules! write_settings {
    ($name:ident) => {
        impl<T: $crate::collection::Resourceful> $name<T> {
            /// The time of this call, waits included, instead of
            /// [`Limits::time`](crate::Limits::time).
            pub fn timeout(self, time: std::time::Duration) -> Self {
                Self {
                    call: self
                        .call
                        .set(|settings| settings.write.timeout = Some(time)),
                }
            }

            /// The largest number of rounds of this call, instead of
            /// [`Limits::rounds`](crate::Limits::rounds).
            pub fn max_rounds(self, rounds: u32) -> Self {
                Self {
                    call: self
                        .call
                        .set(|settings| settings.write.max_rounds = Some(rounds.max(1))),
                }
            }

            /// Who decides conflicts of this call, instead of the handle's strategy.
            pub fn strategy(self, strategy: impl $crate::strategy::MergeStrategy<T>) -> Self {
                Self {
                    call: self.call.set(|settings| {
                        settings.write.strategy = Some(std::sync::Arc::new(strategy))
                    }),
                }
            }
        }
    };
}
pub(crate) use write_settings;

/// One write, ready for the loop.
pub(crate) struct Write<T> {
    pub(crate) handle: Handle<T>,
    pub(crate) settings: WriteSettings<T>,
    pub(crate) goal: Goal,
    pub(crate) base: Option<StoredSnapshot>,
    pub(crate) local: Option<Document>,
    pub(crate) edit: Option<crate::verbs::task::Edit<T>>,
    pub(crate) if_absent: Option<Document>,
    pub(crate) replay: bool,
    pub(crate) idempotency_key: Option<String>,
}

/// A write that succeeded, or the error with everything in it.
pub(crate) struct Written {
    pub(crate) stored: Option<StoredSnapshot>,
    pub(crate) location: Option<url::Url>,
    pub(crate) report: WriteReport,
}

impl<T: Resourceful> Write<T> {
    pub(crate) fn new(handle: Handle<T>, settings: WriteSettings<T>, goal: Goal) -> Self {
        Self {
            handle,
            settings,
            goal,
            base: None,
            local: None,
            edit: None,
            if_absent: None,
            replay: false,
            idempotency_key: None,
        }
    }

    /// Runs it and hands the stored value out.
    pub(crate) async fn saved(self) -> Result<Saved<T>, Error> {
        let handle = self.handle.clone();
        let written = self.run().await?;
        let Some(stored) = written.stored else {
            return Err(Error::new(
                ErrorKind::Gone,
                "the conflict was resolved by removing the resource",
            ));
        };
        let url = handle.target()?.url;
        let versioned = Versioned::new(stored, url, handle.id)
            .map_err(|error| Error::decode("what is stored now does not fit the type", error))?;
        Ok(Saved::new(versioned, written.report))
    }

    /// Runs it.
    pub(crate) async fn run(self) -> Result<Written, Error> {
        let mut target = self.handle.target()?;
        let inherited = inherited(&self.handle, &target, self.base.as_ref()).await;
        let strategy = self
            .settings
            .strategy
            .unwrap_or_else(|| self.handle.strategy.clone());
        let mut policy = self.handle.policy.clone();
        if let Some(own) = strategy.policy() {
            policy = std::sync::Arc::new(own);
            target.policy = policy.clone();
        }
        let limits = &target.shared.exchange.limits;
        let versioning = target.shared.profile.versioning();
        let plan = Plan {
            goal: self.goal,
            base: match &self.base {
                None => Base::Unknown,
                Some(base) => match &base.validator {
                    Some(validator) => Base::<Validator>::Version(validator.clone()),
                    None => Base::Unversioned,
                },
            },
            doubtful: inherited.is_some(),
            replay: self.replay,
            create_if_absent: self.if_absent.is_some(),
            unconditional: versioning.is_unconditional(),
            honours_keys: target.shared.profile.honours_idempotency_keys(),
            max_rounds: self.settings.max_rounds.unwrap_or(limits.rounds),
            max_transient: limits.transient,
            deadline: self.settings.timeout.unwrap_or(limits.time),
        };
        let start = Start {
            plan,
            base: self.base,
            local: self.local,
            inherited,
            idempotency_key: self.idempotency_key,
        };
        let mut task = TypedTask {
            judgement: Judgement {
                policy,
                strategy,
                handler: self.handle.handler.clone(),
                url: target.url.clone(),
            },
            edit: self.edit,
            if_absent: self.if_absent,
            replay: self.replay,
        };
        let done = Driver::new(&target, &mut task, start).await.run().await;
        conclude::<T>(&target, self.handle.id.as_deref(), done)
    }
}

/// The document of an earlier write on the same snapshot whose future was dropped.
async fn inherited<T: Resourceful>(
    handle: &Handle<T>,
    target: &Target,
    base: Option<&StoredSnapshot>,
) -> Option<Document> {
    let base = base?;
    let filed = handle.filed(target).await?;
    if filed.validator != base.validator {
        return None;
    }
    filed.unsettled
}

fn conclude<T: Resourceful>(
    target: &Target,
    id: Option<&str>,
    done: Done,
) -> Result<Written, Error> {
    let report = WriteReport {
        requests: done.tally.requests,
        rounds: done.tally.rounds,
        merged: done.tally.merged,
        settled: done.outcome == Outcome::Settled,
        unchanged: done.outcome == Outcome::Unchanged,
        coalesced_with: 0,
        waited: done.waited,
        elapsed: done.elapsed,
    };
    let succeeded = matches!(
        done.outcome,
        Outcome::Stored | Outcome::Settled | Outcome::Unchanged
    );
    let kind = (!succeeded).then(|| kind(&done));
    let path = target.url.path();
    let seen = WriteSeen::new(path, kind, done.fields.len(), &report);
    observe::finished(target.shared.observer.as_deref(), &seen);
    let Some(kind) = kind else {
        return Ok(Written {
            stored: done.stored,
            location: done.location,
            report,
        });
    };
    Err(error::<T>(kind, target, id, done, &report))
}

fn kind(done: &Done) -> ErrorKind {
    let status = done.last_status.map_or(0, |status| status.as_u16());
    match done.outcome {
        Outcome::NotFound => ErrorKind::NotFound,
        Outcome::Gone => ErrorKind::Gone,
        Outcome::Locked => ErrorKind::Locked,
        Outcome::UnusableValidator => ErrorKind::UnusableValidator,
        Outcome::Unknown => ErrorKind::OutcomeUnknown,
        Outcome::EditFailed => ErrorKind::Edit,
        Outcome::Conflict => ErrorKind::Conflict,
        Outcome::Exhausted => ErrorKind::Exhausted,
        Outcome::Refused => match &done.refusal {
            // A creation may be refused for its words, or for its condition.
            Some((RefusalKind::AlreadyExists | RefusalKind::StaleVersion, _)) => {
                ErrorKind::AlreadyExists
            }
            Some((RefusalKind::Locked, _)) => ErrorKind::Locked,
            // No words, but the read that followed found something there.
            Some((RefusalKind::Unknown, problem))
                if done.goal == Goal::Create
                    && done.remote.is_some()
                    && problem.status() == ::http::StatusCode::CONFLICT =>
            {
                ErrorKind::AlreadyExists
            }
            Some((_, problem)) => match problem.status().as_u16() {
                404 => ErrorKind::NotFound,
                410 => ErrorKind::Gone,
                409 | 412 | 422 | 400 => ErrorKind::Refused,
                _ => ErrorKind::Status,
            },
            // The settling read found somebody else's.
            None if done.goal == Goal::Create => ErrorKind::AlreadyExists,
            None => ErrorKind::Status,
        },
        _ => match &done.trouble {
            Some(Trouble::Transport(error)) if error.fate == Fate::TooLarge => ErrorKind::TooLarge,
            Some(Trouble::Transport(_)) => ErrorKind::Transport,
            Some(Trouble::Gated(_)) => ErrorKind::Exhausted,
            Some(Trouble::NoRepresentation(_)) => ErrorKind::Decode,
            Some(Trouble::Credentials(_) | Trouble::Payload(_)) => ErrorKind::Config,
            Some(Trouble::Status(_)) => match status {
                404 => ErrorKind::NotFound,
                410 => ErrorKind::Gone,
                _ => ErrorKind::Status,
            },
            _ => ErrorKind::Status,
        },
    }
}

fn error<T: Resourceful>(
    kind: ErrorKind,
    target: &Target,
    id: Option<&str>,
    done: Done,
    report: &WriteReport,
) -> Error {
    let path = target.url.path();
    let why = why(kind, &done);
    let said = done.refusal.as_ref().filter(|_| {
        matches!(
            kind,
            ErrorKind::Refused
                | ErrorKind::AlreadyExists
                | ErrorKind::Locked
                | ErrorKind::Status
                | ErrorKind::Conflict
        )
    });
    let said = said
        .map(|(_, problem)| format!(": {problem}"))
        .unwrap_or_default();
    let message = match kind {
        ErrorKind::Conflict if !done.fields.is_empty() => {
            let fields: Vec<&str> = done
                .fields
                .iter()
                .map(|field| field.pointer.as_str())
                .collect();
            format!("{path}: unresolved conflict in {}", fields.join(", "))
        }
        ErrorKind::Conflict => format!("{path}: unresolved conflict"),
        ErrorKind::OutcomeUnknown => {
            format!("{path}: it cannot be told whether the write was applied")
        }
        ErrorKind::NotFound => format!("{path}: nothing is there"),
        ErrorKind::Gone => format!("{path}: somebody removed it"),
        ErrorKind::AlreadyExists => format!("{path}: it exists already{said}"),
        ErrorKind::Exhausted => format!("{path}: given up, {why}"),
        ErrorKind::Refused | ErrorKind::Locked | ErrorKind::Status => {
            let status = done
                .last_status
                .map(|status| format!(" {}", status.as_u16()))
                .unwrap_or_default();
            let said = if said.is_empty() {
                format!(" with{status}")
            } else {
                said
            };
            format!("{path}: refused{said}")
        }
        _ => format!("{path}: {why}"),
    };
    let report = ErrorReport {
        last_status: done.last_status,
        retry_after: done.told,
        why,
        ..ErrorReport::of(report)
    };
    let (refusal, problem) = done
        .refusal
        .map_or((None, None), |(kind, problem)| (Some(kind), Some(problem)));
    let remote = done.remote.and_then(|snapshot| {
        Versioned::new(snapshot, target.url.clone(), id.map(str::to_owned)).ok()
    });
    let sides = Sides::<T> {
        base: done.base.and_then(|base| base.document.decode().ok()),
        local: done.local.and_then(|local| local.decode().ok()),
        remote,
        fields: done.fields,
    };
    let error = Error::new(kind, message)
        .with_problem(problem, refusal)
        .with_report(report)
        .with_sides(sides);
    match done.trouble {
        Some(Trouble::Transport(source)) => error.with_source(source),
        Some(Trouble::NoRepresentation(source)) => error.with_source(source),
        Some(
            Trouble::Edit(source)
            | Trouble::Strategy(source)
            | Trouble::Handler(source)
            | Trouble::Payload(source)
            | Trouble::Credentials(source),
        ) => error.with_source(source),
        _ => error,
    }
}

/// Why it was not tried again, in words.
fn why(kind: ErrorKind, done: &Done) -> String {
    let outcome = match done.outcome {
        Outcome::Unknown => {
            "the write may have been applied, and trying again could apply it twice"
        }
        Outcome::Conflict => match &done.trouble {
            Some(Trouble::Strategy(error)) => return format!("the merge strategy failed: {error}"),
            _ => "both sides changed the same fields, and no strategy settled them",
        },
        Outcome::Refused => "the refusal is no race, and no handler answered it otherwise",
        Outcome::Locked => "the lock outlasted the time",
        Outcome::NotFound => "there is nothing at this address",
        Outcome::Gone => "it was removed, and no strategy said to create it again",
        Outcome::UnusableValidator => match &done.trouble {
            Some(Trouble::Unusable(why)) => why,
            _ if done.tally.races > 0 => {
                "the server refuses the very version it hands out: a weak tag, a tag that a proxy changed (a -gzip suffix), or a stale replica"
            }
            _ => "the server hands out no version, so nothing can pin the write",
        },
        _ => "",
    };
    if !outcome.is_empty() {
        return outcome.to_owned();
    }
    match &done.trouble {
        Some(Trouble::Transport(error)) => {
            format!("{error}, {} times", done.tally.transient + 1)
        }
        Some(Trouble::Gated(wait) | Trouble::WaitTooLong(wait)) => {
            format!("the server asks to wait {wait:?}, longer than this call may take")
        }
        Some(Trouble::Credentials(error)) => format!("the credentials could not be had: {error}"),
        Some(Trouble::NoRepresentation(error)) => error.to_string(),
        Some(Trouble::Edit(error)) => format!("the edit failed: {error}"),
        Some(Trouble::Payload(error)) => format!("the document cannot be sent: {error}"),
        Some(Trouble::Budget) => "the retry budget of this server is spent".to_owned(),
        Some(Trouble::ScheduleEnded) => "the retry schedule is at its end".to_owned(),
        Some(Trouble::Status(status)) if kind == ErrorKind::Status => {
            format!("the server answered {}", status.as_u16())
        }
        _ if kind == ErrorKind::Exhausted => format!(
            "the write took {} rounds and {:?} without an end",
            done.tally.rounds, done.elapsed
        ),
        _ => "it would fail in the same way".to_owned(),
    }
}
