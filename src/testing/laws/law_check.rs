//! The check of the laws.
#![expect(
    clippy::panic,
    reason = "samples that cannot be used end the test that gave them"
)]

use std::collections::BTreeSet;
use std::marker::PhantomData;

use ifmatch_merge::internal::same_but_for_sets;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::changed_places::{changed, overlap, words};
use super::law::Law;
use super::report::{BrokenLaw, LawReport};
use crate::json::Document;
use crate::merge::{Policy, changes};
use crate::{Conflict, MergeStrategy, Resolution};

/// The result of one merge.
enum MergeOutcome {
    Merged(Document),
    Removed,
    /// A conflict, and the error if there was one.
    Open(Option<String>),
}

/// Errors are not compared, because they may contain times and addresses.
impl PartialEq for MergeOutcome {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Merged(here), Self::Merged(there)) => here == there,
            (Self::Removed, Self::Removed) | (Self::Open(_), Self::Open(_)) => true,
            _ => false,
        }
    }
}

impl MergeOutcome {
    fn in_words(&self) -> String {
        match self {
            Self::Merged(document) => document.to_string(),
            Self::Removed => "a removal".into(),
            Self::Open(None) => "a conflict".into(),
            Self::Open(Some(error)) => format!("a conflict, with the error: {error}"),
        }
    }
}

/// Three states, as indices of the samples. The base may be unknown.
type SampleTriple = (Option<usize>, usize, usize);

pub(super) struct Check<'a, T, S: ?Sized> {
    strategy: &'a S,
    samples: Vec<Document>,
    merges: usize,
    broken: Vec<BrokenLaw>,
    of: PhantomData<fn() -> T>,
}

impl<'a, T, S> Check<'a, T, S>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    S: MergeStrategy<T> + ?Sized,
{
    pub(super) fn new(strategy: &'a S, samples: &[T]) -> Self {
        let mut different: Vec<Document> = Vec::new();
        for sample in samples {
            let document = Document::encode(sample).and_then(|document| {
                // Encode once more, as the type writes the value that it read.
                Document::encode(&document.decode::<T>()?)
            });
            match document {
                Ok(document) if different.contains(&document) => {}
                Ok(document) => different.push(document),
                Err(error) => panic!("a sample cannot be written as JSON and read back: {error}"),
            }
        }
        assert!(
            different.len() >= 3,
            "the laws need at least three different samples, and there are {}",
            different.len()
        );
        Self {
            strategy,
            samples: different,
            merges: 0,
            broken: Vec::new(),
            of: PhantomData,
        }
    }

    pub(super) async fn run(mut self) -> LawReport {
        let count = self.samples.len();
        let bases = || std::iter::once(None).chain((0..count).map(Some));
        for base in bases() {
            for local in 0..count {
                for remote in 0..count {
                    self.case((base, local, remote)).await;
                }
            }
        }
        let skipped = |law: &Law| law.is_of_states() && !self.strategy.is_state_like();
        let skipped = Law::ALL.into_iter().filter(skipped).collect();
        self.broken.sort_by_key(|broken| broken.law);
        LawReport {
            broken: self.broken,
            skipped,
            merges: self.merges,
        }
    }

    async fn case(&mut self, case: SampleTriple) {
        let (base, local, remote) = case;
        let [here, there] = [self.samples[local].clone(), self.samples[remote].clone()];
        let outcome = self.merge(base, &here, &there).await;

        let again = self.merge(base, &here, &there).await;
        if again != outcome {
            let [first, second] = [outcome.in_words(), again.in_words()];
            self.breaks(Law::SameAnswer, case, first, second);
        }
        if base == Some(local) {
            self.expect(Law::OneSide, case, &there, &outcome);
        } else if base == Some(remote) {
            self.expect(Law::OneSide, case, &here, &outcome);
        }
        let of_states = self.is_of_states(case);
        if of_states && local == remote && base != Some(local) {
            self.expect(Law::SameChange, case, &here, &outcome);
        }
        let MergeOutcome::Merged(merged) = &outcome else {
            return;
        };
        self.nothing_is_lost(case, merged);
        self.mirrored(case, merged).await;
        if !of_states {
            return;
        }
        let twice = self.merge(base, &here, merged).await;
        if twice != outcome {
            self.breaks(Law::Idempotent, case, outcome.in_words(), twice.in_words());
        }
        self.nothing_is_invented(case, merged);
    }

    /// Whether the laws of states apply: neither side changed a counter or a similar field.
    fn is_of_states(&self, (base, local, remote): SampleTriple) -> bool {
        let operation = |policy: &Policy, base: usize| {
            [local, remote].into_iter().any(|side| {
                changes(&self.samples[base], &self.samples[side], policy)
                    .iter()
                    .any(|change| change.operation_like)
            })
        };
        let policy = self.strategy.policy();
        let operation = policy
            .zip(base)
            .is_some_and(|(policy, base)| operation(&policy, base));
        self.strategy.is_state_like() && !operation
    }

    async fn merge(
        &mut self,
        base: Option<usize>,
        local: &Document,
        remote: &Document,
    ) -> MergeOutcome {
        self.merges += 1;
        let base = base.map(|at| &self.samples[at]);
        let typed = |document: &Document| document.decode::<T>();
        let sides = base.map(typed).transpose();
        let sides = sides.and_then(|base| Ok((base, typed(local)?, typed(remote)?)));
        let (base, mine, theirs) = match sides {
            Ok(sides) => sides,
            Err(error) => return MergeOutcome::Open(Some(error.to_string())),
        };
        let conflict = Conflict::new(base, Some(mine), Some(theirs));
        match self.strategy.resolve(&conflict).await {
            Ok(Resolution::Merged(merged)) => match Document::encode(&merged) {
                Ok(merged) => MergeOutcome::Merged(merged),
                Err(error) => MergeOutcome::Open(Some(error.to_string())),
            },
            Ok(Resolution::KeepLocal) => MergeOutcome::Merged(local.clone()),
            Ok(Resolution::KeepRemote) => MergeOutcome::Merged(remote.clone()),
            Ok(Resolution::Delete) => MergeOutcome::Removed,
            Ok(Resolution::Unresolved { .. }) => MergeOutcome::Open(None),
            Err(error) => MergeOutcome::Open(Some(error.to_string())),
        }
    }

    fn expect(&mut self, law: Law, case: SampleTriple, expected: &Document, found: &MergeOutcome) {
        if !self.is_same(expected, found) {
            self.breaks(law, case, expected.to_string(), found.in_words());
        }
    }

    /// Whether a merge has this result. Where the policy says that an order does not matter, it does not matter here.
    fn is_same(&self, expected: &Document, found: &MergeOutcome) -> bool {
        let MergeOutcome::Merged(found) = found else {
            return false;
        };
        let policy = self.strategy.policy();
        let is_same = |policy| same_but_for_sets(expected, found, &policy);
        found == expected || policy.is_some_and(is_same)
    }

    /// Compares a result with that of the swapped sides. A case that only one order resolves also breaks the law.
    async fn mirrored(&mut self, case: SampleTriple, merged: &Document) {
        let (base, local, remote) = case;
        let [here, there] = [self.samples[local].clone(), self.samples[remote].clone()];
        if local != remote {
            let swapped = self.merge(base, &there, &here).await;
            self.expect(Law::Mirror, case, merged, &swapped);
        }
    }

    fn nothing_is_lost(&mut self, case: SampleTriple, merged: &Document) {
        let (Some(base), local, remote) = case else {
            return;
        };
        let [base, local, remote] = [base, local, remote].map(|at| self.samples[at].to_value());
        let [mine, theirs] = [changed(&base, &local), changed(&base, &remote)];
        if mine.is_empty() || theirs.is_empty() {
            // The law of one side reports this case better.
            return;
        }
        for (side, changes, others) in [("local", &mine, &theirs), ("remote", &theirs, &mine)] {
            for (place, wanted) in changes {
                let touched = others.keys().any(|other| overlap(place, other));
                let found = merged.pointer(place);
                let wanted = wanted.as_ref().map(Document::from_value);
                if touched || found == wanted {
                    continue;
                }
                let say = |value: Option<Document>| match value {
                    Some(value) => format!("{value} at {place}"),
                    None => format!("nothing at {place}"),
                };
                let expected = format!("{}, as the {side} side has it", say(wanted));
                self.breaks(Law::NothingLost, case, expected, say(found));
            }
        }
    }

    fn nothing_is_invented(&mut self, case: SampleTriple, merged: &Document) {
        let (base, local, remote) = case;
        let (mut known, mut found) = (BTreeSet::new(), BTreeSet::new());
        for at in base.into_iter().chain([local, remote]) {
            words(&self.samples[at].to_value(), &mut known);
        }
        words(&merged.to_value(), &mut found);
        if let Some(new) = found.difference(&known).next() {
            let expected = "only content of the three states".to_owned();
            self.breaks(
                Law::NothingInvented,
                case,
                expected,
                format!("{new}, in {merged}"),
            );
        }
    }

    /// Keeps the smallest example of each law.
    fn breaks(
        &mut self,
        law: Law,
        (base, local, remote): SampleTriple,
        expected: String,
        found: String,
    ) {
        let broken = BrokenLaw {
            law,
            base: base.map(|at| self.samples[at].clone()),
            local: self.samples[local].clone(),
            remote: self.samples[remote].clone(),
            expected,
            found,
        };
        match self.broken.iter_mut().find(|other| other.law == law) {
            Some(other) if other.size() > broken.size() => *other = broken,
            Some(_) => {}
            None => self.broken.push(broken),
        }
    }
}
