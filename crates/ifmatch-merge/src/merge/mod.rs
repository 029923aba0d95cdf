//! Three-way merge of JSON by policy: pure, without input or output, usable alone.
//!
//! A merge takes the state that both sides started from (*base*), the state that we want (*local*) and
//! the state that is there now (*remote*). What one side changed is taken over; what both changed at the
//! same place goes by the [`Rule`] of that place, and what no rule settles is a [`FieldConflict`]. All
//! conflicts are collected, and the rest is merged.
//!
//! ```
//! # use ifmatch_merge as ifmatch;
//! use ifmatch::merge::{Policy, Rule, ThreeWay};
//! use serde_json::json;
//!
//! let merge = ThreeWay::new(Policy::new().field("/tags", Rule::Set).field("/views", Rule::Counter));
//! let base = json!({"title": "A", "tags": ["x"], "views": 10});
//! let local = json!({"title": "B", "tags": ["x", "mine"], "views": 11});
//! let remote = json!({"title": "A", "tags": ["x", "theirs"], "views": 15});
//!
//! let merged = merge.merge_json(Some(&base), &local, &remote);
//! assert!(merged.conflicts.is_empty());
//! assert_eq!(merged.value, json!({"title": "B", "tags": ["x", "mine", "theirs"], "views": 16}));
//! ```
//!
//! # What happens without rules
//!
//! Equal sides give that; where one side is unchanged, the other is taken. Objects are merged key by
//! key, and a missing key is not a `null`. Arrays are aligned by their elements, duplicates included:
//! changes that touch each other conflict, the same insertion on both sides agrees, and elements that
//! were replaced one to one are merged inside. An object in an array that keeps half of its members is
//! taken for changed in place, so what is put or removed beside it does not touch it. Strings of several
//! lines are merged by lines, everything else as a whole.
//! Keys of list elements and sets are never guessed: a rule has to say so.

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod account;
mod array;
mod changes;
mod check;
mod conflict;
mod diff;
mod engine;
mod keyed;
mod markers;
mod object;
mod opaque;
mod out;
mod pairs;
mod plan;
mod policy;
mod prose;
mod rule;
mod set;
mod settle;
mod text;
mod three_way;
mod transplant;
mod types;
mod woven;

pub use changes::{Change, changes};
pub use check::PolicyError;
pub use conflict::{ConflictKind, FieldConflict, Side};
pub use markers::MarkerStyle;
pub use policy::{Policy, Tag};
pub use rule::{Custom, Keyed, Rule};
pub use settle::settle;
pub use text::{TextConflict, TextMerged, text};
pub use three_way::{Merged, MergedDocument, ThreeWay};
pub use transplant::transplant;
pub use types::Merge;

/// An error of a user's own function.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
