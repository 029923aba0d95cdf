//! Determines what a third state shows of the changes between two other states.

use super::changes::{Change, ChangedPlace, Walk};
use super::compiled::CompiledPolicy;
use super::conflict::same;
use super::cursor::Cursor;
use super::engine::{Ancestor, Engine};
use super::merged_value::MergedValue;
use super::policy::Policy;
use super::rule::Rule;
use crate::json::{Document, Node, Tape, Tree, View};

/// The state found at a changed place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// The state after the change.
    After,
    /// The state before the change.
    Before,
    /// The change together with changes of others. Merging it again adds nothing, which is possible with texts and
    /// lists.
    Within,
    /// Any other state.
    Other,
}

/// A change, and what a third state shows at its place.
#[derive(Debug)]
pub struct Sighting {
    /// The change.
    pub change: Change,
    /// What the third state shows at its place.
    pub sight: Sight,
    /// The state itself. `None` if the place is absent.
    pub there: Option<Document>,
}

/// Returns the changes between two states, as [`changes`](super::changes) finds them, each with what a third state
/// shows of it. It walks the three states once and merges only at changed places.
pub fn sightings(
    before: &Document,
    after: &Document,
    third: &Document,
    policy: &Policy,
) -> Vec<Sighting> {
    let compiled = CompiledPolicy::of(policy);
    let tapes = [before, after, third].map(|it| Tape::from_trusted(it.as_str()));
    let [old, new, seen] = tapes.each_ref().map(Tape::root);
    let mut found = Vec::new();
    let mut walk = Walk::new(|pointer: &str, place: &ChangedPlace<'_, '_>| {
        found.push(Sighting {
            change: place.change(pointer, [before, after]),
            sight: sight(place),
            there: place.third.map(|it| third.part(it)),
        });
    });
    walk.place(ChangedPlace {
        before: Some(old),
        after: Some(new),
        third: Some(seen),
        cursor: Cursor::new(&compiled),
        depth: 0,
        another_variant: false,
    });
    found
}

fn sight(place: &ChangedPlace<'_, '_>) -> Sight {
    let shows = |state: Option<Node<'_>>| match (state, place.third) {
        (None, None) => true,
        (Some(state), Some(third)) => same(state, third),
        _ => false,
    };
    if shows(place.after) {
        return Sight::After;
    }
    if shows(place.before) {
        return Sight::Before;
    }
    let (Some(after), Some(third), false) = (place.after, place.third, place.another_variant)
    else {
        return Sight::Other;
    };
    if is_indivisible(place.cursor, after, third) {
        return Sight::Other;
    }
    let mut engine = Engine::counting();
    let base = place.before.map_or(Ancestor::Absent, Ancestor::Is);
    let merged = engine.place(base, Some(after), Some(third), place.cursor);
    let adds_nothing = || merged.is_some_and(|merged| is_as(&merged, third));
    if engine.conflicts.is_empty() && adds_nothing() {
        Sight::Within
    } else {
        Sight::Other
    }
}

/// Whether two different states always conflict, so that no merge is needed to compare them.
fn is_indivisible(cursor: Cursor<'_>, after: Node<'_>, third: Node<'_>) -> bool {
    let plain = matches!(cursor.rule(third.view()), Rule::Auto | Rule::Atomic);
    let divisible = match (after.view(), third.view()) {
        (View::Array, View::Array) | (View::Object, View::Object) => true,
        (View::String(after), View::String(third)) => after.contains('\n') && third.contains('\n'),
        _ => false,
    };
    plain && !divisible && cursor.prefer().is_none()
}

fn is_as<'t>(merged: &MergedValue<'t, Node<'t>>, third: Node<'t>) -> bool {
    if merged.is(third) {
        return true;
    }
    let mut text = String::new();
    merged.write(&mut text);
    same(Tape::from_trusted(&text).root(), third)
}
