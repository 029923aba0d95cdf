//! Checks members that a type writes or reads, but not both. A member that is only written must be in the result. A
//! member that was left out on writing must not be read.

use crate::json::{self, Document, Node, Tree, View, same};

/// Whether `whole` contains everything in `part`.
fn is_part(part: Node<'_>, whole: Node<'_>) -> bool {
    match (part.view(), whole.view()) {
        (View::Object, View::Object) => {
            let members = whole.members();
            let mut found = json::Finder::new(&members);
            part.each_member().all(|(key, part)| {
                let at = found.get(key.name);
                at.is_some_and(|at| is_part(part, members[at].1))
            })
        }
        (View::Array, View::Array) => {
            let (part, whole) = (part.elements(), whole.elements());
            part.len() == whole.len() && part.iter().zip(&whole).all(|(p, w)| is_part(*p, *w))
        }
        _ => same(part, whole),
    }
}

/// Returns the pointer of a member that the value has, the type does not read, and the result lacks.
pub(super) fn unwritten(after: &Document, want: &Document, result: &Document) -> Option<String> {
    fn walk(
        after: Node<'_>,
        want: Node<'_>,
        result: Option<Node<'_>>,
        pointer: &mut String,
    ) -> bool {
        let Some(result) = result else { return false };
        match (after.view(), want.view()) {
            (View::Object, View::Object) => {
                let (a, w, r) = (after.members(), want.members(), result.members());
                let (mut in_want, mut in_result) = (json::Finder::new(&w), json::Finder::new(&r));
                for (key, value) in &a {
                    let there = in_result.get(key.name).map(|at| r[at].1);
                    let length = pointer.len();
                    json::push_token(pointer, key.name);
                    let found = match in_want.get(key.name) {
                        Some(at) => walk(*value, w[at].1, there, pointer),
                        // Empty values may have been left out because they carry no information.
                        None => {
                            !matches!(value.view(), View::Null)
                                && there.is_none_or(|there| !same(there, *value))
                        }
                    };
                    if found {
                        return true;
                    }
                    pointer.truncate(length);
                }
                false
            }
            (View::Array, View::Array) => {
                let (a, w, r) = (after.elements(), want.elements(), result.elements());
                let in_order = a.iter().zip(&w).all(|(a, w)| is_part(*w, *a));
                if a.len() != w.len() || a.len() != r.len() || !in_order {
                    return false;
                }
                for (at, ((a, w), r)) in a.iter().zip(&w).zip(&r).enumerate() {
                    let length = pointer.len();
                    json::push_token(pointer, &at.to_string());
                    if walk(*a, *w, Some(*r), pointer) {
                        return true;
                    }
                    pointer.truncate(length);
                }
                false
            }
            _ => false,
        }
    }
    let mut pointer = String::new();
    after
        .with_root(|a| want.with_root(|w| result.with_root(|r| walk(a, w, Some(r), &mut pointer))))
        .then_some(pointer)
}

/// Returns the pointer of a member that the type reads although the value was written without it.
pub(super) fn unsaid(after: &Document, want: &Document) -> Option<String> {
    fn walk(after: Node<'_>, want: Node<'_>, pointer: &mut String) -> bool {
        let mut step = |token: &str, after: Option<Node<'_>>, want: Node<'_>| {
            let length = pointer.len();
            json::push_token(pointer, token);
            let found = after.is_none_or(|after| walk(after, want, pointer));
            if !found {
                pointer.truncate(length);
            }
            found
        };
        match (after.view(), want.view()) {
            (View::Object, View::Object) => {
                let members = after.members();
                let mut in_after = json::Finder::new(&members);
                want.each_member().any(|(key, want)| {
                    let after = in_after.get(key.name).map(|at| members[at].1);
                    step(key.name, after, want)
                })
            }
            (View::Array, View::Array) => {
                let (a, w) = (after.elements(), want.elements());
                // If the order differs, it is unknown which element became which.
                let in_order = a.len() == w.len() && a.iter().zip(&w).all(|(a, w)| is_part(*a, *w));
                let mut pairs = a.iter().zip(&w).enumerate();
                in_order && pairs.any(|(at, (a, w))| step(&at.to_string(), Some(*a), *w))
            }
            _ => false,
        }
    }
    let mut pointer = String::new();
    let found = after.with_root(|a| want.with_root(|w| walk(a, w, &mut pointer)));
    found.then_some(pointer)
}
