//! Walks the machine through every order of writes, removals, cuts, forgotten positions, duplicates, restarts and questions
//! of the consumer, up to a bound.
//!
//! The server has two resources and a log of changes, the last few of which a feed can replay. `cargo test --lib
//! watch::machine::model -- --nocapture` prints the number of states, and the ways to the deliberate mistakes.

mod consumer;
mod scenarios;
mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use self::consumer::Consumer;
use super::*;
use crate::support::explore::Model;

const IDS: [u8; 2] = [0, 1];

impl Weight for u8 {
    fn bytes(&self) -> usize {
        1
    }
}

type Watch = Machine<u8, u8, u8>;

/// A mistake that the walk has to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Flaw {
    None,
    /// A position that is too old is moved to the oldest one that works.
    BumpsPosition,
    /// Nothing is compared after a reconnect, although the feed does not signal gaps.
    TrustsFeed,
    /// The states of a feed are delivered as they come, in place of versions that tell their order.
    BelievesOrder,
    /// What is handed over counts as handled before the consumer asks for more.
    AsksTooEarly,
    /// A server that answers a position that is too old with nothing is taken for a quiet one.
    TakesNothingForQuiet,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Copy, Debug)]
struct Setting {
    /// Whether the versions count up.
    counts_up: bool,
    signals_gaps: bool,
    lists_first: bool,
    items_are_whole: bool,
    /// Whether items of the list only name resources, and the feed does not tell of new states of what is there.
    is_container: bool,
    /// Whether each connection begins with the whole.
    begins_with_whole: bool,
    /// Whether a position that is too old is answered with nothing instead of a 410.
    is_mute: bool,
    /// How many changes the feed can replay.
    history: usize,
    /// How long the feed may catch up, and how long it may take to explain what was found.
    patience: Duration,
    budget: Budget,
    flaw: Flaw,
}

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Budget {
    writes: u8,
    removals: u8,
    cuts: u8,
    duplicates: u8,
    restarts: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Logged {
    id: u8,
    is_removal: bool,
}

/// The feed, as far as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Pipe {
    None,
    At(u8),
    Cut,
    /// The connection ends without having told anything.
    Mute,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    log: Vec<Logged>,
    pipe: Pipe,
    /// The next resource of the list that is being read, and the position at its beginning.
    list: Option<(u8, u8)>,
    /// The position as of which the feed is about to tell the whole, and then tells it.
    whole: Option<u8>,
    now: Duration,
    machine: Watch,
    consumer: Consumer,
    budget: Budget,
    fault: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Write(u8),
    Remove(u8),
    Cut,
    Duplicate,
    Restart,
    Act,
    Tick,
    Ask,
}

impl World {
    /// The version of a resource on the server: the number of its last change in the log, if that is no removal.
    fn current(&self, id: u8) -> Option<u8> {
        self.at(self.end(), id)
    }

    /// The version of a resource at a position.
    fn at(&self, end: u8, id: u8) -> Option<u8> {
        let log = &self.log[..usize::from(end)];
        let at = log.iter().rposition(|change| change.id == id)?;
        (!log[at].is_removal).then_some(number(at + 1))
    }

    /// Whether there is nothing that a list could show, or something that the consumer has to ask for first.
    fn is_quiet(&self) -> bool {
        let server = IDS
            .into_iter()
            .filter_map(|id| Some((id, self.current(id)?)));
        has_ready(self) || self.consumer.view == server.collect()
    }

    /// Whether the change at a position is a new state of what was there.
    fn is_update(&self, at: u8) -> bool {
        let change = self.log.get(usize::from(at));
        change.is_some_and(|change| !change.is_removal && self.at(at, change.id).is_some())
    }

    fn end(&self) -> u8 {
        number(self.log.len())
    }
}

fn has_ready(world: &World) -> bool {
    world.consumer.in_hand.is_some() || world.machine.clone().take().is_some()
}

fn number(at: usize) -> u8 {
    u8::try_from(at).unwrap_or(u8::MAX)
}

impl Setting {
    fn rules(&self) -> Rules {
        Rules {
            signals_gaps: self.signals_gaps || self.flaw == Flaw::TrustsFeed,
            lists_first: self.lists_first,
            polls: false,
            items_are_whole: self.items_are_whole,
            items_are_names: self.is_container,
            misses_changes: self.is_container,
            begins_with_whole: self.begins_with_whole,
            settle: self.patience,
            grace: self.patience,
            spread: Duration::ZERO,
            max_queue: 2,
            ..Rules::polling()
        }
    }

    fn act(&self, world: &mut World) {
        match world.machine.next(world.now, 0.0) {
            Action::Open(from) => self.open(world, from),
            Action::Read(_) => self.read(world),
            Action::List { anew } => {
                world.list = world.list.filter(|_| !anew);
                world.whole = world.whole.filter(|_| !anew);
                self.list(world);
            }
            Action::Look(id) => {
                let look = world.current(id).map_or(Look::Absent, |version| {
                    Look::State(Some(self.version(version)), version)
                });
                world.machine.looked(id, look);
            }
            Action::Wait(_) | Action::Rest | Action::Stop => {}
        }
    }

    fn can_act(&self, world: &World) -> bool {
        match world.machine.clone().next(world.now, 0.0) {
            Action::Read(_) => match world.pipe {
                Pipe::At(_) if world.whole.is_some() => true,
                Pipe::At(at) => at < world.end(),
                Pipe::Mute => self.flaw != Flaw::TakesNothingForQuiet,
                Pipe::Cut => true,
                Pipe::None => false,
            },
            Action::Rest | Action::Stop => false,
            _ => true,
        }
    }
}

impl Model for Setting {
    type State = World;
    type Step = Step;

    fn start(&self) -> World {
        World {
            log: vec![Logged {
                id: 0,
                is_removal: false,
            }],
            pipe: Pipe::None,
            list: None,
            whole: None,
            now: Duration::ZERO,
            machine: Machine::new(self.rules(), None),
            consumer: Consumer::default(),
            budget: self.budget,
            fault: None,
        }
    }

    fn steps(&self, world: &World) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.can_act(world) {
            steps.push(Step::Act);
        }
        if let Action::Read(Some(until)) = world.machine.clone().next(world.now, 0.0)
            && until > world.now
            // Lists go on for ever, and show nothing new.
            && !(self.is_container && world.is_quiet())
        {
            steps.push(Step::Tick);
        }
        if has_ready(world) {
            steps.push(Step::Ask);
        }
        for id in IDS {
            if world.budget.writes > 0 {
                steps.push(Step::Write(id));
            }
            if world.budget.removals > 0 && world.current(id).is_some() {
                steps.push(Step::Remove(id));
            }
        }
        if world.budget.cuts > 0 && matches!(world.pipe, Pipe::At(_)) {
            steps.push(Step::Cut);
        }
        if world.budget.duplicates > 0 && matches!(world.pipe, Pipe::At(1..)) {
            steps.push(Step::Duplicate);
        }
        if world.budget.restarts > 0 {
            steps.push(Step::Restart);
        }
        steps
    }

    fn take(&self, world: &World, step: &Step) -> World {
        let mut next = world.clone();
        match *step {
            Step::Write(id) => {
                next.budget.writes -= 1;
                next.log.push(Logged {
                    id,
                    is_removal: false,
                });
            }
            Step::Remove(id) => {
                next.budget.removals -= 1;
                next.log.push(Logged {
                    id,
                    is_removal: true,
                });
            }
            Step::Cut => {
                next.budget.cuts -= 1;
                next.pipe = Pipe::Cut;
            }
            Step::Duplicate => {
                next.budget.duplicates -= 1;
                if let Pipe::At(at) = next.pipe {
                    next.pipe = Pipe::At(at - 1);
                }
            }
            Step::Restart => {
                next.budget.restarts -= 1;
                let position = next.machine.position().copied();
                next.machine = Machine::new(self.rules(), position);
                next.consumer.in_hand = None;
                if position.is_none() {
                    // A watch without a position begins with everything.
                    next.consumer.view.clear();
                }
                // The order of states is a promise of one watch.
                next.consumer.newest.clear();
                (next.pipe, next.list, next.whole) = (Pipe::None, None, None);
            }
            Step::Act => self.act(&mut next),
            Step::Tick => {
                if let Action::Read(Some(until)) = next.machine.clone().next(next.now, 0.0) {
                    next.now = until;
                }
            }
            Step::Ask => self.ask(&mut next),
        }
        next
    }

    fn fault(&self, world: &World, last: bool) -> Option<String> {
        if world.fault.is_some() || !last {
            return world.fault.clone();
        }
        let server: BTreeMap<u8, u8> = IDS
            .into_iter()
            .filter_map(|id| Some((id, world.current(id)?)))
            .collect();
        (world.consumer.view != server)
            .then(|| format!("the consumer ends with {:?}", world.consumer.view))
    }
}
