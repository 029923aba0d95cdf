//! The world: a server, its clients, the requests between them, and all possible next steps.
//!
//! A step is one response with all that its client does, up to its next request. This omits nothing: a request may
//! wait any time before it is answered, and the client's work in between is not observable.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::client::{Call, Client, End, Next, Time};
use super::promises;
use super::server::Server;
use super::setting::{Fault, Setting};
use crate::support::explore::Model;
use crate::write::machine::events::{Event, Failure, OutcomeKind, Refused};

/// The wait that a busy server requests.
const COME_BACK: Duration = Duration::from_secs(1);

/// The state of a write.
#[derive(Clone, Debug, Hash)]
pub(super) enum Place {
    /// Not begun, and may never begin.
    Idle,
    /// Waits for the response to a request.
    Running(Box<Client>, Call),
    Ended(End),
    /// Crashed, so its responses are not awaited any more.
    Crashed,
    /// Hangs without waiting for anything.
    Hung,
}

/// The events of a writer that limit what it is promised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Mishaps {
    /// Whether one of its writes may have been applied without its knowledge.
    pub(super) doubt: bool,
    /// Whether it was shown an earlier state.
    pub(super) stale: bool,
}

#[derive(Clone, Hash)]
pub(super) struct World {
    pub(super) server: Server,
    pub(super) places: Vec<Place>,
    pub(super) mishaps: Vec<Mishaps>,
    /// Requests whose responses are not awaited, and that may still arrive.
    ghosts: Vec<(usize, Call)>,
    faults: u8,
    stale_reads: u8,
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The request of this writer is carried out and answered.
    Answered(usize),
    /// The ghost with this number, of this writer, arrives.
    Arrives(usize, usize),
    /// A fault occurs in the request of this writer. The last number selects the earlier state that is shown.
    Fails(usize, Fault, usize),
}

impl Model for Setting {
    type State = World;
    type Step = Step;

    fn start(&self) -> World {
        let mut world = World {
            server: Server::new(self),
            places: vec![Place::Idle; self.writers.len()],
            mishaps: vec![Mishaps::default(); self.writers.len()],
            ghosts: Vec::new(),
            faults: self.faults,
            stale_reads: self.stale_reads,
        };
        for (writer, what) in self.writers.iter().enumerate() {
            if what.after.is_none() {
                let client = Client::new(self, writer, Vec::new());
                world.go_on(self, client, Event::Begin);
            }
        }
        world
    }

    fn steps(&self, world: &World) -> Vec<Step> {
        let mut steps = Vec::new();
        for (number, (writer, call)) in world.ghosts.iter().enumerate() {
            let does_something = match call {
                Call::Read => false,
                Call::Write { condition, .. } => world.server.admits(condition),
                Call::Post { key, .. } => world.server.takes(self, *writer, *key),
            };
            if does_something {
                steps.push(Step::Arrives(number, *writer));
            }
        }
        for (writer, place) in world.places.iter().enumerate() {
            if let Place::Running(client, call) = place {
                steps.push(Step::Answered(writer));
                for fault in self.kinds.iter().chain(&[Fault::Stale]) {
                    world.add(&mut steps, client, *call == Call::Read, *fault);
                }
            }
        }
        steps
    }

    fn take(&self, world: &World, step: &Step) -> World {
        let mut world = world.clone();
        match *step {
            Step::Answered(writer) => world.answered(self, writer),
            Step::Arrives(number, writer) => {
                let (_, call) = world.ghosts.remove(number);
                let replicas = world.stale_reads > 0;
                world.server.carry_out(self, writer, &call, replicas);
            }
            Step::Fails(writer, fault, shown) => world.fails(self, writer, fault, shown),
        }
        world.bury(self);
        world
    }

    fn fault(&self, world: &World, last: bool) -> Option<String> {
        promises::broken(self, world, last)
    }
}

impl World {
    /// Adds the steps of one fault, if it can occur in this request.
    fn add(&self, steps: &mut Vec<Step>, client: &Client, reading: bool, fault: Fault) {
        let fails = |shown| Step::Fails(client.writer, fault, shown);
        if fault == Fault::Stale {
            if reading && self.stale_reads > 0 {
                steps.extend((0..self.server.past().len()).map(fails));
            }
            return;
        }
        let fits = match fault {
            Fault::Late | Fault::Deadline | Fault::Busy(false) | Fault::Crash => true,
            Fault::NoWait => client.time == Time::Enough,
            Fault::Replaced => reading && self.server.snapshot().is_some(),
            Fault::Contradicted { .. } => client.sends_a_document(),
            _ => !reading,
        };
        if self.faults > 0 && fits {
            steps.push(fails(0));
        }
    }

    fn answered(&mut self, setting: &Setting, writer: usize) {
        let Place::Running(mut client, call) = self.places[writer].clone() else {
            return;
        };
        let replicas = self.stale_reads > 0;
        let mut reply = self.server.carry_out(setting, writer, &call, replicas);
        let now = self.server.snapshot();
        if let Some(Event::Refused { current, .. }) = &mut reply
            && current.is_some()
        {
            *current = now.clone().and_then(|now| client.is_shown(setting, now));
        }
        let event = reply.unwrap_or_else(|| client.reads(setting, now));
        self.go_on(setting, *client, event);
    }

    fn fails(&mut self, setting: &Setting, writer: usize, fault: Fault, shown: usize) {
        let Place::Running(mut client, call) = self.places[writer].clone() else {
            return;
        };
        if fault == Fault::Stale {
            self.stale_reads -= 1;
            self.mishaps[writer].stale = true;
            let event = client.reads(setting, self.server.past()[shown].clone());
            if self.stale_reads == 0 {
                self.server.forget_past();
            }
            return self.go_on(setting, *client, event);
        }
        self.faults -= 1;
        let failed = |failure| Event::Failed {
            failure,
            wait: None,
        };
        let refused = |kind| Event::Refused {
            kind,
            current: None,
            wait: None,
        };
        let busy = |retry_after: bool| Event::Failed {
            failure: Failure::Responded,
            wait: retry_after.then_some(COME_BACK),
        };
        let writing = call != Call::Read;
        let replicas = self.stale_reads > 0;
        self.mishaps[writer].doubt |= writing && fault.leaves_doubt();
        let event = match fault {
            Fault::Late | Fault::Deadline | Fault::Accepted | Fault::Crash => {
                if writing {
                    self.ghosts.push((writer, call.clone()));
                }
                if fault == Fault::Deadline {
                    client.time = Time::Over;
                }
                match fault {
                    Fault::Crash if setting.queue.is_some() => {
                        let resumed = Client::resumed(setting, &client);
                        return self.go_on(setting, resumed, Event::Begin);
                    }
                    Fault::Crash => {
                        self.places[writer] = Place::Crashed;
                        return self.succeed(setting, &client);
                    }
                    Fault::Accepted => Event::Accepted { wait: None },
                    _ => failed(Failure::InFlight),
                }
            }
            Fault::Replaced => {
                self.server.replace();
                return self.answered(setting, writer);
            }
            Fault::ReplyLost | Fault::BusyAfter(_) | Fault::Unmoved => {
                self.server.carry_out(setting, writer, &call, replicas);
                if fault == Fault::Unmoved {
                    self.server.keep_version();
                }
                match fault {
                    Fault::BusyAfter(retry_after) => busy(retry_after),
                    _ => failed(Failure::InFlight),
                }
            }
            Fault::Duplicate => {
                self.ghosts.push((writer, call));
                return self.answered(setting, writer);
            }
            Fault::Resent => return self.ghosts.push((writer, call)),
            Fault::NoWait => {
                client.time = Time::Short;
                self.places[writer] = Place::Running(client, call);
                return;
            }
            Fault::Busy(retry_after) => busy(retry_after),
            Fault::Dubious(done) => {
                if done {
                    self.server.carry_out(setting, writer, &call, replicas);
                }
                failed(Failure::Doubtful)
            }
            Fault::Contradicted { applied, unmoved } => {
                let mut stored_now = None;
                if applied {
                    let reply = self.server.carry_out(setting, writer, &call, replicas);
                    let stored = reply == Some(Event::Stored) && !unmoved;
                    stored_now = self.server.snapshot().filter(|_| stored);
                }
                client.is_contradicted(stored_now.map(|stored| stored.version));
                refused(Refused::Contradicted { unmoved })
            }
            Fault::Throttled | Fault::Stale => failed(Failure::Throttled),
            Fault::Locked => refused(Refused::Locked),
            Fault::Refused => refused(Refused::Final),
        };
        self.go_on(setting, *client, event);
    }

    /// Lets the client handle an event.
    fn go_on(&mut self, setting: &Setting, mut client: Client, event: Event<u8>) {
        let writer = client.writer;
        self.places[writer] = match client.on(setting, event) {
            Next::Awaits(call) => Place::Running(Box::new(client), call),
            Next::Hangs => Place::Hung,
            Next::Ends(end) => {
                let open = matches!(end.outcome, OutcomeKind::Unknown | OutcomeKind::Accepted);
                if open && client.in_doubt() {
                    self.succeed(setting, &client);
                }
                Place::Ended(end)
            }
        };
    }

    /// Begins the client's next write, if there is one.
    fn succeed(&mut self, setting: &Setting, dropped: &Client) {
        for (writer, what) in setting.writers.iter().enumerate() {
            if what.after == Some(dropped.writer) {
                self.mishaps[writer].doubt = true;
                let client = Client::new(setting, writer, dropped.leaves());
                self.go_on(setting, client, Event::Begin);
            }
        }
    }

    /// Removes the ghosts that can have no effect any more, and sorts the others.
    fn bury(&mut self, setting: &Setting) {
        let server = &self.server;
        self.ghosts.retain(|(writer, call)| match call {
            Call::Read => false,
            Call::Post { key, .. } => server.takes(setting, *writer, *key),
            Call::Write { condition, .. } => server.may_admit(setting, condition),
        });
        self.ghosts.sort_by_cached_key(|ghost| {
            let mut hasher = DefaultHasher::new();
            ghost.hash(&mut hasher);
            hasher.finish()
        });
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.server)?;
        for (writer, place) in self.places.iter().enumerate() {
            match place {
                Place::Running(_, Call::Read) => write!(f, "; {writer} reads")?,
                Place::Running(_, Call::Write { condition, doc, .. }) => {
                    write!(f, "; {writer} sends {doc:?} if {condition:?}")?;
                }
                Place::Running(_, Call::Post { doc, key }) => {
                    write!(f, "; {writer} posts {doc:?} under {key}")?;
                }
                Place::Ended(end) => write!(f, "; {writer} ended {:?}", end.outcome)?,
                other => write!(f, "; {writer} {other:?}")?,
            }
        }
        write!(f, "; {} may still arrive", self.ghosts.len())
    }
}
