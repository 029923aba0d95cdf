//! Where a difference may lie at several places, it is put where `git` puts it.
//!
//! `a b a b` against `a b` has lost the first pair, or the second, or `b a`. Which one a diff names does
//! not matter to the eye, but it decides whether two changes touch. The rule of git: a stretch is moved
//! as far to the back as it goes, unless on the way it comes to stand opposite a change of the other
//! side; then it stays there. Stretches that meet on the way become one.

use std::ops::Range;

/// Moves the changes of `old` and then those of `new`. The flags say which elements were removed and
/// which were added; as many elements are unflagged on either side.
pub(super) fn slide_changes(old: &[u32], removed: &mut [bool], new: &[u32], added: &mut [bool]) {
    one_side(old, removed, added);
    one_side(new, added, removed);
}

/// A stretch of flagged elements between two unflagged ones; it may be empty.
struct Group<'f> {
    flags: &'f mut [bool],
    range: Range<usize>,
}

impl<'f> Group<'f> {
    /// The first group, which lies in front of the first unflagged element.
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

    /// Goes on to the group behind the next unflagged element.
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

    /// Moves the group by one to the front, if the elements allow it, and joins what it meets.
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
