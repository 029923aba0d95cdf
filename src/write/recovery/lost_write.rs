//! Judges from the documents alone whether a write with a lost response was applied.
//!
//! Writes are atomic, so an applied write shows all of its changes until another write reverts them. The judgement
//! compares each place that the write changed. A write stamp takes precedence over any comparison.

use ifmatch_merge::internal::{Sight, Sighting, edited, sightings};

use crate::json::Document;
use crate::merge::{ConflictKind, FieldConflict, Policy, ThreeWay, changes};
use crate::write::machine::events::LostWriteVerdict;
use crate::write::recovery::stamp;

/// A place whose remote state may come from the lost write or from another client.
pub(crate) type Doubtful = FieldConflict;

/// The facts about a lost write.
pub(crate) struct LostWriteFacts<'a> {
    /// The document that the write was built on. `None` for a creation.
    pub(crate) base: Option<&'a Document>,
    /// The document that was sent.
    pub(crate) sent: &'a Document,
    /// The current document, under another version.
    pub(crate) remote: &'a Document,
    pub(crate) policy: &'a Policy,
    /// JSON Pointer to the stamps.
    pub(crate) stamps: Option<&'a str>,
    /// Whether the edit, or the strategy behind it, is operation-like.
    pub(crate) is_operation: bool,
    /// Whether a missing trace of the write does not count as proof that it was not applied.
    pub(crate) require_proof: bool,
}

/// Judges a lost write. Returns the places that stay open as well.
pub(crate) fn assess_lost_write(lost: &LostWriteFacts<'_>) -> (LostWriteVerdict, Vec<Doubtful>) {
    if let Some(pointer) = lost.stamps
        && let Some(applied) = stamp::tells(pointer, lost.base, lost.sent, lost.remote)
    {
        let verdict = if applied {
            LostWriteVerdict::Applied
        } else {
            LostWriteVerdict::NotApplied
        };
        return (verdict, Vec::new());
    }
    let Some(base) = lost.base else {
        return (judge_creation(lost), Vec::new());
    };
    let changed = made(lost, base);
    if lost.is_operation || changed.iter().any(|seen| seen.change.operation_like) {
        return (LostWriteVerdict::Unknown, Vec::new());
    }
    judge_changes(lost, &changed)
}

/// Returns the changes of the lost write to that document, apart from its stamp, each with its current state.
fn made(lost: &LostWriteFacts<'_>, of: &Document) -> Vec<Sighting> {
    let mut changed = sightings(of, lost.sent, lost.remote, lost.policy);
    if let Some(stamps) = lost.stamps {
        changed.retain(|seen| match seen.change.pointer.strip_prefix(stamps) {
            Some(beneath) => !(beneath.is_empty() || beneath.starts_with('/')),
            None => true,
        });
    }
    changed
}

/// Judges a creation. It was applied if everything we sent is there, even if the server added more.
///
/// If nothing that we sent is there, another client created the resource. If only a part is there, the author is
/// unknown: our document may have been edited since, or the other client's document may be similar. The same holds
/// for a counter with another value, which may have been counted on from ours.
fn judge_creation(lost: &LostWriteFacts<'_>) -> LostWriteVerdict {
    let merged =
        ThreeWay::new(lost.policy.clone()).merge_documents(Some(lost.sent), lost.sent, lost.remote);
    let taken_back = changes(lost.sent, &merged.document, lost.policy)
        .iter()
        .any(|change| change.before.is_some());
    if !taken_back {
        return if lost.is_operation && lost.require_proof {
            LostWriteVerdict::Unknown
        } else {
            LostWriteVerdict::Applied
        };
    }
    let members = made(lost, &Document::from_trusted("{}"));
    let operation = |member: &Sighting| member.change.operation_like;
    if lost.require_proof || lost.is_operation || members.iter().any(operation) {
        return LostWriteVerdict::Unknown;
    }
    if members.iter().any(|member| member.sight == Sight::After) {
        LostWriteVerdict::Doubtful
    } else {
        LostWriteVerdict::NotApplied
    }
}

/// Relates an edit to an earlier write of the same base that has been applied meanwhile. Returns the base as the
/// edit knew it, and the places at which that cannot be determined.
///
/// The edit either includes the earlier change, if it was made after it, or was made beside it. It includes the
/// change where it shows the same value, and was made beside it where it shows the old value. A counter that shows
/// neither may have been counted on from either.
pub(crate) fn base_after(
    base: &Document,
    applied: &Document,
    local: Option<&Document>,
    remote: &Document,
    policy: &Policy,
) -> (Document, Vec<Doubtful>) {
    let now = sightings(base, applied, remote, policy);
    let edit = local.map(|local| sightings(base, applied, local, policy));
    // Both iterations visit the same changes.
    let mut edit = edit.into_iter().flatten();
    let (mut taken, mut doubtful) = (Vec::new(), Vec::new());
    for seen in &now {
        // Without a local document the edit has no value at any place.
        let (sight, shown) = match edit.next() {
            Some(edit) => (edit.sight, edit.there),
            None if seen.change.after.is_none() => (Sight::After, None),
            None if seen.change.before.is_none() => (Sight::Before, None),
            None => (Sight::Other, None),
        };
        if sight == Sight::After {
            taken.push((seen.change.pointer.as_str(), seen.change.after.clone()));
        } else if sight != Sight::Before && seen.change.operation_like {
            doubtful.push(open(seen, shown.as_ref()));
        }
    }
    let known = if taken.is_empty() {
        base.clone()
    } else {
        edited(base, taken)
    };
    (known, doubtful)
}

fn judge_changes(
    lost: &LostWriteFacts<'_>,
    changed: &[Sighting],
) -> (LostWriteVerdict, Vec<Doubtful>) {
    let is_ours = |seen: &&Sighting| matches!(seen.sight, Sight::After | Sight::Within);
    let ours = changed.iter().filter(is_ours).count();
    let seen = |wanted: Sight| changed.iter().filter(|seen| seen.sight == wanted).count();
    let (before, other) = (seen(Sight::Before), seen(Sight::Other));
    if ours == changed.len() {
        return (LostWriteVerdict::Applied, Vec::new());
    }
    if ours == 0 && before > 0 {
        // An applied write would show at this place, unless another client reverted just that.
        let verdict = if lost.require_proof {
            LostWriteVerdict::Unknown
        } else {
            LostWriteVerdict::NotApplied
        };
        return (verdict, Vec::new());
    }
    if ours == 0 && other == changed.len() && !lost.require_proof {
        // Other clients have written at each place since. A plain merge finds the same conflicts.
        return (LostWriteVerdict::Doubtful, Vec::new());
    }
    let doubtful = changed.iter().filter(|seen| !is_ours(seen));
    let doubtful = doubtful.map(|seen| open(seen, seen.change.after.as_ref()));
    (LostWriteVerdict::Doubtful, doubtful.collect())
}

fn open(seen: &Sighting, local: Option<&Document>) -> Doubtful {
    let value = |document: Option<&Document>| document.map(Document::to_value);
    FieldConflict::new(
        seen.change.pointer.clone(),
        ConflictKind::BothChanged,
        value(seen.change.before.as_ref()),
        value(local),
        value(seen.there.as_ref()),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::merge::{Rule, Tag};

    /// Returns the meaning of a sight, defined by merges of whole documents. Slow but simple.
    fn meant(base: &Document, seen: &Sighting, remote: &Document, policy: &Policy) -> Sight {
        let change = &seen.change;
        let there = remote.pointer(&change.pointer);
        if there == change.after {
            return Sight::After;
        }
        if there == change.before {
            return Sight::Before;
        }
        let (Some(after), Some(_)) = (&change.after, &there) else {
            return Sight::Other;
        };
        let Ok(local) = base.with(&change.pointer, after) else {
            return Sight::Other;
        };
        let merged = ThreeWay::new(policy.clone()).merge_documents(Some(base), &local, remote);
        if merged.conflicts.is_empty() && merged.document == *remote {
            Sight::Within
        } else {
            Sight::Other
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            (0..3).prop_map(Value::from),
            "[xy]".prop_map(Value::from),
            prop::collection::vec("[xyz]\n", 0..5).prop_map(|lines| lines.concat().into()),
            prop::collection::vec(0..4, 0..5).prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[abcn]", inner, 0..4).prop_map(|members| {
                    members
                        .into_iter()
                        .collect::<serde_json::Map<_, _>>()
                        .into()
                }),
            ]
        })
    }

    fn document() -> impl Strategy<Value = Document> {
        let members = prop::collection::hash_map("[abcn]", value(), 0..5);
        members.prop_map(|members| Document::from_value(&json!(members)))
    }

    fn policies() -> impl Strategy<Value = Policy> {
        prop_oneof![
            Just(Policy::new()),
            Just(
                Policy::new()
                    .field("/n", Rule::Counter)
                    .field("/a", Rule::Set)
            ),
            Just(
                Policy::new()
                    .field("/a", Rule::Text)
                    .field("/b/c", Rule::Sequence)
            ),
            Just(
                Policy::new()
                    .field("/a", Rule::Atomic)
                    .field("/b/*", Rule::Local)
            ),
            Just(
                Policy::new()
                    .tagged("/b", Tag::Member("n".into()))
                    .field("/c", Rule::Max)
            ),
            Just(Policy::new().tagged("/b", Tag::Key)),
        ]
    }

    proptest! {
        #[test]
        fn one_walk_sees_what_merges_of_whole_documents_see(
            base in document(),
            sent in document(),
            remote in document(),
            policy in policies(),
        ) {
            let changed = changes(&base, &sent, &policy);
            let seen = sightings(&base, &sent, &remote, &policy);
            prop_assert_eq!(changed.len(), seen.len());
            for (change, seen) in changed.iter().zip(&seen) {
                prop_assert_eq!(change, &seen.change);
                let place = &change.pointer;
                prop_assert_eq!(&remote.pointer(place), &seen.there, "{}", place);
                let meant = meant(&base, seen, &remote, &policy);
                prop_assert_eq!(meant, seen.sight, "{} of {}, {}, {}", place, base, sent, remote);
            }
        }

        #[test]
        fn the_base_after_an_earlier_write_holds_what_the_edit_holds_of_it(
            base in document(),
            applied in document(),
            local in document(),
            policy in policies(),
        ) {
            let (known, _) = base_after(&base, &applied, Some(&local), &applied, &policy);
            for change in changes(&base, &applied, &policy) {
                let place = &change.pointer;
                let wanted = if local.pointer(place) == change.after { &change.after } else { &change.before };
                prop_assert_eq!(&known.pointer(place), wanted, "{} of {}, {}, {}", place, base, applied, local);
            }
            prop_assert!(changes(&known, &base, &policy).len() <= changes(&base, &applied, &policy).len());
        }
    }
}
