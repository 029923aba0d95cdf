//! What a list of the collection shows, compared with what was delivered.

use std::time::Duration;

use super::known::Weight;
use super::queue::Delivery;
use super::{Failure, Look, Machine, Order, Pause, Phase, Version};

/// Why the collection is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Need {
    /// Everything is delivered, after a reset or at the start.
    Whole { resets: bool },
    /// It is compared with what was delivered, because the feed may have lost something.
    Compare { not_before: Duration },
    /// The feed has said that something has changed. Differences are delivered.
    Differences,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Purpose {
    Whole,
    Compare,
    Poll,
}

/// A list that is being read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Listing {
    purpose: Purpose,
    /// Whether the feed has told it. A read may have shown newer states since.
    is_of_feed: bool,
}

impl<I: Clone + Ord + Weight, S, A: Clone + PartialEq> Machine<I, S, A> {
    fn listing(&mut self) -> Purpose {
        if let Some(listing) = &self.listing {
            return listing.purpose;
        }
        let purpose = match self.need {
            Some(Need::Whole { resets }) => {
                if resets {
                    self.queue.keep_removals();
                    self.queue.push_reset();
                    self.known.reset();
                    // A list that breaks off continues this reset.
                    self.need = Some(Need::Whole { resets: false });
                }
                Purpose::Whole
            }
            // Nothing can be read to find out more, so the list itself is believed.
            Some(Need::Compare { .. }) if self.rules.tells_states => Purpose::Poll,
            // The feed will not tell of what is found.
            Some(Need::Compare { .. })
                if self.rules.misses_changes || self.rules.begins_with_whole =>
            {
                Purpose::Poll
            }
            Some(Need::Compare { .. }) => Purpose::Compare,
            Some(Need::Differences) | None => Purpose::Poll,
        };
        (self.listed_in_pages, self.owes_list) = (false, false);
        self.known.begin_list();
        self.listing = Some(Listing {
            purpose,
            is_of_feed: false,
        });
        purpose
    }

    /// The feed begins to tell the whole, which is then told as a list. If it has done so on this connection before, all
    /// was replaced.
    pub(crate) fn whole_begins(&mut self) {
        self.told();
        if std::mem::replace(&mut self.has_told_whole, true) {
            self.need_reset();
        }
        self.listing();
        if let Some(listing) = &mut self.listing {
            listing.is_of_feed = true;
        }
    }

    /// Whether the items of the current list show everything that a read shows now.
    fn shows_newest(&self) -> bool {
        let is_of_feed = self
            .listing
            .as_ref()
            .is_some_and(|listing| listing.is_of_feed);
        self.rules.items_are_whole && !is_of_feed
    }

    /// The list has this item. `shown` is its version, or one made of its text.
    pub(crate) fn listed(&mut self, id: I, shown: Version, state: S) {
        let purpose = self.listing();
        self.known.in_list(&id);
        let order = self.known.order_listed(&id, shown);
        let is_delivered = matches!(order, Some(Order::Same | Order::Older));
        match purpose {
            _ if is_delivered => {}
            // The read that is due shows more than an item.
            Purpose::Whole | Purpose::Poll if self.rules.items_are_names => {
                self.want(id.clone());
                self.shown.insert(id, shown);
            }
            Purpose::Whole if self.queue.wants(&id) && !self.shows_newest() => {}
            Purpose::Whole => self.put_listed(id, shown, state),
            Purpose::Poll if self.shows_newest() || !self.known.has(&id) => {
                self.put_listed(id, shown, state);
            }
            Purpose::Poll => self.queue.want(id),
            // The queue may hold an older state, so it is read again.
            Purpose::Compare if self.queue.has(&id) => self.queue.want(id),
            Purpose::Compare if self.rules.items_are_whole || !self.known.is_live(&id) => {
                self.suspects.insert(id, Some(shown));
            }
            Purpose::Compare => self.to_compare.push_back(id),
        }
        if self.suspects.len() > self.rules.max_looks {
            self.need_reset();
        }
    }

    fn put_listed(&mut self, id: I, shown: Version, state: S) {
        self.known.delivered(&id, Some(shown));
        self.known.is_listed_as(&id, shown);
        self.known.in_list(&id);
        self.queue.push(Delivery::Put(id, state));
    }

    /// Items may be missing in a list of several pages if another one was removed between two pages, and so the following
    /// ones moved up.
    pub(crate) fn list_has_pages(&mut self) {
        self.listed_in_pages = true;
    }

    /// The list is at its end. It may name the position from which the feed continues. `waited` states whether the server
    /// held the response back until something changed.
    pub(crate) fn list_ended(&mut self, now: Duration, position: Option<A>, waited: bool) {
        let purpose = self.listing();
        self.listing = None;
        self.need = None;
        self.removals_until = now + self.rules.grace;
        self.was_unauthorized = false;
        match purpose {
            Purpose::Whole => self.whole_ended(position),
            Purpose::Poll => {
                for id in self.known.missing() {
                    if self.rules.tells_states {
                        self.gone(id, None);
                    } else {
                        self.queue.want(id);
                    }
                }
            }
            Purpose::Compare => self.compare_ended(now),
        }
        self.polled(waited);
    }

    fn whole_ended(&mut self, position: Option<A>) {
        let missing = self.known.missing();
        let is_exact = self.rules.lists_first
            || self.rules.tells_states
            || missing.len() > self.rules.max_looks;
        for id in missing {
            if is_exact {
                self.gone(id, None);
            } else {
                self.queue.want(id);
            }
        }
        self.queue.push(Delivery::CaughtUp);
        if self.rules.lists_first && position.is_some() {
            self.reached = position;
            self.is_fresh = true;
        }
        if let Some(position) = self.reached.clone() {
            self.queue.reach(position);
        }
    }

    fn compare_ended(&mut self, now: Duration) {
        for id in self.known.missing() {
            if self.queue.has(&id) {
                self.queue.want(id);
            } else {
                self.to_compare.push_back(id);
            }
        }
        if !self.rules.items_are_whole {
            // An item may show less than the resource.
            match self.known.live(self.rules.max_looks) {
                Some(live) => {
                    for id in live {
                        if !self.to_compare.contains(&id) && !self.queue.has(&id) {
                            self.to_compare.push_back(id);
                        }
                    }
                }
                None => self.need_reset(),
            }
        }
        if self.to_compare.len() > self.rules.max_looks {
            self.need_reset();
        }
        let looks = u32::try_from(self.to_compare.len()).unwrap_or(u32::MAX);
        self.compare_every = self.rules.spread / looks.max(1);
        self.next_compare = now;
        self.suspects_until = now + self.rules.grace;
    }

    /// The list is the same as the last one.
    pub(crate) fn list_is_unchanged(&mut self, waited: bool) {
        self.listing = None;
        if self.need == Some(Need::Differences) {
            self.need = None;
        }
        self.was_unauthorized = false;
        self.polled(waited);
    }

    fn polled(&mut self, waited: bool) {
        if !self.polls {
            return;
        }
        self.backoff.works();
        let interval = if waited {
            super::backoff::FIRST_WAIT
        } else {
            self.rules.interval
        };
        self.wait = Some(Pause::For(interval));
    }

    /// The list could not be read to its end.
    pub(crate) fn list_failed(&mut self, failure: Failure) {
        // What was listed stays delivered, and the next list is compared with it.
        self.listing = None;
        match failure {
            Failure::Final => self.phase = Phase::Ended,
            Failure::Unauthorized if self.was_unauthorized => self.phase = Phase::Ended,
            Failure::Unauthorized | Failure::TooOld => {
                self.was_unauthorized |= failure == Failure::Unauthorized;
                self.backoff.fails(None);
                self.wait = Some(Pause::Backoff);
            }
            Failure::Temporary(retry_after) => {
                self.backoff.fails(retry_after);
                self.wait = Some(Pause::Backoff);
            }
        }
    }

    /// A resource was read to be compared with what was delivered.
    pub(super) fn compared(&mut self, id: I, look: Look<S>) {
        if self.queue.has(&id) {
            // It was announced in the meantime. The queue may hold an older state, so it is read again.
            self.queue.want(id);
            return;
        }
        match look {
            Look::State(version, state) => match self.known.order(&id, version) {
                Some(Order::Same) => self.known.adopt(&id, version),
                Some(Order::Older) => {}
                // An item of a list was delivered, which may have shown less.
                _ if !self.known.has_validator(&id) => self.put(id, version, state),
                _ => {
                    self.suspects.insert(id, version);
                }
            },
            Look::Absent if self.known.is_live(&id) => {
                self.suspects.insert(id, None);
            }
            Look::Failed(_) if self.fails_again() => self.to_compare.push_back(id),
            Look::Failed(problem) => {
                self.queue.push(Delivery::Problem(id, problem));
            }
            Look::Same | Look::Absent | Look::Problem(_) => {}
        }
    }

    /// Whether an event with this version is at least as new as what a comparison has found.
    pub(super) fn explains(&self, id: &I, version: Option<Version>) -> bool {
        let Some(found) = self.suspects.get(id) else {
            return true;
        };
        let order = version.zip(*found).map(|(told, found)| told.order(found));
        matches!(order, Some(Order::Same | Order::Newer))
    }
}
