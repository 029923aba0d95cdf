//! Readable diffs of the changes that one side made.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};

/// Maximum number of lines of either text that are compared, from the first difference on.
pub(super) const LINES: usize = 400;
/// Number of context lines shown around a change.
const AROUND: usize = 2;

/// Returns a unified diff of two texts, both of whole lines. It is empty if they are the same.
pub(super) fn diff(old: &str, new: &str, name: &str) -> String {
    let [old, new] = [old, new].map(|text| text.split_inclusive('\n').collect::<Vec<_>>());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let front = old.iter().zip(&new).take_while(same).count();
    let [old_rest, new_rest] = [&old[front..], &new[front..]];
    let back = old_rest.iter().rev().zip(new_rest.iter().rev());
    let back = back.take_while(same).count();
    if old.len() == new.len() && front == old.len() {
        return String::new();
    }
    // Equal lines at both ends are skipped, except for the few lines of context that are shown.
    let start = front.saturating_sub(AROUND);
    let behind = back.min(AROUND);
    let part = |lines: usize| start..(lines - back).min(front + LINES);
    let (old_part, new_part) = (part(old.len()), part(new.len()));
    let left =
        [(&old, &old_part), (&new, &new_part)].map(|(lines, part)| lines.len() - back - part.end);
    let is_cut = left != [0, 0];
    let behind = if is_cut { 0 } else { behind };
    let [a, b] = [(&old, old_part), (&new, new_part)]
        .map(|(lines, part)| &lines[part.start..part.end + behind]);
    let mut text = format!("--- base\n+++ {name}\n");
    for ops in group_diff_ops(changes(a, b, [front - start, behind]), AROUND) {
        hunk(&mut text, &ops, [a, b], start);
    }
    if is_cut {
        let [old, new] = left;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "(cut: {old} more lines of base, {new} of {name})");
    }
    text
}

/// Returns the difference of two parts, given the number of equal lines at the start and at the end of both.
fn changes(old: &[&str], new: &[&str], around: [usize; 2]) -> Vec<DiffOp> {
    let [before, behind] = around;
    let (old_end, new_end) = (old.len() - behind, new.len() - behind);
    let known: HashSet<&str> = old[before..old_end].iter().copied().collect();
    if known.is_empty() || new[before..new_end].iter().any(|line| known.contains(line)) {
        return capture_diff_slices(Algorithm::Myers, old, new);
    }
    // The parts have no line in common, so no search is needed.
    let same = |old_index, new_index, len| DiffOp::Equal {
        old_index,
        new_index,
        len,
    };
    let replaced = DiffOp::Replace {
        old_index: before,
        old_len: old_end - before,
        new_index: before,
        new_len: new_end - before,
    };
    let ops = [same(0, 0, before), replaced, same(old_end, new_end, behind)];
    ops.into_iter()
        .filter(|op| !(op.old_range().is_empty() && op.new_range().is_empty()))
        .collect()
}

fn hunk(text: &mut String, ops: &[DiffOp], [old, new]: [&[&str]; 2], start: usize) {
    let whole = |range: fn(&DiffOp) -> Range<usize>| {
        let (first, last) = (ops.first().map(range), ops.last().map(range));
        first.unwrap_or_default().start..last.unwrap_or_default().end
    };
    // Lines are counted from 1. An empty range is named by the line before it.
    let place = |range: Range<usize>| match range.len() {
        0 => format!("{},0", start + range.start),
        1 => format!("{}", start + range.start + 1),
        length => format!("{},{length}", start + range.start + 1),
    };
    let (before, after) = (
        place(whole(DiffOp::old_range)),
        place(whole(DiffOp::new_range)),
    );
    let _ = writeln!(text, "@@ -{before} +{after} @@");
    let mut put = |sign: char, lines: &[&str]| {
        for line in lines {
            text.push(sign);
            text.push_str(line);
        }
    };
    for op in ops {
        if let DiffOp::Equal { .. } = op {
            put(' ', &old[op.old_range()]);
        } else {
            put('-', &old[op.old_range()]);
            put('+', &new[op.new_range()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: impl IntoIterator<Item = usize>) -> String {
        let lines: Vec<String> = lines.into_iter().map(|line| line.to_string()).collect();
        lines.join("\n") + "\n"
    }

    #[test]
    fn changes_are_shown_with_the_lines_around_them_and_their_numbers() {
        let old = lines(1..=30);
        let new = old
            .replace("\n9\n", "\nnine\n")
            .replace("\n20\n", "\n20\nmore\n");
        let shown = diff(&old, &new, "local");
        let expected = "--- base\n+++ local\n@@ -7,5 +7,5 @@\n 7\n 8\n-9\n+nine\n 10\n 11\n\
                        @@ -19,4 +19,5 @@\n 19\n 20\n+more\n 21\n 22\n";
        assert_eq!(shown, expected);
        assert_eq!(diff(&old, &old, "local"), "");
    }

    #[test]
    fn what_is_there_on_one_side_only_is_shown_as_a_whole() {
        assert_eq!(
            diff("", "1\n2\n", "x"),
            "--- base\n+++ x\n@@ -0,0 +1,2 @@\n+1\n+2\n"
        );
        assert_eq!(diff("1\n", "", "x"), "--- base\n+++ x\n@@ -1 +0,0 @@\n-1\n");
    }

    #[test]
    fn it_agrees_with_the_diff_of_whole_texts() {
        let old = lines(0..60);
        for changed in 0..60 {
            for (by, length) in [("", 1), ("x\n", 0), ("x\ny\n", 2)] {
                let until = (changed + length).min(60);
                let new = lines(0..changed) + by + &lines(until..60);
                let mut whole = similar::TextDiff::configure();
                let whole = whole.algorithm(Algorithm::Myers).diff_lines(&old, &new);
                let whole = whole
                    .unified_diff()
                    .context_radius(2)
                    .header("base", "x")
                    .to_string();
                assert_eq!(diff(&old, &new, "x"), whole);
            }
        }
    }

    #[test]
    fn a_long_difference_is_cut_and_says_so() {
        let (old, new) = (lines(0..10_000), lines(20_000..40_000));
        let shown = diff(&old, &new, "remote");
        assert_eq!(shown.lines().count(), 3 + 2 * LINES + 1);
        assert!(
            shown.ends_with("(cut: 9600 more lines of base, 19600 of remote)\n"),
            "{shown}"
        );
    }
}
