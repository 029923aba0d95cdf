//! Inserts additions into a list of existing elements.

/// Inserts each addition at its anchor, an index into `out`.
pub(crate) fn interleave<X>(out: Vec<X>, mut added: Vec<(usize, X)>) -> Vec<X> {
    if added.is_empty() {
        return out;
    }
    added.sort_by_key(|(anchor, _)| *anchor);
    let mut interleave = Vec::with_capacity(out.len() + added.len());
    let mut added = added.into_iter().peekable();
    for (at, one) in out.into_iter().enumerate() {
        while let Some((_, one)) = added.next_if(|(anchor, _)| *anchor <= at) {
            interleave.push(one);
        }
        interleave.push(one);
    }
    interleave.extend(added.map(|(_, one)| one));
    interleave
}
