//! Did the write land whose reply was lost? Judged from the documents alone.
//!
//! Writes are atomic, so a write that landed shows all of its changes until somebody takes them
//! back. The judgement looks at each place that the write changed, and trusts a write stamp more
//! than any look.

use super::plan::Verdict;
use super::stamp;
use crate::json::Document;
use crate::merge::{Change, ConflictKind, FieldConflict, Policy, ThreeWay, changes};

/// A place of which nobody can tell whose work its remote state is.
pub(crate) type Doubtful = FieldConflict;

/// What is known of the lost write.
pub(crate) struct Lost<'a> {
    /// The document it was built on; `None`: it was a creation.
    pub(crate) base: Option<&'a Document>,
    /// What was sent.
    pub(crate) sent: &'a Document,
    /// What is there now, under another version.
    pub(crate) remote: &'a Document,
    pub(crate) policy: &'a Policy,
    /// Where the stamps lie, and ours.
    pub(crate) stamp: Option<(&'a str, &'a str)>,
    /// The edit, or the strategy behind it, is operation-like.
    pub(crate) operation: bool,
    /// No trace is no proof.
    pub(crate) strict: bool,
}

/// Judges, and names the places that stay open.
pub(crate) fn judge(lost: &Lost<'_>) -> (Verdict, Vec<Doubtful>) {
    if let Some((pointer, id)) = lost.stamp
        && let Some(landed) = stamp::tells(pointer, id, lost.base, lost.remote)
    {
        let verdict = if landed {
            Verdict::Landed
        } else {
            Verdict::NotLanded
        };
        return (verdict, Vec::new());
    }
    let Some(base) = lost.base else {
        return (judge_creation(lost), Vec::new());
    };
    let mut changed = changes(base, lost.sent, lost.policy);
    if let Some((pointer, _)) = lost.stamp {
        changed.retain(|change| !change.pointer.starts_with(pointer));
    }
    if lost.operation || changed.iter().any(|change| change.operation_like) {
        return (Verdict::Unknown, Vec::new());
    }
    judge_changes(lost, &changed)
}

/// A creation landed if everything we sent is there; the server may have added to it.
fn judge_creation(lost: &Lost<'_>) -> Verdict {
    let merged =
        ThreeWay::new(lost.policy.clone()).merge_documents(Some(lost.sent), lost.sent, lost.remote);
    let taken_back = changes(lost.sent, &merged.document, lost.policy)
        .iter()
        .any(|change| change.before.is_some());
    match (taken_back, lost.operation && lost.strict) {
        (false, false) => Verdict::Landed,
        (false, true) => Verdict::Unknown,
        (true, _) => Verdict::NotLanded,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sight {
    /// Our state is there.
    Ours,
    /// The state before is there.
    Before,
    /// Something else is there.
    Other,
}

fn judge_changes(lost: &Lost<'_>, changed: &[Change]) -> (Verdict, Vec<Doubtful>) {
    let sights: Vec<Sight> = changed.iter().map(|change| sight(lost, change)).collect();
    let seen = |wanted: Sight| sights.iter().filter(|sight| **sight == wanted).count();
    let (ours, before, other) = (seen(Sight::Ours), seen(Sight::Before), seen(Sight::Other));
    if ours == sights.len() {
        return (Verdict::Landed, Vec::new());
    }
    if ours == 0 && before > 0 {
        // Had it landed, this place would show it, unless somebody took just that back since.
        let verdict = if lost.strict {
            Verdict::Unknown
        } else {
            Verdict::NotLanded
        };
        return (verdict, Vec::new());
    }
    if ours == 0 && other == sights.len() && !lost.strict {
        // Each place was written by somebody else since; a plain merge sees the same conflicts.
        return (Verdict::Doubtful, Vec::new());
    }
    let doubtful = changed
        .iter()
        .zip(&sights)
        .filter(|(_, sight)| **sight != Sight::Ours)
        .map(|(change, _)| open(lost, change))
        .collect();
    (Verdict::Doubtful, doubtful)
}

fn sight(lost: &Lost<'_>, change: &Change) -> Sight {
    let remote = lost.remote.pointer(&change.pointer);
    if remote == change.after {
        return Sight::Ours;
    }
    if remote == change.before {
        return Sight::Before;
    }
    // A text or a list may hold our work among others' work: merging it in once more adds nothing.
    if let (Some(base), Some(after), Some(_)) = (lost.base, &change.after, &remote)
        && let Ok(local) = base.with(&change.pointer, after)
    {
        let merged =
            ThreeWay::new(lost.policy.clone()).merge_documents(Some(base), &local, lost.remote);
        if merged.conflicts.is_empty() && merged.document == *lost.remote {
            return Sight::Ours;
        }
    }
    Sight::Other
}

fn open(lost: &Lost<'_>, change: &Change) -> Doubtful {
    let value = |document: Option<&Document>| document.map(Document::to_value);
    FieldConflict::new(
        change.pointer.clone(),
        ConflictKind::BothChanged,
        value(change.before.as_ref()),
        value(change.after.as_ref()),
        value(lost.remote.pointer(&change.pointer).as_ref()),
    )
}
