//! Was a write applied whose reply was lost? Judged from the documents alone.
//!
//! Writes are atomic, so a write that was applied shows all of its changes until somebody takes them
//! back. The judgement looks at each place that the write changed, and trusts a write stamp more
//! than any look.

use ifmatch_merge::internal::{Sight, Sighting, edited, sightings};

use crate::json::Document;
use crate::merge::{ConflictKind, FieldConflict, Policy, ThreeWay, changes};
use crate::write::machine::events::LostWriteVerdict;
use crate::write::recovery::stamp;

/// A place of which nobody can tell whose work its remote state is.
pub(crate) type Doubtful = FieldConflict;

/// What is known of the lost write.
pub(crate) struct LostWriteFacts<'a> {
    /// The document it was built on; `None`: it was a creation.
    pub(crate) base: Option<&'a Document>,
    /// What was sent.
    pub(crate) sent: &'a Document,
    /// What is there now, under another version.
    pub(crate) remote: &'a Document,
    pub(crate) policy: &'a Policy,
    /// Where the stamps lie.
    pub(crate) stamps: Option<&'a str>,
    /// The edit, or the strategy behind it, is operation-like.
    pub(crate) operation: bool,
    /// No trace is no proof.
    pub(crate) require_proof: bool,
}

/// Judges, and names the places that stay open.
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
    if lost.operation || changed.iter().any(|seen| seen.change.operation_like) {
        return (LostWriteVerdict::Unknown, Vec::new());
    }
    judge_changes(lost, &changed)
}

/// What the lost write made of that document, its stamp aside, and what there is of it now.
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

/// A creation was applied if everything we sent is there; the server may have added to it.
///
/// Without any trace it is somebody else's. In between, ours may have been edited since, or somebody
/// else's may be like it; and a count that moved may have moved on from ours.
fn judge_creation(lost: &LostWriteFacts<'_>) -> LostWriteVerdict {
    let merged =
        ThreeWay::new(lost.policy.clone()).merge_documents(Some(lost.sent), lost.sent, lost.remote);
    let taken_back = changes(lost.sent, &merged.document, lost.policy)
        .iter()
        .any(|change| change.before.is_some());
    if !taken_back {
        return if lost.operation && lost.require_proof {
            LostWriteVerdict::Unknown
        } else {
            LostWriteVerdict::Applied
        };
    }
    let members = made(lost, &Document::from_trusted("{}"));
    let operation = |member: &Sighting| member.change.operation_like;
    if lost.require_proof || lost.operation || members.iter().any(operation) {
        return LostWriteVerdict::Unknown;
    }
    if members.iter().any(|member| member.sight == Sight::After) {
        LostWriteVerdict::Doubtful
    } else {
        LostWriteVerdict::NotApplied
    }
}

/// Where an edit of the same base stands to an earlier write that has been applied meanwhile: the base as
/// the edit knew it, and the places of which that cannot be told.
///
/// The edit either holds the earlier change, being made further from it, or was made beside it. It
/// holds it where it shows the same value, and was made beside it where it shows the old one. A
/// counter that shows neither may have been counted on from either.
pub(crate) fn base_after(
    base: &Document,
    applied: &Document,
    local: Option<&Document>,
    remote: &Document,
    policy: &Policy,
) -> (Document, Vec<Doubtful>) {
    let now = sightings(base, applied, remote, policy);
    let edit = local.map(|local| sightings(base, applied, local, policy));
    // Both walks are over the same changes.
    let mut edit = edit.into_iter().flatten();
    let (mut taken, mut doubtful) = (Vec::new(), Vec::new());
    for seen in &now {
        // Without a local document the edit shows nothing anywhere.
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
        // Had it been applied, this place would show it, unless somebody took just that back since.
        let verdict = if lost.require_proof {
            LostWriteVerdict::Unknown
        } else {
            LostWriteVerdict::NotApplied
        };
        return (verdict, Vec::new());
    }
    if ours == 0 && other == changed.len() && !lost.require_proof {
        // Each place was written by somebody else since; a plain merge sees the same conflicts.
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

    /// What a sight means, said by merges of whole documents: slow, and plain.
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
