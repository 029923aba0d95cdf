//! Where a write goes and how its bytes are made: what a handle was set to.

use std::sync::Arc;

use ::http::HeaderMap;
use url::Url;

use super::abandoned::Abandoned;
use super::lane::Lanes;
use crate::exchange::Exchange;
use crate::merge::Policy;
use crate::observe::Observer;
use crate::refusal::Profile;
use crate::retry::RetryPolicy;
use crate::store::Filing;
use crate::strategy::Derived;

/// How a changed document is sent.
///
/// # Default
///
/// [`Put`](WriteMode::Put).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WriteMode {
    /// The whole document, by `PUT`.
    #[default]
    Put,
    /// The difference as a merge patch (RFC 7396), by `PATCH`. It cannot set a member to `null`:
    /// such an edit is a `Config` error.
    MergePatch,
    /// The difference as a JSON Patch (RFC 6902), by `PATCH`, with a `test` before each removal and
    /// replacement.
    JsonPatch,
}

/// What all calls of one client share.
pub(crate) struct Shared {
    pub(crate) exchange: Exchange,
    pub(crate) retry: RetryPolicy,
    pub(crate) profile: Box<dyn Profile>,
    pub(crate) store: Filing,
    pub(crate) abandoned: Arc<Abandoned>,
    /// `None`: writes do not wait for each other.
    pub(crate) lanes: Option<Arc<Lanes>>,
    /// One strategy for each type that derives it, so that edits through any handle can go together.
    pub(crate) derived: Derived,
    pub(crate) observer: Option<Box<dyn Observer>>,
}

/// One resource as a handle addresses it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) shared: Arc<Shared>,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) mode: WriteMode,
    pub(crate) policy: Arc<Policy>,
    /// Where the list of write ids lies in the document.
    pub(crate) stamp: Option<String>,
    /// A lost write of which no change is visible is unknown instead of not landed.
    pub(crate) strict: bool,
}
