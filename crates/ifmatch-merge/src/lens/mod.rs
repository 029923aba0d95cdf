//! Puts typed values back into the documents that they were read from.
//!
//! A type is a *view* of a document: it sorts lists, uses other names, leaves members out and fills in defaults.
//! [`Lens::put`] writes a changed value into the raw document and keeps everything that the type does not show.
//! Places are found by value and key. A set that the type sorts is edited at the right element, a member under an
//! older name keeps that name, and hidden elements stay. Each result obeys two laws:
//!
//! * *`GetPut`*: putting an unchanged value back gives the raw document, byte for byte.
//! * *`PutGet`*: reading the result gives what reading the type's own serialization of the value would give, and
//!   members that the type writes but does not read are present in the result.
//!
//! If a type shows its documents in such a way that a law cannot be kept, an [`Unfaithful`] error is returned
//! instead of a result.

mod identity;
mod images;
mod laws;
mod learned;
mod member_origin;
mod pairing;
mod put;
mod put_list;
mod put_object;
mod seen;
mod similarity;
mod slots;
mod walk;
mod written;

use std::any::TypeId;
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::json::{Document, JsonError};
use crate::merge::{Cursor, Merge, Policy};
use learned::{Learned, UnclearGroup, UnclearMember};
use walk::{Walked, readable, walk};

pub use laws::Unfaithful;
pub use walk::transplant;

/// Puts values of one type back into documents.
///
/// # Example
///
/// ```
/// # use ifmatch_merge as ifmatch;
/// use std::collections::BTreeSet;
/// use ifmatch::json::Document;
/// use ifmatch::{Merge, lens::Lens};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Merge)]
/// # #[merge(crate = "ifmatch_merge")]
/// struct Page {
///     #[serde(alias = "labels")]
///     tags: BTreeSet<String>,
/// }
///
/// let raw = Document::parse(br#"{"labels": ["z", "m", "a"], "more": 1.10}"#)?;
/// let mut page: Page = raw.decode()?;
/// page.tags.remove("z");
/// let put = Lens::<Page>::of().put(&raw, &page)?;
/// assert_eq!(put.as_str(), r#"{"labels": ["m", "a"], "more": 1.10}"#);
/// # Ok::<(), ifmatch::BoxError>(())
/// ```
pub struct Lens<T> {
    policy: Arc<Policy>,
    of: PhantomData<fn(T)>,
}

impl<T> Clone for Lens<T> {
    fn clone(&self) -> Self {
        Self {
            policy: self.policy.clone(),
            of: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Lens<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lens").finish_non_exhaustive()
    }
}

/// A raw document, and the document that a type writes after reading it.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Reading {
    pub raw: Document,
    pub shown: Document,
}

impl Reading {
    /// Creates the reading of `raw`, from which `value` was read.
    ///
    /// # Errors
    ///
    /// Returns an error if the value cannot be encoded.
    pub fn of<T: Serialize>(raw: &Document, value: &T) -> Result<Self, JsonError> {
        Ok(Self {
            raw: raw.clone(),
            shown: raw.encode_again(value)?,
        })
    }
}

/// The origin of a value that is put into another document: the document that it was read from, and the state from
/// which that document began, if known.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct From<'a> {
    pub reading: &'a Reading,
    pub began: Option<&'a Document>,
}

impl<T: Merge> Lens<T> {
    /// Creates the lens for a type that implements [`Merge`].
    pub fn of() -> Self {
        Self::new(Arc::new(T::policy()))
    }
}

impl<T> Lens<T> {
    /// Creates the lens for any type. The policy names the lists that have keys. The policy of a type
    /// ([`Merge::policy`]) also contains what serde knows of the type.
    pub fn new(policy: Arc<Policy>) -> Self {
        Self {
            policy,
            of: PhantomData,
        }
    }

    /// Returns a lens that takes the keys of lists from another policy and keeps the shape of the type.
    #[doc(hidden)]
    #[must_use]
    pub fn with_policy(&self, policy: &Policy) -> Self {
        Self::new(Arc::new(policy.clone().or_shape_of(&self.policy)))
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Lens<T> {
    /// Writes a value into the document that it was read from.
    ///
    /// # Errors
    ///
    /// Returns an error if the document does not fit the type, if the value cannot be encoded, or if the result
    /// would not represent the value ([`Unfaithful`]).
    pub fn put(&self, raw: &Document, value: &T) -> Result<Document, crate::BoxError> {
        let reading = Reading::of(raw, &raw.decode::<T>()?)?;
        let after = reading.shown.encode_again(value)?;
        Ok(self.put_reading(&reading, &after, None)?)
    }

    /// Writes a value, given as its type encodes it, into a document. Values that the target lacks are taken from
    /// the document that the value comes from, and so are changes in that document to members that the type does
    /// not show.
    ///
    /// # Errors
    ///
    /// Returns an error if the result would not represent the value.
    #[doc(hidden)]
    pub fn put_reading(
        &self,
        target: &Reading,
        after: &Document,
        from: Option<From<'_>>,
    ) -> Result<Document, Unfaithful> {
        if from.is_none() {
            if target.shown.same_text(after) {
                return Ok(target.raw.clone());
            }
            if target.shown.same_text(&target.raw) && self.is_proven(after) {
                // The type knows the whole document and writes it in the same way.
                return Ok(after.clone());
            }
        }
        let compiled = self.policy.compiled();
        let cursor = Cursor::new(compiled);
        let walk = |learned: &Learned| walk(target, after, from, learned, compiled);
        let law = |result: &Document| {
            if TypeId::of::<T>() == TypeId::of::<Value>() {
                return Ok(());
            }
            if result.same_text(after) && self.is_proven(after) {
                return Ok(());
            }
            laws::check::<T>(result, after, || readable(after, compiled), cursor)
        };
        let mut learned = Learned::default();
        let mut walked = walk(&learned);
        if !walked.doubts.is_empty() {
            learned = Self::tried(&walked.doubts, after, &walk);
            walked = walk(&learned);
        }
        let breach = match law(&walked.document) {
            Ok(()) => return Ok(walked.document),
            Err(breach) => breach,
        };
        let images = images::images::<T>(&target.raw, &walked.unsure);
        // Try again with the images of single elements, and with the type's own order.
        for (images, raw_order) in [
            (images.clone(), true),
            (HashMap::new(), false),
            (images, false),
        ] {
            let learned = learned.with_images(images, raw_order);
            let again = walk(&learned).document;
            if !again.same_text(&walked.document) && law(&again).is_ok() {
                return Ok(again);
            }
        }
        Err(breach)
    }

    /// Checks the document of a new value, which is what its type writes.
    ///
    /// A type may be unable to read that document, because the server adds members that the type requires, such as
    /// an id. Then nothing can be checked.
    ///
    /// # Errors
    ///
    /// Returns an error if the type reads another value from the document.
    #[doc(hidden)]
    pub fn check_new(&self, after: &Document) -> Result<(), Unfaithful> {
        if TypeId::of::<T>() == TypeId::of::<Value>()
            || self.is_proven(after)
            || after.decode::<T>().is_err()
        {
            return Ok(());
        }
        let compiled = self.policy.compiled();
        laws::check::<T>(
            after,
            after,
            || readable(after, compiled),
            Cursor::new(compiled),
        )
    }

    /// Whether the shape proves that the type reads what it writes. A float that is not a number is written as
    /// `null`, so a document that contains `null` must be read to check it.
    fn is_proven(&self, after: &Document) -> bool {
        self.policy.reads_as_it_writes() && !after.as_str().contains("null")
    }

    /// Determines from which raw members a type without a known shape reads the members that it shows. Each
    /// candidate is changed in turn, and the document is decoded to see whether the value appears.
    fn tried(
        doubts: &[UnclearMember],
        after: &Document,
        walk: &impl Fn(&Learned) -> Walked,
    ) -> Learned {
        /// Maximum number of trials, each of which decodes the document once.
        const TRIALS: usize = 32;
        let groups = UnclearGroup::all(doubts);
        let trials = Cell::new(0);
        let is_it = |learned: &Learned, member: &UnclearMember| {
            trials.update(|trials| trials + 1);
            let shown = || {
                walk(learned)
                    .document
                    .decode::<T>()
                    .and_then(|value| Document::encode(&value))
            };
            shown()
                .is_ok_and(|shown| shown.pointer(&member.pointer) == after.pointer(&member.pointer))
        };
        // The type may fail to read anything until all members are in place, so a guess is kept until the end.
        let mut learned = Learned::guessed(&groups);
        let mut open: Vec<&UnclearGroup<'_>> = groups.iter().collect();
        for keeps_guess in [true, false] {
            let mut undecided = Vec::new();
            for group in open {
                if trials.get() >= TRIALS {
                    learned.forget(group);
                    continue;
                }
                let mut others = learned.clone();
                others.forget(group);
                let positions = 0..group.first().candidates.len();
                let mut trial = positions.map(|at| others.with(group, at));
                match trial.find(|trial| trials.get() < TRIALS && is_it(trial, group.first())) {
                    Some(found) => learned = found,
                    None if keeps_guess && groups.len() > 1 => undecided.push(group),
                    None => learned = others,
                }
            }
            open = undecided;
        }
        learned
    }
}
