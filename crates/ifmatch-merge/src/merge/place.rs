//! Tuples and arrays whose parts have rules: each part is merged with the one at its place.

use super::engine::{Base, Engine, Three};
use super::out::Out;
use crate::json::{self, Tree};

/// Merges part by part. One that changed its length is taken as a whole.
pub(super) fn merge<'t, T: Tree<'t>>(engine: &mut Engine, three: Three<'_, T>) -> Out<'t, T> {
    let (base, local, remote) = (
        three.base.value().map(Tree::elements),
        three.local.elements(),
        three.remote.elements(),
    );
    let length = remote.len();
    if local.len() != length || base.as_ref().is_some_and(|base| base.len() != length) {
        return engine.atomic(three, None);
    }
    let mut items = Vec::with_capacity(length);
    for (at, (ours, theirs)) in local.into_iter().zip(&remote).enumerate() {
        let base = match (&base, three.base) {
            (Some(base), _) => Base::Is(base[at]),
            (None, Base::Absent) => Base::Absent,
            (None, _) => Base::Unknown,
        };
        let path = engine.path.len();
        json::push_token(&mut engine.path, &at.to_string());
        items.extend(engine.place(base, Some(ours), Some(*theirs), three.cursor.part(at)));
        engine.path.truncate(path);
    }
    if items.iter().zip(&remote).all(|(item, part)| item.is(*part)) {
        return Out::Take(three.remote);
    }
    Out::Array {
        like: Some(three.remote),
        items,
    }
}
