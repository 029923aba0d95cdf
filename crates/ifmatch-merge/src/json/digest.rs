//! A fast 64-bit digest that finds equal values. Its users also compare the values, so a collision costs time but
//! never gives a wrong result.
//!
//! Tables use the same hash steps with a random seed ([`Seeded`]).

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

const SEED: u64 = 0x243f_6a88_85a3_08d3;
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(SEED)
    }
}

impl Digest {
    pub(crate) fn word(&mut self, word: u64) {
        self.0 = fold(self.0 ^ word, STEP);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let (chunks, rest) = bytes.as_chunks::<8>();
        for chunk in chunks {
            self.word(u64::from_le_bytes(*chunk));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.word(u64::from_le_bytes(last));
        self.word(bytes.len() as u64);
    }

    /// Adds what [`bytes`](Self::bytes) adds for both parts in one.
    pub(crate) fn joined(&mut self, [a, b]: [&[u8]; 2]) {
        let (mut eight, mut filled) = ([0; 8], 0);
        for byte in a.iter().chain(b) {
            eight[filled] = *byte;
            filled += 1;
            if filled == eight.len() {
                self.word(u64::from_le_bytes(eight));
                (eight, filled) = ([0; 8], 0);
            }
        }
        self.word(u64::from_le_bytes(eight));
        self.word((a.len() + b.len()) as u64);
    }

    pub(crate) fn finish(self) -> u64 {
        fold(self.0, SEED)
    }
}

/// A hash table whose keys come from documents.
pub(crate) type Table<K, V> = HashMap<K, V, Seeded>;
pub(crate) type TableSet<K> = HashSet<K, Seeded>;

/// Hashes short keys quickly. The seed is random, so a document cannot be crafted to make all keys collide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seeded(u64);

impl Default for Seeded {
    fn default() -> Self {
        static RANDOM: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(SEED));
        Self(*RANDOM)
    }
}

impl BuildHasher for Seeded {
    type Hasher = Digest;

    fn build_hasher(&self) -> Digest {
        Digest(self.0)
    }
}

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        self.bytes(bytes);
    }

    fn write_u8(&mut self, byte: u8) {
        self.word(u64::from(byte));
    }

    fn write_u32(&mut self, word: u32) {
        self.word(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.word(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.word(word as u64);
    }

    fn finish(&self) -> u64 {
        fold(self.0, SEED)
    }
}

/// Folds the two halves of the product, so that each input bit affects each output bit.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the halves are what is wanted"
    )]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}
