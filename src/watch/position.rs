//! How far a watch was followed.

use serde::{Deserialize, Serialize};

/// A position in a feed, up to which every change was handled.
///
/// [`Watch::position`](crate::Watch::position) returns it, and [`OpenWatch::from`](crate::OpenWatch::from) continues from it,
/// also in a later process. It is a text that only the server understands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub(super) String);
