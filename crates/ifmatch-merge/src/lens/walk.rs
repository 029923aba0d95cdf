//! Runs a walk over documents and writes the result as a document.

use super::images::Unsure;
use super::learned::{Learned, UnclearMember};
use super::put::{Moved, Put, PutSource, ShownValue};
use super::{From, Reading};
use crate::json::{Document, Tape};
use crate::merge::{CompiledPolicy, Cursor, Policy};

/// Applies the changes from `before` to `after` to `raw`.
///
/// `before` is what a Rust type writes after reading `raw`, and `after` is the changed value as the type writes
/// it. Everything that the type does not know is kept, at any depth, and so is the text of every number and string
/// that did not change. Elements of arrays are matched by their declared key, or else by value, or else by
/// alignment. Elements that were replaced one to one and elements that moved keep what the type does not know of
/// them. [`Lens::put`](super::Lens::put) also checks the result.
///
/// # Example
///
/// ```
/// # use ifmatch_merge as ifmatch;
/// use ifmatch::json::Document;
/// use ifmatch::merge::{Policy, transplant};
///
/// let parse = |text: &str| Document::parse(text.as_bytes());
/// let raw = parse(r#"{"price": 1.10, "new_in_v2": true, "lines": [{"qty": 1, "note": "x"}]}"#)?;
/// let before = parse(r#"{"price":1.1,"lines":[{"qty":1}]}"#)?;
/// let after = parse(r#"{"price":1.1,"lines":[{"qty":2}]}"#)?;
/// let changed = transplant(&raw, &before, &after, &Policy::new());
/// assert_eq!(changed.as_str(), r#"{"price": 1.10, "new_in_v2": true, "lines": [{"qty": 2, "note": "x"}]}"#);
/// # Ok::<(), ifmatch::json::JsonError>(())
/// ```
pub fn transplant(
    raw: &Document,
    before: &Document,
    after: &Document,
    policy: &Policy,
) -> Document {
    if before.same_text(after) {
        return raw.clone();
    }
    if before.same_text(raw) && policy.reads_as_it_writes() {
        return after.clone();
    }
    let target = Reading {
        raw: raw.clone(),
        shown: before.clone(),
    };
    let mut learned = Learned::default();
    // Whether the type sorts is unknown here.
    learned.raw_order = false;
    walk(&target, after, None, &learned, policy.compiled()).document
}

/// The result of a walk.
pub(super) struct Walked {
    /// The document with the value in it.
    pub(super) document: Document,
    /// What is unknown about where the type reads members, and about how it shows elements.
    pub(super) doubts: Vec<UnclearMember>,
    pub(super) unsure: Vec<Unsure>,
}

/// Puts a value into a document.
pub(super) fn walk(
    target: &Reading,
    after: &Document,
    from: Option<From<'_>>,
    learned: &Learned,
    compiled: &CompiledPolicy,
) -> Walked {
    let (raw, shown, new) = (
        Tape::from_trusted(target.raw.as_str()),
        Tape::from_trusted(target.shown.as_str()),
        Tape::from_trusted(after.as_str()),
    );
    let source = from.map(|from| {
        (
            Tape::from_trusted(from.reading.raw.as_str()),
            Tape::from_trusted(from.reading.shown.as_str()),
            from.began.map(|began| Tape::from_trusted(began.as_str())),
        )
    });
    let source = source.as_ref().map(|(raw, shown, began)| PutSource {
        raw: raw.root(),
        shown: shown.root(),
        origin: began.as_ref().map(Tape::root),
    });
    let root = raw.root();
    let side = ShownValue {
        raw: root,
        shown: Some(shown.root()),
    };
    let mut put = Put::new(learned, target.raw.as_str());
    let mut out = put.place(Some(side), source, new.root(), Cursor::new(compiled), 0);
    let dropped = put.dropped.take();
    if put.has_new.get() && !dropped.is_empty() {
        // A value may have moved from one place to another, so walk again.
        put.moved = Moved::of(dropped);
        put.doubts.take();
        put.unsure.take();
        out = put.place(Some(side), source, new.root(), Cursor::new(compiled), 0);
    }
    let (doubts, unsure) = (put.doubts.take(), put.unsure.take());
    let walked = |document| Walked {
        document,
        doubts,
        unsure,
    };
    if out.is(root) {
        return walked(target.raw.clone());
    }
    // White space around the value belongs to the document, not to the value.
    let (text, value) = (target.raw.as_str(), root.range());
    let mut changed = String::with_capacity(text.len() + 64);
    changed.push_str(&text[..value.start]);
    out.write(&mut changed);
    changed.push_str(&text[value.end..]);
    walked(Document::from_trusted(changed))
}

/// Creates a new document of the type, under the names that it reads.
pub(super) fn readable(after: &Document, compiled: &CompiledPolicy) -> Document {
    let new = Tape::from_trusted(after.as_str());
    let learned = Learned::default();
    let put = Put::new(&learned, after.as_str());
    let out = put.place(None, None, new.root(), Cursor::new(compiled), 0);
    let mut text = String::with_capacity(after.len());
    out.write(&mut text);
    Document::from_trusted(text)
}
