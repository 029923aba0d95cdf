//! The places in which two states of a document differ.

use super::conflict::same;
use super::diff;
use super::keyed::key_of;
use super::plan::Cursor;
use super::policy::Policy;
use super::rule::Rule;
use crate::json::{self, Document, Finder, Node, Tape, Tree, View, WALKED_DEPTH};

/// A place in which two states of a document differ.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// Where, as a JSON Pointer.
    pub pointer: String,
    /// The state before; `None` if it was not there.
    pub before: Option<Document>,
    /// The state after; `None` if it is not there any more.
    pub after: Option<Document>,
    /// Whether the rule of the place, or of a place within that changed too, is operation-like: applying
    /// the change twice differs from applying it once.
    pub operation_like: bool,
}

/// The smallest places in which two states differ, in document order of the second one.
///
/// Objects are walked; anything else is one place, a list with keys too.
///
/// # Example
///
/// ```
/// # use ifmatch_merge as ifmatch;
/// use ifmatch::json::Document;
/// use ifmatch::merge::{Policy, Rule, changes};
///
/// let before = Document::parse(br#"{"a":{"n":1,"x":0},"b":[1]}"#)?;
/// let after = Document::parse(br#"{"a":{"n":2,"x":0},"b":[1,2]}"#)?;
/// let changed = changes(&before, &after, &Policy::new().field("/a/n", Rule::Counter));
/// let shown: Vec<_> = changed.iter().map(|c| (c.pointer.as_str(), c.operation_like)).collect();
/// assert_eq!(shown, [("/a/n", true), ("/b", false)]);
/// # Ok::<(), ifmatch::json::JsonError>(())
/// ```
pub fn changes(before: &Document, after: &Document, policy: &Policy) -> Vec<Change> {
    let plan = policy.plan();
    let mut found = Vec::new();
    let (before, after) = (
        Tape::of_checked(before.as_str()),
        Tape::of_checked(after.as_str()),
    );
    walk(
        Some(before.root()),
        Some(after.root()),
        Cursor::new(plan),
        &mut String::new(),
        0,
        &mut found,
    );
    found
}

fn walk<'t>(
    before: Option<Node<'t>>,
    after: Option<Node<'t>>,
    cursor: Cursor<'_>,
    path: &mut String,
    depth: usize,
    found: &mut Vec<Change>,
) {
    if let (Some(b), Some(a)) = (before, after)
        && let (View::Object, View::Object) = (b.view(), a.view())
        && let (Rule::Auto, true) = (cursor.rule(a.view()), depth < WALKED_DEPTH)
    {
        if b.raw() == a.raw() {
            return;
        }
        let (bm, am) = (b.members(), a.members());
        let (mut in_before, mut in_after) = (Finder::new(&bm), Finder::new(&am));
        let fields = cursor.fields(a);
        let mut member = |name: &str, b, a| {
            let length = path.len();
            json::push_token(path, name);
            walk(b, a, cursor.member(&fields, name), path, depth + 1, found);
            path.truncate(length);
        };
        for (key, a) in &am {
            member(
                key.name,
                in_before.get(key.name).map(|at| bm[at].1),
                Some(*a),
            );
        }
        for (key, b) in &bm {
            if in_after.get(key.name).is_none() {
                member(key.name, Some(*b), None);
            }
        }
        return;
    }
    if let (Some(b), Some(a)) = (before, after)
        && same(b, a)
    {
        return;
    }
    let text = |node: Node<'_>| Document::of_checked(node.raw());
    found.push(Change {
        pointer: path.clone(),
        before: before.map(text),
        after: after.map(text),
        operation_like: is_operation(before, after, cursor, depth),
    });
}

/// Whether a changed place, or a changed one within, has an operation-like rule.
fn is_operation<'t, T: Tree<'t>>(
    before: Option<T>,
    after: Option<T>,
    cursor: Cursor<'_>,
    depth: usize,
) -> bool {
    let Some(one) = after.or(before) else {
        return false;
    };
    if let (Some(b), Some(a)) = (before, after)
        && same(b, a)
    {
        return false;
    }
    let rule = cursor.rule(one.view());
    if rule.is_operation_like() {
        return true;
    }
    if depth >= WALKED_DEPTH {
        return false;
    }
    match (rule, one.view()) {
        (Rule::Auto, View::Object) => {
            let members = |side: Option<T>| side.map(Tree::members).unwrap_or_default();
            let (bm, am) = (members(before), members(after));
            let (mut in_before, mut in_after) = (Finder::new(&bm), Finder::new(&am));
            let fields = cursor.fields(one);
            am.iter().any(|(key, a)| {
                let b = in_before.get(key.name).map(|at| bm[at].1);
                is_operation(b, Some(*a), cursor.member(&fields, key.name), depth + 1)
            }) || bm.iter().any(|(key, b)| {
                in_after.get(key.name).is_none()
                    && is_operation(Some(*b), None, cursor.member(&fields, key.name), depth + 1)
            })
        }
        (Rule::Auto | Rule::Keyed(_), View::Array) => {
            let elements = |side: Option<T>| side.map(Tree::elements).unwrap_or_default();
            let (be, ae) = (elements(before), elements(after));
            let pairs = match rule {
                Rule::Keyed(by) => {
                    let key = |element: &T| key_of(*element, by, cursor);
                    diff::matched(
                        &be.iter().map(key).collect::<Vec<_>>(),
                        &ae.iter().map(key).collect::<Vec<_>>(),
                    )
                }
                _ if be.len() == ae.len() => (0..ae.len()).map(|at| (Some(at), Some(at))).collect(),
                _ => {
                    let digest = |element: &T| Some(element.digest());
                    diff::matched(
                        &be.iter().map(digest).collect::<Vec<_>>(),
                        &ae.iter().map(digest).collect::<Vec<_>>(),
                    )
                }
            };
            let element = |(b, a): (Option<usize>, Option<usize>)| {
                is_operation(
                    b.map(|at| be[at]),
                    a.map(|at| ae[at]),
                    cursor.element(),
                    depth + 1,
                )
            };
            pairs.into_iter().any(element)
        }
        _ => false,
    }
}
