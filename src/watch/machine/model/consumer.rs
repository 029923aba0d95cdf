//! The consumer of a watch, and what it may rely on.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Consumer {
    /// What it has handled. Persisted, so it survives a restart.
    pub(super) view: BTreeMap<u8, u8>,
    pub(super) in_hand: Option<Delivery<u8, u8>>,
    /// The newest version of each resource since the last reset.
    pub(super) newest: BTreeMap<u8, u8>,
    /// What has to be told before the consumer has caught up again.
    pub(super) untold: Option<BTreeSet<u8>>,
    pub(super) resets: u8,
}

impl Setting {
    /// Handles what is in hand, and takes the next change.
    pub(super) fn ask(&self, world: &mut World) {
        let consumer = &mut world.consumer;
        match consumer.in_hand.take() {
            Some(Delivery::Put(id, version)) => drop(consumer.view.insert(id, version)),
            Some(Delivery::Gone(id)) => drop(consumer.view.remove(&id)),
            _ => {}
        }
        world.machine.ask();
        let Some(delivery) = world.machine.take() else {
            return;
        };
        match &delivery {
            Delivery::Put(id, version) => {
                let newest = consumer.newest.insert(*id, *version);
                if newest > Some(*version) {
                    world.fault = Some(format!("the resource {id} went back in time"));
                }
                consumer.untold.iter_mut().for_each(|untold| {
                    untold.remove(id);
                });
            }
            Delivery::Gone(id) => {
                consumer.untold.iter_mut().for_each(|untold| {
                    untold.remove(id);
                });
            }
            Delivery::Reset => {
                consumer.newest.clear();
                consumer.untold = Some(consumer.view.keys().copied().collect());
                consumer.resets += 1;
            }
            Delivery::CaughtUp => {
                let untold = consumer.untold.take().unwrap_or_default();
                if self.budget.restarts > 0 {
                    // A restarted watch cannot know what an earlier one has delivered. What a reset does not tell is gone.
                    consumer.view.retain(|id, _| !untold.contains(id));
                } else if !untold.is_empty() {
                    world.fault = Some(format!("a reset has not told what became of {untold:?}"));
                }
            }
            Delivery::Problem(..) => {}
        }
        consumer.in_hand = Some(delivery);
        if self.flaw == Flaw::AsksTooEarly {
            world.machine.ask();
        }
    }
}
