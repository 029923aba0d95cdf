//! The state of a walk: both documents, both processes, and the requests under way.

use super::flaws::Flaw;
use super::setting::{Setting, Tags, at, ticks};
use crate::lease::Contender;
use crate::lease::holder::Holder;

/// The two processes. The first one holds the lease at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Who {
    First,
    Second,
}

/// The record of the lease. The nonce differs in each state, so it is its version too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Record {
    pub(super) holder: Option<Who>,
    pub(super) nonce: u8,
    pub(super) token: u64,
}

/// A state of the protected document, as a reader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Shown {
    /// A value that goes back and forth, so that states return.
    pub(super) value: bool,
    pub(super) fence: Option<u64>,
    /// The number of the state, or zero if tags are made from the content.
    pub(super) number: u8,
}

/// A request or a response under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Message {
    /// A contender reads the record.
    Look {
        sent: u8,
    },
    /// The record as it was read.
    Seen {
        sent: u8,
        record: Record,
    },
    /// A contender takes over. `since` is when its call began.
    Take {
        since: u8,
        onto: u8,
    },
    Renew {
        by: Who,
        sent: u8,
        onto: u8,
    },
    /// The response to a takeover or a renewal.
    Granted {
        to: Who,
        since: u8,
        token: u64,
        is_new: bool,
    },
    Release {
        onto: u8,
    },
    Write {
        token: u64,
        onto: Shown,
    },
}

impl Message {
    /// Returns the process that gets the message, if it is a response.
    pub(super) fn receiver(&self) -> Option<Who> {
        match self {
            Self::Seen { .. } => Some(Who::Second),
            Self::Granted { to, .. } => Some(*to),
            _ => None,
        }
    }
}

/// One process.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Process {
    pub(super) clock: u8,
    pub(super) is_still: bool,
    pub(super) has_stood_still: bool,
    /// The lease that it believes in, while there is time left.
    pub(super) holder: Option<Holder>,
    pub(super) token: u64,
    /// The state that its next write is built on.
    pub(super) read: Option<Shown>,
    pub(super) writes: u8,
}

impl Process {
    /// Whether it can vouch for its lease.
    pub(super) fn believes(&self) -> bool {
        let left = self.holder.map(|holder| holder.remaining(at(self.clock)));
        left.is_some_and(|left| !left.is_zero())
    }
}

/// The state of everything.
#[derive(Clone, Debug, Hash)]
pub(super) struct World {
    pub(super) record: Record,
    pub(super) shown: Shown,
    /// The tokens of the writes that were applied, in their order.
    pub(super) applied: Vec<u64>,
    pub(super) processes: [Process; 2],
    pub(super) contender: Contender,
    /// In a fixed order, because the network has none.
    pub(super) messages: Vec<Message>,
    pub(super) nonces: u8,
    pub(super) renewals: u8,
    pub(super) looks: u8,
    pub(super) copies: u8,
    /// Whether a write has left under a lease that could not be vouched for.
    pub(super) has_left_unvouched: bool,
}

impl World {
    pub(super) fn new(setting: &Setting) -> Self {
        let process = Process {
            clock: 0,
            is_still: false,
            has_stood_still: false,
            holder: None,
            token: 0,
            read: None,
            writes: setting.writes,
        };
        let first = Process {
            holder: Some(Holder::new(ticks(setting.ttl), at(0), None)),
            token: 1,
            ..process
        };
        Self {
            record: Record {
                holder: Some(Who::First),
                nonce: 0,
                token: 1,
            },
            shown: Shown {
                value: false,
                fence: None,
                number: 0,
            },
            applied: Vec::new(),
            processes: [first, process],
            contender: Contender::default(),
            messages: Vec::new(),
            nonces: 0,
            renewals: setting.renewals,
            looks: setting.looks,
            copies: setting.copies,
            has_left_unvouched: false,
        }
    }

    pub(super) fn process(&self, who: Who) -> &Process {
        &self.processes[who as usize]
    }

    pub(super) fn process_mut(&mut self, who: Who) -> &mut Process {
        &mut self.processes[who as usize]
    }

    pub(super) fn send(&mut self, message: Message) {
        let place = self.messages.partition_point(|known| *known < message);
        self.messages.insert(place, message);
    }

    /// Replaces the record, if it is the one that the request is pinned to.
    pub(super) fn record(&mut self, onto: u8, holder: Option<Who>, token: u64) -> bool {
        let is_pinned = self.record.nonce == onto;
        if is_pinned {
            self.nonces += 1;
            self.record = Record {
                holder,
                nonce: self.nonces,
                token,
            };
        }
        is_pinned
    }

    /// Forgets the requests that are pinned to a state that never returns. They change nothing, whenever they arrive.
    pub(super) fn forget_refused(&mut self, setting: &Setting) {
        let (nonce, shown) = (self.record.nonce, self.shown);
        self.messages.retain(|message| match message {
            Message::Take { onto, .. } => {
                *onto == nonce || setting.flaw == Some(Flaw::TakeoverUnpinned)
            }
            Message::Renew { onto, .. } | Message::Release { onto } => *onto == nonce,
            Message::Write { onto, .. } => setting.tags == Tags::Content || *onto == shown,
            _ => true,
        });
    }

    /// Carries out a write, if the document is in the state that it is pinned to.
    pub(super) fn write(&mut self, setting: &Setting, token: u64, onto: Shown) {
        if self.shown != onto {
            return;
        }
        self.applied.push(token);
        self.shown = Shown {
            value: !onto.value,
            fence: setting.is_fenced.then_some(token),
            number: match setting.tags {
                Tags::Counted => onto.number + 1,
                Tags::Content => 0,
            },
        };
    }
}
