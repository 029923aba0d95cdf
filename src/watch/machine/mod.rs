//! What a watch does next. Pure: it knows no documents, no clock, no randomness and no network.
//!
//! A feed is only a hint. A state is delivered as the feed shows it if its version can be compared with the delivered one,
//! and otherwise the resource is read. After each reconnect to a feed that cannot say that it lost something, the
//! collection is compared with what was delivered. What is missing and not announced by the feed soon leads to a reset.

mod action;
mod backoff;
mod connection;
mod known;
mod listing;
#[cfg(test)]
mod model;
mod queue;
#[cfg(test)]
mod tests;
mod told;
mod version;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

pub(crate) use action::{Action, Failure, Look, Rules};
use backoff::{Backoff, Heartbeat};
use known::{Known, Weight};
use listing::{Listing, Need};
pub(crate) use queue::Delivery;
use queue::Queue;
pub(crate) use version::{Order, Version};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Closed,
    Open,
    Ended,
}

/// A pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Pause {
    /// After a failure, or between two connections.
    Backoff,
    For(Duration),
}

/// Why a resource is read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Looking {
    /// It waits at the head of the queue.
    Wanted,
    /// It is compared with what was delivered.
    Compared,
    /// It could not be read before.
    Unread,
}

/// The time until a resource is read again that could not be read.
const UNREAD: Duration = Duration::from_secs(30);

/// The state of one watch. `I` is the id of a resource, `S` its state, and `A` a position in the feed.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Machine<I: Ord, S, A> {
    rules: Rules,
    phase: Phase,
    /// Whether the feed is replaced by polling.
    polls: bool,
    /// The pause that is due before the next step.
    wait: Option<Pause>,
    backoff: Backoff,
    heartbeat: Heartbeat,
    was_unauthorized: bool,
    idle_openings: u8,
    was_open: bool,
    /// Whether the last connection ended before the comparison that was due.
    owes_comparison: bool,
    /// Whether this connection has told anything.
    has_told: bool,
    /// Whether this connection has moved the position.
    has_moved: bool,
    /// Whether this connection has shown any sign of life.
    has_lived: bool,
    /// Whether this connection has told the whole.
    has_told_whole: bool,
    /// The position up to which the feed was received.
    reached: Option<A>,
    /// Whether the position comes from a list, and the feed has told nothing since.
    is_fresh: bool,
    need: Option<Need>,
    listing: Option<Listing>,
    /// When the next list is due beside a feed that misses changes.
    next_list: Duration,
    /// What the last list has shown of resources that are to be read because of it.
    shown: BTreeMap<I, Version>,
    /// Whether the last list was read in several pages, and the feed has told of no removal since.
    listed_in_pages: bool,
    /// Until when a feed that tells no states may tell of a removal from before the end of that list.
    removals_until: Duration,
    /// Whether the feed has told of a removal that may have moved items between the pages of the last list.
    owes_list: bool,
    /// Resources that are compared with what was delivered, and when the next one is read.
    to_compare: VecDeque<I>,
    next_compare: Duration,
    compare_every: Duration,
    /// What the comparison has found and the feed has not announced, and until when it may.
    suspects: BTreeMap<I, Option<Version>>,
    suspects_until: Duration,
    looking: Option<Looking>,
    failed_looks: u8,
    /// Resources that have changed and could not be read, which the consumer was told, and when the next one is read.
    unread: VecDeque<I>,
    next_unread: Option<Duration>,
    /// Ids that the feed may not have meant.
    guesses: BTreeSet<I>,
    known: Known<I>,
    queue: Queue<I, S, A>,
}

impl<I: Clone + Ord + Weight, S, A: Clone + PartialEq> Machine<I, S, A> {
    /// Begins a watch, from a position if there is one.
    pub(crate) fn new(rules: Rules, from: Option<A>) -> Self {
        let resumes = from.is_some() && rules.signals_gaps && !rules.polls;
        Self {
            phase: Phase::Closed,
            polls: rules.polls,
            wait: None,
            backoff: Backoff::default(),
            heartbeat: Heartbeat::of(rules.idle_time),
            was_unauthorized: false,
            idle_openings: 0,
            was_open: false,
            owes_comparison: false,
            has_told: false,
            has_moved: false,
            has_lived: false,
            has_told_whole: false,
            reached: from.clone(),
            is_fresh: false,
            // Without a sign of a gap, nothing proves that the feed continues where the consumer stopped.
            need: (!resumes).then_some(Need::Whole {
                resets: from.is_some(),
            }),
            listing: None,
            next_list: Duration::ZERO,
            shown: BTreeMap::new(),
            listed_in_pages: false,
            removals_until: Duration::ZERO,
            owes_list: false,
            to_compare: VecDeque::new(),
            next_compare: Duration::ZERO,
            compare_every: Duration::ZERO,
            suspects: BTreeMap::new(),
            suspects_until: Duration::ZERO,
            looking: None,
            failed_looks: 0,
            unread: VecDeque::new(),
            next_unread: None,
            guesses: BTreeSet::new(),
            known: Known::new(rules.max_known),
            queue: Queue::new(rules.max_queue, from),
            rules,
        }
    }

    /// Returns the position up to which the consumer has handled everything.
    pub(crate) fn position(&self) -> Option<&A> {
        self.queue.position()
    }

    /// Whether removals in a gap are told. They are not after more resources were delivered than are remembered.
    pub(crate) fn tells_all_removals(&self) -> bool {
        self.known.is_whole()
    }

    /// Whether the feed was given up for polling.
    pub(crate) fn has_fallen_back(&self) -> bool {
        self.polls && !self.rules.polls
    }

    /// Whether the watch is over.
    pub(crate) fn has_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// Whether a list only has to show what has changed since the last one.
    pub(crate) fn lists_again(&self) -> bool {
        !matches!(self.need, Some(Need::Whole { .. } | Need::Compare { .. }))
    }

    /// Whether this version of a resource is the last one that was delivered or waits.
    pub(crate) fn is_told(&self, id: &I, version: Version) -> bool {
        self.known.order(id, Some(version)) == Some(Order::Same)
    }

    /// Whether a list shows nothing new of a resource with this item.
    pub(crate) fn is_listed(&self, id: &I, item: Version) -> bool {
        let order = self.known.order_listed(id, item);
        matches!(order, Some(Order::Same | Order::Older))
    }

    /// Whether a change is ready to be handed over.
    pub(crate) fn has_ready(&self) -> bool {
        !self.queue.is_empty() && self.queue.wanted().is_none()
    }

    /// Whether the collection is listed again and again, without a feed.
    pub(crate) fn polls(&self) -> bool {
        self.polls
    }

    /// Whether a change is ready, and a resource behind it has to be read once that was handed over.
    pub(crate) fn wants_behind(&self) -> bool {
        self.queue.wants_behind()
    }

    pub(crate) fn idle_time(&self) -> Duration {
        self.heartbeat.idle_time()
    }

    /// The consumer asks for the next change.
    pub(crate) fn ask(&mut self) {
        self.queue.ask();
    }

    /// Hands over the next change, if one is ready.
    pub(crate) fn take(&mut self) -> Option<Delivery<I, S>> {
        self.queue.take()
    }

    /// Returns what is done next. `now` is the time since any fixed moment, and `jitter` is between 0 and 1.
    pub(crate) fn next(&mut self, now: Duration, jitter: f64) -> Action<I, A> {
        if self.phase == Phase::Ended {
            return Action::Stop;
        }
        if let Some(pause) = self.wait.take() {
            return Action::Wait(match pause {
                Pause::Backoff => self.backoff.wait(jitter),
                Pause::For(interval) => interval,
            });
        }
        if let Some(id) = self.wanted() {
            return Action::Look(id);
        }
        if !self.queue.has_room() {
            return Action::Rest;
        }
        if self.phase == Phase::Closed {
            let lists = self.polls || (self.rules.lists_first && self.need.is_some());
            (self.has_told, self.has_moved, self.has_lived) = (false, false, false);
            self.has_told_whole = false;
            return if lists {
                self.list()
            } else {
                Action::Open(self.reached.clone())
            };
        }
        let unread_at = self.unread_at(now);
        if unread_at.is_some_and(|at| now >= at)
            && let Some(id) = self.unread.front()
        {
            self.next_unread = None;
            self.looking = Some(Looking::Unread);
            return Action::Look(id.clone());
        }
        match self.next_while_open(now) {
            Action::Read(until) => Action::Read(until.into_iter().chain(unread_at).min()),
            action => action,
        }
    }

    /// Returns when a resource is read again that could not be read. The feed goes on meanwhile, because the failure may be one
    /// of that resource alone.
    fn unread_at(&mut self, now: Duration) -> Option<Duration> {
        if self.unread.is_empty() {
            self.next_unread = None;
        } else {
            self.next_unread.get_or_insert(now + UNREAD);
        }
        self.next_unread
    }

    /// Returns the resource that has to be read before anything else can be handed over.
    pub(crate) fn wanted(&mut self) -> Option<I> {
        let id = self.queue.wanted()?.clone();
        self.looking = Some(Looking::Wanted);
        Some(id)
    }

    fn next_while_open(&mut self, now: Duration) -> Action<I, A> {
        if self.listing.is_some() {
            return self.list();
        }
        if !self.suspects.is_empty() && now >= self.suspects_until {
            // The feed had its time. It has lost what was found.
            self.need_reset();
        }
        if !self.rules.tells_states && now >= self.removals_until {
            self.listed_in_pages = false;
        }
        if self.need.is_none() && std::mem::take(&mut self.owes_list) {
            // More removals may be on their way.
            let not_before = now + self.rules.settle;
            self.need = Some(Need::Compare { not_before });
        }
        if self.need.is_none() && self.rules.misses_changes && now >= self.next_list {
            self.need = Some(Need::Differences);
        }
        match self.need {
            Some(_) if self.awaits_whole() => return Action::Read(None),
            Some(Need::Whole { .. }) if self.rules.lists_first => {
                self.phase = Phase::Closed;
                return self.list();
            }
            Some(Need::Whole { .. } | Need::Differences) => return self.list_at(now),
            Some(Need::Compare { not_before }) if now >= not_before => return self.list_at(now),
            Some(Need::Compare { not_before }) => return Action::Read(Some(not_before)),
            None => {}
        }
        if let Some(id) = self.to_compare.front() {
            if now < self.next_compare {
                return Action::Read(Some(self.next_compare));
            }
            self.next_compare = now + self.compare_every;
            self.looking = Some(Looking::Compared);
            return Action::Look(id.clone());
        }
        if !self.suspects.is_empty() {
            return Action::Read(Some(self.suspects_until));
        }
        Action::Read(self.rules.misses_changes.then_some(self.next_list))
    }

    /// Whether the feed is about to tell the whole.
    fn awaits_whole(&self) -> bool {
        self.rules.begins_with_whole && !self.has_told_whole && !self.has_told
    }

    fn list_at(&mut self, now: Duration) -> Action<I, A> {
        self.next_list = now + self.rules.interval;
        self.list()
    }

    fn list(&self) -> Action<I, A> {
        let anew = self.listing.is_none();
        Action::List { anew }
    }
}
