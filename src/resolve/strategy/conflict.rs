//! The conflict that a strategy receives.

use std::fmt::{self, Write as _};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::shown;
use crate::BoxError;
use crate::json::{Document, JsonError};
use crate::lens::{From, Lens, Reading};
use crate::merge::FieldConflict;
use crate::protocol::Problem;

/// A conflict between a local edit and another client's write.
///
/// `local` is `None` if the edit is a removal. `remote` is `None` if the resource is gone. `base` is `None` if both
/// sides created the resource or the earlier state is not known.
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
    /// The state on which the edit was based.
    pub base: Option<T>,
    /// The edited state.
    pub local: Option<T>,
    /// The state on the server.
    pub remote: Option<T>,
    /// The result of an earlier strategy. Its open fields hold the remote state.
    pub merged: Option<T>,
    /// The problem that the server reported.
    pub problem: Option<Problem>,
    /// Number of conditional writes made by this write so far. It is 1 at the first conflict.
    pub round: u32,
    /// Whether a request of this write may already have been applied. If so, `remote` may contain its changes.
    pub may_have_been_applied: bool,
    pub(crate) fields: Vec<FieldConflict>,
    /// Fields in which the remote state may be this write's own lost change.
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
    /// The result of an earlier strategy.
    pub(crate) merged: Option<Document>,
}

impl Documents {
    /// Puts a strategy's value into the remote document, or into the local one if there is no remote document.
    /// Local changes that the type does not show, such as a write-only password, are carried over.
    pub(crate) fn put<T>(&self, lens: &Lens<T>, value: &T) -> Result<Document, BoxError>
    where
        T: Serialize + DeserializeOwned + 'static,
    {
        let Some(raw) = self.remote.as_ref().or(self.local.as_ref()) else {
            let document = Document::encode(value)?;
            lens.check_new(&document)?;
            return Ok(document);
        };
        let target = reading::<T>(raw)?;
        let after = target.shown.encode_again(value)?;
        self.put_document(lens, &target, &after)
    }

    /// Puts the local value over the remote state. Fields that the type does not know keep the remote state. Fields
    /// that the remote document lacks are taken from the local document.
    pub(crate) fn keep_local<T>(&self, lens: &Lens<T>) -> Result<Option<Document>, BoxError>
    where
        T: Serialize + DeserializeOwned + 'static,
    {
        let (Some(local), Some(remote)) = (&self.local, &self.remote) else {
            return Ok(self.local.clone());
        };
        let after = reading::<T>(local)?.shown;
        self.put_document(lens, &reading::<T>(remote)?, &after)
            .map(Some)
    }

    fn put_document<T>(
        &self,
        lens: &Lens<T>,
        target: &Reading,
        after: &Document,
    ) -> Result<Document, BoxError>
    where
        T: Serialize + DeserializeOwned + 'static,
    {
        let local = self.local.as_ref().filter(|_| self.remote.is_some());
        let local = local.map(reading::<T>).transpose()?;
        let from = local.as_ref().map(|reading| From {
            reading,
            began: self.base.as_ref(),
        });
        Ok(lens.put_reading(target, after, from)?)
    }
}

fn reading<T>(raw: &Document) -> Result<Reading, JsonError>
where
    T: Serialize + DeserializeOwned,
{
    Reading::of(raw, &raw.decode::<T>()?)
}

impl<T> Conflict<T> {
    /// Creates a conflict between values, for tests of your own strategies.
    pub fn new(base: Option<T>, local: Option<T>, remote: Option<T>) -> Self {
        Self {
            base,
            local,
            remote,
            merged: None,
            problem: None,
            round: 1,
            may_have_been_applied: false,
            fields: Vec::new(),
            doubtful: Vec::new(),
            documents: None,
        }
    }

    /// Returns the open fields, which earlier strategies could not resolve.
    pub fn fields(&self) -> &[FieldConflict] {
        &self.fields
    }
}

impl<T: Serialize + DeserializeOwned> Conflict<T> {
    /// Copies the conflict by way of its documents. A resource type therefore need not be `Clone`, and the copy
    /// shows what was read rather than what the type would write.
    pub(crate) fn copy(&self) -> Result<Self, JsonError> {
        let documents = self.documents()?;
        self.of(documents, self.fields.clone())
    }

    /// Returns the conflict that remains after a strategy settled a part of it.
    pub(crate) fn after(
        &self,
        merged: Option<Document>,
        fields: Vec<FieldConflict>,
    ) -> Result<Self, JsonError> {
        let documents = Documents {
            merged,
            ..self.documents()?
        };
        self.of(documents, fields)
    }

    fn of(&self, documents: Documents, fields: Vec<FieldConflict>) -> Result<Self, JsonError> {
        let typed = |side: &Option<Document>| side.as_ref().map(Document::decode).transpose();
        Ok(Self {
            base: typed(&documents.base)?,
            local: typed(&documents.local)?,
            remote: typed(&documents.remote)?,
            // The partial result may not decode as the type yet.
            merged: typed(&documents.merged).unwrap_or_default(),
            problem: self.problem.clone(),
            round: self.round,
            may_have_been_applied: self.may_have_been_applied,
            fields,
            doubtful: self.doubtful.clone(),
            documents: Some(documents),
        })
    }

    /// Returns the sides as documents, including unknown fields if the conflict came from a response.
    pub(crate) fn documents(&self) -> Result<Documents, JsonError> {
        if let Some(documents) = &self.documents {
            return Ok(documents.clone());
        }
        let encode = |side: &Option<T>| side.as_ref().map(Document::encode).transpose();
        Ok(Documents {
            base: encode(&self.base)?,
            local: encode(&self.local)?,
            remote: encode(&self.remote)?,
            merged: encode(&self.merged)?,
        })
    }
}

impl<T: Serialize> Conflict<T> {
    /// Returns the changes of both sides as text for people, each as a unified diff against the base.
    ///
    /// If a difference is long, only the first 400 lines of either state are compared, from the first change on. A
    /// last line gives the number of lines left out. [`fields`](Self::fields) lists all open fields.
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
            let shown = shown::diff(old, new, &name);
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
            .field("may_have_been_applied", &self.may_have_been_applied)
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
