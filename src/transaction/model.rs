//! Walks a transaction of two steps through every order of delays, losses, refusals and writes of others, with the real
//! machine.
//!
//! The first step takes one from `A`, the second one adds one to `B`. The server of `B` refuses now and then. Requests may be
//! delayed for as long as the walk lasts, also beyond the end of the transaction. The process may end at any point. A later
//! one then goes on from what is durable: the requests that were about to leave, and how each step has ended, which is
//! durable no later than the next request.

use std::collections::{BTreeSet, HashSet};

use super::machine::{Action, Ending, Event, Machine, Standing};
use crate::write::step::{Made, TakenBack};

/// What a request does, if its version is the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Write {
    Take,
    Add,
    Touch,
    GiveBack,
}

impl Write {
    /// The document that it is about: 0 is `A`, 1 is `B`.
    fn document(self) -> usize {
        match self {
            Self::Take | Self::GiveBack => 0,
            Self::Add | Self::Touch => 1,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Response {
    Stored,
    Stale,
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Message {
    write: Write,
    onto: u8,
    response: Option<Response>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Document {
    version: u8,
    /// The stamps of the writes that were applied.
    stamps: BTreeSet<Write>,
}

/// The current write of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// It reads the document next.
    Reads,
    /// It has read this version, and sends next.
    Sends(u8),
    /// It waits for the response.
    Waits(u8),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    documents: [Document; 2],
    machine: Machine,
    action: Action,
    phase: Phase,
    /// Whether an earlier request of the current step may still be applied.
    in_doubt: bool,
    messages: BTreeSet<Message>,
    /// Whether the server of `B` refuses.
    refuses: bool,
    flips: u8,
    sends: u8,
    others: u8,
    crashes: u8,
    /// What is durable of each step.
    durable: Vec<Standing>,
    /// Whether a request of each step is durable.
    marks: [bool; 2],
}

/// A mistake that the walk has to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    /// A refusal counts as certain although an earlier request of the step may still arrive.
    UndoesBeforeFence,
    /// A later process takes the steps back at once, although a request of the one before may still arrive.
    ForgetsDoubt,
}

#[derive(Clone, Copy, Debug)]
struct Rules {
    flaw: Flaw,
    crashes: u8,
    /// Whether a later process takes back what was made.
    goes_back: bool,
}

struct Walk {
    states: usize,
    endings: [usize; 4],
    violations: usize,
}

impl World {
    fn new(crashes: u8) -> Self {
        let mut machine = Machine::new(2);
        let action = machine.on(Event::Begin);
        Self {
            documents: Default::default(),
            machine,
            action,
            phase: Phase::Reads,
            in_doubt: false,
            messages: BTreeSet::new(),
            refuses: false,
            flips: 2,
            sends: 5,
            others: 1,
            crashes,
            durable: vec![Standing::Waiting; 2],
            marks: [false; 2],
        }
    }

    /// The request of the current action.
    fn write(&self) -> Option<Write> {
        match self.action {
            Action::Run(0) | Action::Drive(0) => Some(Write::Take),
            Action::Run(_) | Action::Drive(_) => Some(Write::Add),
            Action::Fence(1) => Some(Write::Touch),
            Action::Undo(_) => Some(Write::GiveBack),
            // The walk fences only `B`, whose server refuses.
            Action::Fence(_) | Action::Finish(_) => None,
        }
    }

    fn ends(&self, event: Event) -> Self {
        let mut next = self.clone();
        let before = self.action;
        next.action = next.machine.on(event);
        next.phase = Phase::Reads;
        let is_same = |action| match action {
            Action::Run(step) | Action::Drive(step) | Action::Fence(step) => Some(step),
            Action::Undo(_) | Action::Finish(_) => None,
        };
        next.in_doubt &= is_same(before).is_some() && is_same(before) == is_same(next.action);
        next
    }

    fn made(&self, made: Made) -> Self {
        self.ends(Event::Made(made))
    }

    /// What the transaction does next on its own.
    fn own_steps(&self, next: &mut Vec<Self>) {
        if matches!(self.action, Action::Finish(_)) {
            return;
        }
        let Some(write) = self.write() else {
            next.push(self.made(Made::Unknown));
            return;
        };
        let document = &self.documents[write.document()];
        let undoes = write == Write::GiveBack;
        match self.phase {
            Phase::Reads => {
                let sought = if write == Write::Touch {
                    Write::Add
                } else {
                    write
                };
                let is_applied = document.stamps.contains(&sought);
                if is_applied && undoes {
                    next.push(self.ends(Event::TakenBack(TakenBack::Undone)));
                } else if is_applied {
                    next.push(self.made(Made::Applied));
                } else {
                    let mut read = self.clone();
                    read.phase = Phase::Sends(document.version);
                    next.push(read);
                }
            }
            Phase::Sends(version) if self.sends > 0 => {
                let mut sent = self.clone();
                sent.sends -= 1;
                sent.durable = sent.machine.steps().to_vec();
                if let Action::Run(step) | Action::Drive(step) = self.action {
                    sent.marks[step] = true;
                }
                sent.phase = Phase::Waits(version);
                sent.messages.insert(Message {
                    write,
                    onto: version,
                    response: None,
                });
                next.push(sent);
            }
            Phase::Sends(_) => {
                // No more requests: what is not known stays so.
                next.push(if undoes {
                    self.ends(Event::TakenBack(TakenBack::Unknown))
                } else if self.in_doubt || write == Write::Touch {
                    self.made(Made::Unknown)
                } else {
                    self.made(Made::NotApplied)
                });
            }
            Phase::Waits(_) => {
                let mut late = self.clone();
                late.phase = Phase::Reads;
                late.in_doubt |= !undoes && write != Write::Touch;
                next.push(late);
            }
        }
    }

    /// The process ends, and a later one goes on.
    fn crash(&self, of: Rules, next: &mut Vec<Self>) {
        if self.crashes == 0 || matches!(self.action, Action::Finish(_)) {
            return;
        }
        // What has ended last may be durable or not.
        for steps in [self.machine.steps(), &self.durable] {
            let mut again = self.clone();
            again.crashes -= 1;
            let told = match of.flaw {
                Flaw::ForgetsDoubt => vec![false; 2],
                Flaw::None | Flaw::UndoesBeforeFence => self.marks.to_vec(),
            };
            again.durable = steps.to_vec();
            again.machine = Machine::resumed(steps.to_vec(), told, of.goes_back);
            again.action = again.machine.on(Event::Begin);
            again.phase = Phase::Reads;
            again.in_doubt = match again.action {
                Action::Run(step) | Action::Drive(step) => self.marks[step],
                Action::Fence(_) | Action::Undo(_) | Action::Finish(_) => false,
            };
            next.push(again);
        }
    }

    /// What the network and the server do.
    fn deliveries(&self, flaw: Flaw, next: &mut Vec<Self>) {
        for message in &self.messages {
            let mut rest = self.clone();
            rest.messages.remove(message);
            next.push(rest.clone());
            match message.response {
                None => {
                    let mut answered = rest;
                    let document = &mut answered.documents[message.write.document()];
                    let response = if message.write == Write::Add && self.refuses {
                        Response::Refused
                    } else if document.version == message.onto {
                        document.version += 1;
                        document.stamps.insert(message.write);
                        Response::Stored
                    } else {
                        Response::Stale
                    };
                    answered.messages.insert(Message {
                        response: Some(response),
                        ..*message
                    });
                    next.push(answered);
                }
                Some(response)
                    if self.phase == Phase::Waits(message.onto)
                        && self.write() == Some(message.write) =>
                {
                    next.push(rest.answered(flaw, message.write, response));
                }
                Some(_) => {}
            }
        }
    }

    fn answered(mut self, flaw: Flaw, write: Write, response: Response) -> Self {
        match (write, response) {
            (Write::GiveBack, Response::Stored) => self.ends(Event::TakenBack(TakenBack::Undone)),
            (Write::Touch, Response::Stored) => self.made(Made::NotApplied),
            (_, Response::Stored) => self.made(Made::Applied),
            (_, Response::Stale) => {
                self.phase = Phase::Reads;
                self
            }
            (_, Response::Refused) if self.in_doubt && flaw != Flaw::UndoesBeforeFence => {
                self.made(Made::Unknown)
            }
            (_, Response::Refused) => self.made(Made::NotApplied),
        }
    }

    fn foreign(&self, next: &mut Vec<Self>) {
        if self.flips > 0 {
            let mut flipped = self.clone();
            (flipped.flips, flipped.refuses) = (self.flips - 1, !self.refuses);
            next.push(flipped);
        }
        if self.others > 0 {
            for document in 0..2 {
                let mut written = self.clone();
                written.others -= 1;
                written.documents[document].version += 1;
                next.push(written);
            }
        }
    }

    /// Whether the state contradicts what the caller was told.
    fn is_wrong(&self) -> bool {
        let takes = self.documents[0].stamps.contains(&Write::Take);
        let given_back = self.documents[0].stamps.contains(&Write::GiveBack);
        let adds = self.documents[1].stamps.contains(&Write::Add);
        let stands = takes && !given_back;
        match self.action {
            Action::Finish(Ending::Committed) => !(stands && adds),
            Action::Finish(Ending::Undone) => stands || adds,
            _ => given_back && !takes,
        }
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the counts are shown to those who ask for them"
)]
fn walk(of: Rules) -> Walk {
    let begin = World::new(of.crashes);
    let mut seen = HashSet::from([begin.clone()]);
    let mut left = vec![begin];
    let mut found = Walk {
        states: 0,
        endings: [0; 4],
        violations: 0,
    };
    let mut next = Vec::new();
    while let Some(world) = left.pop() {
        found.states += 1;
        if world.is_wrong() {
            found.violations += 1;
            continue;
        }
        if let Action::Finish(ending) = world.action
            && world.messages.is_empty()
        {
            let nth = match ending {
                Ending::Committed => 0,
                Ending::Undone => 1,
                Ending::HalfDone => 2,
                Ending::Unknown => 3,
            };
            found.endings[nth] += 1;
        }
        world.own_steps(&mut next);
        world.deliveries(of.flaw, &mut next);
        world.foreign(&mut next);
        world.crash(of, &mut next);
        for world in next.drain(..) {
            if seen.insert(world.clone()) {
                left.push(world);
            }
        }
    }
    let [committed, undone, half, unknown] = found.endings;
    println!(
        "{of:?}: {} states, {} violations; ended as committed {committed}, undone {undone}, half done {half}, unknown {unknown}",
        found.states, found.violations
    );
    found
}

const WITHOUT_CRASH: Rules = Rules {
    flaw: Flaw::None,
    crashes: 0,
    goes_back: false,
};

fn holds(of: Rules) {
    let found = walk(of);
    assert_eq!(found.violations, 0);
    assert!(
        found.endings[0] > 0 && found.endings[1] > 0,
        "{:?}",
        found.endings
    );
}

#[test]
fn no_order_of_events_leaves_half_a_transaction_that_was_told_otherwise() {
    holds(WITHOUT_CRASH);
}

#[test]
fn no_end_of_the_process_leaves_half_a_transaction_that_was_told_otherwise() {
    for goes_back in [false, true] {
        holds(Rules {
            crashes: 2,
            goes_back,
            ..WITHOUT_CRASH
        });
    }
}

#[test]
fn an_undo_before_the_fence_is_found() {
    let flaw = Flaw::UndoesBeforeFence;
    let found = walk(Rules {
        flaw,
        ..WITHOUT_CRASH
    });
    assert!(found.violations > 0);
}

#[test]
fn a_restart_that_forgets_a_doubt_is_found() {
    let found = walk(Rules {
        flaw: Flaw::ForgetsDoubt,
        crashes: 1,
        goes_back: true,
    });
    assert!(found.violations > 0);
}
