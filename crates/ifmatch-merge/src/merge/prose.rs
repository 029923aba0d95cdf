//! Merges texts by lines, and by words where lines conflict.

use super::diff::{self, Adjacent, RegionFate};
use super::text::{TextConflict, text};
use crate::json::Ids;

/// Returns the merged text, if merging by words settles all conflicts between lines.
pub(super) fn merge(base: &str, local: &str, remote: &str) -> Option<String> {
    text(base, local, remote).resolved(refined)
}

/// Merges a stretch of lines by words.
fn refined(conflict: &TextConflict) -> Option<String> {
    // Without a base, changed words cannot be identified.
    if conflict.base.is_empty() {
        return None;
    }
    let sides = [&conflict.base, &conflict.local, &conflict.remote].map(|side| words(side));
    let mut numbers = Ids::default();
    let ids = sides.each_ref().map(|side| {
        side.iter()
            .map(|word| numbers.of_text(word))
            .collect::<Vec<_>>()
    });
    let mut out = String::new();
    for region in diff::regions(&ids[0], &ids[1], &ids[2], Adjacent::Together) {
        out.extend(match region.fate {
            RegionFate::Unchanged | RegionFate::Remote | RegionFate::Agreed => {
                sides[2][region.remote].iter().copied()
            }
            RegionFate::Local => sides[1][region.local].iter().copied(),
            RegionFate::Conflict => return None,
        });
    }
    Some(out)
}

/// Splits a text into words, runs of spaces, and all other characters one by one.
fn words(text: &str) -> Vec<&str> {
    let class = |c: char| match c {
        '\n' => 0,
        c if c.is_alphanumeric() || c == '_' || c == '\'' => 1,
        c if c.is_whitespace() => 2,
        _ => 0,
    };
    let mut words = Vec::new();
    let (mut start, mut last) = (0, 0);
    for (at, c) in text.char_indices() {
        let this = class(c);
        if at > start && (this != last || this == 0) {
            words.push(&text[start..at]);
            start = at;
        }
        last = this;
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}
