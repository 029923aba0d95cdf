//! What was delivered: the version of each resource, for comparisons, and to find what was removed.

use std::collections::BTreeMap;

use super::version::{Order, Version};

/// The largest number of bytes of all ids.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// The memory that an id takes.
pub(crate) trait Weight {
    fn bytes(&self) -> usize;
}

impl Weight for String {
    fn bytes(&self) -> usize {
        self.len()
    }
}

/// What is known of one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    version: Option<Version>,
    /// The version of its item in the last list that showed the same state.
    listed: Option<Version>,
    is_gone: bool,
    /// The number of resets before it was last delivered.
    epoch: u32,
    /// The number of the last list that had it.
    round: u32,
}

/// The resources that were delivered, up to a limit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Known<I> {
    of: BTreeMap<I, Seen>,
    limit: usize,
    /// The bytes of all ids.
    bytes: usize,
    epoch: u32,
    round: u32,
    /// Whether a resource was delivered that could not be remembered.
    forgot: bool,
}

impl<I: Clone + Ord + Weight> Known<I> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            of: BTreeMap::new(),
            limit,
            bytes: 0,
            epoch: 0,
            round: 0,
            forgot: false,
        }
    }

    /// Whether every delivered resource is remembered.
    pub(super) fn is_whole(&self) -> bool {
        !self.forgot
    }

    /// Whether the resource was delivered and not removed since.
    pub(super) fn is_live(&self, id: &I) -> bool {
        self.of.get(id).is_some_and(|seen| !seen.is_gone)
    }

    /// Whether the resource was delivered or removed.
    pub(super) fn has(&self, id: &I) -> bool {
        self.of.contains_key(id)
    }

    /// Returns how a version relates to the one that was delivered since the last reset, or `None` if there is nothing to
    /// compare.
    pub(super) fn order(&self, id: &I, version: Option<Version>) -> Option<Order> {
        let seen = self.of.get(id).filter(|seen| seen.epoch == self.epoch)?;
        let order = version?.order(seen.version?);
        // A state that was removed may come back under its old tag.
        Some(match order {
            Order::Same if seen.is_gone => Order::Unknown,
            order => order,
        })
    }

    /// As [`order`](Self::order), for an item of a list, which may show less than a read.
    pub(super) fn order_listed(&self, id: &I, item: Version) -> Option<Order> {
        let seen = self.of.get(id)?;
        if seen.listed == Some(item) && !seen.is_gone && seen.epoch == self.epoch {
            return Some(Order::Same);
        }
        self.order(id, Some(item))
    }

    pub(super) fn delivered(&mut self, id: &I, version: Option<Version>) {
        self.note(id, version, false);
    }

    pub(super) fn removed(&mut self, id: &I, version: Option<Version>) {
        if self.has(id) {
            self.note(id, version, true);
        }
    }

    fn note(&mut self, id: &I, version: Option<Version>, is_gone: bool) {
        if !self.of.contains_key(id) {
            if self.is_full(id) {
                self.of.retain(|_, seen| !seen.is_gone);
                self.bytes = self.of.keys().map(Weight::bytes).sum();
            }
            if self.is_full(id) {
                self.forgot = true;
                return;
            }
            self.bytes += id.bytes();
        }
        let (epoch, round) = (self.epoch, self.round);
        let seen = self.of.entry(id.clone()).or_insert(Seen {
            version,
            listed: None,
            is_gone,
            epoch,
            round,
        });
        let listed = seen.listed.filter(|_| seen.version == version);
        *seen = Seen {
            // A removal without a version leaves the last one, so that an older event is still recognised.
            version: version.or(seen.version.filter(|_| is_gone)),
            listed,
            is_gone,
            epoch,
            round: seen.round,
        };
    }

    /// Whether a state with a validator was delivered.
    pub(super) fn has_validator(&self, id: &I) -> bool {
        let version = self.of.get(id).and_then(|seen| seen.version);
        version.is_some_and(|version| version.tag.is_some())
    }

    /// Notes the validator of the state that was delivered.
    pub(super) fn adopt(&mut self, id: &I, version: Option<Version>) {
        if let Some(seen) = self.of.get_mut(id) {
            seen.version = version.or(seen.version);
        }
    }

    fn is_full(&self, id: &I) -> bool {
        self.of.len() >= self.limit || self.bytes + id.bytes() > MOST_BYTES
    }

    /// Notes that the state of an item in a list is the delivered one.
    pub(super) fn is_listed_as(&mut self, id: &I, item: Version) {
        if let Some(seen) = self.of.get_mut(id) {
            seen.listed = Some(item);
        }
    }

    /// Begins a new epoch: what follows is compared with nothing from before.
    pub(super) fn reset(&mut self) {
        self.epoch += 1;
    }

    pub(super) fn begin_list(&mut self) {
        self.round += 1;
    }

    /// Notes that the current list has the resource.
    pub(super) fn in_list(&mut self, id: &I) {
        if let Some(seen) = self.of.get_mut(id) {
            seen.round = self.round;
        }
    }

    /// Returns the resources that were delivered and are not in the current list.
    pub(super) fn missing(&self) -> Vec<I> {
        let missing = self
            .of
            .iter()
            .filter(|(_, seen)| !seen.is_gone && seen.round != self.round);
        missing.map(|(id, _)| id.clone()).collect()
    }

    /// Returns the resources that were delivered and not removed, at most `limit`, or `None` if there are more.
    pub(super) fn live(&self, limit: usize) -> Option<Vec<I>> {
        let live = self.of.iter().filter(|(_, seen)| !seen.is_gone);
        let live: Vec<I> = live.take(limit + 1).map(|(id, _)| id.clone()).collect();
        (live.len() <= limit).then_some(live)
    }
}
