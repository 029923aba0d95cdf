//! The invariants of every state.

use super::client::Call;
use super::flaws::Flaw;
use super::setting::{Edit, Setting, Settlement};
use super::world::{Place, World};
use crate::write::machine::events::{Condition, OutcomeKind, Tally};

/// What the end of a write reports to its caller.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reported {
    /// It was applied.
    Acknowledged,
    /// It was not applied, and never will be.
    Failed,
    /// It may have been applied, or no result was reported.
    Open,
}

/// Returns the first promise that is broken in this state.
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
        return Some("a client that had not seen its change overwrote it");
    }
    let edit = setting.writers[writer].edit;
    // A resource that was created and removed since cannot be distinguished from one that never existed, so it is
    // created once more.
    let recreated = edit == Edit::Create && book.taken_back && !setting.absence_returns;
    // An edit that is harmless to repeat is repeated, even over later changes by other clients.
    let harmless = matches!(edit, Edit::Set(..) | Edit::SetOrCreate(..));
    let lenient = setting.settlement == Settlement::Lenient;
    // So is an action that another client has undone.
    let undone = matches!(edit, Edit::Act(..)) && book.taken_back && lenient;
    let redone = recreated || undone || (setting.reruns(writer) && harmless && lenient);
    if !(0..=1).contains(&book.applied) && !redone {
        return Some("its edit was not applied once or never");
    }
    let done = match edit {
        Edit::Count => counted(setting, world, writer) == 1,
        _ => book.held,
    };
    match reported(setting, place) {
        // The absence may be older than the resource to be removed, because absence has no version.
        Reported::Acknowledged if edit == Edit::Delete && mishaps.stale => {}
        Reported::Acknowledged if !done => {
            return Some("it was acknowledged, and was not applied");
        }
        Reported::Failed if book.applied > 0 && !redone => {
            return Some("it was reported as failed, and was applied");
        }
        _ => {}
    }
    // The walk continues with this flaw, to find its effect.
    if is_unpinned(place) && setting.flaw != Some(Flaw::NoCondition) {
        return Some("it sends a write without a condition");
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
    if is_unknown(place) && matches!(place, Place::Ended(end) if !end.cannot_be_known) {
        return Some("it is unknown, and could have known");
    }
    None
}

/// Returns how often a count was applied, by this write or by the earlier write of the same client that it repeats.
fn counted(setting: &Setting, world: &World, writer: usize) -> i8 {
    let books = &world.server.books;
    let first = setting.writers[writer].after;
    books[writer].applied + first.map_or(0, |first| books[first].applied)
}

fn is_unpinned(place: &Place) -> bool {
    let Place::Running(_, Call::Write { condition, .. }) = place else {
        return false;
    };
    *condition == Condition::None
}

fn is_unknown(place: &Place) -> bool {
    let open = |outcome| matches!(outcome, OutcomeKind::Unknown | OutcomeKind::Accepted);
    matches!(place, Place::Ended(end) if open(end.outcome))
}

fn reported(setting: &Setting, place: &Place) -> Reported {
    let Place::Ended(end) = place else {
        return Reported::Open;
    };
    match end.outcome {
        OutcomeKind::Stored | OutcomeKind::Settled | OutcomeKind::Unchanged => {
            Reported::Acknowledged
        }
        OutcomeKind::Unknown | OutcomeKind::Accepted => Reported::Open,
        // A queued write is tried again later.
        OutcomeKind::Exhausted | OutcomeKind::Failed | OutcomeKind::Locked
            if setting.queue.is_some() =>
        {
            Reported::Open
        }
        _ => Reported::Failed,
    }
}
