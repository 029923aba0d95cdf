//! JSON documents that are kept exactly: the text of numbers and strings, the order of keys, and every field,
//! known or unknown.
//!
//! `serde_json::Value` loses much of this: `1.10` becomes `1.1`, 20-digit numbers become floats, and of two equal
//! keys the last one wins. A document that is written back to a server must not lose it. A [`Document`] therefore
//! is its text, validated once. Everything here reads that text or cuts pieces out of it.
//!
//! [`merge_patch`](patch::merge_patch) and [`json_patch`](patch::json_patch) express the difference between two
//! documents in the two standard formats.

mod align;
mod apply;
mod decode;
mod digest;
mod document;
mod edit;
mod encode;
mod error;
mod ids;
mod likeness;
mod node_kind;
mod number;
mod part;
pub mod patch;
mod pointer;
mod scan;
mod slide;
mod spelling;
mod style;
mod tape;
mod time;
mod tree;
mod write;

pub use document::Document;
pub use error::JsonError;
#[doc(hidden)]
pub use likeness::Likeness;

pub(crate) use align::{Replaced, array_differences, differences, longest_rising};
pub(crate) use digest::{Digest, Table, TableSet};
pub(crate) use ids::Ids;
pub(crate) use number::Number;
#[doc(hidden)]
pub use pointer::push as push_token;
pub(crate) use pointer::tokens as pointer_tokens;
pub(crate) use style::Style;
pub(crate) use tape::{Node, Tape};
pub(crate) use tree::{Finder, Key, Tree, View, WALKED_DEPTH, order, same};
pub(crate) use write::{key as write_key, string as write_string, without_halves as shown_name};
