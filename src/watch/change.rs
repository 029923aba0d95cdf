//! What a watch tells.

use std::fmt;

use crate::value::Versioned;

/// A change that a [`Watch`](crate::Watch) tells.
///
/// It tells states, not events: states in between may be left out, and a state may be told again.
#[expect(clippy::large_enum_variant, reason = "almost every change is a state")]
pub enum Change<T> {
    /// A resource has this state. It may be new, or told again.
    Put(Versioned<T>),
    /// The resource with this id is gone.
    Gone(String),
    /// Something may have been missed. What follows is the whole collection, until [`CaughtUp`](Self::CaughtUp).
    ///
    /// Resources that were told before and are gone are told too, as long as the watch remembers them; see
    /// [`Watch::tells_all_removals`](crate::Watch::tells_all_removals).
    Reset,
    /// The whole collection was told, at the start or after a [`Reset`](Self::Reset).
    CaughtUp,
}

impl<T: Clone> Clone for Change<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Put(value) => Self::Put(value.clone()),
            Self::Gone(id) => Self::Gone(id.clone()),
            Self::Reset => Self::Reset,
            Self::CaughtUp => Self::CaughtUp,
        }
    }
}

impl<T> fmt::Debug for Change<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put(value) => f.debug_tuple("Put").field(value.snapshot()).finish(),
            Self::Gone(id) => f.debug_tuple("Gone").field(id).finish(),
            Self::Reset => f.write_str("Reset"),
            Self::CaughtUp => f.write_str("CaughtUp"),
        }
    }
}
