//! [`FieldConflict`]: a place that no rule settles.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::json::{self, Document, Tree, View};

/// One of the two sides of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The desired state.
    Local,
    /// The current state.
    Remote,
}

/// The reason why a place could not be merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConflictKind {
    /// Both sides changed the place to different states.
    BothChanged,
    /// Both sides added the place in different states, or there is no base to compare with.
    BothAdded,
    /// The local side removed the place, and the remote side changed it.
    DeletedHere,
    /// The remote side removed the place, and the local side changed it.
    DeletedThere,
    /// The sides hold values of different types.
    TypeChanged,
    /// The sides hold different variants of an enum.
    VariantChanged,
    /// Both sides reordered different elements of a keyed list.
    Order,
    /// Both sides moved the same elements of a keyed list to different positions.
    MovedApart,
    /// The sum of both changes exceeds the range of the counter.
    Overflow,
    /// A counter holds a value that is not a number.
    NotANumber,
    /// Two elements of a keyed list have the same key.
    DuplicateKey,
    /// An element of a keyed list has no key.
    MissingKey,
    /// The key of an element is a number on one side and a string on another.
    MixedKeys,
    /// The merge function failed or panicked.
    FunctionFailed,
    /// The values are nested deeper than the merge walks.
    TooDeep,
}

impl ConflictKind {
    fn sentence(self) -> &'static str {
        match self {
            Self::BothChanged => "both sides changed it",
            Self::BothAdded => "both sides added it",
            Self::DeletedHere => "removed here, changed there",
            Self::DeletedThere => "changed here, removed there",
            Self::TypeChanged => "the sides hold different types",
            Self::VariantChanged => "the sides hold different variants",
            Self::Order => "both sides reordered it",
            Self::MovedApart => "both sides moved the same elements to different places",
            Self::Overflow => "the sum of both changes is out of range",
            Self::NotANumber => "a counter that is not a number",
            Self::DuplicateKey => "two elements have the same key",
            Self::MissingKey => "an element has no key",
            Self::MixedKeys => "a key is a number on one side and a string on another",
            Self::FunctionFailed => "the merge function failed",
            Self::TooDeep => "nested too deep to be merged",
        }
    }
}

impl fmt::Display for ConflictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

/// A place that both sides changed and that no rule settles, with its three states.
///
/// `None` means that the side does not have the place, which is not the same as `null`. `Display` shows the
/// values, as a unified diff if they are texts. `Debug` does not show them, because conflicts end up in logs.
///
/// # Example
///
/// ```
/// # use ifmatch_merge as ifmatch;
/// use ifmatch::merge::{ConflictKind, ThreeWay};
/// use serde_json::json;
///
/// let merged = ThreeWay::default().merge_json(Some(&json!({"n": 1})), &json!({"n": 2}), &json!({"n": 3}));
/// let conflict = &merged.conflicts[0];
/// assert_eq!((conflict.pointer.as_str(), conflict.kind), ("/n", ConflictKind::BothChanged));
/// assert_eq!(merged.value, json!({"n": 3}));
/// ```
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct FieldConflict {
    /// The place, as a JSON Pointer into the merged document.
    pub pointer: String,
    /// The reason for the conflict.
    pub kind: ConflictKind,
    /// The state that both sides started from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Value>,
    /// The local state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<Value>,
    /// The remote state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<Value>,
    /// The texts of local and remote, where a `Value` would round them.
    #[serde(skip)]
    exact: [Option<Document>; 2],
}

impl FieldConflict {
    /// Creates a conflict, for strategies and tests.
    pub fn new(
        pointer: impl Into<String>,
        kind: ConflictKind,
        base: Option<Value>,
        local: Option<Value>,
        remote: Option<Value>,
    ) -> Self {
        Self {
            pointer: pointer.into(),
            kind,
            base,
            local,
            remote,
            exact: [None, None],
        }
    }

    pub(crate) fn of<'t, T: Tree<'t>>(
        pointer: &str,
        kind: ConflictKind,
        sides: [Option<T>; 3],
    ) -> Self {
        let [base, local, remote] = sides;
        let value = |side: Option<T>| side.map(Tree::to_value);
        let mut conflict = Self::new(pointer, kind, value(base), value(local), value(remote));
        conflict.exact =
            [local, remote].map(|side| side.filter(|s| !is_held_exactly(*s)).map(text_of));
        conflict
    }

    /// Returns the state of one side, with the text of its numbers if it is known.
    pub(crate) fn side(&self, side: Side) -> Option<Document> {
        let (exact, value) = match side {
            Side::Local => (&self.exact[0], &self.local),
            Side::Remote => (&self.exact[1], &self.remote),
        };
        exact
            .clone()
            .or_else(|| value.as_ref().map(Document::from_value))
    }
}

fn text_of<'t, T: Tree<'t>>(value: T) -> Document {
    let mut text = String::new();
    value.write(&mut text);
    Document::from_trusted(text)
}

fn is_held_exactly<'t, T: Tree<'t>>(value: T) -> bool {
    match value.view() {
        View::Number(number) => number.is_held_as_text(),
        View::Array => value.each_element().all(is_held_exactly),
        // The order of keys is part of the text, so objects keep their text.
        View::Object => value.node().is_none(),
        View::Torn(_) => false,
        _ => true,
    }
}

impl PartialEq for FieldConflict {
    fn eq(&self, other: &Self) -> bool {
        self.pointer == other.pointer
            && self.kind == other.kind
            && self.base == other.base
            && self.local == other.local
            && self.remote == other.remote
    }
}

impl fmt::Debug for FieldConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldConflict")
            .field("pointer", &self.pointer)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for FieldConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() {
            "the whole document"
        } else {
            &self.pointer
        };
        writeln!(f, "{place}: {}", self.kind)?;
        let [base, local, remote] =
            [&self.base, &self.local, &self.remote].map(|side| side.as_ref().map(Shown::of));
        let sides = || [&base, &local, &remote].into_iter().flatten();
        if sides().all(|side| side.is_short) {
            line(f, "base", base.as_ref())?;
            line(f, "local", local.as_ref())?;
            return line(f, "remote", remote.as_ref());
        }
        match (&base, &local, &remote) {
            (None, Some(local), Some(remote)) => {
                unified(f, ["remote", "local"], [&remote.text, &local.text])
            }
            (base, local, remote) => {
                let base = base.as_ref().map_or("", |base| &base.text);
                for (name, side) in [("local", local), ("remote", remote)] {
                    match side {
                        Some(side) => unified(f, ["base", name], [base, &side.text])?,
                        None => line(f, name, None)?,
                    }
                }
                Ok(())
            }
        }
    }
}

/// A value formatted for people: multi-line strings unquoted, anything else as JSON.
struct Shown {
    text: String,
    /// Whether it fits on one line.
    is_short: bool,
}

impl Shown {
    fn of(value: &Value) -> Self {
        let text = match value {
            Value::String(text) if text.contains('\n') => text.clone(),
            _ => format!("{value:#}"),
        };
        Self {
            is_short: !text.contains('\n'),
            text,
        }
    }
}

/// Maximum number of characters shown in a line.
const PRINTED_LINE: usize = 1000;

fn line(f: &mut fmt::Formatter<'_>, name: &str, value: Option<&Shown>) -> fmt::Result {
    let Some(Shown { text, .. }) = value else {
        return writeln!(f, "  {name:<6} (absent)");
    };
    match text.char_indices().nth(PRINTED_LINE) {
        None => writeln!(f, "  {name:<6} {text}"),
        Some((end, _)) => writeln!(f, "  {name:<6} {}… ({} bytes)", &text[..end], text.len()),
    }
}

/// Maximum size in bytes of a text that is shown as a diff. A larger diff is costly and too long to read.
const PRINTED_DIFF: usize = 256 * 1024;

fn unified(f: &mut fmt::Formatter<'_>, names: [&str; 2], texts: [&str; 2]) -> fmt::Result {
    if texts.iter().any(|text| text.len() > PRINTED_DIFF) {
        let [old, new] = texts.map(str::len);
        return writeln!(f, "  {}: {old} bytes, {}: {new} bytes", names[0], names[1]);
    }
    let diff = similar::TextDiff::configure()
        .algorithm(similar::Algorithm::Histogram)
        .diff_lines(texts[0], texts[1]);
    let mut shown = diff.unified_diff();
    write!(f, "{}", shown.context_radius(2).header(names[0], names[1]))
}

/// Whether two values have different types.
pub(crate) fn types_differ(a: View<'_>, b: View<'_>) -> bool {
    !matches!(
        (a, b),
        (View::Null, View::Null)
            | (View::Bool(_), View::Bool(_))
            | (View::Number(_), View::Number(_))
            | (
                View::String(_) | View::Torn(_),
                View::String(_) | View::Torn(_)
            )
            | (View::Array, View::Array)
            | (View::Object, View::Object)
    )
}

/// Whether two values are equal. All rules use this function, so that they compare in the same way.
pub(crate) fn same<'t, T: Tree<'t>>(a: T, b: T) -> bool {
    json::same(a, b)
}
