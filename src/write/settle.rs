//! Did the write land whose reply was lost? Judged from the documents alone.
//!
//! Writes are atomic, so a write that landed shows all of its changes until somebody takes them
//! back. The judgement looks at each place that the write changed, and trusts a write stamp more
//! than any look.

use super::plan::Verdict;
use super::stamp;
use crate::json::{Document, JsonError};
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
    /// Where the stamps lie.
    pub(crate) stamps: Option<&'a str>,
    /// The edit, or the strategy behind it, is operation-like.
    pub(crate) operation: bool,
    /// No trace is no proof.
    pub(crate) strict: bool,
}

/// Judges, and names the places that stay open.
pub(crate) fn judge(lost: &Lost<'_>) -> (Verdict, Vec<Doubtful>) {
    if let Some(pointer) = lost.stamps
        && let Some(landed) = stamp::tells(pointer, lost.base, lost.sent, lost.remote)
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
    let changed = made(lost, base);
    if lost.operation || changed.iter().any(|change| change.operation_like) {
        return (Verdict::Unknown, Vec::new());
    }
    judge_changes(lost, &changed)
}

/// What the lost write made of that document, its stamp aside.
fn made(lost: &Lost<'_>, of: &Document) -> Vec<Change> {
    let mut changed = changes(of, lost.sent, lost.policy);
    if let Some(stamps) = lost.stamps {
        changed.retain(|change| match change.pointer.strip_prefix(stamps) {
            Some(beneath) => !(beneath.is_empty() || beneath.starts_with('/')),
            None => true,
        });
    }
    changed
}

/// A creation landed if everything we sent is there; the server may have added to it.
///
/// Without any trace it is somebody else's. In between, ours may have been edited since, or somebody
/// else's may be like it; and a count that moved may have moved on from ours.
fn judge_creation(lost: &Lost<'_>) -> Verdict {
    let merged =
        ThreeWay::new(lost.policy.clone()).merge_documents(Some(lost.sent), lost.sent, lost.remote);
    let taken_back = changes(lost.sent, &merged.document, lost.policy)
        .iter()
        .any(|change| change.before.is_some());
    if !taken_back {
        return if lost.operation && lost.strict {
            Verdict::Unknown
        } else {
            Verdict::Landed
        };
    }
    let members = made(lost, &Document::of_checked("{}"));
    if lost.strict || lost.operation || members.iter().any(|member| member.operation_like) {
        return Verdict::Unknown;
    }
    let ours = |member: &Change| lost.remote.pointer(&member.pointer) == member.after;
    if members.iter().any(ours) {
        Verdict::Doubtful
    } else {
        Verdict::NotLanded
    }
}

/// Where an edit of the same base stands to an earlier write that has landed meanwhile: the base as
/// the edit knew it, and the places of which that cannot be told.
///
/// The edit either holds the earlier change, being made further from it, or was made beside it. It
/// holds it where it shows the same value, and was made beside it where it shows the old one. A
/// counter that shows neither may have been counted on from either.
pub(crate) fn base_after(
    base: &Document,
    landed: &Document,
    local: Option<&Document>,
    remote: &Document,
    policy: &Policy,
) -> Result<(Document, Vec<Doubtful>), JsonError> {
    let (mut known, mut doubtful) = (base.clone(), Vec::new());
    for change in changes(base, landed, policy) {
        let edited = local.and_then(|local| local.pointer(&change.pointer));
        if edited == change.after {
            known = match &change.after {
                Some(after) => known.with(&change.pointer, after)?,
                None => known.without(&change.pointer),
            };
        } else if edited != change.before && change.operation_like {
            doubtful.push(open(&change, edited.as_ref(), remote));
        }
    }
    Ok((known, doubtful))
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
        .map(|(change, _)| open(change, change.after.as_ref(), lost.remote))
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

fn open(change: &Change, local: Option<&Document>, remote: &Document) -> Doubtful {
    let value = |document: Option<&Document>| document.map(Document::to_value);
    FieldConflict::new(
        change.pointer.clone(),
        ConflictKind::BothChanged,
        value(change.before.as_ref()),
        value(local),
        value(remote.pointer(&change.pointer).as_ref()),
    )
}
