//! Assigns numbers to values, so that equal values have equal numbers.

use super::digest::Digest;
use super::tree::{Tree, same};

/// Assigns equal numbers to equal values, counting from 0.
#[derive(Debug)]
pub(crate) struct Ids<T> {
    /// Numbers by digest, counted from 1. Uses open addressing; the length is a power of two. Empty while there are
    /// only a few.
    table: Vec<u32>,
    seen: Vec<(u64, T)>,
}

impl<T> Default for Ids<T> {
    fn default() -> Self {
        Self {
            table: Vec::new(),
            seen: Vec::new(),
        }
    }
}

impl<T: Copy> Ids<T> {
    /// Returns how many numbers there are.
    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    /// Maximum number of values that are searched without a table.
    const FEW: usize = 8;

    /// Maximum number of slots that are probed. Forged digests produce values that match nothing, which causes at
    /// worst a conflict and never a slow merge.
    const TRIED: usize = 48;

    fn find(&mut self, digest: u64, thing: T, is: impl Fn(T, T) -> bool) -> u32 {
        let new = u32::try_from(self.seen.len()).unwrap_or(u32::MAX - 1);
        if self.seen.len() < Self::FEW {
            let is_it = |(known, other): &(u64, T)| *known == digest && is(*other, thing);
            let known = self.seen.iter().zip(0..).find(|(seen, _)| is_it(seen));
            let known = known.map(|(_, at)| at);
            return known.unwrap_or_else(|| {
                self.seen.push((digest, thing));
                new
            });
        }
        if self.table.len() < (self.seen.len() + 1) * 2 {
            self.grow();
        }
        let mask = self.table.len() - 1;
        for step in 0..Self::TRIED {
            let slot = (start(digest) + step) & mask;
            let Some(at) = self.table[slot].checked_sub(1) else {
                self.table[slot] = new + 1;
                break;
            };
            let (known, other) = self.seen[at as usize];
            if known == digest && is(other, thing) {
                return at;
            }
        }
        self.seen.push((digest, thing));
        new
    }

    fn grow(&mut self) {
        let length = (self.table.len() * 2).max(64);
        self.table.clear();
        self.table.resize(length, 0);
        for (at, (digest, _)) in self.seen.iter().enumerate() {
            let slots = (0..Self::TRIED).map(|step| (start(*digest) + step) & (length - 1));
            for slot in slots {
                if self.table[slot] == 0 {
                    self.table[slot] = u32::try_from(at + 1).unwrap_or(u32::MAX);
                    break;
                }
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
fn start(digest: u64) -> usize {
    digest as usize
}

impl<'t, T: Tree<'t>> Ids<T> {
    /// Returns the number of a JSON value.
    pub(crate) fn of(&mut self, value: T) -> u32 {
        self.find(value.digest(), value, same)
    }
}

impl<'a> Ids<&'a str> {
    /// Returns the number of a text.
    pub(crate) fn of_text(&mut self, text: &'a str) -> u32 {
        let mut digest = Digest::default();
        digest.bytes(text.as_bytes());
        self.find(digest.finish(), text, |a, b| a == b)
    }
}

impl Ids<(u32, u32)> {
    /// Returns the number of a pair of numbers.
    pub(crate) fn of_pair(&mut self, pair: (u32, u32)) -> u32 {
        let mut digest = Digest::default();
        digest.word(u64::from(pair.0) << 32 | u64::from(pair.1));
        self.find(digest.finish(), pair, |a, b| a == b)
    }
}
