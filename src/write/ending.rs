//! What a write begins with, and what it ends with.

use std::time::Duration;

use ::http::StatusCode;
use tokio::time::Instant;

use super::abandoned::Inherited;
use super::plan::{Goal, Outcome, Plan, Tally};
use super::reading::NoRepresentation;
use crate::BoxError;
use crate::exchange::Course;
use crate::http::{Problem, Validator};
use crate::json::Document;
use crate::lens::Unfaithful;
use crate::merge::FieldConflict;
use crate::refusal::RefusalKind;
use crate::retry::Held;
use crate::store::{SnapshotKey, StoredSnapshot};
use crate::transport::TransportError;

/// What a write begins with.
pub(crate) struct Start {
    pub(crate) plan: Plan<Validator>,
    pub(crate) base: Option<StoredSnapshot>,
    /// The document to write, if no edit has to be run first.
    pub(crate) local: Option<Document>,
    /// What earlier writes sent onto the same version, without anybody knowing whether it landed.
    pub(crate) inherited: Inherited,
    /// What snapshots of the resource are filed under.
    pub(crate) key: SnapshotKey,
    pub(crate) since: Instant,
    pub(crate) idempotency_key: Option<String>,
}

/// How a write ended, as documents.
pub(crate) struct Done {
    pub(crate) outcome: Outcome,
    pub(crate) goal: Goal,
    /// What the edit was first made on.
    pub(crate) begun_on: Option<StoredSnapshot>,
    pub(crate) base: Option<StoredSnapshot>,
    pub(crate) local: Option<Document>,
    pub(crate) remote: Option<StoredSnapshot>,
    /// What is stored now, if the write succeeded and did not remove it.
    pub(crate) stored: Option<StoredSnapshot>,
    pub(crate) fields: Vec<FieldConflict>,
    pub(crate) refusal: Option<(RefusalKind, Problem)>,
    /// What the server said to a request that failed otherwise.
    pub(crate) said: Option<(RefusalKind, Problem)>,
    pub(crate) trouble: Option<Trouble>,
    pub(crate) tally: Tally,
    pub(crate) course: Course,
    pub(crate) elapsed: Duration,
    pub(crate) last_status: Option<StatusCode>,
    pub(crate) told: Option<Duration>,
    pub(crate) location: Option<url::Url>,
    /// Where the server tells how far an accepted write has come.
    pub(crate) monitor: Option<url::Url>,
    pub(crate) remarks: Remarks,
    /// The id that a handler named for what could not be created under this one.
    pub(crate) renamed: Option<String>,
}

impl Done {
    pub(crate) fn succeeded(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Stored | Outcome::Settled | Outcome::Unchanged
        )
    }

    /// The same for another caller. Errors of others can be handed out only once, so the copy has their
    /// text.
    pub(crate) fn copy(&self) -> Self {
        Self {
            outcome: self.outcome,
            goal: self.goal,
            begun_on: self.begun_on.clone(),
            base: self.base.clone(),
            local: self.local.clone(),
            remote: self.remote.clone(),
            stored: self.stored.clone(),
            fields: self.fields.clone(),
            refusal: self.refusal.clone(),
            said: self.said.clone(),
            trouble: self.trouble.as_ref().map(Trouble::copy),
            tally: self.tally,
            course: self.course,
            elapsed: self.elapsed,
            last_status: self.last_status,
            told: self.told,
            location: self.location.clone(),
            monitor: self.monitor.clone(),
            remarks: self.remarks,
            renamed: self.renamed.clone(),
        }
    }
}

/// What is told of a success besides.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Remarks {
    /// What was to be replaced was not there any more.
    pub(crate) recreated: bool,
    /// It is marked as being removed, and still there.
    pub(crate) removal_pending: bool,
}

impl Trouble {
    fn copy(&self) -> Self {
        let text = |error: &BoxError| match error.downcast_ref::<Unfaithful>() {
            Some(error) => error.clone().into(),
            None => BoxError::from(error.to_string()),
        };
        match self {
            Self::Transport(error) => {
                Self::Transport(TransportError::new(error.fate, error.to_string()))
            }
            Self::Gated(held) => Self::Gated(*held),
            Self::Credentials(error) => Self::Credentials(text(error)),
            Self::NoRepresentation(error) => Self::NoRepresentation(error.clone()),
            Self::Status(status) => Self::Status(*status),
            Self::Unusable(why) => Self::Unusable(why),
            Self::Contradicted(why) => Self::Contradicted(why),
            Self::Succeeded => Self::Succeeded,
            Self::Edit(error) => Self::Edit(text(error)),
            Self::Strategy(error) => Self::Strategy(text(error)),
            Self::Handler(error) => Self::Handler(text(error)),
            Self::Payload(error) => Self::Payload(text(error)),
            Self::OutOfTime => Self::OutOfTime,
            Self::WaitTooLong(wait) => Self::WaitTooLong(*wait),
            Self::Budget => Self::Budget,
            Self::ScheduleEnded => Self::ScheduleEnded,
        }
    }
}

impl Trouble {
    /// A value that cannot be put into its document.
    pub(crate) fn unfaithful(&self) -> Option<&Unfaithful> {
        match self {
            Self::Edit(error) | Self::Strategy(error) | Self::Handler(error) => {
                error.downcast_ref()
            }
            _ => None,
        }
    }
}

/// The last thing that went wrong beneath the machine.
#[derive(Debug)]
pub(crate) enum Trouble {
    Transport(TransportError),
    Gated(Held),
    Credentials(BoxError),
    NoRepresentation(NoRepresentation),
    Status(StatusCode),
    Unusable(&'static str),
    /// The server told a success that a read does not show.
    Contradicted(&'static str),
    /// Another object has been made at the address.
    Succeeded,
    Edit(BoxError),
    Strategy(BoxError),
    Handler(BoxError),
    Payload(BoxError),
    OutOfTime,
    WaitTooLong(Duration),
    Budget,
    ScheduleEnded,
}
