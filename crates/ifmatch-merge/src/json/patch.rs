//! The difference between two documents, as a JSON Merge Patch and as a JSON Patch.

use std::fmt;

pub use super::apply::{PatchError, apply_json_patch, apply_merge_patch};

use super::align::{Replaced, array_differences};
use super::document::Document;
use super::pointer;
use super::tape::{Node, Tape};
use super::tree::{Finder, Tree, View, same};
use super::write;

/// A difference that a JSON Merge Patch cannot express.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotExpressible {
    pointer: String,
}

impl NotExpressible {
    /// Returns the pointer of the value that cannot be expressed.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }
}

impl fmt::Display for NotExpressible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => f.write_str("a merge patch can only change an object"),
            pointer => write!(f, "a merge patch cannot set {pointer} to null"),
        }
    }
}

impl std::error::Error for NotExpressible {}

/// Creates the JSON Merge Patch (RFC 7396) that turns one document into the other.
///
/// # Errors
///
/// Returns an error if a member would have to be set to `null`, which a merge patch treats as a removal, or if one
/// of the documents is not an object.
///
/// # Example
///
/// ```
/// # use ifmatch_merge as ifmatch;
/// use ifmatch::json::{Document, patch::merge_patch};
///
/// let from = Document::parse(br#"{"a": 1, "b": {"c": 1, "d": 2}}"#)?;
/// let to = Document::parse(br#"{"b": {"c": 1.50, "d": 2}}"#)?;
/// assert_eq!(merge_patch(&from, &to).unwrap().as_str(), r#"{"b":{"c":1.50},"a":null}"#);
/// # Ok::<(), ifmatch::json::JsonError>(())
/// ```
pub fn merge_patch(from: &Document, to: &Document) -> Result<Document, NotExpressible> {
    let (from, to) = (
        Tape::from_trusted(from.as_str()),
        Tape::from_trusted(to.as_str()),
    );
    let (from, to) = (from.root(), to.root());
    if !matches!((from.view(), to.view()), (View::Object, View::Object)) {
        return Err(NotExpressible {
            pointer: String::new(),
        });
    }
    let mut out = String::new();
    members_patch(Some(from), to, &mut String::new(), &mut out)?;
    Ok(Document::from_trusted(out))
}

/// Writes the members to set and to remove in an object. Without `from`, all members are set.
fn members_patch(
    from: Option<Node<'_>>,
    to: Node<'_>,
    path: &mut String,
    out: &mut String,
) -> Result<(), NotExpressible> {
    let (fm, tm) = (from.map(Tree::members).unwrap_or_default(), to.members());
    let (mut in_from, mut in_to) = (Finder::new(&fm), Finder::new(&tm));
    out.push('{');
    let empty = out.len();
    for (key, new) in &tm {
        let old = in_from.get(key.name).map(|at| fm[at].1);
        let from = old.filter(|old| matches!(old.view(), View::Object));
        let is_object = matches!(new.view(), View::Object);
        // Objects are not compared before they are walked, so that the cost stays linear at any depth.
        let walks_both = is_object && from.is_some();
        let is_same = |old: Node<'_>| old.raw() == new.raw() || (!walks_both && same(old, *new));
        if old.is_some_and(is_same) {
            continue;
        }
        let (length, start) = (path.len(), out.len());
        pointer::push(path, key.name);
        if out.len() > empty {
            out.push(',');
        }
        out.push_str(key.raw);
        out.push(':');
        if is_object {
            let value = out.len();
            members_patch(from, *new, path, out)?;
            if walks_both && &out[value..] == "{}" {
                out.truncate(start);
            }
        } else if matches!(new.view(), View::Null) {
            return Err(NotExpressible {
                pointer: path.clone(),
            });
        } else {
            new.write(out);
        }
        path.truncate(length);
    }
    for (key, _) in &fm {
        if in_to.get(key.name).is_none() {
            if out.len() > empty {
                out.push(',');
            }
            out.push_str(key.raw);
            out.push_str(":null");
        }
    }
    out.push('}');
    Ok(())
}

/// Creates the JSON Patch (RFC 6902) that turns one document into the other.
///
/// Each removal and replacement is preceded by a `test` of the old value, so the whole patch fails on a document
/// in which another client changed that value. Arrays are aligned, so an insertion is one operation.
///
/// # Example
///
/// ```
/// # use ifmatch_merge as ifmatch;
/// use ifmatch::json::{Document, patch::json_patch};
///
/// let from = Document::parse(br#"{"list": [2, 3]}"#)?;
/// let to = Document::parse(br#"{"list": [1, 2, 3]}"#)?;
/// assert_eq!(json_patch(&from, &to).as_str(), r#"[{"op":"add","path":"/list/0","value":1}]"#);
/// # Ok::<(), ifmatch::json::JsonError>(())
/// ```
pub fn json_patch(from: &Document, to: &Document) -> Document {
    json_patch_if(from, to, &[])
}

/// Creates a patch like [`json_patch`], preceded by a `test` of each given place and value.
#[doc(hidden)]
pub fn json_patch_if(from: &Document, to: &Document, first: &[(&str, Document)]) -> Document {
    let (from, to) = (
        Tape::from_trusted(from.as_str()),
        Tape::from_trusted(to.as_str()),
    );
    let mut patch = Patch {
        out: String::from("["),
        path: String::new(),
    };
    for (place, value) in first {
        patch.path.push_str(place);
        patch.operation("test", Some(Tape::from_trusted(value.as_str()).root()));
        patch.path.clear();
    }
    patch.place(from.root(), to.root());
    patch.out.push(']');
    Document::from_trusted(patch.out)
}

struct Patch {
    out: String,
    path: String,
}

impl Patch {
    fn place(&mut self, from: Node<'_>, to: Node<'_>) {
        match (from.view(), to.view()) {
            (View::Object, View::Object) => self.objects(from, to),
            (View::Array, View::Array) => self.arrays(&from.elements(), &to.elements()),
            _ if same(from, to) => {}
            _ => {
                self.operation("test", Some(from));
                self.operation("replace", Some(to));
            }
        }
    }

    fn objects(&mut self, from: Node<'_>, to: Node<'_>) {
        if from.raw() == to.raw() {
            return;
        }
        let (fm, tm) = (from.members(), to.members());
        let (mut in_from, mut in_to) = (Finder::new(&fm), Finder::new(&tm));
        for (key, old) in &fm {
            if in_to.get(key.name).is_none() {
                self.within(key.name, |patch| patch.remove(*old));
            }
        }
        for (key, new) in &tm {
            let old = in_from.get(key.name).map(|at| fm[at].1);
            self.within(key.name, |patch| match old {
                Some(old) => patch.place(old, *new),
                None => patch.operation("add", Some(*new)),
            });
        }
    }

    /// Works from the last element to the first, so that no operation shifts the index of a later one.
    fn arrays(&mut self, from: &[Node<'_>], to: &[Node<'_>]) {
        for Replaced { old, new } in array_differences(from, to).into_iter().rev() {
            let paired = old.len().min(new.len());
            for at in (old.start + paired..old.end).rev() {
                self.within(&at.to_string(), |patch| patch.remove(from[at]));
            }
            for (at, added) in (old.start + paired..).zip(new.start + paired..new.end) {
                self.within(&at.to_string(), |patch| {
                    patch.operation("add", Some(to[added]));
                });
            }
            for (at, replaced) in old.zip(new) {
                self.within(&at.to_string(), |patch| patch.place(from[at], to[replaced]));
            }
        }
    }

    fn within(&mut self, token: &str, write: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        pointer::push(&mut self.path, token);
        write(self);
        self.path.truncate(length);
    }

    fn remove(&mut self, old: Node<'_>) {
        self.operation("test", Some(old));
        self.operation("remove", None);
    }

    fn operation(&mut self, name: &str, value: Option<Node<'_>>) {
        if self.out.len() > 1 {
            self.out.push(',');
        }
        self.out.push_str("{\"op\":\"");
        self.out.push_str(name);
        self.out.push_str("\",\"path\":");
        write::string(&self.path, &mut self.out);
        if let Some(value) = value {
            self.out.push_str(",\"value\":");
            self.out.push_str(value.raw());
        }
        self.out.push('}');
    }
}
