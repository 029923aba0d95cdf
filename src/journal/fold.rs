//! What the marks of a journal say: which writes are unfinished, and how each of them stands.
//!
//! It is pure, so a restart, the takeover of another process's journal and a test get the same answer.

use std::collections::{BTreeMap, HashMap};

use super::intent::{ChainKey, Intent, IntentGoal, IntentId, StepRole};
use super::mark::{Mark, MarkAt, Open, Sent, Stepped};

/// The unfinished writes of a journal.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    intents: HashMap<IntentId, Standing>,
    /// The queued writes of each user to each resource, in their order: by file, and by place there.
    chains: BTreeMap<(ChainKey, u16, u64), IntentId>,
    /// The writes of each transaction, by their steps.
    groups: BTreeMap<ChainKey, BTreeMap<(u16, StepRole), IntentId>>,
    /// The requests of calls that are or were awaited.
    unsettled: BTreeMap<MarkAt, Sent>,
    sizes: HashMap<MarkAt, usize>,
    size: usize,
}

/// One queued write, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) intent: Box<Intent>,
    /// The mark with its base and its document.
    pub(crate) at: MarkAt,
    /// Its requests that may have been applied.
    pub(crate) sent: Vec<(MarkAt, Sent)>,
    pub(crate) open: Option<(MarkAt, Box<Open>)>,
    /// How it has ended, if it is a step of a transaction that has not.
    pub(crate) stepped: Option<(MarkAt, Stepped)>,
}

impl Standing {
    /// Returns how the write goes on: with the goal of the last request that may have been applied, or with its own.
    pub(crate) fn goal(&self) -> IntentGoal {
        match self.sent.last() {
            Some(_) if self.intent.goal == IntentGoal::Append => IntentGoal::Append,
            Some((_, sent)) if sent.removes => IntentGoal::Delete,
            Some((_, sent)) if sent.onto.is_none() => IntentGoal::Create,
            Some(_) => IntentGoal::Replace,
            None => self.intent.goal,
        }
    }

    /// Whether no request of the write has left the client, as far as is known, and no person was asked about it.
    pub(crate) fn is_untouched(&self) -> bool {
        self.sent.is_empty() && self.open.is_none() && !self.intent.is_pinned
    }
}

impl Fold {
    /// Takes a mark, and returns the marks that it makes superfluous.
    pub(crate) fn mark(&mut self, at: MarkAt, mark: Mark, size: usize) -> Vec<MarkAt> {
        let outdated = match mark {
            Mark::Intended(intent) => self.intended(at, intent),
            Mark::Sent(sent) => {
                match sent.intent.and_then(|id| self.intents.get_mut(&id)) {
                    Some(standing) => standing.sent.push((at, sent)),
                    // The write of the request has ended in the meantime.
                    None if sent.intent.is_some() => return vec![at],
                    None => {
                        self.unsettled.insert(at, sent);
                    }
                }
                Vec::new()
            }
            Mark::Open(open) => match self.intents.get_mut(&open.intent) {
                Some(standing) => {
                    let before = standing.open.replace((at, open));
                    before.into_iter().map(|(at, _)| at).collect()
                }
                None => return vec![at],
            },
            Mark::Stepped(stepped) => match self.intents.get_mut(&stepped.intent) {
                Some(standing) => {
                    let sent = std::mem::take(&mut standing.sent);
                    let before = standing.stepped.replace((at, stepped));
                    let before = before.into_iter().map(|(at, _)| at);
                    before.chain(sent.into_iter().map(|(at, _)| at)).collect()
                }
                None => return vec![at],
            },
        };
        self.sizes.insert(at, size);
        self.size += size;
        self.forget_sizes(&outdated);
        outdated
    }

    fn intended(&mut self, at: MarkAt, intent: Box<Intent>) -> Vec<MarkAt> {
        let (id, place) = (intent.id, (intent.chain(), at.file, intent.place));
        let group = intent.group;
        let standing = Standing {
            intent,
            at,
            sent: Vec::new(),
            open: None,
            stepped: None,
        };
        let before = self.intents.insert(id, standing);
        let of_group = before.as_ref().and_then(|before| before.intent.group);
        if before.is_none() || of_group != group {
            if let Some(before) = &before {
                self.forget_place(before);
            }
            match group {
                Some(of) => {
                    let steps = self.groups.entry(place.0).or_default();
                    steps.insert((of.step, of.role), id);
                }
                None => {
                    self.chains.insert(place, id);
                }
            }
        }
        before.map_or_else(Vec::new, Standing::marks)
    }

    /// Forgets requests of awaited calls that are known to have been applied or not.
    pub(crate) fn judged(&mut self, marks: &[MarkAt]) {
        for at in marks {
            self.unsettled.remove(at);
        }
        self.forget_sizes(marks);
    }

    /// Forgets the requests of one queued write that are known not to have been applied.
    pub(crate) fn judged_of(&mut self, id: IntentId, marks: &[MarkAt]) {
        if let Some(standing) = self.intents.get_mut(&id) {
            standing.sent.retain(|(at, _)| !marks.contains(at));
        }
        self.forget_sizes(marks);
    }

    /// Puts an open write back into its chain, and returns the marks to remove.
    pub(crate) fn retried(&mut self, id: IntentId) -> Vec<MarkAt> {
        let Some(standing) = self.intents.get_mut(&id) else {
            return Vec::new();
        };
        let open = standing.open.take();
        let outdated: Vec<_> = open.into_iter().map(|(at, _)| at).collect();
        self.forget_sizes(&outdated);
        outdated
    }

    /// Forgets a write that was applied or given up, and returns its marks. With a step of a transaction ends the write that
    /// takes it back.
    pub(crate) fn ended(&mut self, id: IntentId) -> Vec<MarkAt> {
        let Some(standing) = self.intents.remove(&id) else {
            return Vec::new();
        };
        self.forget_place(&standing);
        let undo = self.undo_of(&standing.intent);
        let mut outdated = standing.marks();
        self.forget_sizes(&outdated);
        outdated.extend(undo.map_or_else(Vec::new, |undo| self.ended(undo)));
        outdated
    }

    /// Returns the write that takes a step of a transaction back, if that has begun.
    fn undo_of(&self, step: &Intent) -> Option<IntentId> {
        let of = step.group.filter(|of| of.role != StepRole::TakesBack)?;
        let steps = self.groups.get(&step.chain())?;
        steps.get(&(of.step, StepRole::TakesBack)).copied()
    }

    /// Forgets all writes of a transaction that has ended, and returns their marks.
    pub(crate) fn ended_group(&mut self, key: &ChainKey) -> Vec<MarkAt> {
        let steps = self.groups.get(key).cloned().unwrap_or_default();
        let outdated = steps.into_values().flat_map(|id| self.ended(id));
        outdated.collect()
    }

    /// Takes a write out of the order in which it is made.
    fn forget_place(&mut self, standing: &Standing) {
        let (key, intent) = (standing.intent.chain(), &standing.intent);
        let Some(of) = intent.group else {
            self.chains.remove(&(key, standing.at.file, intent.place));
            return;
        };
        if let Some(steps) = self.groups.get_mut(&key) {
            steps.remove(&(of.step, of.role));
            if steps.is_empty() {
                self.groups.remove(&key);
            }
        }
    }

    fn forget_sizes(&mut self, marks: &[MarkAt]) {
        for at in marks {
            self.size -= self.sizes.remove(at).unwrap_or(0);
        }
    }

    /// Returns a queued write.
    pub(crate) fn get(&self, id: IntentId) -> Option<&Standing> {
        self.intents.get(&id)
    }

    /// Returns the queued writes of a user to a resource, in their order.
    pub(crate) fn chain(&self, key: &ChainKey) -> impl DoubleEndedIterator<Item = &Standing> {
        let chain = self.chains.range((*key, 0, 0)..=(*key, u16::MAX, u64::MAX));
        chain.filter_map(|(_, id)| self.intents.get(id))
    }

    /// Returns the first queued write of each user to each resource.
    pub(crate) fn heads(&self) -> impl Iterator<Item = &Standing> {
        let mut before = None;
        let heads = self.chains.iter().filter(move |((key, ..), _)| {
            let is_first = before != Some(*key);
            before = Some(*key);
            is_first
        });
        heads.filter_map(|(_, id)| self.intents.get(id))
    }

    /// Returns the writes of a transaction, in the order of its steps.
    pub(crate) fn group(&self, key: &ChainKey) -> impl Iterator<Item = &Standing> {
        let steps = self.groups.get(key).into_iter().flatten();
        steps.filter_map(|(_, id)| self.intents.get(id))
    }

    /// Returns the writes of each transaction that has not ended.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&ChainKey, Vec<&Standing>)> {
        let of = |steps: &BTreeMap<_, IntentId>| {
            let steps = steps.values();
            steps.filter_map(|id| self.intents.get(id)).collect()
        };
        self.groups.iter().map(move |(key, steps)| (key, of(steps)))
    }

    /// Returns all queued writes, in no order. Among them are those of transactions.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Standing> {
        self.intents.values()
    }

    /// Returns all requests that may have been applied, in their order.
    pub(crate) fn requests(&self) -> Vec<(MarkAt, Sent)> {
        let queued = self.intents.values().flat_map(|standing| &standing.sent);
        let queued = queued.map(|(at, sent)| (*at, sent.clone()));
        let awaited = self.unsettled.iter().map(|(at, sent)| (*at, sent.clone()));
        let mut requests: Vec<_> = awaited.chain(queued).collect();
        requests.sort_by_key(|(at, _)| *at);
        requests
    }

    /// Returns the size of a queued write with its documents, or 0 if it is not known.
    pub(crate) fn size_of(&self, id: IntentId) -> usize {
        let at = self.intents.get(&id).map(|standing| standing.at);
        at.and_then(|at| self.sizes.get(&at)).copied().unwrap_or(0)
    }

    /// Whether a mark still counts.
    pub(crate) fn has(&self, at: MarkAt) -> bool {
        self.sizes.contains_key(&at)
    }

    /// Returns the size of all marks with their documents, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }
}

impl Standing {
    fn marks(self) -> Vec<MarkAt> {
        let sent = self.sent.into_iter().map(|(at, _)| at);
        let open = self.open.into_iter().map(|(at, _)| at);
        let stepped = self.stepped.into_iter().map(|(at, _)| at);
        let first = std::iter::once(self.at);
        first.chain(sent).chain(open).chain(stepped).collect()
    }
}
