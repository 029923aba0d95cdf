//! [`Merge`]: types that say how they are merged.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use serde_json::Value;

use super::policy::Policy;
use super::rule::Rule;

/// A type that says how its documents are merged; usually by `#[derive(Merge)]`.
///
/// # Example
///
/// ```
/// # use ifmatch_merge as ifmatch;
/// use ifmatch::merge::{Merge, Policy, Rule, ThreeWay};
///
/// struct Page;
///
/// impl Merge for Page {
///     fn policy() -> Policy {
///         Policy::new().field("/body", Rule::Text)
///     }
/// }
///
/// let merge = ThreeWay::of::<Page>();
/// # let _ = merge;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how it is merged",
    label = "this type needs `ifmatch::Merge`",
    note = "derive it with `#[derive(ifmatch::Merge)]`, or for a type from elsewhere pass a policy"
)]
pub trait Merge {
    /// The rules, by pointers into the document that the type is written as.
    fn policy() -> Policy;

    /// The names of the fields, where the derive knows all of them; it checks declared keys by it.
    #[doc(hidden)]
    const FIELDS: Option<&'static [&'static str]> = None;
}

impl Merge for Value {
    fn policy() -> Policy {
        Policy::new()
    }
}

macro_rules! scalars {
    ($($type:ty),* $(,)?) => {
        $(impl Merge for $type {
            fn policy() -> Policy {
                Policy::new().known(&[])
            }
        })*
    };
}

scalars!(
    (),
    bool,
    char,
    String,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    f32,
    f64,
);

macro_rules! with_elements {
    ($($type:ty),* $(,)?) => {
        $(impl<T: Merge> Merge for $type {
            fn policy() -> Policy {
                // No element is known by a name.
                Policy::new().known(&[]).nested_type::<T>("/*")
            }
        })*
    };
}

with_elements!(Vec<T>, VecDeque<T>);

impl<T: Merge> Merge for BTreeMap<String, T> {
    fn policy() -> Policy {
        Policy::new().nested_type::<T>("/*")
    }
}

impl<T: Merge, S> Merge for HashMap<String, T, S> {
    fn policy() -> Policy {
        Policy::new().nested_type::<T>("/*")
    }
}

macro_rules! with_policy_of_content {
    ($($type:ident),* $(,)?) => {
        $(impl<T: Merge> Merge for $type<T> {
            fn policy() -> Policy {
                T::policy()
            }

            const FIELDS: Option<&'static [&'static str]> = T::FIELDS;
        })*
    };
}

with_policy_of_content!(Option, Box);

impl<T, S> Merge for HashSet<T, S> {
    fn policy() -> Policy {
        Policy::new().field("", Rule::Set)
    }
}

impl<T> Merge for BTreeSet<T> {
    fn policy() -> Policy {
        Policy::new().field("", Rule::Set)
    }
}
