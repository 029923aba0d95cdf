//! The operations that the merge needs of a JSON value, which is part of a text or of a `serde_json::Value`.

use std::cmp::Ordering;

use serde_json::Value;

use super::digest::{Digest, Table};
use super::node_kind::NodeKind;
use super::number::Number;
use super::tape::Node;
use super::{spelling, write};

/// The maximum depth to which values are walked. Deeper values are treated as a whole: compared by their text,
/// never merged.
pub(crate) const WALKED_DEPTH: usize = 256;

/// A view of a value, one level deep.
#[derive(Debug, Clone, Copy)]
pub(crate) enum View<'t> {
    Null,
    Bool(bool),
    Number(Number<'t>),
    String(&'t str),
    /// A string that contains half of a surrogate pair. It can only be compared and kept.
    Torn(&'t str),
    Array,
    Object,
}

/// The key of a member: its name, and its text in the document (empty if there is no text).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key<'t> {
    pub(crate) name: &'t str,
    pub(crate) raw: &'t str,
}

/// A JSON value that can be walked.
pub(crate) trait Tree<'t>: Copy {
    fn view(self) -> View<'t>;
    /// Returns the elements of an array, or nothing for other values.
    fn each_element(self) -> impl Iterator<Item = Self>;
    /// Returns the members of an object, or nothing for other values.
    fn each_member(self) -> impl Iterator<Item = (Key<'t>, Self)>;
    /// Whether the texts are equal, without comparing by keys. `false` means "unknown".
    fn surely_same(self, other: Self) -> bool;
    /// Whether the digests differ, at low cost for repeated calls. `false` means "unknown".
    fn surely_differs(self, other: Self) -> bool;
    /// Whether both are the identical value, not merely equal.
    fn is(self, other: Self) -> bool;
    /// Returns a digest of the content within `depth`. Equal values have equal digests.
    fn digest_within(self, depth: usize) -> u64;
    fn to_value(self) -> Value;
    /// Writes the text of the value.
    fn write(self, out: &mut String);
    /// Returns the node of a value that is part of a text.
    fn node(self) -> Option<Node<'t>>;

    fn digest(self) -> u64 {
        self.digest_within(WALKED_DEPTH)
    }

    fn elements(self) -> Vec<Self> {
        self.each_element().collect()
    }

    fn members(self) -> Vec<(Key<'t>, Self)> {
        self.each_member().collect()
    }
}

impl<'t> Tree<'t> for Node<'t> {
    #[inline]
    fn view(self) -> View<'t> {
        match self.kind() {
            NodeKind::Null => View::Null,
            NodeKind::False => View::Bool(false),
            NodeKind::True => View::Bool(true),
            NodeKind::Number => View::Number(self.number()),
            NodeKind::Plain | NodeKind::Escaped => View::String(self.content()),
            NodeKind::Torn => View::Torn(self.content()),
            NodeKind::Array => View::Array,
            NodeKind::Object => View::Object,
        }
    }

    #[inline]
    fn each_element(self) -> impl Iterator<Item = Self> {
        self.children_of_array()
    }

    #[inline]
    fn each_member(self) -> impl Iterator<Item = (Key<'t>, Self)> {
        self.children_of_object().map(|(key, value)| {
            let (name, raw) = (key.content(), key.raw());
            (Key { name, raw }, value)
        })
    }

    #[inline]
    fn surely_same(self, other: Self) -> bool {
        self.raw() == other.raw()
    }

    fn surely_differs(self, other: Self) -> bool {
        self.digest() != other.digest()
    }

    #[inline]
    fn is(self, other: Self) -> bool {
        self.is_same_node(other)
    }

    fn digest_within(self, depth: usize) -> u64 {
        // No text is nested deeper than the walked depth, so `depth` makes no difference.
        self.remembered_digest(|| digest(self, depth))
    }

    fn to_value(self) -> Value {
        to_value(self)
    }

    fn write(self, out: &mut String) {
        out.push_str(self.raw());
    }

    fn node(self) -> Option<Node<'t>> {
        Some(self)
    }
}

impl<'t> Tree<'t> for &'t Value {
    fn view(self) -> View<'t> {
        match self {
            Value::Null => View::Null,
            Value::Bool(b) => View::Bool(*b),
            Value::Number(n) => View::Number(Number::Held(n)),
            Value::String(s) => View::String(s),
            Value::Array(_) => View::Array,
            Value::Object(_) => View::Object,
        }
    }

    fn each_element(self) -> impl Iterator<Item = Self> {
        self.as_array().into_iter().flatten()
    }

    fn each_member(self) -> impl Iterator<Item = (Key<'t>, Self)> {
        let members = self.as_object().into_iter().flatten();
        members.map(|(name, value)| (Key { name, raw: "" }, value))
    }

    fn surely_same(self, other: Self) -> bool {
        std::ptr::eq(self, other) || self == other
    }

    fn surely_differs(self, _: Self) -> bool {
        false
    }

    fn is(self, other: Self) -> bool {
        std::ptr::eq(self, other)
    }

    fn digest_within(self, depth: usize) -> u64 {
        digest(self, depth)
    }

    fn to_value(self) -> Value {
        self.clone()
    }

    fn write(self, out: &mut String) {
        write::value(self, out);
    }

    fn node(self) -> Option<Node<'t>> {
        None
    }
}

/// Whether two values are equal. Numbers are compared by value, objects without regard to the order of their keys.
pub(crate) fn same<'t, T: Tree<'t>>(a: T, b: T) -> bool {
    /// Values that are compared before the digests are. Most differences are found sooner.
    const WALKED_FIRST: usize = 8;
    if a.surely_same(b) {
        return true;
    }
    // The digests are computed once for each value, so that the cost stays linear at any depth of the difference.
    let first = same_within(a, b, WALKED_DEPTH, &mut { WALKED_FIRST });
    first.unwrap_or_else(|| {
        let all = || same_within(a, b, WALKED_DEPTH, &mut { usize::MAX });
        !a.surely_differs(b) && all() == Some(true)
    })
}

/// Compares two numbers by value, or two texts by the times, numbers or words in them. Returns `None` for anything
/// else.
pub(crate) fn order<'t, T: Tree<'t>>(a: T, b: T) -> Option<Ordering> {
    match (a.view(), b.view()) {
        (View::Number(a), View::Number(b)) => a.order(b),
        (View::String(a), View::String(b)) => spelling::order(a, b),
        _ => None,
    }
}

/// Compares up to `left` values. Returns `None` if these are equal and there are more.
fn same_within<'t, T: Tree<'t>>(a: T, b: T, depth: usize, left: &mut usize) -> Option<bool> {
    *left = left.checked_sub(1)?;
    Some(match (a.view(), b.view()) {
        (View::Null, View::Null) => true,
        (View::Bool(a), View::Bool(b)) => a == b,
        (View::Number(a), View::Number(b)) => a.same(b),
        (View::String(a), View::String(b)) | (View::Torn(a), View::Torn(b)) => a == b,
        (View::Array, View::Array) if depth > 0 => return same_elements(a, b, depth - 1, left),
        (View::Object, View::Object) if depth > 0 => return same_members(a, b, depth - 1, left),
        _ => false,
    })
}

fn same_elements<'t, T: Tree<'t>>(a: T, b: T, depth: usize, left: &mut usize) -> Option<bool> {
    let (mut a, mut b) = (a.each_element(), b.each_element());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Some(true),
            (Some(a), Some(b)) if same_within(a, b, depth, left)? => {}
            _ => return Some(false),
        }
    }
}

fn same_members<'t, T: Tree<'t>>(a: T, b: T, depth: usize, left: &mut usize) -> Option<bool> {
    let (mut next_a, mut next_b) = (a.each_member(), b.each_member());
    loop {
        match (next_a.next(), next_b.next()) {
            (None, None) => return Some(true),
            (Some((key, a)), Some((other, b))) if key.name == other.name => {
                if !same_within(a, b, depth, left)? {
                    return Some(false);
                }
            }
            (Some(_), Some(_)) => break,
            _ => return Some(false),
        }
    }
    // The members have another order.
    let (a, b) = (a.members(), b.members());
    if a.len() != b.len() {
        return Some(false);
    }
    let mut in_b = Finder::new(&b);
    for (key, a) in &a {
        let Some(at) = in_b.get(key.name) else {
            return Some(false);
        };
        if !same_within(*a, b[at].1, depth, left)? {
            return Some(false);
        }
    }
    Some(true)
}

fn digest<'t, T: Tree<'t>>(value: T, depth: usize) -> u64 {
    let mut out = Digest::default();
    match value.view() {
        View::Null => out.word(1),
        View::Bool(b) => out.word(2 + u64::from(b)),
        View::Number(n) => {
            out.word(4);
            n.feed(&mut out);
        }
        View::String(s) => {
            out.word(5);
            out.bytes(s.as_bytes());
        }
        View::Torn(s) => {
            out.word(9);
            out.bytes(s.as_bytes());
        }
        View::Array | View::Object if depth == 0 => out.word(8),
        View::Array => {
            out.word(6);
            for element in value.each_element() {
                out.word(element.digest_within(depth - 1));
            }
        }
        View::Object => {
            out.word(7);
            // A sum, because the order of keys does not matter.
            let sum = value.each_member().fold(0_u64, |sum, (key, member)| {
                let mut one = Digest::default();
                one.bytes(key.name.as_bytes());
                one.word(member.digest_within(depth - 1));
                sum.wrapping_add(one.finish())
            });
            out.word(sum);
        }
    }
    out.finish()
}

pub(crate) fn to_value<'t, T: Tree<'t>>(value: T) -> Value {
    match value.view() {
        View::Null => Value::Null,
        View::Bool(b) => Value::Bool(b),
        View::Number(n) => Value::Number(n.held()),
        View::String(s) => Value::String(s.to_owned()),
        View::Torn(s) => Value::String(write::without_halves(s).into_owned()),
        View::Array => Value::Array(value.each_element().map(Tree::to_value).collect()),
        View::Object => Value::Object(
            value
                .each_member()
                .map(|(k, v)| (write::without_halves(k.name).into_owned(), v.to_value()))
                .collect(),
        ),
    }
}

/// Finds members by name. A lookup is immediate if the names are requested in the order of the members, and uses a
/// table for large objects in any other order.
pub(crate) struct Finder<'s, 't, T> {
    members: &'s [(Key<'t>, T)],
    cursor: usize,
    table: Option<Table<&'t str, usize>>,
}

impl<'s, 't, T> Finder<'s, 't, T> {
    const SCANNED: usize = 12;

    pub(crate) fn new(members: &'s [(Key<'t>, T)]) -> Self {
        Self {
            members,
            cursor: 0,
            table: None,
        }
    }

    pub(crate) fn get(&mut self, name: &str) -> Option<usize> {
        let is = |at: usize| {
            self.members
                .get(at)
                .is_some_and(|(key, _)| key.name == name)
        };
        let found = if is(self.cursor) {
            Some(self.cursor)
        } else if is(self.cursor + 1) {
            Some(self.cursor + 1)
        } else if self.members.len() <= Self::SCANNED {
            self.members.iter().position(|(key, _)| key.name == name)
        } else {
            let members = self.members;
            let fill = || {
                members
                    .iter()
                    .enumerate()
                    .map(|(at, (key, _))| (key.name, at))
                    .collect()
            };
            self.table.get_or_insert_with(fill).get(name).copied()
        };
        if let Some(at) = found {
            self.cursor = at + 1;
        }
        found
    }
}
