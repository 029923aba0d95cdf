//! The changes that wait for the consumer, one for each resource, and the position that they lead to.

use std::collections::VecDeque;

/// What is handed to the consumer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Delivery<I, S> {
    Put(I, S),
    Gone(I),
    /// A resource that cannot be read. The state is the problem.
    Problem(I, S),
    Reset,
    CaughtUp,
}

/// A change that waits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Waiting<I, S> {
    /// The resource has to be read first. If that shows nothing new, the earlier change is handed over, if there is one.
    Wanted(I, Option<Delivery<I, S>>),
    Ready(Delivery<I, S>),
}

impl<I, S> Waiting<I, S> {
    fn id(&self) -> Option<&I> {
        match self {
            Self::Wanted(id, _)
            | Self::Ready(Delivery::Put(id, _) | Delivery::Gone(id) | Delivery::Problem(id, _)) => {
                Some(id)
            }
            Self::Ready(Delivery::Reset | Delivery::CaughtUp) => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Entry<I, S, A> {
    waiting: Waiting<I, S>,
    /// The position that is reached once this entry and all before it were handled.
    position: Option<A>,
}

/// The position of what the consumer has in hand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct InHand<A>(Option<A>);

/// The queue. What was handed over counts as handled when the consumer asks for the next change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Queue<I, S, A> {
    entries: VecDeque<Entry<I, S, A>>,
    /// The position of the change that the consumer has in hand.
    in_hand: Option<InHand<A>>,
    handled: Option<A>,
    limit: usize,
}

impl<I: Clone + Eq, S, A: Clone> Queue<I, S, A> {
    pub(super) fn new(limit: usize, handled: Option<A>) -> Self {
        Self {
            entries: VecDeque::new(),
            in_hand: None,
            handled,
            limit,
        }
    }

    /// Returns the position up to which everything was handled.
    pub(super) fn position(&self) -> Option<&A> {
        self.handled.as_ref()
    }

    pub(super) fn has_room(&self) -> bool {
        self.entries.len() < self.limit
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn has(&self, id: &I) -> bool {
        self.find(id).is_some()
    }

    pub(super) fn wants(&self, id: &I) -> bool {
        let at = self.find(id).and_then(|at| self.entries.get(at));
        at.is_some_and(|entry| matches!(entry.waiting, Waiting::Wanted(..)))
    }

    fn find(&self, id: &I) -> Option<usize> {
        // Entries before a reset are cleared by it, so a resource has at most one entry.
        self.entries
            .iter()
            .position(|entry| entry.waiting.id() == Some(id))
    }

    /// Returns the resource that has to be read before anything else can be handed over.
    pub(super) fn wanted(&self) -> Option<&I> {
        match &self.entries.front()?.waiting {
            Waiting::Wanted(id, _) => Some(id),
            Waiting::Ready(_) => None,
        }
    }

    /// Whether something is ready, and something behind it has to be read.
    pub(super) fn wants_behind(&self) -> bool {
        let is_wanted = |entry: &Entry<I, S, A>| matches!(entry.waiting, Waiting::Wanted(..));
        self.wanted().is_none() && self.entries.iter().any(is_wanted)
    }

    /// Adds a change. It replaces one of the same resource in its place, so a busy resource does not hold itself back.
    pub(super) fn push(&mut self, delivery: Delivery<I, S>) {
        let waiting = Waiting::Ready(delivery);
        match self.entry_of(&waiting) {
            Some(entry) => entry.waiting = waiting,
            None => self.append(waiting),
        }
    }

    /// Adds a resource that has to be read. A change of it that waits is kept until the read shows a newer one.
    pub(super) fn want(&mut self, id: I) {
        let waiting = Waiting::Wanted(id, None);
        let Some(entry) = self.entry_of(&waiting) else {
            return self.append(waiting);
        };
        if let Waiting::Ready(_) = entry.waiting
            && let Waiting::Ready(delivery) = std::mem::replace(&mut entry.waiting, waiting)
            && let Waiting::Wanted(_, earlier) = &mut entry.waiting
        {
            *earlier = Some(delivery);
        }
    }

    fn entry_of(&mut self, waiting: &Waiting<I, S>) -> Option<&mut Entry<I, S, A>> {
        let at = waiting.id().and_then(|id| self.find(id))?;
        self.entries.get_mut(at)
    }

    fn append(&mut self, waiting: Waiting<I, S>) {
        self.entries.push_back(Entry {
            waiting,
            position: None,
        });
    }

    /// Notes that everything up to the position is in the queue, in hand or handled.
    pub(super) fn reach(&mut self, position: A) {
        if let Some(last) = self.entries.back_mut() {
            last.position = Some(position);
        } else if let Some(in_hand) = &mut self.in_hand {
            in_hand.0 = Some(position);
        } else {
            self.handled = Some(position);
        }
    }

    /// The read of a resource has shown nothing newer than what was delivered or waits.
    pub(super) fn found_nothing_new(&mut self, id: &I) {
        let Some(at) = self.find(id) else {
            return;
        };
        let Some(entry) = self.entries.get_mut(at) else {
            return;
        };
        match &mut entry.waiting {
            Waiting::Ready(_) => return,
            Waiting::Wanted(_, earlier) => {
                if let Some(earlier) = earlier.take() {
                    entry.waiting = Waiting::Ready(earlier);
                    return;
                }
            }
        }
        // What led to the position is handled once everything before it is.
        let Some(position) = self.entries.remove(at).and_then(|entry| entry.position) else {
            return;
        };
        if let Some(before) = at.checked_sub(1).and_then(|at| self.entries.get_mut(at)) {
            before.position = Some(position);
        } else if let Some(in_hand) = &mut self.in_hand {
            in_hand.0 = Some(position);
        } else {
            self.handled = Some(position);
        }
    }

    /// Drops what waits, except removals, which the list that follows would not show.
    pub(super) fn keep_removals(&mut self) {
        self.entries.retain_mut(|entry| {
            entry.position = None;
            if let Waiting::Wanted(_, earlier) = &mut entry.waiting
                && let Some(earlier) = earlier.take()
            {
                entry.waiting = Waiting::Ready(earlier);
            }
            matches!(entry.waiting, Waiting::Ready(Delivery::Gone(_)))
        });
    }

    /// Puts the reset before everything that waits.
    pub(super) fn push_reset(&mut self) {
        self.entries.push_front(Entry {
            waiting: Waiting::Ready(Delivery::Reset),
            position: None,
        });
    }

    /// The consumer asks: what it had in hand is handled.
    pub(super) fn ask(&mut self) {
        if let Some(InHand(Some(position))) = self.in_hand.take() {
            self.handled = Some(position);
        }
    }

    /// Hands over the next change, if it is ready.
    pub(super) fn take(&mut self) -> Option<Delivery<I, S>> {
        if self.wanted().is_some() {
            return None;
        }
        let entry = self.entries.pop_front()?;
        self.in_hand = Some(InHand(entry.position));
        match entry.waiting {
            Waiting::Ready(delivery) => Some(delivery),
            Waiting::Wanted(..) => None,
        }
    }
}
