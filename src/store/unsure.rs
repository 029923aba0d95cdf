//! Marks of snapshots that may be outdated, because something has said that their resource has changed.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::KeyDigest;

/// The largest number of marks. A mark that is forgotten costs a refused write.
const MOST_MARKS: usize = 10_000;

/// The addresses whose cached snapshots may be outdated. The next write to one reads first.
#[derive(Default)]
pub(super) struct UnsureMarks(Mutex<Marks>);

#[derive(Default)]
struct Marks {
    of: HashSet<KeyDigest>,
    in_order: VecDeque<KeyDigest>,
}

impl UnsureMarks {
    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, address: KeyDigest) {
        let mut marks = self.marks();
        if !marks.of.insert(address) {
            return;
        }
        marks.in_order.push_back(address);
        if marks.in_order.len() > MOST_MARKS
            && let Some(oldest) = marks.in_order.pop_front()
        {
            marks.of.remove(&oldest);
        }
    }

    pub(super) fn clear(&self, address: &KeyDigest) {
        let mut marks = self.marks();
        if marks.of.remove(address) {
            marks.in_order.retain(|marked| marked != address);
        }
    }

    pub(super) fn has(&self, address: &KeyDigest) -> bool {
        self.marks().of.contains(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: usize) -> KeyDigest {
        let mut digest = KeyDigest::default();
        digest[..8].copy_from_slice(&number.to_le_bytes());
        digest
    }

    #[test]
    fn marks_are_bounded_and_the_oldest_is_forgotten() {
        let marks = UnsureMarks::default();
        for number in 0..=MOST_MARKS {
            marks.set(address(number));
        }
        assert!(!marks.has(&address(0)));
        assert!(marks.has(&address(1)) && marks.has(&address(MOST_MARKS)));
        marks.clear(&address(1));
        assert!(!marks.has(&address(1)));
    }
}
