//! What the server answers: the connection, its changes, lists and states.

use super::*;

impl Setting {
    pub(super) fn version(&self, version: u8) -> Version {
        Version {
            count: self.counts_up.then_some(u64::from(version)),
            tag: Some(u64::from(version)),
            text: Some(u64::from(version)),
        }
    }

    /// The version of an event of the feed. A mistaken client takes the order of arrival for the order of versions.
    fn told(&self, world: &World, version: u8) -> Version {
        let count = match self.flaw {
            Flaw::BelievesOrder => {
                Some(u64::from(version) + u64::from(world.budget.cuts == 0) * 100)
            }
            _ => self.version(version).count,
        };
        Version {
            count,
            ..self.version(version)
        }
    }

    pub(super) fn open(&self, world: &mut World, from: Option<u8>) {
        let oldest = number(world.log.len().saturating_sub(self.history));
        world.whole = self.begins_with_whole.then_some(world.end());
        let from = from.unwrap_or(world.end());
        world.pipe = if from >= oldest {
            world.machine.opened(world.now);
            Pipe::At(from)
        } else if self.is_mute {
            world.machine.opened(world.now);
            Pipe::Mute
        } else if self.signals_gaps && self.flaw != Flaw::BumpsPosition {
            world.machine.failed(Failure::TooOld);
            Pipe::None
        } else {
            world.machine.opened(world.now);
            Pipe::At(oldest)
        };
    }

    pub(super) fn read(&self, world: &mut World) {
        match world.pipe {
            Pipe::At(_) if world.whole.is_some() && world.list.is_none() => {
                world.machine.whole_begins();
                world.list = Some((0, world.end()));
            }
            Pipe::At(at) if self.is_container && world.is_update(at) => {
                world.pipe = Pipe::At(at + 1);
            }
            Pipe::At(at) if at < world.end() => {
                let Logged { id, is_removal } = world.log[usize::from(at)];
                let version = self.told(world, at + 1);
                if is_removal {
                    world.machine.removed(id, Some(version));
                } else {
                    world.machine.changed(id, Some(version), Some(at + 1));
                }
                world.machine.reached(at + 1);
                world.pipe = Pipe::At(at + 1);
            }
            Pipe::Cut => {
                world.machine.failed(Failure::Temporary(None));
                world.pipe = Pipe::None;
            }
            Pipe::Mute => {
                world.machine.ended(Duration::ZERO);
                world.pipe = Pipe::None;
            }
            Pipe::At(_) | Pipe::None => {}
        }
    }

    pub(super) fn list(&self, world: &mut World) {
        let (id, position) = world.list.unwrap_or((0, world.end()));
        if usize::from(id) == IDS.len() {
            let position = self.lists_first.then_some(position);
            world.machine.list_ended(world.now, position, false);
            (world.list, world.whole) = (None, None);
            return;
        }
        // The feed tells the whole as of its beginning.
        let end = world.whole.unwrap_or(world.end());
        if let Some(version) = world.at(end, id) {
            let mut shown = self.version(version);
            if !self.items_are_whole {
                (shown.tag, shown.count) = (None, None);
            }
            world.machine.listed(id, shown, version);
        }
        world.list = Some((id + 1, position));
    }
}
