//! What the code that the derive writes calls. Not for use by hand.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::rule::Rule;
use super::{BoxError, Merge};
pub use crate::shape::{MapKey, Member, Place, Shape, Tagging, Variant};

/// Finds out whether a type is `Merge`: the methods here are those of types that are, and where they do
/// not apply the compiler takes the ones of [`NotMerge`].
#[derive(Debug)]
pub struct TypeProbe<T: ?Sized>(PhantomData<T>);

impl<T: ?Sized> TypeProbe<T> {
    /// A probe.
    #[expect(
        clippy::new_without_default,
        reason = "the generated code names what it calls"
    )]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: Merge> TypeProbe<T> {
    /// The names of the fields.
    pub const FIELDS: Option<&'static [&'static str]> = T::FIELDS;

    /// What is known of the type.
    pub fn shape(&self) -> Option<fn() -> Shape> {
        Some(T::shape)
    }

    /// What is known of the type; the field does without.
    pub fn shape_if_known(&self) -> Option<fn() -> Shape> {
        Some(T::shape)
    }
}

/// What holds for types that are not `Merge`.
pub trait NotMerge {
    /// Nothing is known of the fields.
    const FIELDS: Option<&'static [&'static str]> = None;

    /// Nothing is known of the type, and the compiler says so.
    #[deprecated(
        note = "this field's type, or one inside it, is not `Merge`: no rules hold inside. Derive `Merge` for that \
                type, or say on the field `#[merge(foreign)]` (merged without rules), `#[merge(atomic)]` (as one \
                value) or `#[merge(with = …)]`; a whole type from elsewhere takes a policy by `collection_with`"
    )]
    fn shape(&self) -> Option<fn() -> Shape> {
        None
    }

    /// Nothing is known of the type, and the field does without.
    fn shape_if_known(&self) -> Option<fn() -> Shape> {
        None
    }
}

impl<T: ?Sized> NotMerge for TypeProbe<T> {}

/// Whether a field is among those that are known; `true` where nothing is known.
pub const fn has_field(fields: Option<&[&str]>, name: &str) -> bool {
    let Some(fields) = fields else { return true };
    let mut at = 0;
    while at < fields.len() {
        if same_text(fields[at], name) {
            return true;
        }
        at += 1;
    }
    false
}

const fn same_text(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// A rule of a function over typed values.
pub fn typed<T, E, F>(function: F, state_like: bool) -> Rule
where
    T: Serialize + DeserializeOwned,
    E: Into<BoxError>,
    F: Fn(Option<&T>, &T, &T) -> Result<T, E> + Send + Sync + 'static,
{
    let over_json = move |base: Option<&Value>, local: &Value, remote: &Value| {
        let base = base.map(T::deserialize).transpose()?;
        let (local, remote) = (T::deserialize(local)?, T::deserialize(remote)?);
        let merged = function(base.as_ref(), &local, &remote).map_err(Into::into)?;
        Ok(serde_json::to_value(merged)?)
    };
    if state_like {
        Rule::custom_state_like(over_json)
    } else {
        Rule::custom(over_json)
    }
}
