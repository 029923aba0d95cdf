//! From the settings of a verb through the loop to the caller's result.

use std::time::Duration;

use super::failed;
use crate::document::{Saved, Versioned, WriteReport};
use crate::error::{Error, ErrorKind};
use crate::handle::{Handle, Resourceful};
use crate::http::Validator;
use crate::json::Document;
use crate::observe::{self, WriteSeen};
use crate::store::StoredSnapshot;
use crate::strategy::Strategy;
use crate::verbs::task::{Judgement, TypedTask};
use crate::write::driver::Driver;
use crate::write::ending::{Done, Start};
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
        impl<T: $crate::handle::Resourceful> $name<T> {
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

/// A write that succeeded.
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
        let inherited = inherited(&self.handle, &target, self.goal, self.base.as_ref()).await;
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

/// What an earlier write, whose outcome nobody knows, sent onto the same version.
async fn inherited<T: Resourceful>(
    handle: &Handle<T>,
    target: &Target,
    goal: Goal,
    base: Option<&StoredSnapshot>,
) -> Option<Document> {
    if goal == Goal::Append || base.is_none() && goal != Goal::Create {
        return None;
    }
    let key = handle.key(target).await;
    let version = base.and_then(|base| base.validator.as_ref());
    target.shared.abandoned.sent_onto(&key, version)
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
    let kind = (!succeeded).then(|| failed::kind(&done));
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
    Err(failed::error::<T>(kind, target, id, done, &report))
}
