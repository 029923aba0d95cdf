//! Typed values put back into the documents that they were read from.
//!
//! A type is a *view* of a document: it sorts lists, knows other names, leaves members out, fills defaults in.
//! [`Lens::put`] writes a changed value into the raw document so that everything stays that the type does not
//! show. Places are found by value and key: a set that the type sorts is edited at the right element, a member
//! under an older name keeps it, hidden elements stay. Each result obeys two laws; where one cannot be kept,
//! there is an error and no result:
//!
//! * *`GetPut`*: putting an unchanged value back gives the raw document, byte for byte.
//! * *`PutGet`*: the type reads the result as what it would read from the value as it writes it, and members
//!   that it writes without reading them stand in the result.
//!
//! A type that shows its documents so that a change cannot be put back gets an [`Unfaithful`] error.

mod images;
mod laws;
mod learned;
mod member_origin;
mod pairing;
mod put;
mod put_list;
mod put_object;
mod seen;
mod slots;
mod walk;
mod written;

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::json::{Document, JsonError};
use crate::merge::{Cursor, Merge, Policy};
use learned::{Learned, UnclearMember};
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

/// A raw document, and what a type shows of it: the document that it writes when it has read this one.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Reading {
    pub raw: Document,
    pub shown: Document,
}

impl Reading {
    /// What the type of `value` shows of the document that `value` was read from.
    ///
    /// # Errors
    ///
    /// The value cannot be written.
    pub fn of<T: Serialize>(raw: &Document, value: &T) -> Result<Self, JsonError> {
        Ok(Self {
            raw: raw.clone(),
            shown: raw.encode_again(value)?,
        })
    }
}

/// Where a value comes from that is put into another document: the one that it was read from, and the state
/// that this one began as, if it is known.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct From<'a> {
    pub reading: &'a Reading,
    pub began: Option<&'a Document>,
}

impl<T: Merge> Lens<T> {
    /// The lens of a type that says how it is merged.
    pub fn of() -> Self {
        Self::new(Arc::new(T::policy()))
    }
}

impl<T> Lens<T> {
    /// The lens of any type. The policy says which lists have keys; one of a type ([`Merge::policy`]) says
    /// what serde knows of the type, too.
    pub fn new(policy: Arc<Policy>) -> Self {
        Self {
            policy,
            of: PhantomData,
        }
    }

    /// The same with the keys of another policy, which says what merges and not what the type is.
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
    /// The document does not fit the type, the value cannot be written, or the result would not show it
    /// ([`Unfaithful`]).
    pub fn put(&self, raw: &Document, value: &T) -> Result<Document, crate::BoxError> {
        let reading = Reading::of(raw, &raw.decode::<T>()?)?;
        let after = reading.shown.encode_again(value)?;
        Ok(self.put_reading(&reading, &after, None)?)
    }

    /// Writes a value, which stands there as its type writes it, into a document. What this lacks is taken
    /// from the document that the value comes from, and so is what changed there of members that the type
    /// does not show.
    ///
    /// # Errors
    ///
    /// The result would not show the value.
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
                // The type knows all of it and writes it in the same way.
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
        // With what the type makes of single elements, and in its own order.
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

    /// The document of a value that stands nowhere yet, from what its type writes.
    ///
    /// # Errors
    ///
    /// The type would read another value from it.
    #[doc(hidden)]
    pub fn create(&self, after: &Document) -> Result<Document, Unfaithful> {
        if TypeId::of::<T>() == TypeId::of::<Value>() || self.is_proven(after) {
            return Ok(after.clone());
        }
        let compiled = self.policy.compiled();
        let law = |result: &Document| {
            laws::check::<T>(
                result,
                after,
                || readable(after, compiled),
                Cursor::new(compiled),
            )
        };
        let breach = match law(after) {
            Ok(()) => return Ok(after.clone()),
            Err(breach) => breach,
        };
        // The type may read other names than it writes.
        let renamed = readable(after, compiled);
        law(&renamed).map_or(Err(breach), |()| Ok(renamed))
    }

    /// Whether the type reads what it writes, by its tree. A float that is not a number is written as `null`,
    /// so a document with a `null` in it has to be read.
    fn is_proven(&self, after: &Document) -> bool {
        self.policy.reads_as_it_writes() && !after.as_str().contains("null")
    }

    /// Finds out where a type, of which nothing is said, reads the members that it shows: each raw member that
    /// may be one is changed in its place, and the type is asked what it shows then.
    fn tried(
        doubts: &[UnclearMember],
        after: &Document,
        walk: &impl Fn(&Learned) -> Walked,
    ) -> Learned {
        /// Each trial reads the document once.
        const TRIALS: usize = 32;
        let mut trials = 0;
        let mut is_it = |learned: &Learned, doubt: &UnclearMember| {
            trials += 1;
            let shown = || {
                walk(learned)
                    .document
                    .decode::<T>()
                    .and_then(|value| Document::encode(&value))
            };
            trials <= TRIALS
                && shown().is_ok_and(|shown| {
                    shown.pointer(&doubt.pointer) == after.pointer(&doubt.pointer)
                })
        };
        // The type may read nothing before all of them are in their places, so a guess stays until the end.
        let mut learned = Learned::guessed(doubts);
        let mut open: Vec<&UnclearMember> = doubts.iter().collect();
        for keeps_guess in [true, false] {
            open.retain(|doubt| {
                let others = learned.without(doubt);
                let mut trials = doubt.candidates.iter();
                let mut trials = trials.by_ref().map(|at| others.with(*at, &doubt.name));
                match trials.find(|trial| is_it(trial, doubt)) {
                    Some(found) => learned = found,
                    None if keeps_guess && doubts.len() > 1 => return true,
                    None => learned = others,
                }
                false
            });
        }
        learned
    }
}
