//! Texts by lines.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;
use std::ops::Range;

use super::diff::{self, Adjacent, Fate, Region};

/// Merges three texts by lines, with the outcome of `git merge-file`.
///
/// Changes that touch each other conflict; a change that both sides made counts once. Line ends (LF and
/// CR LF) and a missing newline at the end are part of the lines and stay as they are.
///
/// # Example
///
/// ```
/// use ifmatch::merge::text;
///
/// let merged = text("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n");
/// assert!(merged.conflicts.is_empty());
/// assert_eq!(merged.text, "A\nb\nC\n");
/// ```
pub fn text(base: &str, local: &str, remote: &str) -> TextMerged {
    TextMerged::new(base, local, remote)
}

/// The outcome of [`text`](text()).
#[derive(Clone)]
#[non_exhaustive]
pub struct TextMerged {
    /// The merged text. A stretch in conflict stands as on the remote side; there are no markers in it.
    pub text: String,
    /// The stretches that both sides changed differently, in order.
    pub conflicts: Vec<TextConflict>,
    pieces: Vec<Piece>,
}

/// A stretch that both sides changed differently.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TextConflict {
    /// The lines that both started from.
    pub base: String,
    /// The local lines.
    pub local: String,
    /// The remote lines.
    pub remote: String,
    /// The line in the base where the stretch begins, counted from 1.
    pub line: usize,
}

#[derive(Clone)]
enum Piece {
    /// A range of the merged text.
    Settled(Range<usize>),
    /// A conflict, by its number.
    Open(usize),
}

/// How conflicts are written between markers, as git names the styles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum MarkerStyle {
    /// Local and remote lines.
    #[default]
    Merge,
    /// Local, base and remote lines.
    Diff3,
    /// As `Diff3`, with the lines that local and remote share at the edges moved out.
    Zdiff3,
}

impl TextMerged {
    fn new(base: &str, local: &str, remote: &str) -> Self {
        let (b, l, r) = (Lines::of(base), Lines::of(local), Lines::of(remote));
        let mut numbers = Numbers::default();
        let ids = [&b, &l, &r].map(|lines| numbers.of(lines));
        let mut merged = Self {
            text: String::with_capacity(local.len().max(remote.len())),
            conflicts: Vec::new(),
            pieces: Vec::new(),
        };
        for region in diff::regions(&ids[0], &ids[1], &ids[2], Adjacent::Together) {
            merged.add(&region, &b, &l, &r);
        }
        merged
    }

    fn add(&mut self, region: &Region, b: &Lines<'_>, l: &Lines<'_>, r: &Lines<'_>) {
        let start = self.text.len();
        self.text.push_str(match region.fate {
            Fate::Unchanged => b.slice(&region.base),
            Fate::Local => l.slice(&region.local),
            Fate::Remote | Fate::Agreed | Fate::Conflict => r.slice(&region.remote),
        });
        if region.fate == Fate::Conflict {
            self.pieces.push(Piece::Open(self.conflicts.len()));
            self.conflicts.push(TextConflict {
                base: b.slice(&region.base).to_owned(),
                local: l.slice(&region.local).to_owned(),
                remote: r.slice(&region.remote).to_owned(),
                line: region.base.start + 1,
            });
        } else if let Some(Piece::Settled(last)) = self.pieces.last_mut() {
            last.end = self.text.len();
        } else {
            self.pieces.push(Piece::Settled(start..self.text.len()));
        }
    }
}

/// The merged text, if no stretch is in conflict.
pub(super) fn merge(base: &str, local: &str, remote: &str) -> Option<String> {
    let merged = text(base, local, remote);
    merged.conflicts.is_empty().then_some(merged.text)
}

/// A text cut into lines, each with its end.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let mut starts = Vec::with_capacity(text.len() / 24 + 2);
        starts.push(0);
        starts.extend(
            text.bytes()
                .enumerate()
                .filter(|(_, b)| *b == b'\n')
                .map(|(at, _)| at + 1),
        );
        if starts.last() != Some(&text.len()) {
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

/// Gives equal lines equal numbers. The hasher has fixed keys, so that a merge is the same each time.
#[derive(Default)]
struct Numbers<'a> {
    known: HashMap<&'a str, u32, BuildHasherDefault<DefaultHasher>>,
}

impl<'a> Numbers<'a> {
    fn of(&mut self, lines: &Lines<'a>) -> Vec<u32> {
        let number = |line| {
            let next = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
            *self.known.entry(line).or_insert(next)
        };
        lines.iter().map(number).collect()
    }
}

impl TextMerged {
    /// The text with the conflicts between markers, for an editor or a person.
    ///
    /// The labels stand behind the markers of local, base and remote.
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::merge::{MarkerStyle, text};
    ///
    /// let merged = text("a\n", "b\n", "c\n");
    /// assert_eq!(
    ///     merged.with_markers(MarkerStyle::Diff3, ["mine", "before", "theirs"]),
    ///     "<<<<<<< mine\nb\n||||||| before\na\n=======\nc\n>>>>>>> theirs\n",
    /// );
    /// ```
    pub fn with_markers(&self, style: MarkerStyle, labels: [&str; 3]) -> String {
        let mut out = String::with_capacity(self.text.len());
        for piece in &self.pieces {
            match piece {
                Piece::Settled(range) => out.push_str(&self.text[range.clone()]),
                Piece::Open(at) => self.conflicts[*at].write(&mut out, style, labels),
            }
        }
        out
    }
}

impl TextMerged {
    /// The text with every conflict replaced by what the function makes of it, if it knows all of them.
    pub(super) fn resolved(
        &self,
        resolve: impl Fn(&TextConflict) -> Option<String>,
    ) -> Option<String> {
        let mut out = String::with_capacity(self.text.len());
        for piece in &self.pieces {
            match piece {
                Piece::Settled(range) => out.push_str(&self.text[range.clone()]),
                Piece::Open(at) => out.push_str(&resolve(&self.conflicts[*at])?),
            }
        }
        Some(out)
    }
}

impl TextConflict {
    fn write(&self, out: &mut String, style: MarkerStyle, labels: [&str; 3]) {
        // Markers end as the lines around them do.
        let end = if [&self.local, &self.remote, &self.base]
            .iter()
            .any(|t| t.contains("\r\n"))
        {
            "\r\n"
        } else {
            "\n"
        };
        let (local, remote) = (lines(&self.local), lines(&self.remote));
        let (front, back) = match style {
            MarkerStyle::Zdiff3 => shared_edges(&local, &remote),
            MarkerStyle::Merge | MarkerStyle::Diff3 => (0, 0),
        };
        let marker = |out: &mut String, mark: char, label: &str| {
            out.extend(std::iter::repeat_n(mark, 7));
            if !label.is_empty() {
                out.push(' ');
                out.push_str(label);
            }
            out.push_str(end);
        };
        let block = |out: &mut String, lines: &[&str]| {
            out.extend(lines.iter().copied());
            // A marker needs a line of its own, also behind a text without a last newline.
            if lines.last().is_some_and(|last| !last.ends_with('\n')) {
                out.push_str(end);
            }
        };
        out.extend(local[..front].iter().copied());
        marker(out, '<', labels[0]);
        block(out, &local[front..local.len() - back]);
        if style != MarkerStyle::Merge {
            marker(out, '|', labels[1]);
            block(out, &lines(&self.base));
        }
        marker(out, '=', "");
        block(out, &remote[front..remote.len() - back]);
        marker(out, '>', labels[2]);
        out.extend(local[local.len() - back..].iter().copied());
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// How many lines both share in front and at the back.
fn shared_edges(a: &[&str], b: &[&str]) -> (usize, usize) {
    let shortest = a.len().min(b.len());
    let front = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let back = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take(shortest - front)
        .take_while(|(a, b)| a == b)
        .count();
    (front, back)
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
