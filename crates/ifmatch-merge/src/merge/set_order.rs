//! Compares documents where the order of some lists does not matter.

use super::changes::{ChangedPlace, Walk};
use super::compiled::CompiledPolicy;
use super::cursor::Cursor;
use super::policy::Policy;
use super::rule::Rule;
use crate::json::{Document, Tape, Tree};

/// Whether two documents differ in nothing but the order of elements in sets.
pub fn same_but_for_sets(one: &Document, other: &Document, policy: &Policy) -> bool {
    let compiled = CompiledPolicy::of(policy);
    let [one, other] = [one, other].map(|it| Tape::from_trusted(it.as_str()));
    let mut is_same = true;
    let mut walk = Walk::new(|_: &str, place: &ChangedPlace<'_, '_>| {
        is_same &= is_reordered_set(place);
    });
    walk.place(ChangedPlace {
        before: Some(one.root()),
        after: Some(other.root()),
        third: None,
        cursor: Cursor::new(&compiled),
        depth: 0,
        another_variant: false,
    });
    is_same
}

fn is_reordered_set(place: &ChangedPlace<'_, '_>) -> bool {
    let (Some(before), Some(after)) = (place.before, place.after) else {
        return false;
    };
    if !matches!(place.cursor.rule(after.view()), Rule::Set) {
        return false;
    }
    let [before, after] = [before, after].map(|side| {
        let mut elements: Vec<_> = side.elements().iter().map(|it| it.raw()).collect();
        elements.sort_unstable();
        elements
    });
    before == after
}
