//! Values whose version was seen, to which an action can be pinned.

use crate::value::{Saved, Snapshot, Versioned};

/// A value whose version was seen: a [`Versioned`], a [`Saved`] or a [`Snapshot`].
pub trait SeenVersion<T> {
    #[doc(hidden)]
    fn seen(&self) -> &Snapshot<T>;
}

impl<T> SeenVersion<T> for Versioned<T> {
    fn seen(&self) -> &Snapshot<T> {
        self.snapshot()
    }
}

impl<T> SeenVersion<T> for Saved<T> {
    fn seen(&self) -> &Snapshot<T> {
        self.snapshot()
    }
}

impl<T> SeenVersion<T> for Snapshot<T> {
    fn seen(&self) -> &Snapshot<T> {
        self
    }
}
