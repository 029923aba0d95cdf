//! Moves ambiguous changes to the position that `git` chooses.
//!
//! Comparing `a b a b` with `a b`, the diff may remove the first pair, the second pair, or `b a`. The choice looks
//! the same to a reader, but it decides whether two changes touch. Git moves a changed stretch as far back as
//! possible. If the stretch comes to lie opposite a change of the other side on the way, it stays there. Stretches
//! that meet are joined.

use std::ops::Range;

/// Moves the changes of `old` and then those of `new`. The flags mark the elements that were removed and added.
/// Both sides have the same number of unflagged elements.
pub(super) fn slide_changes(old: &[u32], removed: &mut [bool], new: &[u32], added: &mut [bool]) {
    one_side(old, removed, added);
    one_side(new, added, removed);
}

/// A stretch of flagged elements between two unflagged elements. It may be empty.
struct Group<'f> {
    flags: &'f mut [bool],
    range: Range<usize>,
}

impl<'f> Group<'f> {
    /// Returns the group in front of the first unflagged element.
    fn first(flags: &'f mut [bool]) -> Self {
        let mut group = Self { flags, range: 0..0 };
        group.grow();
        group
    }

    fn grow(&mut self) {
        while self.flags.get(self.range.end) == Some(&true) {
            self.range.end += 1;
        }
        while self.range.start > 0 && self.flags[self.range.start - 1] {
            self.range.start -= 1;
        }
    }

    /// Moves on to the group after the next unflagged element.
    fn next(&mut self) -> bool {
        if self.range.end == self.flags.len() {
            return false;
        }
        self.range = self.range.end + 1..self.range.end + 1;
        self.grow();
        true
    }

    fn previous(&mut self) -> bool {
        if self.range.start == 0 {
            return false;
        }
        self.range = self.range.start - 1..self.range.start - 1;
        self.grow();
        true
    }

    fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Moves the group forward by one element, if the elements allow it, and joins any group it meets.
    fn slide_up(&mut self, of: &[u32]) -> bool {
        let Range { start, end } = self.range;
        if start == 0 || of[start - 1] != of[end - 1] {
            return false;
        }
        (self.flags[start - 1], self.flags[end - 1]) = (true, false);
        self.range = start - 1..end - 1;
        self.grow();
        true
    }

    fn slide_down(&mut self, of: &[u32]) -> bool {
        let Range { start, end } = self.range;
        if end == of.len() || of[start] != of[end] {
            return false;
        }
        (self.flags[start], self.flags[end]) = (false, true);
        self.range = start + 1..end + 1;
        self.grow();
        true
    }
}

fn one_side(of: &[u32], flags: &mut [bool], other: &mut [bool]) {
    let mut group = Group::first(flags);
    let mut opposite = Group::first(other);
    loop {
        if !group.is_empty() {
            slide_group(of, &mut group, &mut opposite);
        }
        if !(group.next() && opposite.next()) {
            return;
        }
    }
}

fn slide_group(of: &[u32], group: &mut Group<'_>, opposite: &mut Group<'_>) {
    let (mut foremost, mut facing);
    loop {
        let size = group.range.len();
        while group.slide_up(of) {
            opposite.previous();
        }
        foremost = group.range.end;
        facing = (!opposite.is_empty()).then_some(group.range.end);
        while group.slide_down(of) {
            opposite.next();
            if !opposite.is_empty() {
                facing = Some(group.range.end);
            }
        }
        // A group that joined others may have room to move again.
        if group.range.len() == size {
            break;
        }
    }
    if group.range.end != foremost && facing.is_some() {
        while opposite.is_empty() && group.slide_up(of) {
            opposite.previous();
        }
    }
}
