//! [`Merge`]: types that define how they are merged.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use super::policy::Policy;
use crate::shape::{MapKey, Place, Shape, Tagging, Variant};

/// A type that defines how its documents are merged, usually by `#[derive(Merge)]`.
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
    message = "`{Self}` does not define how it is merged",
    label = "this type needs `ifmatch::Merge`",
    note = "derive it with `#[derive(ifmatch::Merge)]`, or pass a policy if the type is foreign"
)]
pub trait Merge {
    /// Returns the rules, by pointers into the document that the type is written as.
    fn policy() -> Policy;

    /// Returns the structure of the type as serde sees it, with its rules. The derive generates it. If `Merge` is
    /// implemented by hand, only the rules are known.
    #[doc(hidden)]
    fn shape() -> Shape {
        Shape::ruled(Self::policy)
    }

    /// The names of the fields, if the derive knows all of them. The derive uses them to check declared keys.
    #[doc(hidden)]
    const FIELDS: Option<&'static [&'static str]> = None;
}

impl Merge for Value {
    fn policy() -> Policy {
        Policy::new()
    }

    fn shape() -> Shape {
        Shape::unknown()
    }
}

/// Implements `Merge` for types whose policy is that of their shape.
macro_rules! shaped {
    ($([$($generics:tt)*] $type:ty => $shape:expr),* $(,)?) => {
        $(impl<$($generics)*> Merge for $type {
            fn policy() -> Policy {
                Policy::of_shape(Self::shape())
            }

            fn shape() -> Shape {
                $shape
            }
        })*
    };
}

macro_rules! scalars {
    ($($type:ty),* $(,)?) => { shaped! { $([] $type => Shape::scalar()),* } };
}

scalars! {
    (), bool, char, String, str,
    i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, f32, f64,
    std::num::NonZeroI8, std::num::NonZeroI16, std::num::NonZeroI32, std::num::NonZeroI64,
    std::num::NonZeroI128, std::num::NonZeroU128, std::num::NonZeroIsize, std::num::NonZeroU8, std::num::NonZeroU16, std::num::NonZeroU32,
    std::num::NonZeroU64, std::num::NonZeroUsize,
    std::net::IpAddr, std::net::Ipv4Addr, std::net::Ipv6Addr,
    std::net::SocketAddr, std::net::SocketAddrV4, std::net::SocketAddrV6,
    std::path::PathBuf, std::path::Path, serde_json::Number,
}

shaped! {
    [T: Merge] Vec<T> => Shape::list(Place::of(T::shape)),
    [T: Merge] [T] => Shape::list(Place::of(T::shape)),
    [T: Merge] VecDeque<T> => Shape::list(Place::of(T::shape)),
    [T: Merge] LinkedList<T> => Shape::list(Place::of(T::shape)),
    // A heap is written in the order of its memory, which has no meaning, so it is a set.
    [T: Merge] BinaryHeap<T> => Shape::set(Place::of(T::shape)),
    [T] BTreeSet<T> => Shape::set(Place::default()),
    [T, S] HashSet<T, S> => Shape::set(Place::default()),
    [K: MapKey, T: Merge] BTreeMap<K, T> => Shape::map::<K>(Place::of(T::shape)),
    [K: MapKey, T: Merge, S] HashMap<K, T, S> => Shape::map::<K>(Place::of(T::shape)),
    [T: Merge, const N: usize] [T; N] => {
        Shape::tuple((0..N).map(|_| Place::of(T::shape)).collect())
    },
    [T: ?Sized] std::marker::PhantomData<T> => Shape::scalar(),
    [] std::time::Duration => Shape::unknown(),
    [] std::time::SystemTime => Shape::unknown(),
    [T] std::ops::Range<T> => Shape::unknown(),
    [T] std::ops::RangeInclusive<T> => Shape::unknown(),
    [T] std::ops::Bound<T> => Shape::unknown(),
    [] serde_json::Map<String, Value> => Shape::map::<String>(Place::of(Value::shape)),
    [T: Merge, E: Merge] Result<T, E> => Shape::variants(
        Tagging::External,
        vec![
            Variant::new("Ok", &["Ok"], Some(Place::of(T::shape))),
            Variant::new("Err", &["Err"], Some(Place::of(E::shape))),
        ],
    ),
    [T: Merge] std::num::Saturating<T> => Shape::same(Place::of(T::shape)),
    [T: Merge] std::num::Wrapping<T> => Shape::same(Place::of(T::shape)),
    [T: Merge] std::cmp::Reverse<T> => Shape::same(Place::of(T::shape)),
    [T: Merge] std::cell::Cell<T> => Shape::same(Place::of(T::shape)),
    [T: Merge] std::cell::RefCell<T> => Shape::same(Place::of(T::shape)),
    [T: Merge] std::sync::Mutex<T> => Shape::same(Place::of(T::shape)),
    [T: Merge] std::sync::RwLock<T> => Shape::same(Place::of(T::shape)),
}

/// Implements `Merge` for types that are written as their content, including its fields.
macro_rules! same {
    ($([$($generics:tt)*] $type:ty => $content:ty),* $(,)?) => {
        $(impl<$($generics)*> Merge for $type {
            fn policy() -> Policy {
                Policy::of_shape(Self::shape())
            }

            fn shape() -> Shape {
                Shape::same(Place::of(<$content>::shape))
            }

            const FIELDS: Option<&'static [&'static str]> = <$content>::FIELDS;
        })*
    };
}

same! {
    [T: Merge] Option<T> => T,
    [T: Merge + ?Sized] Box<T> => T,
    [T: Merge + ?Sized] Rc<T> => T,
    [T: Merge + ?Sized] Arc<T> => T,
    [T: Merge + ToOwned + ?Sized] Cow<'_, T> => T,
}

macro_rules! tuples {
    ($(($($part:ident)+))*) => {
        shaped! {
            $([$($part: Merge),+] ($($part,)+) => Shape::tuple(vec![$(Place::of($part::shape)),+])),*
        }
    };
}

tuples! {
    (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H)
    (A B C D E F G H I) (A B C D E F G H I J) (A B C D E F G H I J K) (A B C D E F G H I J K L)
    (A B C D E F G H I J K L M) (A B C D E F G H I J K L M N) (A B C D E F G H I J K L M N O)
    (A B C D E F G H I J K L M N O P)
}
