//! A breadth-first walk through every state that a model can reach.
//!
//! The checker `stateright` is not used, because it would add two dozen crates to every test build, among them an
//! HTTP server. This code is short.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A system that moves from state to state.
pub(crate) trait Model {
    type State: Debug + Hash;
    type Step: Debug;

    fn start(&self) -> Self::State;

    /// Returns all possible next steps, always in the same order.
    fn steps(&self, state: &Self::State) -> Vec<Self::Step>;

    fn take(&self, state: &Self::State, step: &Self::Step) -> Self::State;

    /// Returns the violation in this state, if there is one. `last` states whether no further step is possible.
    fn fault(&self, state: &Self::State, last: bool) -> Option<String>;
}

/// The figures of a walk without a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Walk {
    pub(crate) states: usize,
    /// Number of transitions.
    pub(crate) steps: usize,
    /// Number of states without a further step.
    pub(crate) ends: usize,
    /// Number of steps from the start to the farthest state.
    pub(crate) depth: usize,
}

/// A faulty state with a shortest path to it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counterexample {
    pub(crate) fault: String,
    /// The steps, one per line.
    pub(crate) way: Vec<String>,
    /// Number of states seen before it was found.
    pub(crate) states: usize,
}

/// How a state was first reached: the number of the previous state, and of the step from there.
type From = (u32, u16);

/// Walks through all states, or up to the first fault.
///
/// States are identified by a hash of 64 bits. With ten million states, the chance of any collision is
/// 1 in 300 000.
pub(crate) fn walk<M: Model>(model: &M) -> Result<Walk, Counterexample> {
    let mut numbers = HashMap::new();
    let mut origins: Vec<From> = Vec::new();
    let mut level = vec![(0, model.start())];
    numbers.insert(hash(&level[0].1), 0);
    origins.push((0, 0));
    let mut seen = Walk::default();
    while !level.is_empty() {
        let mut next = Vec::new();
        for (number, state) in &level {
            let steps = model.steps(state);
            if let Some(fault) = model.fault(state, steps.is_empty()) {
                return Err(Counterexample {
                    fault,
                    way: way(model, &origins, *number),
                    states: origins.len(),
                });
            }
            seen.ends += usize::from(steps.is_empty());
            seen.steps += steps.len();
            for (at, step) in (0..).zip(&steps) {
                let state = model.take(state, step);
                if let Entry::Vacant(vacant) = numbers.entry(hash(&state)) {
                    let new = u32::try_from(origins.len()).unwrap_or(u32::MAX);
                    vacant.insert(new);
                    origins.push((*number, at));
                    next.push((new, state));
                }
            }
        }
        seen.depth += usize::from(!next.is_empty());
        level = next;
    }
    seen.states = origins.len();
    Ok(seen)
}

fn hash(state: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

/// Returns the steps to a state, reconstructed by walking the path again.
fn way<M: Model>(model: &M, origins: &[From], mut number: u32) -> Vec<String> {
    let mut choices = Vec::new();
    while number != 0 {
        let (from, at) = origins[number as usize];
        choices.push(at);
        number = from;
    }
    let (mut state, mut way) = (model.start(), Vec::new());
    for at in choices.into_iter().rev() {
        let step = model.steps(&state).swap_remove(usize::from(at));
        state = model.take(&state, &step);
        way.push(format!("{step:?}: {state:?}"));
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two counters up to a bound, incremented one at a time.
    struct Grid {
        bound: u8,
        forbidden: (u8, u8),
    }

    impl Model for Grid {
        type State = (u8, u8);
        type Step = char;

        fn start(&self) -> (u8, u8) {
            (0, 0)
        }

        fn steps(&self, &(x, y): &(u8, u8)) -> Vec<char> {
            let free = [('x', x), ('y', y)].into_iter();
            free.filter(|(_, at)| *at < self.bound)
                .map(|(name, _)| name)
                .collect()
        }

        fn take(&self, &(x, y): &(u8, u8), step: &char) -> (u8, u8) {
            if *step == 'x' { (x + 1, y) } else { (x, y + 1) }
        }

        fn fault(&self, state: &(u8, u8), _: bool) -> Option<String> {
            (*state == self.forbidden).then(|| "forbidden".to_owned())
        }
    }

    #[test]
    fn every_state_is_seen_once() {
        let model = Grid {
            bound: 3,
            forbidden: (9, 9),
        };
        let expected = Walk {
            states: 16,
            steps: 24,
            ends: 1,
            depth: 6,
        };
        assert_eq!(walk(&model), Ok(expected));
    }

    #[test]
    fn a_fault_is_told_with_a_shortest_way_to_it() {
        let model = Grid {
            bound: 3,
            forbidden: (2, 1),
        };
        let found = walk(&model).err();
        assert!(found.is_some_and(|found| {
            let to_the_right = found.way.iter().filter(|step| step.starts_with("'x'"));
            (to_the_right.count(), found.way.len()) == (2, 3) && found.fault == "forbidden"
        }));
    }
}
