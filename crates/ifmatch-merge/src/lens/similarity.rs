//! How much two values have in common.

use crate::json::{self, Node, Tree, View, same};

/// Whether a value consists of other values.
pub(super) fn has_parts(value: Node<'_>) -> bool {
    matches!(value.view(), View::Array | View::Object)
}

/// Returns the number of members of `after` that are unchanged.
pub(super) fn shared_members<'t>(before: Node<'t>, after: Node<'t>) -> usize {
    let (View::Object, View::Object) = (before.view(), after.view()) else {
        return 0;
    };
    let before = before.members();
    let mut before = (json::Finder::new(&before), &before);
    let is_shared = |(key, value): &(json::Key<'t>, Node<'t>)| {
        let at = before.0.get(key.name);
        at.is_some_and(|at| same(before.1[at].1, *value))
    };
    after.each_member().filter(is_shared).count()
}

/// Returns the number of values without parts that are unchanged at their places within the value.
pub(super) fn shared_leaves<'t>(before: Node<'t>, after: Node<'t>) -> usize {
    match (before.view(), after.view()) {
        _ if before.surely_same(after) => leaves_of(after),
        (View::Object, View::Object) => {
            let before = before.members();
            let mut in_before = json::Finder::new(&before);
            let shared = |(key, value): (json::Key<'t>, Node<'t>)| {
                let at = in_before.get(key.name);
                at.map_or(0, |at| shared_leaves(before[at].1, value))
            };
            after.each_member().map(shared).sum()
        }
        (View::Array, View::Array) => {
            let pairs = before.each_element().zip(after.each_element());
            pairs
                .map(|(before, after)| shared_leaves(before, after))
                .sum()
        }
        _ => usize::from(same(before, after)),
    }
}

/// Returns the number of values without parts within a value.
pub(super) fn leaves_of(value: Node<'_>) -> usize {
    match value.view() {
        View::Object => value
            .each_member()
            .map(|(_, member)| leaves_of(member))
            .sum(),
        View::Array => value.each_element().map(leaves_of).sum(),
        _ => 1,
    }
}
