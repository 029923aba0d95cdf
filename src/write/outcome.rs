//! How a write ended.

use std::time::Duration;

use super::diagnosis::Diagnosis;
use super::machine::events::{Goal, OutcomeKind, Tally};
use super::merge_state::MergeState;
use super::session::Session;
use crate::store::StoredSnapshot;

/// How a write ended, as documents. Edits that went out together are each told the same.
#[derive(Clone)]
pub(crate) struct WriteOutcome {
    pub(crate) kind: OutcomeKind,
    pub(crate) goal: Goal,
    pub(crate) state: MergeState,
    /// What is stored now, if the write succeeded and did not remove it.
    pub(crate) stored: Option<StoredSnapshot>,
    pub(crate) diagnosis: Diagnosis,
    pub(crate) session: Session,
    pub(crate) tally: Tally,
    pub(crate) elapsed: Duration,
    /// Where the server tells how far an accepted write has come.
    pub(crate) monitor: Option<url::Url>,
}

impl WriteOutcome {
    pub(crate) fn succeeded(&self) -> bool {
        matches!(
            self.kind,
            OutcomeKind::Stored | OutcomeKind::Settled | OutcomeKind::Unchanged
        )
    }
}
