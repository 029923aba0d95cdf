//! What holds in every state.

use super::world::World;

pub(super) const OLD_OVER_NEW: &str = "a write of an earlier holder came after one of a later one";
pub(super) const TWO_BELIEVE: &str = "two holders believed in the lease at the same time";
pub(super) const UNVOUCHED: &str = "a write left under a lease that could not be vouched for";

/// Returns the first promise that is broken in this state.
pub(super) fn broken(world: &World) -> Option<String> {
    let broken = if world.applied.is_sorted() {
        let [first, second] = &world.processes;
        // A process that stood still with its clocks cannot know of the time that has passed. The fence is for it.
        let both = first.believes() && second.believes() && !first.has_stood_still;
        match (both, world.has_left_unvouched) {
            (true, _) => TWO_BELIEVE,
            (_, true) => UNVOUCHED,
            _ => return None,
        }
    } else {
        OLD_OVER_NEW
    };
    Some(broken.to_owned())
}
