//! What a new queued write becomes together with one before it that was never sent.

use crate::journal::IntentGoal;

/// What the write before becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Together {
    /// One write with this goal: from the base of the first to the document of the second.
    One(IntentGoal),
    /// Nothing is left to do.
    Nothing,
}

/// Returns what two writes to one resource become, or `None` if each is sent on its own. The second was made on the
/// result of the first.
pub(super) fn together(first: IntentGoal, second: IntentGoal) -> Option<Together> {
    use IntentGoal::{Create, Delete, Replace};
    Some(match (first, second) {
        (Replace, Replace) => Together::One(Replace),
        (Create, Replace) => Together::One(Create),
        (Create, Delete) => Together::Nothing,
        (Replace, Delete) => Together::One(Delete),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOALS: [IntentGoal; 4] = [
        IntentGoal::Replace,
        IntentGoal::Create,
        IntentGoal::Delete,
        IntentGoal::Append,
    ];

    /// Returns whether the resource exists after a write, if it can be made on such a state.
    fn after(goal: IntentGoal, exists: bool) -> Option<bool> {
        match goal {
            IntentGoal::Replace => exists.then_some(true),
            IntentGoal::Create => (!exists).then_some(true),
            IntentGoal::Delete => exists.then_some(false),
            IntentGoal::Append => None,
        }
    }

    #[test]
    fn one_write_has_the_effect_of_both() {
        for first in GOALS {
            for second in GOALS {
                for exists in [false, true] {
                    let both = after(first, exists).and_then(|exists| after(second, exists));
                    let (Some(both), Some(together)) = (both, together(first, second)) else {
                        continue;
                    };
                    let one = match together {
                        Together::One(goal) => after(goal, exists),
                        Together::Nothing => Some(exists),
                    };
                    assert_eq!(one, Some(both), "{first:?} and {second:?}");
                }
            }
        }
    }

    #[test]
    fn a_write_that_has_no_address_stays_alone() {
        for goal in GOALS {
            assert_eq!(together(IntentGoal::Append, goal), None);
            assert_eq!(together(goal, IntentGoal::Append), None);
        }
    }
}
