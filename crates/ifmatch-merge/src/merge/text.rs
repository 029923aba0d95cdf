//! Merges texts by lines.

use std::ops::Range;

use super::diff::{self, Adjacent, Region, RegionFate};
use crate::json::Ids;

/// Merges three texts by lines, with the same result as `git merge-file`.
///
/// Changes that touch each other conflict. A change that both sides made counts once. Line endings (LF and CR LF)
/// and a missing newline at the end are part of the lines and stay unchanged.
///
/// # Example
///
/// ```
/// # use ifmatch_merge as ifmatch;
/// use ifmatch::merge::text;
///
/// let merged = text("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n");
/// assert!(merged.conflicts.is_empty());
/// assert_eq!(merged.text, "A\nb\nC\n");
/// ```
pub fn text(base: &str, local: &str, remote: &str) -> TextMerged {
    TextMerged::new(base, local, remote)
}

/// The result of [`text`](text()).
#[derive(Clone)]
#[non_exhaustive]
pub struct TextMerged {
    /// The merged text. A stretch in conflict holds the remote lines, without markers.
    pub text: String,
    /// The stretches that both sides changed differently, in order.
    pub conflicts: Vec<TextConflict>,
    pub(super) pieces: Vec<Piece>,
}

/// A stretch that both sides changed differently.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TextConflict {
    /// The lines that both sides started from.
    pub base: String,
    /// The local lines.
    pub local: String,
    /// The remote lines.
    pub remote: String,
    /// The line in the base where the stretch begins, counted from 1.
    pub line: usize,
}

#[derive(Clone)]
pub(super) enum Piece {
    /// A range of the merged text, and whether both sides have the same lines there.
    Settled(Range<usize>, bool),
    /// A conflict, by its index.
    Open(usize),
}

impl TextMerged {
    fn new(base: &str, local: &str, remote: &str) -> Self {
        let lines = [base, local, remote].map(Lines::of);
        Self::of_regions(&lines, &regions(&lines))
    }

    fn of_regions([b, l, r]: &[Lines<'_>; 3], regions: &[Region]) -> Self {
        let mut merged = Self {
            text: String::with_capacity(l.text.len().max(r.text.len())),
            conflicts: Vec::new(),
            pieces: Vec::new(),
        };
        for region in regions {
            merged.add(region, b, l, r);
        }
        merged
    }

    fn add(&mut self, region: &Region, b: &Lines<'_>, l: &Lines<'_>, r: &Lines<'_>) {
        let start = self.text.len();
        self.text.push_str(match region.fate {
            RegionFate::Unchanged => b.slice(&region.base),
            RegionFate::Local => l.slice(&region.local),
            RegionFate::Remote | RegionFate::Agreed | RegionFate::Conflict => {
                r.slice(&region.remote)
            }
        });
        if region.fate == RegionFate::Conflict {
            self.pieces.push(Piece::Open(self.conflicts.len()));
            self.conflicts.push(TextConflict {
                base: b.slice(&region.base).to_owned(),
                local: l.slice(&region.local).to_owned(),
                remote: r.slice(&region.remote).to_owned(),
                line: region.base.start + 1,
            });
            return;
        }
        let shared = matches!(region.fate, RegionFate::Unchanged | RegionFate::Agreed);
        match self.pieces.last_mut() {
            Some(Piece::Settled(last, also)) if *also == shared => last.end = self.text.len(),
            _ => self
                .pieces
                .push(Piece::Settled(start..self.text.len(), shared)),
        }
    }
}

/// Returns the merged text, if no stretch is in conflict.
pub(super) fn merge(base: &str, local: &str, remote: &str) -> Option<String> {
    let lines = [base, local, remote].map(Lines::of);
    let regions = regions(&lines);
    let is_clean = regions
        .iter()
        .all(|region| region.fate != RegionFate::Conflict);
    is_clean.then(|| TextMerged::of_regions(&lines, &regions).text)
}

fn regions(lines: &[Lines<'_>; 3]) -> Vec<Region> {
    let mut numbers = Ids::default();
    let [b, l, r] = lines.each_ref().map(|lines| {
        let numbers = lines.iter().map(|line| numbers.of_text(line));
        numbers.collect::<Vec<_>>()
    });
    diff::regions(&b, &l, &r, Adjacent::Together)
}

/// A text split into lines, each including its line ending.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let mut starts = Vec::with_capacity(text.len() / 24 + 2);
        starts.push(0);
        let bytes = text.bytes().zip(1..);
        starts.extend(bytes.filter(|(byte, _)| *byte == b'\n').map(|(_, end)| end));
        if !text.is_empty() && !text.ends_with('\n') {
            starts.push(text.len());
        }
        Self { text, starts }
    }

    fn iter(&self) -> impl Iterator<Item = &'a str> {
        self.starts.windows(2).map(|w| &self.text[w[0]..w[1]])
    }

    fn slice(&self, lines: &Range<usize>) -> &'a str {
        &self.text[self.starts[lines.start]..self.starts[lines.end]]
    }
}

impl TextMerged {
    /// Returns the text with every conflict replaced by the result of the function, or `None` if the function
    /// cannot resolve one of them.
    pub(super) fn resolved(
        &self,
        resolve: impl Fn(&TextConflict) -> Option<String>,
    ) -> Option<String> {
        let mut out = String::with_capacity(self.text.len());
        for piece in &self.pieces {
            match piece {
                Piece::Settled(range, _) => out.push_str(&self.text[range.clone()]),
                Piece::Open(at) => out.push_str(&resolve(&self.conflicts[*at])?),
            }
        }
        Some(out)
    }
}

impl std::fmt::Debug for TextMerged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "TextMerged({} bytes, {} conflicts)",
            self.text.len(),
            self.conflicts.len()
        )
    }
}

impl std::fmt::Debug for TextConflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TextConflict(line {})", self.line)
    }
}
