//! Runs a write from the settings of its operation, through the loop, to the result of its caller.

use std::marker::PhantomData;
use std::sync::Arc;

use tokio::time::Instant;

use super::action_hooks::ActionHooks;
use super::typed_edit::{Edit, Resolver, TypedEdit};
use super::write_settings::WriteSettings;
use super::{batch, write_error};
use crate::BoxError;
use crate::exchange::Watch;
use crate::json::Document;
use crate::operations::{CallContext, Handle, ResourceData};
use crate::protocol::Validator;
use crate::resolve::MergeStrategy;
use crate::store::StoredSnapshot;
use crate::support::panics;
use crate::value::{
    Error, ErrorKind, ErrorReport, Saved, Versioned, WriteReport, WriteSeen, observer,
};
use crate::write::driver::{Driver, QueuedRun, WriteInput};
use crate::write::edit_hooks::EditHooks;
use crate::write::in_flight::LostWrite;
use crate::write::machine::events::{Base, Goal, OutcomeKind, WriteParams};
use crate::write::outcome::WriteOutcome;
use crate::write::recovery::unsettled::UnsettledOnVersion;
use crate::write::request::action::ActionRequest;
use crate::write::request::target::{Target, WritePermit};

/// The maximum number of polls of an accepted write. The pauses grow, so the deadline usually comes first.
const POLLS: u32 = 200;
/// The maximum number of retries of a queued write in one run, because the outbox itself tries again later.
const QUEUED_RETRIES: u32 = 2;

/// One write that is ready for the loop, or several edits of one resource that are sent together.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Write<T> {
    pub(crate) handle: Handle<T>,
    pub(crate) context: CallContext,
    pub(crate) settings: WriteSettings<T>,
    pub(crate) goal: Goal,
    pub(crate) base: Option<StoredSnapshot>,
    /// Whether the base is the snapshot that is cached when the write starts.
    pub(crate) base_is_cached: bool,
    pub(crate) local: Option<Document>,
    pub(crate) edits: Vec<Edit<T>>,
    pub(crate) if_absent: Option<Document>,
    /// Whether an edit made the local document from the base, so that it includes no other change.
    pub(crate) is_edit: bool,
    /// Whether the edits run again after a race. Otherwise the strategy merges.
    pub(crate) edit_reruns: bool,
    /// Whether an earlier write with an unknown outcome may have applied the same change.
    pub(crate) may_have_been_made_before: bool,
    pub(crate) idempotency_key: Option<String>,
    /// Whether the server honours the key, whatever the profile says.
    pub(crate) honours_keys: bool,
    /// The number of earlier conditional writes under other ids.
    pub(crate) attempts: u32,
    /// The request of an action, and what decides on it.
    pub(crate) action: Option<(ActionRequest, ActionHooks<T>)>,
    /// The queued write that this is a run of, if it is one.
    pub(crate) queued: Option<QueuedRun>,
    /// What decides instead of the edits, the strategy and the handler.
    pub(crate) hooks: Option<Box<dyn EditHooks>>,
    /// The stamp of the write, if its handle has stamps and the caller has chosen one.
    pub(crate) stamp_id: Option<String>,
    /// What an earlier run of this write left open: its requests that may have been applied.
    pub(crate) resumed: Option<Arc<[LostWrite]>>,
}

/// A finished write, with everything that its caller needs.
pub(crate) struct Ended<T> {
    pub(crate) target: Arc<Target>,
    pub(crate) id: Option<String>,
    pub(crate) done: Box<WriteOutcome>,
    pub(crate) report: WriteReport,
    pub(crate) of: PhantomData<fn() -> T>,
}

impl<T: ResourceData> Write<T> {
    pub(crate) async fn begin(
        handle: Handle<T>,
        settings: WriteSettings<T>,
        goal: Goal,
    ) -> Result<Box<Self>, Error> {
        let context = handle.call_context(settings.timeout).await?;
        if let Some(lease) = &handle.lease {
            let url = &context.target.url;
            lease.check_settings(url).map_err(Error::config)?;
        }
        let unsettled = &context.target.shared.unsettled;
        unsettled.load().await.map_err(Error::journal)?;
        // Boxed, because moving it through nested futures would copy it.
        Ok(Box::new(Self {
            handle,
            context,
            settings,
            goal,
            base: None,
            base_is_cached: false,
            local: None,
            edits: Vec::new(),
            if_absent: None,
            is_edit: false,
            edit_reruns: false,
            may_have_been_made_before: false,
            idempotency_key: None,
            honours_keys: false,
            attempts: 0,
            action: None,
            queued: None,
            hooks: None,
            stamp_id: None,
            resumed: None,
        }))
    }

    /// Runs the write and returns the stored value.
    pub(crate) async fn saved(self: Box<Self>) -> Result<Saved<T>, Error> {
        self.run().await?.saved()
    }

    /// Runs the write when its turn comes. Returns an error if it did not succeed.
    pub(crate) async fn run(self: Box<Self>) -> Result<Ended<T>, Error> {
        let (target, id) = (self.context.target.clone(), self.handle.id.clone());
        let (done, report) = self.carry_out().await?;
        conclude(target, id, done, report)
    }

    /// Runs the write when its turn comes, and returns its outcome, whatever it is.
    pub(crate) async fn carry_out(
        self: Box<Self>,
    ) -> Result<(Box<WriteOutcome>, WriteReport), Error> {
        let queues = self.context.target.shared.queues.clone();
        match queues {
            Some(queues) if self.goal != Goal::Append && !self.handle.skips_queue => {
                batch::in_turn(&queues, self).await
            }
            _ => batch::alone(self, WritePermit::free()).await,
        }
    }

    /// Drives the write through the loop. Also returns which of several edits failed and were left out.
    pub(crate) async fn drive(
        &mut self,
        permit: &mut WritePermit,
    ) -> (Box<WriteOutcome>, Vec<bool>) {
        if let Some(carrier) = &self.context.target.carrier {
            carrier.begun();
        }
        if self.base_is_cached {
            self.load_cached().await;
        }
        if let Some((request, mut hooks)) = self.action.take() {
            let target = self.context.target.clone();
            let input = self.input(UnsettledOnVersion::default(), Some(request));
            let driver = Driver::new(&target, &mut hooks, permit, input);
            return (Box::pin(driver.run()).await, Vec::new());
        }
        if let Some(mut hooks) = self.hooks.take() {
            let target = self.context.target.clone();
            let input = self.input(self.inherited(), None);
            let driver = Driver::new(&target, &mut *hooks, permit, input);
            return (Box::pin(driver.run()).await, Vec::new());
        }
        let mut target = self.context.target.clone();
        let own = self.settings.strategy.clone();
        let mut lens = self.handle.lens.clone();
        if let Some(policy) = own.as_ref().and_then(MergeStrategy::policy) {
            lens = lens.with_policy(&policy);
            Arc::make_mut(&mut target).policy = Arc::new(policy);
        }
        let input = self.input(self.inherited(), None);
        let mut hooks = TypedEdit {
            resolver: Resolver {
                lens,
                strategy: own.unwrap_or_else(|| self.handle.strategy.clone()),
                handler: self.handle.handler.clone(),
                target: target.clone(),
                id: self.handle.id.clone(),
                attempts: self.attempts,
            },
            edits: std::mem::take(&mut self.edits),
            failed: Vec::new(),
            if_absent: self.if_absent.take(),
            edit_reruns: self.edit_reruns,
        };
        let driver = Driver::new(&target, &mut hooks, permit, input);
        // Boxed, because the future of the loop is large and would make each awaiting future as large.
        let done = Box::pin(driver.run()).await;
        self.edits = hooks.edits;
        (done, hooks.failed)
    }

    fn input(
        &mut self,
        inherited: UnsettledOnVersion,
        action: Option<ActionRequest>,
    ) -> WriteInput {
        let mut params = self.params(!inherited.documents.is_empty());
        let queued = self.queued.take();
        if let Some(run) = &queued {
            params.resumes = !run.marks.is_empty();
            if run.is_tried_again {
                params.max_transient = params.max_transient.min(QUEUED_RETRIES);
            }
        }
        let resumed = self.resumed.take();
        params.resumes |= resumed.is_some();
        WriteInput {
            params,
            base: self.base.take(),
            local: self.local.take(),
            is_edit: self.is_edit,
            inherited,
            key: self.context.key.clone(),
            since: self.context.since,
            idempotency_key: self.idempotency_key.take(),
            action,
            queued,
            write_id: self.stamp_id.take(),
            lost: resumed.map_or_else(Vec::new, |lost| lost.to_vec()),
        }
    }

    /// Creates the same write for other edits. It starts now, on the cached or the current state.
    pub(super) fn anew(&self, edits: Vec<Edit<T>>) -> Self {
        Self {
            handle: self.handle.clone(),
            context: CallContext {
                since: Instant::now(),
                ..self.context.clone()
            },
            settings: WriteSettings::default(),
            goal: self.goal,
            base_is_cached: true,
            base: None,
            local: None,
            edits,
            if_absent: None,
            is_edit: false,
            edit_reruns: self.edit_reruns,
            may_have_been_made_before: false,
            idempotency_key: None,
            honours_keys: false,
            attempts: 0,
            action: None,
            queued: None,
            hooks: None,
            stamp_id: None,
            resumed: None,
        }
    }

    fn params(&self, inherits: bool) -> WriteParams<Validator> {
        let target = &self.context.target;
        let shared = &target.shared;
        let limits = &shared.exchange.limits;
        WriteParams {
            goal: self.goal,
            base: match &self.base {
                None => Base::Unknown,
                Some(base) => match &base.validator {
                    Some(validator) if target.can_pin(base) => Base::Version(validator.clone()),
                    _ => Base::Unversioned,
                },
            },
            base_is_cached: self.base_is_cached,
            earlier_write_is_unsettled: inherits && self.goal != Goal::Delete,
            resumes: false,
            may_have_been_made_before: self.may_have_been_made_before,
            edit_reruns: self.edit_reruns,
            create_if_absent: self.if_absent.is_some(),
            allows_unconditional: self.settings.allows_unconditional
                || target.versioning.is_unconditional(),
            honours_keys: self.honours_keys || shared.profile.honours_idempotency_keys(),
            max_rounds: self.settings.max_rounds.unwrap_or(limits.rounds),
            max_transient: limits.transient,
            max_polls: POLLS,
            deadline: self.context.time,
        }
    }

    /// Takes the cached snapshot as the base, unless an unsettled write, or a change of which a feed told, may have made it stale. A
    /// stale snapshot is not edited, and the resource is read again.
    async fn load_cached(&mut self) {
        let cached = self.context.cached().await.filter(|cached| {
            let shared = &self.context.target.shared;
            let unsettled = &shared.unsettled;
            !unsettled.outdates(&self.context.key, cached.validator.as_ref())
                && !shared.store.is_unsure(&self.context.key)
        });
        (self.base_is_cached, self.base) = (cached.is_some(), cached);
    }

    /// Returns what earlier writes with an unknown outcome sent onto the same version.
    fn inherited(&self) -> UnsettledOnVersion {
        let version = match (self.goal, &self.base) {
            (Goal::Create, _) => None,
            (Goal::Replace | Goal::Delete, Some(base)) if base.validator.is_some() => {
                base.validator.as_ref()
            }
            _ => return UnsettledOnVersion::default(),
        };
        let unsettled = &self.context.target.shared.unsettled;
        unsettled.sent_onto(&self.context.key, version)
    }
}

impl<T: ResourceData> Ended<T> {
    /// Returns the stored value.
    pub(crate) fn saved(mut self) -> Result<Saved<T>, Error> {
        let Some(stored) = self.done.stored.take() else {
            let why = "the conflict was resolved by removing the resource";
            return Err(self.but(Error::new(ErrorKind::Gone, why)));
        };
        let (mut url, mut id) = (self.target.url.clone(), self.id.clone());
        if let (OutcomeKind::Stored, Some(elsewhere)) =
            (self.done.kind, &self.done.diagnosis.location)
        {
            // The server created the resource under another name than the requested one.
            url.set_path(elsewhere.path());
            id = crate::address::last_segment(&url);
        }
        let versioned = panics::catch(panics::VALUE, || Versioned::new(stored, url, id));
        let error: BoxError = match versioned {
            Ok(Ok(versioned)) => return Ok(Saved::new(versioned, self.report)),
            Ok(Err(error)) => error.into(),
            Err(panicked) => panicked.into(),
        };
        let what = "the write was applied, but the stored resource cannot be read";
        Err(self.but(Error::decode(what, error)))
    }

    /// Adds the report and the sides to an error of a write that the server has accepted.
    pub(crate) fn but(self, error: Error) -> Error {
        let why = error.report().why.clone();
        let report = ErrorReport {
            why,
            ..ErrorReport::of(&self.report)
        };
        let sides = write_error::sides::<T>(&self.target, self.id.as_deref(), *self.done);
        error.with_report(report).with_sides(sides)
    }
}

/// Returns the report of a finished write.
pub(super) fn report(done: &WriteOutcome) -> WriteReport {
    WriteReport {
        requests: done.session.stats.requests,
        rounds: done.tally.rounds,
        merged: done.tally.merged,
        settled: done.kind == OutcomeKind::Settled,
        unchanged: done.kind == OutcomeKind::Unchanged,
        recreated: done.diagnosis.remarks.recreated,
        removal_pending: done.diagnosis.remarks.removal_pending,
        coalesced_with: 0,
        waited: done.session.stats.waited,
        elapsed: done.elapsed,
    }
}

/// Tells the observer how a write ended.
pub(crate) fn told(target: &Target, done: &WriteOutcome, report: &WriteReport) {
    let kind = (!done.succeeded()).then(|| write_error::kind(done));
    let seen = WriteSeen {
        open_fields: done.diagnosis.conflicts.len(),
        lost_replies: done.diagnosis.lost_replies,
        ..WriteSeen::new(target.url.path(), target.template(), kind, report)
    };
    observer::finished(target.shared.observer.as_deref(), &seen);
}

/// Tells the observer how a write ended, and returns its result.
pub(super) fn conclude<T: ResourceData>(
    target: Arc<Target>,
    id: Option<String>,
    done: Box<WriteOutcome>,
    report: WriteReport,
) -> Result<Ended<T>, Error> {
    told(&target, &done, &report);
    concluded(target, id, done, report)
}

/// Returns the result of a write.
pub(crate) fn concluded<T: ResourceData>(
    target: Arc<Target>,
    id: Option<String>,
    done: Box<WriteOutcome>,
    report: WriteReport,
) -> Result<Ended<T>, Error> {
    let kind = (!done.succeeded()).then(|| write_error::kind(&done));
    if let Some(kind) = kind {
        return Err(write_error::error::<T>(
            kind,
            &target,
            id.as_deref(),
            *done,
            &report,
        ));
    }
    Ok(Ended {
        target,
        id,
        done,
        report,
        of: PhantomData,
    })
}
