//! The sides of a write: its base, the document to write, and the last read.

use super::diagnosis::FailureCause;
use super::machine::events::ReadOutcome;
use crate::json::Document;
use crate::protocol::Validator;
use crate::store::StoredSnapshot;

/// Number of consecutive races with an unchanged document after which the versions count as meaningless.
const MOST_RESTLESS: u32 = 4;
const RESTLESS: &str = "its version changes with each read although the document stays the same, so no write can be pinned to it: the server most likely computes the tag from something that differs each time, such as the time";

/// The source of the local document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LocalOrigin {
    /// It was given by the caller, not made by an edit.
    Given,
    /// The edit made it from the base.
    Edited,
    /// A strategy or a handler changed the edit's result.
    Changed,
}

/// The result of the last read.
#[derive(Clone)]
pub(crate) enum Remote {
    /// There was no read since the base.
    Unread,
    /// The resource does not exist.
    Absent,
    /// The resource has this state.
    Present(StoredSnapshot),
}

impl Remote {
    /// Returns the state that was read, if there is one.
    pub(crate) fn snapshot(&self) -> Option<&StoredSnapshot> {
        match self {
            Self::Present(snapshot) => Some(snapshot),
            Self::Unread | Self::Absent => None,
        }
    }

    /// Returns the state that was read, by value.
    pub(crate) fn into_snapshot(self) -> Option<StoredSnapshot> {
        match self {
            Self::Present(snapshot) => Some(snapshot),
            Self::Unread | Self::Absent => None,
        }
    }
}

/// The sides of one write.
#[derive(Clone)]
pub(crate) struct MergeState {
    /// The state that the next request is built on.
    pub(crate) base: Option<StoredSnapshot>,
    /// The base of the first run of the edit, set by the first preparation.
    pub(crate) original_base: Option<StoredSnapshot>,
    /// The document to write. `None` until the edit has run, and for a removal.
    pub(crate) local: Option<Document>,
    pub(crate) origin: LocalOrigin,
    pub(crate) remote: Remote,
    /// The state that the last request stored, as far as the response shows.
    pub(crate) stored: Option<StoredSnapshot>,
    /// Number of consecutive races after which the document was the same under another version.
    restless: u32,
}

impl MergeState {
    /// Creates the state at the start of a write. If there is no local document, the edit makes it.
    pub(crate) fn new(base: Option<StoredSnapshot>, local: Option<Document>) -> Self {
        Self {
            base,
            original_base: None,
            origin: match local {
                Some(_) => LocalOrigin::Given,
                None => LocalOrigin::Edited,
            },
            local,
            remote: Remote::Unread,
            stored: None,
            restless: 0,
        }
    }

    /// Makes the state that was read last the new base.
    pub(crate) fn rebase(&mut self) {
        self.base = self.remote.snapshot().cloned();
    }

    /// Replaces the document that was given or made by the edit.
    pub(crate) fn change(&mut self, document: Document) {
        self.local = Some(document);
        if self.origin == LocalOrigin::Edited {
            self.origin = LocalOrigin::Changed;
        }
    }

    pub(crate) fn base_document(&self) -> Option<&Document> {
        self.base.as_ref().map(|base| &base.document)
    }

    pub(crate) fn base_version(&self) -> Option<&Validator> {
        self.base.as_ref().and_then(|base| base.validator.as_ref())
    }

    /// Returns the result of the edit, if it was not changed since.
    pub(crate) fn edited(&self) -> Option<&Document> {
        self.local
            .as_ref()
            .filter(|_| self.origin == LocalOrigin::Edited)
    }

    /// Whether the state of this version was read, and is not the base yet.
    pub(crate) fn has_read(&self, version: &Validator) -> bool {
        let read = self.remote.snapshot();
        self.base_version() != Some(version)
            && read.is_some_and(|read| read.validator.as_ref() == Some(version))
    }

    /// Compares a version that was read with the base. `raced` states whether this write has lost a race.
    pub(crate) fn seen(
        &mut self,
        version: Validator,
        document: &Document,
        raced: bool,
    ) -> (ReadOutcome<Validator>, Option<FailureCause>) {
        let Some(base) = &self.base else {
            return (ReadOutcome::Version(version), None);
        };
        let same_version = base.validator.as_ref() == Some(&version);
        let same_document = base.document == *document;
        if same_version && !same_document {
            return (ReadOutcome::Altered(version), None);
        }
        if same_version || !same_document {
            self.restless = 0;
        } else if raced {
            self.restless += 1;
        }
        if self.restless < MOST_RESTLESS {
            return (ReadOutcome::Version(version), None);
        }
        let seen = ReadOutcome::Unusable {
            becomes_usable: false,
            moved: false,
        };
        (seen, Some(FailureCause::Unusable(RESTLESS)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]

    use http::HeaderMap;

    use super::*;

    fn document(text: &str) -> Document {
        Document::parse(text.as_bytes()).unwrap()
    }

    fn version(tag: &str) -> Validator {
        tag.parse().unwrap()
    }

    fn snapshot(text: &str, tag: &str) -> StoredSnapshot {
        StoredSnapshot::new(document(text), Some(version(tag)), HeaderMap::new())
    }

    #[test]
    fn a_version_that_names_two_documents_is_told() {
        let mut state = MergeState::new(Some(snapshot("1", "\"a\"")), None);
        let (seen, cause) = state.seen(version("\"a\""), &document("2"), false);
        assert_eq!(seen, ReadOutcome::Altered(version("\"a\"")));
        assert!(cause.is_none());
    }

    #[test]
    fn versions_that_move_by_themselves_are_found_out_after_four_lost_races() {
        let mut state = MergeState::new(Some(snapshot("1", "\"a\"")), None);
        for race in 1..=4 {
            let (seen, cause) = state.seen(version("\"b\""), &document("1"), true);
            let unusable = matches!(seen, ReadOutcome::Unusable { .. });
            assert_eq!(unusable, race == 4);
            assert_eq!(cause.is_some(), race == 4);
        }
    }

    #[test]
    fn a_document_that_moves_with_its_version_starts_the_count_anew() {
        let mut state = MergeState::new(Some(snapshot("1", "\"a\"")), None);
        for text in ["1", "1", "1", "2", "1", "1", "1"] {
            let (seen, _) = state.seen(version("\"b\""), &document(text), true);
            assert_eq!(seen, ReadOutcome::Version(version("\"b\"")));
        }
    }

    #[test]
    fn what_a_strategy_made_is_not_what_the_edit_made() {
        let mut state = MergeState::new(None, None);
        state.local = Some(document("1"));
        assert_eq!(state.edited(), Some(&document("1")));
        state.change(document("2"));
        assert_eq!((state.edited(), state.origin), (None, LocalOrigin::Changed));
    }

    #[test]
    fn a_state_that_was_read_and_is_not_the_base_is_known_by_its_version() {
        let mut state = MergeState::new(Some(snapshot("1", "\"a\"")), None);
        state.remote = Remote::Present(snapshot("2", "\"b\""));
        assert!(state.has_read(&version("\"b\"")) && !state.has_read(&version("\"a\"")));
        state.rebase();
        assert!(!state.has_read(&version("\"b\"")));
        assert_eq!(state.base_document(), Some(&document("2")));
    }
}
