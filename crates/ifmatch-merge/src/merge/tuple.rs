//! Merges tuples and arrays whose parts have rules. Each part is merged with the part at the same position.

use super::engine::{Engine, MergeInput};
use super::merged_value::MergedValue;
use crate::json::Tree;

/// Merges part by part. A tuple or array whose length changed is merged as a whole.
pub(super) fn merge<'t, T: Tree<'t>>(
    engine: &mut Engine,
    input: MergeInput<'_, T>,
) -> MergedValue<'t, T> {
    let (base, local, remote) = (
        input.base.value().map(Tree::elements),
        input.local.elements(),
        input.remote.elements(),
    );
    let length = remote.len();
    if local.len() != length || base.as_ref().is_some_and(|base| base.len() != length) {
        return engine.atomic(input, None);
    }
    let mut items = Vec::with_capacity(length);
    for (at, (ours, theirs)) in local.into_iter().zip(&remote).enumerate() {
        let base = input.base.of_part(base.as_ref().map(|base| base[at]));
        items.extend(engine.at(&at.to_string(), |engine| {
            engine.place(base, Some(ours), Some(*theirs), input.cursor.part(at))
        }));
    }
    if items.iter().zip(&remote).all(|(item, part)| item.is(*part)) {
        return MergedValue::Take(input.remote);
    }
    MergedValue::Array {
        like: Some(input.remote),
        items,
    }
}
