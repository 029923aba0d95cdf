//! Functions and types that the derived code uses. Not for use by hand.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::rule::Rule;
use super::{BoxError, Merge};
pub use crate::shape::{MapKey, Member, Place, Shape, Tagging, Variant};

/// Determines whether a type implements `Merge`. The inherent methods apply to types that do. For other types, the
/// compiler selects the methods of [`NotMerge`].
#[derive(Debug)]
pub struct TypeProbe<T: ?Sized>(PhantomData<T>);

impl<T: ?Sized> TypeProbe<T> {
    /// Creates a probe.
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

    /// Returns the shape of the type.
    pub fn shape(&self) -> Option<fn() -> Shape> {
        Some(T::shape)
    }

    /// Returns the shape of the type. For a field that does not require one.
    pub fn shape_if_known(&self) -> Option<fn() -> Shape> {
        Some(T::shape)
    }
}

/// The fallback for types that do not implement `Merge`.
pub trait NotMerge {
    /// The fields are unknown.
    const FIELDS: Option<&'static [&'static str]> = None;

    /// Returns `None`, because the type is unknown. The compiler warns about it.
    #[deprecated(
        note = "this field's type, or a type inside it, does not implement `Merge`, so it is merged without rules. \
                Derive `Merge` for that type, or put `#[merge(foreign)]` (merge without rules), `#[merge(atomic)]` \
                (merge as one value) or `#[merge(with = …)]` on the field. For a whole foreign type, pass a policy \
                to `collection_with`"
    )]
    fn shape(&self) -> Option<fn() -> Shape> {
        None
    }

    /// Returns `None`, because the type is unknown. For a field that does not require a shape.
    fn shape_if_known(&self) -> Option<fn() -> Shape> {
        None
    }
}

impl<T: ?Sized> NotMerge for TypeProbe<T> {}

/// Whether a field is among the known ones. Returns `true` if none are known.
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

/// Creates a rule from a function over typed values.
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
