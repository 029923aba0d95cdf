//! The documents of the model. They are real documents, compared by their texts.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::setting::Edit;
use crate::json::Document;

/// Pointer to the creator in a created document.
pub(super) const CREATOR: &str = "/creator";

/// A document that is hashed and compared by its text.
#[derive(Clone)]
pub(super) struct Doc(pub(super) Document);

impl Doc {
    pub(super) fn of(text: &str) -> Self {
        Self(Document::from_trusted(text))
    }

    fn with(&self, pointer: &str, value: &str) -> Self {
        // Only a malformed pointer could fail, and the model has no such pointer.
        let changed = self.0.with(pointer, &Document::from_trusted(value));
        changed.map_or_else(|_| self.clone(), Self)
    }

    /// Returns the value of the counter.
    pub(super) fn count(&self) -> i8 {
        let count = self.0.pointer("/n");
        count.and_then(|n| n.decode().ok()).unwrap_or_default()
    }

    /// Returns the writer that created the document, if a creation did.
    pub(super) fn creator(&self) -> Option<usize> {
        self.0.pointer(CREATOR)?.decode().ok()
    }

    /// Returns the text of a member.
    pub(super) fn member(&self, pointer: &str) -> Option<String> {
        Some(self.0.pointer(pointer)?.as_str().to_owned())
    }

    /// Returns the document after a handler's change.
    pub(super) fn handled(&self) -> Self {
        self.with("/handled", "true")
    }

    /// Returns the document after an outsider's change.
    pub(super) fn replaced(&self) -> Self {
        self.with("/c", "\"outside\"")
    }

    /// Returns the document after an edit. A base of `None` means that there is no document.
    pub(super) fn edited(base: Option<&Self>, edit: Edit, writer: usize) -> Option<Self> {
        Some(match (edit, base) {
            (Edit::Count, Some(base)) => base.with("/n", &(base.count() + 1).to_string()),
            (
                Edit::Set(at, text) | Edit::SetOrCreate(at, text) | Edit::Act(at, text),
                Some(base),
            ) => base.with(at, &format!("\"{text}\"")),
            (Edit::SetOrCreate(at, text), None) => {
                Self::of(r#"{"n":0}"#).with(at, &format!("\"{text}\""))
            }
            (Edit::Create, _) => Self::of(&format!(r#"{{"n":0,"creator":{writer}}}"#)),
            (Edit::Post, _) => Self::of(&format!(r#"{{"creator":{writer}}}"#)),
            (Edit::Delete, _) | (Edit::Count | Edit::Set(..) | Edit::Act(..), None) => return None,
        })
    }
}

impl PartialEq for Doc {
    fn eq(&self, other: &Self) -> bool {
        self.0.same_text(&other.0)
    }
}

impl Eq for Doc {}

impl Hash for Doc {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.as_str().hash(hasher);
    }
}

impl fmt::Debug for Doc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}
