//! What a feed and reads tell of resources.

use super::known::Weight;
use super::listing::Need;
use super::queue::Delivery;
use super::version::{Order, Version};
use super::{Look, Looking, Machine, Pause};
use std::time::Duration;

/// How often the read of one resource is tried before its problem is handed over.
const LOOKS: u8 = 3;
/// The largest number of resources that are read again one by one because they could not be read.
const MOST_UNREAD: usize = 1_000;

impl<I: Clone + Ord + Weight, S, A: Clone + PartialEq> Machine<I, S, A> {
    /// The feed tells of a state. Without a state or a version, it is only a hint.
    pub(crate) fn changed(&mut self, id: I, version: Option<Version>, state: Option<S>) {
        self.told();
        let order = self.known.order(&id, version);
        if matches!(order, Some(Order::Same | Order::Older)) {
            return;
        }
        // A first state cannot go back in time, and a version that counts up tells that it does not.
        let is_newer = order == Some(Order::Newer) || !self.known.has(&id);
        let is_newer = is_newer || self.rules.tells_states;
        let is_usable = is_newer && version.is_some() && self.explains(&id, version);
        let is_usable = is_usable && !self.guesses.contains(&id);
        self.suspects.remove(&id);
        match state.filter(|_| is_usable) {
            Some(state) => self.put(id, version, state),
            None if self.rules.tells_states => self.something_changed(),
            None => self.want(id),
        }
    }

    /// The feed tells of a removal.
    pub(crate) fn removed(&mut self, id: I, version: Option<Version>) {
        self.told();
        let order = self.known.order(&id, version);
        if order == Some(Order::Older) {
            return;
        }
        let is_newer = order == Some(Order::Newer) && self.explains(&id, version);
        self.suspects.remove(&id);
        // A list before the feed has a position, and shows the collection as it was there.
        if self.rules.tells_states || !self.rules.lists_first {
            self.owes_list |= std::mem::take(&mut self.listed_in_pages);
        }
        if is_newer || self.rules.tells_states {
            self.gone(id, version);
        } else {
            self.want(id);
        }
    }

    /// The feed tells that something has changed, but not what.
    pub(crate) fn something_changed(&mut self) {
        self.told();
        if self.need.is_none() {
            self.need = Some(Need::Differences);
        }
    }

    /// The change that follows is of this resource, or of one whose id the feed tells in another way. The resource is read, and
    /// if there is none, a list shows what has changed.
    pub(crate) fn guesses(&mut self, id: &I) {
        self.guesses.insert(id.clone());
    }

    /// Whether the resource was delivered or removed.
    pub(crate) fn knows(&self, id: &I) -> bool {
        self.known.has(id)
    }

    /// The application was told that a resource has changed.
    pub(crate) fn hinted(&mut self, id: I) {
        self.want(id);
    }

    /// The feed was received up to this position.
    pub(crate) fn reached(&mut self, position: A) {
        self.is_fresh = false;
        self.has_moved |= self.reached.as_ref() != Some(&position);
        self.reached = Some(position.clone());
        self.queue.reach(position);
    }

    /// The feed asks for this wait before each later connection (`retry:`).
    pub(crate) fn asked_to_wait(&mut self, retry: Duration) {
        self.backoff.ask(retry);
    }

    /// A resource was read.
    pub(crate) fn looked(&mut self, id: I, look: Look<S>) {
        let looking = self.looking.take();
        if looking == Some(Looking::Compared) {
            self.to_compare.pop_front();
            return self.compared(id, look);
        }
        if looking == Some(Looking::Unread) {
            self.unread.pop_front();
        }
        if matches!(look, Look::Failed(_)) {
            if looking == Some(Looking::Unread) {
                return self.unread.push_back(id);
            }
            if self.fails_again() {
                return;
            }
            self.is_unread(id.clone());
        } else if looking == Some(Looking::Wanted) {
            self.unread.retain(|unread| *unread != id);
        }
        if self.guesses.remove(&id) && matches!(look, Look::Absent) {
            self.queue.found_nothing_new(&id);
            return self.something_changed();
        }
        let listed_as = self.shown.remove(&id);
        let is_found = matches!(look, Look::Same | Look::State(..));
        let listed_as = listed_as
            .filter(|_| is_found)
            .map(|shown| (id.clone(), shown));
        match look {
            Look::State(version, state) => match self.known.order(&id, version) {
                Some(order @ (Order::Same | Order::Older)) => {
                    if order == Order::Same {
                        self.known.adopt(&id, version);
                    }
                    self.queue.found_nothing_new(&id);
                }
                _ => self.put(id, version, state),
            },
            // A resource that is not known may have been delivered before a restart.
            Look::Absent if self.known.is_live(&id) || !self.known.has(&id) => self.gone(id, None),
            Look::Same | Look::Absent => self.queue.found_nothing_new(&id),
            Look::Problem(problem) | Look::Failed(problem) => {
                self.queue.push(Delivery::Problem(id, problem));
            }
        }
        if let Some((id, shown)) = listed_as {
            // The read came after the list, so the list shows nothing newer.
            self.known.is_listed_as(&id, shown);
        }
    }

    /// Notes that the newest state of a resource is not known. Where the collection is polled, the next list shows it.
    fn is_unread(&mut self, id: I) {
        if self.polls || self.unread.contains(&id) {
            return;
        }
        if self.unread.len() < MOST_UNREAD {
            self.unread.push_back(id);
        } else if self.need.is_none() {
            self.need = Some(Need::Differences);
        }
    }

    /// Counts the failed read of a resource, and returns whether it is read again after a wait.
    pub(super) fn fails_again(&mut self) -> bool {
        self.failed_looks += 1;
        if self.failed_looks >= LOOKS {
            self.failed_looks = 0;
            return false;
        }
        self.backoff.fails(None);
        self.wait = Some(Pause::Backoff);
        true
    }

    pub(super) fn put(&mut self, id: I, version: Option<Version>, state: S) {
        self.known.delivered(&id, version);
        self.queue.push(Delivery::Put(id, state));
    }

    pub(super) fn gone(&mut self, id: I, version: Option<Version>) {
        self.known.removed(&id, version);
        self.queue.push(Delivery::Gone(id));
    }

    pub(super) fn want(&mut self, id: I) {
        self.queue.want(id);
    }
}
