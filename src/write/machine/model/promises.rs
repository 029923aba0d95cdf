//! What must hold in every state.

use super::setting::{Edit, Setting};
use super::world::{Place, World};
use crate::write::plan::{Outcome, Tally};

/// Whom a write's end leaves believing what.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// It was applied.
    Acknowledged,
    /// It was not applied, and never will be.
    Failed,
    /// It may have been applied, or nobody was told anything.
    Open,
}

/// The first promise that this state breaks.
pub(super) fn broken(setting: &Setting, world: &World, last: bool) -> Option<String> {
    (0..setting.writers.len()).find_map(|writer| {
        let broken = broken_to(setting, world, writer, last)?;
        Some(format!("to writer {writer}: {broken}"))
    })
}

fn broken_to(setting: &Setting, world: &World, writer: usize, last: bool) -> Option<&'static str> {
    let (place, book) = (&world.places[writer], &world.server.books[writer]);
    let mishaps = world.mishaps[writer];
    if book.lost {
        return Some("somebody who had not seen its work wrote over it");
    }
    let applied = book.applied;
    if !(0..=1).contains(&applied) {
        return Some("its edit was not applied once or never");
    }
    match told(place) {
        Told::Acknowledged if applied == 0 && !done_by_another(setting, world, writer) => {
            return Some("it was acknowledged, and was not applied");
        }
        // After a reply that was only late, one read from a replica that lags behind shows nothing of
        // what was applied.
        Told::Failed if applied == 1 && !mishaps.stale => {
            return Some("it was reported as failed, and was applied");
        }
        _ => {}
    }
    let tally = match place {
        Place::Running(client, _) => client.tally(),
        Place::Ended(end) => end.tally,
        Place::Idle | Place::Crashed => Tally::default(),
        Place::Hung => return Some("it waits for nothing"),
    };
    if last && matches!(place, Place::Running(..)) {
        return Some("it has not ended, and nothing can happen any more");
    }
    if tally.rounds > setting.rounds
        || tally.transient > setting.transient
        || tally.requests > setting.most_requests()
    {
        return Some("it goes beyond its limits");
    }
    if is_unknown(place) && !mishaps.doubt {
        return Some("it is unknown, although nothing happened that could leave a doubt");
    }
    None
}

fn is_unknown(place: &Place) -> bool {
    matches!(place, Place::Ended(end) if end.outcome == Outcome::Unknown)
}

fn told(place: &Place) -> Told {
    let Place::Ended(end) = place else {
        return Told::Open;
    };
    match end.outcome {
        Outcome::Stored | Outcome::Settled | Outcome::Unchanged => Told::Acknowledged,
        Outcome::Unknown => Told::Open,
        // The error tells that it may have landed all the same.
        Outcome::Conflict | Outcome::Gone if end.may_have_landed => Told::Open,
        _ => Told::Failed,
    }
}

/// Somebody else did the very same: removed it too, or it is the same client's next try.
fn done_by_another(setting: &Setting, world: &World, writer: usize) -> bool {
    let what = setting.writers[writer];
    let mut others = setting.writers.iter().zip(&world.server.books).enumerate();
    others.any(|(other, (theirs, book))| {
        let same = what.edit == Edit::Delete || what.after == Some(other);
        other != writer && same && theirs.edit == what.edit && book.applied > 0
    })
}
