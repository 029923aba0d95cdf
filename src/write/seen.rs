//! What a read for a write shows besides its version.

use ifmatch_merge::internal::Likeness;

use super::driver::Driver;
use super::ending::Trouble;
use super::plan::{Goal, Seen};
use crate::http::Validator;
use crate::store::StoredSnapshot;

/// A success that the reply contradicts, with the version that it told.
pub(super) struct ToSee {
    pub(super) version: Option<Validator>,
}

impl Driver<'_> {
    /// Whether the read shows another object than the one that was edited, or that the one to be removed is
    /// being removed.
    pub(super) fn end_in_sight(&mut self, read: &StoredSnapshot) -> Option<Seen<Validator>> {
        if let Some(base) = &self.base {
            self.target.check(base, read);
        }
        let envelope = self.target.envelope();
        let whole = |side: &StoredSnapshot| envelope.whole(&side.document, side.frame.as_ref());
        let body = whole(read)?;
        if self.target.is_another(self.base.as_ref(), &body) {
            self.trouble = Some(Trouble::Succeeded);
            return Some(Seen::Successor);
        }
        let was_marked = |base| whole(base).is_none_or(|base| self.target.is_marked(&base));
        let marked = self.machine.goal() == Goal::Delete
            && self.target.is_marked(&body)
            && self.base.as_ref().is_some_and(|base| !was_marked(base));
        self.remarks.removal_pending |= marked;
        marked.then_some(Seen::Marked)
    }

    /// Whether the read shows that the write has landed whose reply contradicted itself: what is under the
    /// version that the reply told is the state right after it; under another version, all of it has to be
    /// there.
    pub(super) fn is_what_was_told(&self, read: &StoredSnapshot) -> bool {
        let Some(told) = &self.to_see else {
            return false;
        };
        let sent = self.payload.as_ref().and_then(|it| it.document.as_ref());
        let (Some(base), Some(sent)) = (&self.base, sent) else {
            return false;
        };
        let shown = Likeness::of(Some(&base.document), sent, &read.document, &[]);
        let right_after = told.version.is_some() && told.version == read.validator;
        shown.moves && (right_after || shown.is_same())
    }
}
