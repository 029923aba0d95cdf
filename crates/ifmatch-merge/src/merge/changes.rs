//! The places in which two states of a document differ.

use super::conflict::same;
use super::cursor::Cursor;
use super::diff;
use super::keyed::key_of;
use super::object::variant_differs;
use super::policy::Policy;
use super::rule::Rule;
use crate::json::{self, Document, Finder, Node, Tape, Tree, View, WALKED_DEPTH};

/// A place in which two states of a document differ.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// The place, as a JSON Pointer.
    pub pointer: String,
    /// The state before the change. `None` if the place did not exist.
    pub before: Option<Document>,
    /// The state after the change. `None` if the place no longer exists.
    pub after: Option<Document>,
    /// Whether the rule of the place, or of a changed place within it, is operation-like. Applying such a change
    /// twice differs from applying it once.
    pub operation_like: bool,
}

/// Returns the smallest places in which two states differ, in document order of the second state.
///
/// Objects are walked. Any other value counts as one place, including a list with keys.
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
    let compiled = policy.compiled();
    let documents = [before, after];
    let [old, new] = documents.map(|it| Tape::from_trusted(it.as_str()));
    let mut found = Vec::new();
    let mut walk = Walk::new(|pointer, place: &ChangedPlace<'_, '_>| {
        found.push(place.change(pointer, documents));
    });
    walk.place(ChangedPlace {
        before: Some(old.root()),
        after: Some(new.root()),
        third: None,
        cursor: Cursor::new(compiled),
        depth: 0,
        another_variant: false,
    });
    found
}

/// A place in two states that may differ there, and in a third state that is compared with them.
#[derive(Clone, Copy)]
pub(super) struct ChangedPlace<'t, 'p> {
    pub(super) before: Option<Node<'t>>,
    pub(super) after: Option<Node<'t>>,
    pub(super) third: Option<Node<'t>>,
    pub(super) cursor: Cursor<'p>,
    pub(super) depth: usize,
    /// Whether the place lies in an enum for which the third state holds another variant than the state before.
    pub(super) another_variant: bool,
}

impl ChangedPlace<'_, '_> {
    /// Returns the change as parts of the documents before and after.
    pub(super) fn change(&self, pointer: &str, [before, after]: [&Document; 2]) -> Change {
        Change {
            pointer: pointer.to_owned(),
            before: self.before.map(|node| before.part(node)),
            after: self.after.map(|node| after.part(node)),
            operation_like: is_operation(self.before, self.after, self.cursor, self.depth),
        }
    }
}

/// A walk over the states that reports each of the smallest places that differ.
pub(super) struct Walk<F> {
    path: String,
    show: F,
}

impl<F: FnMut(&str, &ChangedPlace<'_, '_>)> Walk<F> {
    pub(super) fn new(show: F) -> Self {
        let path = String::new();
        Self { path, show }
    }

    pub(super) fn place(&mut self, place: ChangedPlace<'_, '_>) {
        let (Some(b), Some(a)) = (place.before, place.after) else {
            return (self.show)(&self.path, &place);
        };
        if b.raw() == a.raw() {
            return;
        }
        if let (View::Object, View::Object) = (b.view(), a.view())
            && let (Rule::Auto, true) = (place.cursor.rule(a.view()), place.depth < WALKED_DEPTH)
        {
            return self.members(place, b, a);
        }
        if !same(b, a) {
            (self.show)(&self.path, &place);
        }
    }

    fn members<'t>(&mut self, object: ChangedPlace<'t, '_>, before: Node<'t>, after: Node<'t>) {
        let third = object
            .third
            .filter(|third| matches!(third.view(), View::Object));
        let another_variant = object.another_variant
            || third.is_some_and(|third| variant_differs(object.cursor, before, third));
        let (bm, am) = (before.members(), after.members());
        let tm = third.map(Tree::members).unwrap_or_default();
        let (mut in_before, mut in_after) = (Finder::new(&bm), Finder::new(&am));
        let mut in_third = Finder::new(&tm);
        let fields = object.cursor.fields(after);
        let mut member = |name: &str, before: Option<Node<'t>>, after: Option<Node<'t>>| {
            let length = self.path.len();
            json::push_token(&mut self.path, name);
            self.place(ChangedPlace {
                before,
                after,
                third: in_third.get(name).map(|at| tm[at].1),
                cursor: object.cursor.member(&fields, name),
                depth: object.depth + 1,
                another_variant,
            });
            self.path.truncate(length);
        };
        for (key, a) in &am {
            let b = in_before.get(key.name).map(|at| bm[at].1);
            if b.is_none_or(|b| b.raw() != a.raw()) {
                member(key.name, b, Some(*a));
            }
        }
        for (key, b) in &bm {
            if in_after.get(key.name).is_none() {
                member(key.name, Some(*b), None);
            }
        }
    }
}

/// Whether a changed place, or a changed place within it, has an operation-like rule.
fn is_operation<'t, T: Tree<'t>>(
    before: Option<T>,
    after: Option<T>,
    cursor: Cursor<'_>,
    depth: usize,
) -> bool {
    let Some(one) = after.or(before).filter(|_| cursor.is_operation_like()) else {
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
