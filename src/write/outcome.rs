//! How a write ended.

use std::sync::Arc;
use std::time::Duration;

use super::diagnosis::Diagnosis;
use super::in_flight::LostWrite;
use super::machine::events::{Goal, OutcomeKind, Tally};
use super::merge_state::MergeState;
use super::session::Session;
use crate::exchange::transport::Response;
use crate::store::StoredSnapshot;

/// The outcome of a write, as documents. Batched edits get the same outcome each.
#[derive(Clone)]
pub(crate) struct WriteOutcome {
    pub(crate) kind: OutcomeKind,
    pub(crate) goal: Goal,
    pub(crate) state: MergeState,
    /// The stored state, if the write succeeded and was no removal.
    pub(crate) stored: Option<StoredSnapshot>,
    pub(crate) diagnosis: Diagnosis,
    pub(crate) session: Session,
    pub(crate) tally: Tally,
    pub(crate) elapsed: Duration,
    /// The response to an action that succeeded.
    pub(crate) response: Option<Response>,
    /// The address at which the server reports the progress of an accepted write.
    pub(crate) monitor: Option<url::Url>,
    /// The requests that may have been applied, as far as the write left that open.
    pub(crate) lost: Arc<[LostWrite]>,
}

impl WriteOutcome {
    pub(crate) fn succeeded(&self) -> bool {
        matches!(
            self.kind,
            OutcomeKind::Stored | OutcomeKind::Settled | OutcomeKind::Unchanged
        )
    }
}
