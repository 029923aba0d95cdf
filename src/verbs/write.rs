//! From the settings of a verb through the loop to the caller's result.

use std::time::Duration;

use super::failed;
use crate::document::{Saved, Versioned, WriteReport};
use crate::error::{Error, ErrorKind, ErrorReport, Sides};
use crate::handle::{Begun, Handle, Resourceful};
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
    begun: Begun,
    pub(crate) settings: WriteSettings<T>,
    pub(crate) goal: Goal,
    pub(crate) base: Option<StoredSnapshot>,
    /// The base comes from the store, and not from the caller.
    pub(crate) filed: bool,
    pub(crate) local: Option<Document>,
    pub(crate) edit: Option<crate::verbs::task::Edit<T>>,
    pub(crate) if_absent: Option<Document>,
    pub(crate) replay: bool,
    pub(crate) idempotency_key: Option<String>,
}

/// A write that succeeded.
pub(crate) struct Written<T> {
    pub(crate) stored: Option<StoredSnapshot>,
    pub(crate) location: Option<url::Url>,
    pub(crate) report: WriteReport,
    /// For an error that comes up all the same.
    pub(crate) sides: Sides<T>,
}

impl<T: Resourceful> Write<T> {
    pub(crate) async fn begin(
        handle: Handle<T>,
        settings: WriteSettings<T>,
        goal: Goal,
    ) -> Result<Self, Error> {
        let begun = handle.begin(settings.timeout).await?;
        Ok(Self {
            handle,
            begun,
            settings,
            goal,
            base: None,
            filed: false,
            local: None,
            edit: None,
            if_absent: None,
            replay: false,
            idempotency_key: None,
        })
    }

    /// Takes the snapshot on file as the base. One that an abandoned write may have outdated serves no
    /// edit: it is read anew.
    pub(crate) async fn take_filed(&mut self) {
        let filed = self.begun.filed().await.filter(|filed| {
            let abandoned = &self.begun.target.shared.abandoned;
            !abandoned.outdates(&self.begun.key, filed.validator.as_ref())
        });
        (self.filed, self.base) = (filed.is_some(), filed);
    }

    /// Runs it and hands the stored value out.
    pub(crate) async fn saved(self) -> Result<Saved<T>, Error> {
        let (url, id) = (self.begun.target.url.clone(), self.handle.id.clone());
        let mut written = self.run().await?;
        let Some(stored) = written.stored.take() else {
            let why = "the conflict was resolved by removing the resource";
            return Err(written.but(Error::new(ErrorKind::Gone, why)));
        };
        match Versioned::new(stored, url, id) {
            Ok(versioned) => Ok(Saved::new(versioned, written.report)),
            Err(error) => {
                let what = "it was written, but what is stored now does not fit the type";
                Err(written.but(Error::decode(what, error)))
            }
        }
    }

    /// Runs it.
    pub(crate) async fn run(self) -> Result<Written<T>, Error> {
        let inherited = self.inherited();
        let mut target = self.begun.target;
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
        let usable = |base: &&StoredSnapshot| target.can_pin(base);
        let plan = Plan {
            goal: self.goal,
            base: match &self.base {
                None => Base::Unknown,
                Some(base) => match Some(base)
                    .filter(usable)
                    .and_then(|it| it.validator.as_ref())
                {
                    Some(validator) => Base::<Validator>::Version(validator.clone()),
                    None => Base::Unversioned,
                },
            },
            filed: self.filed,
            doubtful: !inherited.is_empty() && self.goal != Goal::Delete,
            replay: self.replay,
            create_if_absent: self.if_absent.is_some(),
            unconditional: versioning.is_unconditional(),
            honours_keys: target.shared.profile.honours_idempotency_keys(),
            max_rounds: self.settings.max_rounds.unwrap_or(limits.rounds),
            max_transient: limits.transient,
            deadline: self.begun.time,
        };
        let start = Start {
            plan,
            base: self.base,
            local: self.local,
            inherited,
            key: self.begun.key,
            since: self.begun.since,
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
        let done = Driver::new(&target, &mut task, start).run().await;
        conclude::<T>(&target, self.handle.id.as_deref(), done)
    }

    /// What earlier writes, whose outcome nobody knows, sent onto the same version.
    fn inherited(&self) -> Vec<Document> {
        if self.goal == Goal::Append || self.base.is_none() && self.goal != Goal::Create {
            return Vec::new();
        }
        let version = self.base.as_ref().and_then(|base| base.validator.as_ref());
        let abandoned = &self.begun.target.shared.abandoned;
        abandoned.sent_onto(&self.begun.key, version)
    }
}

impl<T: Resourceful> Written<T> {
    /// The error that is told although the server has accepted the write, with everything that is known.
    pub(crate) fn but(self, error: Error) -> Error {
        let why = error.report().why.clone();
        error
            .with_report(ErrorReport {
                why,
                ..ErrorReport::of(&self.report)
            })
            .with_sides(self.sides)
    }
}

fn conclude<T: Resourceful>(
    target: &Target,
    id: Option<&str>,
    done: Done,
) -> Result<Written<T>, Error> {
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
            stored: done.stored.clone(),
            location: done.location.clone(),
            report,
            sides: failed::sides(target, id, done),
        });
    };
    Err(failed::error::<T>(kind, target, id, done, &report))
}
