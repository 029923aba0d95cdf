//! What a write begins with, and what it ends with.

use std::time::Duration;

use ::http::StatusCode;

use super::plan::{Goal, Outcome, Plan, Tally};
use super::reading::NoRepresentation;
use crate::BoxError;
use crate::http::{Problem, Validator};
use crate::json::Document;
use crate::merge::FieldConflict;
use crate::refusal::RefusalKind;
use crate::store::StoredSnapshot;
use crate::transport::TransportError;

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
