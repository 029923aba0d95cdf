//! What a strategy is shown.

use std::fmt::{self, Write as _};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::shown;
use crate::BoxError;
use crate::json::{Document, JsonError};
use crate::lens::{From, Lens, Reading};
use crate::merge::FieldConflict;
use crate::protocol::Problem;

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
    pub may_have_been_applied: bool,
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
    /// What an earlier strategy could settle.
    pub(crate) merged: Option<Document>,
}

impl Documents {
    /// A strategy's value as a document: put into the remote document, or into the local one if nothing is
    /// there. What the local side changed and the type does not show, such as a password that it only writes,
    /// comes along.
    pub(crate) fn put<T>(&self, lens: &Lens<T>, value: &T) -> Result<Document, BoxError>
    where
        T: Serialize + DeserializeOwned + 'static,
    {
        let Some(raw) = self.remote.as_ref().or(self.local.as_ref()) else {
            return Ok(Document::encode(value)?);
        };
        let target = reading::<T>(raw)?;
        let after = target.shown.encode_again(value)?;
        self.put_document(lens, &target, &after)
    }

    /// The local value over the remote state: what the type does not know keeps the remote's state, and what
    /// the remote lacks is as the local document has it.
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
    /// A conflict between values, for tests of one's own strategies.
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

    /// The fields that are open: what the strategies before this one could not settle.
    pub fn fields(&self) -> &[FieldConflict] {
        &self.fields
    }
}

impl<T: Serialize + DeserializeOwned> Conflict<T> {
    /// The same conflict once more. It goes through the documents, so that a resource type need not
    /// be `Clone`, and shows what was read and not what the type would write of it.
    pub(crate) fn copy(&self) -> Result<Self, JsonError> {
        let documents = self.documents()?;
        self.of(documents, self.fields.clone())
    }

    /// The same conflict after a strategy settled a part of it.
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
            // What is settled so far may be none of the type yet.
            merged: typed(&documents.merged).unwrap_or_default(),
            problem: self.problem.clone(),
            round: self.round,
            may_have_been_applied: self.may_have_been_applied,
            fields,
            doubtful: self.doubtful.clone(),
            documents: Some(documents),
        })
    }

    /// The sides as documents, unknown fields included where the conflict came off the wire.
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
    /// The three sides as printable text: what the local edit changed and what the remote side
    /// changed, each as a unified diff against the base.
    ///
    /// It is for people. Of a longer difference, the first 400 lines of either state from the first change on
    /// are held against each other, and a last line says how many more there are;
    /// [`fields`](Self::fields) has all that is open.
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
