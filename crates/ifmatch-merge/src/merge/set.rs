//! Merges lists whose order does not matter.

use super::engine::{Ancestor, MergeInput};
use super::interleave::interleave;
use super::merged_value::MergedValue;
use crate::json::{Ids, Table, Tree};

/// Merges sets, or multisets if a side has duplicates. Elements that one side added or removed are added or
/// removed. There are no conflicts. The order is that of the remote side, and a local addition follows the element
/// that it follows locally.
pub(super) fn merge<'t, T: Tree<'t>>(input: MergeInput<'_, T>) -> MergedValue<'t, T> {
    let elements = |side: T| side.elements();
    let base = match input.base {
        Ancestor::Is(base) => elements(base),
        Ancestor::Absent | Ancestor::Unknown => Vec::new(),
    };
    let (local, remote) = (elements(input.local), elements(input.remote));
    let mut ids = Ids::default();
    let [b, l, r] =
        [&base, &local, &remote].map(|side| side.iter().map(|e| ids.of(*e)).collect::<Vec<_>>());
    let count = [b, l.clone(), r.clone()].map(|side| Counts::of(&side));
    // The number of occurrences of each element in the result.
    let wanted = |id: u32| {
        let [b, l, r] = count.each_ref().map(|side| side.of_id(id));
        match (b, l, r) {
            (b, l, r) if l == b => r,
            (b, l, r) if r == b || l == r => l,
            (b, l, r) => (l + r).saturating_sub(b),
        }
    };
    let mut given = Counts::default();
    let mut out = Vec::with_capacity(remote.len());
    for (id, element) in r.iter().zip(&remote) {
        if given.take_up_to(*id, wanted(*id)) {
            out.push((*id, *element));
        }
    }
    let mut places = Table::default();
    for (at, (id, _)) in out.iter().enumerate() {
        places.entry(*id).or_insert(at + 1);
    }
    let mut added = Vec::new();
    let mut anchor = 0;
    let mut seen = Counts::default();
    for (id, element) in l.iter().zip(&local) {
        seen.take_up_to(*id, usize::MAX);
        // Elements that remote has are already in the result. Missing ones are added here.
        if seen.of_id(*id) > count[2].of_id(*id) && given.take_up_to(*id, wanted(*id)) {
            added.push((anchor, (*id, *element)));
        } else if let Some(place) = places.get(id) {
            anchor = *place;
        }
    }
    let items: Vec<T> = interleave(out, added)
        .into_iter()
        .map(|(_, element)| element)
        .collect();
    if items.len() == remote.len() && items.iter().zip(&remote).all(|(item, e)| item.is(*e)) {
        return MergedValue::Take(input.remote);
    }
    MergedValue::Array {
        like: Some(input.remote),
        items: items.into_iter().map(MergedValue::Take).collect(),
    }
}

/// The number of occurrences of each number.
#[derive(Default)]
struct Counts(Vec<usize>);

impl Counts {
    fn of(ids: &[u32]) -> Self {
        let mut counts = Self::default();
        for id in ids {
            counts.take_up_to(*id, usize::MAX);
        }
        counts
    }

    fn of_id(&self, id: u32) -> usize {
        self.0.get(id as usize).copied().unwrap_or(0)
    }

    /// Counts one more, unless the limit is reached. Returns whether it was counted.
    fn take_up_to(&mut self, id: u32, enough: usize) -> bool {
        let at = id as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        let more = self.0[at] < enough;
        self.0[at] += usize::from(more);
        more
    }
}
