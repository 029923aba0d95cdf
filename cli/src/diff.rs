//! Diffs for people.

use similar::TextDiff;

/// Returns a unified diff, or nothing if the texts are equal.
pub(crate) fn unified(before: &str, after: &str, names: [&str; 2]) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut shown = diff.unified_diff();
    shown.header(names[0], names[1]).to_string()
}
