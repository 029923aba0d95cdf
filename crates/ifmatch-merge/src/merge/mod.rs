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
//! key, and a missing key is not a `null`. Strings of several lines are merged by lines, unless they hold
//! PEM armour or are nothing but base64 or hexadecimal digits: lines of those mean nothing by themselves.
//! Everything else is merged as a whole.
//!
//! Arrays are aligned by their elements, duplicates included. Changes that touch each other conflict, and
//! the same insertion on both sides agrees. The rest follows from one law: **a merge without a conflict
//! holds no element that neither side wrote, loses none that both kept, brings none back that one removed,
//! and doubles none.** Where the law does not hold, the array is a conflict.
//!
//! | what happened | outcome |
//! |---|---|
//! | both changed one object, and nothing says that it is another one | it is merged inside |
//! | an object was changed in place, another one was put or removed beside it | both, without a conflict |
//! | all elements are bare values and not all are words, as many on each side as before: a point, a range of times, a colour, flags | one value; two different changes conflict |
//! | the same, with another length: one side changed a value and the other one changed the list | conflict; where both only put in or took out, both |
//! | a list of bare values that is an element itself: a vertex, a row, a pair | one value |
//! | two values beside each other, one changed by each side: the corners of a box, two rows | conflict |
//! | one side moved, sorted or copied an element, the other left it alone | both, without a conflict |
//! | one side moved an element, the other removed, changed or moved it | conflict, unless both did the same |
//! | both put equal elements at different places | conflict |
//! | an object took the place of another one, which the other side changed | conflict |
//!
//! Bare values are those that are no arrays and no objects, and a word is a string that is no number, no time and no
//! number with its unit. Objects are merged member by member, whatever their members are called: `{"x": 1, "y": 2}`
//! is no list. Say [`Rule::Atomic`] where its members mean something together only.
//!
//! An object counts as the same one where at least half of its members are as before and none of its
//! values went to another element. If all of its telling members changed (those that no two elements share,
//! such as an id), more than half of what lies within must be as before. Members with a rule of their own, such as a
//! counter, tell nothing. A scalar or an array is known
//! by its value only, so one that was changed *and* moved is another one. Strings of which some end in a
//! line break are the lines of a text, which may repeat, as the `source` of a notebook's cell.
//!
//! These rules were decided by what people did in 1 700 real merges. Conflicts at moves, numbers and
//! replaced elements cost no merge there that people had made the same way; merging them without a word
//! would have been wrong at times.
//!
//! Keys of list elements and sets are never guessed: a rule has to say so.

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
mod merged_value;
mod names;
mod object;
mod opaque;
mod pairs;
pub(crate) mod pick_side;
mod policy;
mod policy_check;
mod prose;
mod restored;
mod rule;
mod set;
pub(crate) mod sight;
mod text;
mod three_way;
mod tuple;
mod types;
mod unmoved;
mod whole;

pub use crate::lens::transplant;
pub use changes::{Change, changes};
pub use conflict::{ConflictKind, FieldConflict, Side};
pub use markers::MarkerStyle;
pub use pick_side::pick_side;
pub use policy::{Policy, Tag};
pub use policy_check::PolicyError;
pub use rule::{Custom, Keyed, Rule};
pub use text::{TextConflict, TextMerged, text};
pub use three_way::{Merged, MergedDocument, ThreeWay};
pub use types::Merge;

pub(crate) use compiled::CompiledPolicy;
pub(crate) use cursor::Cursor;
pub(crate) use interleave::interleave;
pub(crate) use keyed::key_of;
pub(crate) use merged_value::MergedValue;

/// An error of a user's own function.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
