//! Three-way merge of JSON by policy. It is pure, performs no input or output, and can be used alone.
//!
//! A merge takes the state that both sides started from (*base*), the desired state (*local*) and the current
//! state (*remote*). A change of one side only is taken over. A place that both sides changed is merged by its
//! [`Rule`], and what no rule settles is a [`FieldConflict`]. All conflicts are collected, and the rest is merged.
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
//! # Without rules
//!
//! If both sides are equal, the result is that value. If one side is unchanged, the other side is taken. Objects
//! are merged key by key, and a missing key is not a `null`. Multi-line strings are merged by lines, unless they
//! contain PEM armour or consist only of base64 or hexadecimal digits, whose lines have no meaning of their own.
//! Everything else is merged as a whole.
//!
//! Arrays are aligned by their elements, including duplicates. Changes that touch each other conflict, and the
//! same insertion on both sides agrees. The rest follows from one law: **a merge without a conflict contains no
//! element that neither side wrote, loses none that both kept, brings back none that one removed, and doubles
//! none.** If the law does not hold, the array is a conflict.
//!
//! | what happened | result |
//! |---|---|
//! | both sides changed one object, and nothing indicates a different object | it is merged inside |
//! | an object was changed in place, and another one was added or removed beside it | both changes, without a conflict |
//! | all elements are bare values and not all are words, with the same number on each side: a point, a time range, a colour, flags | one value; two different changes conflict |
//! | the same with another length: one side changed a value and the other side changed the list | conflict; if both sides only added or removed elements, both changes |
//! | a list of bare values that is an element itself: a vertex, a row, a pair | one value |
//! | two adjacent values, one changed by each side: the corners of a box, two rows | conflict |
//! | one side moved, sorted or copied an element, and the other left it alone | both changes, without a conflict |
//! | one side moved an element, and the other removed, changed or moved it | conflict, unless both did the same |
//! | both sides added equal elements at different positions | conflict |
//! | an object replaced another one, which the other side changed | conflict |
//!
//! Bare values are values other than arrays and objects. A word is a string that is not a number, a time or a
//! number with its unit. Objects are merged member by member, whatever the names of their members:
//! `{"x": 1, "y": 2}` is not a list. Use [`Rule::Atomic`] if the members have a meaning only together.
//!
//! An object counts as the same object if at least half of its members are unchanged and none of its values moved
//! to another element. Its identifying members are those that no two elements share, such as an ID. If all
//! identifying members changed, more than half of the content must be unchanged. Members with their own rule, such
//! as a counter, are ignored here. A scalar or an array is known only by its value, so one that was changed *and*
//! moved counts as another one. Strings of which some end in a line break are treated as the lines of a text,
//! which may repeat, as in the `source` of a notebook's cell.
//!
//! These rules were derived from how people resolved 1 700 real merges. In that sample, no conflict at a move, a number
//! or a replaced element stopped a merge that would have matched the one people made. Merging these cases silently
//! would sometimes have been wrong.
//!
//! Keys of list elements and sets are never guessed. A rule must declare them.

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod account;
mod aligned;
mod array;
mod changes;
mod compiled;
mod conflict;
mod cursor;
mod diff;
mod engine;
mod interleave;
mod keyed;
mod markers;
mod merge_trait;
mod merged_value;
mod names;
mod object;
mod one_value;
mod opaque;
mod pairs;
pub(crate) mod pick_side;
mod policy;
mod policy_check;
mod prose;
mod restore_text;
mod rule;
mod set;
pub(crate) mod set_order;
pub(crate) mod sightings;
mod text;
mod three_way;
mod tuple;
mod unmoved;

pub use crate::lens::transplant;
pub use changes::{Change, changes};
pub use conflict::{ConflictKind, FieldConflict, Side};
pub use markers::MarkerStyle;
pub use merge_trait::Merge;
pub use pick_side::pick_side;
#[doc(hidden)]
pub use policy::impartial;
pub use policy::{Policy, Tag};
pub use policy_check::PolicyError;
pub use rule::{Custom, Keyed, Rule};
pub use text::{TextConflict, TextMerged, text};
pub use three_way::{Merged, MergedDocument, ThreeWay};

pub(crate) use compiled::CompiledPolicy;
pub(crate) use cursor::Cursor;
pub(crate) use interleave::interleave;
pub(crate) use keyed::key_of;
pub(crate) use merged_value::MergedValue;
pub(crate) use unmoved::Numbers;

/// An error of a user's function.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
