//! What a strategy is shown.

use std::fmt::{self, Write as _};

use serde::Serialize;
use serde::de::DeserializeOwned;
use similar::TextDiff;

use crate::http::Problem;
use crate::json::{Document, JsonError};
use crate::merge::FieldConflict;

/// A clash of a local edit with what somebody else wrote.
///
/// `local` is `None` if the edit is a removal, `remote` is `None` if the resource is gone, `base`
/// is `None` if both sides created it or the state before is not known.
///
/// # Example
///
/// ```
/// use ifmatch::{Conflict, MergeStrategy, LocalWins};
/// use serde_json::json;
///
/// let conflict = Conflict::new(Some(json!({"a": 1})), Some(json!({"a": 2})), Some(json!({"a": 3})));
/// assert!(conflict.diff().contains("+  \"a\": 2"));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Conflict<T> {
    /// The state on which the edit was made.
    pub base: Option<T>,
    /// The edited state.
    pub local: Option<T>,
    /// The state on the server.
    pub remote: Option<T>,
    /// What an earlier strategy could settle; its open fields hold the remote's state.
    pub merged: Option<T>,
    /// What the server said.
    pub problem: Option<Problem>,
    /// How many conditional writes went before, this write's own ones; 1 at the first clash.
    pub round: u32,
    /// A request of this write may have been applied already, and `remote` may contain its work.
    pub may_have_landed: bool,
    pub(crate) fields: Vec<FieldConflict>,
    /// Places of which nobody can tell whether the remote's state is our own lost write.
    pub(crate) doubtful: Vec<FieldConflict>,
    /// The documents behind the values, with the fields that `T` does not know.
    pub(crate) documents: Option<Documents>,
}

/// The three sides as documents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Documents {
    pub(crate) base: Option<Document>,
    pub(crate) local: Option<Document>,
    pub(crate) remote: Option<Document>,
}

impl<T> Conflict<T> {
    /// A conflict between values, for tests of one's own strategies.
    pub fn new(base: Option<T>, local: Option<T>, remote: Option<T>) -> Self {
        Self {
            base,
            local,
            remote,
            merged: None,
            problem: None,
            round: 1,
            may_have_landed: false,
            fields: Vec::new(),
            doubtful: Vec::new(),
            documents: None,
        }
    }

    /// The fields that are open: what the strategies before this one could not settle.
    pub fn fields(&self) -> &[FieldConflict] {
        &self.fields
    }
}

impl<T: Serialize + DeserializeOwned> Conflict<T> {
    /// The same conflict once more. It goes through the documents, so that a resource type need not
    /// be `Clone`.
    pub(crate) fn copy(&self) -> Result<Self, JsonError> {
        Ok(Self {
            base: copy(self.base.as_ref())?,
            local: copy(self.local.as_ref())?,
            remote: copy(self.remote.as_ref())?,
            merged: copy(self.merged.as_ref())?,
            problem: self.problem.clone(),
            round: self.round,
            may_have_landed: self.may_have_landed,
            fields: self.fields.clone(),
            doubtful: self.doubtful.clone(),
            documents: self.documents.clone(),
        })
    }

    /// The same conflict after a strategy settled a part of it.
    pub(crate) fn after(
        &self,
        merged: Option<T>,
        fields: Vec<FieldConflict>,
    ) -> Result<Self, JsonError> {
        let mut next = self.copy()?;
        (next.merged, next.fields) = (merged, fields);
        Ok(next)
    }

    /// The three sides as documents, unknown fields included where the conflict came off the wire.
    pub(crate) fn documents(&self) -> Result<Documents, JsonError> {
        if let Some(documents) = &self.documents {
            return Ok(documents.clone());
        }
        let encode = |side: &Option<T>| side.as_ref().map(Document::encode).transpose();
        Ok(Documents {
            base: encode(&self.base)?,
            local: encode(&self.local)?,
            remote: encode(&self.remote)?,
        })
    }
}

fn copy<T: Serialize + DeserializeOwned>(value: Option<&T>) -> Result<Option<T>, JsonError> {
    value
        .map(|value| Document::encode(value)?.decode())
        .transpose()
}

impl<T: Serialize> Conflict<T> {
    /// The three sides as printable text: what the local edit changed and what the remote side
    /// changed, each as a unified diff against the base.
    pub fn diff(&self) -> String {
        let base = self.base.as_ref().map(pretty);
        let mut text = String::new();
        let sides = [("local", &self.local), ("remote", &self.remote)];
        for (name, side) in sides {
            let side = side.as_ref().map(pretty);
            let (old, new) = (base.as_deref().unwrap_or(""), side.as_deref().unwrap_or(""));
            let name = if side.is_some() {
                name.to_owned()
            } else {
                format!("{name} (removed)")
            };
            let diff = TextDiff::from_lines(old, new);
            let shown = diff
                .unified_diff()
                .context_radius(2)
                .header("base", &name)
                .to_string();
            if shown.is_empty() {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "--- base\n+++ {name}\n(unchanged)");
            } else {
                text.push_str(&shown);
            }
        }
        text
    }
}

fn pretty<T: Serialize>(value: &T) -> String {
    match serde_json::to_string_pretty(value) {
        Ok(text) => text + "\n",
        Err(error) => format!("(cannot be shown: {error})\n"),
    }
}

impl<T> fmt::Debug for Conflict<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |present: bool| if present { "present" } else { "none" };
        f.debug_struct("Conflict")
            .field("base", &side(self.base.is_some()))
            .field("local", &side(self.local.is_some()))
            .field("remote", &side(self.remote.is_some()))
            .field("round", &self.round)
            .field("may_have_landed", &self.may_have_landed)
            .field(
                "fields",
                &self
                    .fields
                    .iter()
                    .map(|field| &field.pointer)
                    .collect::<Vec<_>>(),
            )
            .finish_non_exhaustive()
    }
}
