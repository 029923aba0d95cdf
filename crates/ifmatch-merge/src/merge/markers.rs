//! Writes conflicts between markers, for an editor or a person.

use super::text::{Piece, TextConflict, TextMerged};
use crate::json::{Ids, Replaced, differences};

/// How conflicts are written between markers. The names are those of git's conflict styles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum MarkerStyle {
    /// Local and remote lines.
    #[default]
    Merge,
    /// Local, base and remote lines.
    Diff3,
    /// Like `Diff3`, but lines that local and remote share at the edges are moved out of the conflict.
    Zdiff3,
}

impl TextMerged {
    /// Returns the text with the conflicts between markers, for an editor or a person.
    ///
    /// The labels are written behind the markers of local, base and remote.
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch_merge as ifmatch;
    /// use ifmatch::merge::{MarkerStyle, text};
    ///
    /// let merged = text("a\n", "b\n", "c\n");
    /// assert_eq!(
    ///     merged.with_markers(MarkerStyle::Diff3, ["mine", "before", "theirs"]),
    ///     "<<<<<<< mine\nb\n||||||| before\na\n=======\nc\n>>>>>>> theirs\n",
    /// );
    /// ```
    pub fn with_markers(&self, style: MarkerStyle, labels: [&str; 3]) -> String {
        let mut out = Marked {
            text: String::with_capacity(self.text.len()),
            labels,
            end: "\n",
        };
        for stretch in self.stretches(style) {
            match stretch {
                Stretch::Plain { lines, .. } => out.lines(&lines),
                Stretch::Open {
                    local,
                    base,
                    remote,
                } => out.conflict(&local, base, &remote),
            }
        }
        out.text
    }

    fn stretches(&self, style: MarkerStyle) -> Vec<Stretch<'_>> {
        let mut stretches = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Settled(range, shared) => {
                    stretches.push(Stretch::Plain {
                        lines: lines(&self.text[range.clone()]),
                        is_shared: *shared,
                    });
                }
                Piece::Open(at) => stretches.extend(open(&self.conflicts[*at], style)),
            }
        }
        if style == MarkerStyle::Merge {
            joined(stretches)
        } else {
            stretches
        }
    }
}

enum Stretch<'t> {
    Plain {
        lines: Vec<&'t str>,
        is_shared: bool,
    },
    Open {
        local: Vec<&'t str>,
        base: Option<Vec<&'t str>>,
        remote: Vec<&'t str>,
    },
}

fn open(conflict: &TextConflict, style: MarkerStyle) -> Vec<Stretch<'_>> {
    let (local, base, remote) = (
        lines(&conflict.local),
        lines(&conflict.base),
        lines(&conflict.remote),
    );
    match style {
        MarkerStyle::Merge => refined(&local, &remote),
        MarkerStyle::Diff3 => vec![Stretch::Open {
            local,
            base: Some(base),
            remote,
        }],
        MarkerStyle::Zdiff3 => {
            let (front, back) = shared_edges(&local, &remote);
            let plain = |lines: &[_]| Stretch::Plain {
                lines: lines.to_vec(),
                is_shared: false,
            };
            vec![
                plain(&local[..front]),
                Stretch::Open {
                    local: local[front..local.len() - back].to_vec(),
                    base: Some(base),
                    remote: remote[front..remote.len() - back].to_vec(),
                },
                plain(&local[local.len() - back..]),
            ]
        }
    }
}

/// Returns the parts of a conflict in which the sides differ, with the shared lines between them.
fn refined<'t>(local: &[&'t str], remote: &[&'t str]) -> Vec<Stretch<'t>> {
    if local.is_empty() || remote.is_empty() {
        return vec![Stretch::Open {
            local: local.to_vec(),
            base: None,
            remote: remote.to_vec(),
        }];
    }
    let mut numbers = Ids::default();
    let [l, r] = [local, remote].map(|side| {
        side.iter()
            .map(|line| numbers.of_text(line))
            .collect::<Vec<_>>()
    });
    let mut stretches = Vec::new();
    let mut at = 0;
    for Replaced { old, new } in differences(&l, &r) {
        stretches.push(Stretch::Plain {
            lines: local[at..old.start].to_vec(),
            is_shared: true,
        });
        at = old.end;
        stretches.push(Stretch::Open {
            local: local[old].to_vec(),
            base: None,
            remote: remote[new].to_vec(),
        });
    }
    stretches.push(Stretch::Plain {
        lines: local[at..].to_vec(),
        is_shared: true,
    });
    stretches
}

/// Two conflicts are joined if at most this many shared lines separate them.
const JOINED_LINES: usize = 3;

/// Joins conflicts that have almost nothing between them.
fn joined(stretches: Vec<Stretch<'_>>) -> Vec<Stretch<'_>> {
    let mut out: Vec<Stretch<'_>> = Vec::with_capacity(stretches.len());
    for stretch in stretches {
        let Stretch::Open { local, remote, .. } = stretch else {
            if !matches!(&stretch, Stretch::Plain { lines, .. } if lines.is_empty()) {
                out.push(stretch);
            }
            continue;
        };
        let between = match &out[..] {
            [
                ..,
                Stretch::Open { .. },
                Stretch::Plain {
                    lines,
                    is_shared: true,
                },
            ] if says_little(lines) => 1,
            [.., Stretch::Open { .. }] => 0,
            _ => {
                out.push(Stretch::Open {
                    local,
                    base: None,
                    remote,
                });
                continue;
            }
        };
        let plain = if between == 1 { out.pop() } else { None };
        if let Some(Stretch::Open {
            local: before,
            remote: other,
            ..
        }) = out.last_mut()
        {
            if let Some(Stretch::Plain { lines, .. }) = plain {
                before.extend(&lines);
                other.extend(&lines);
            }
            before.extend(local);
            other.extend(remote);
        }
    }
    out
}

fn says_little(lines: &[&str]) -> bool {
    let has_words = || {
        lines
            .iter()
            .any(|line| line.bytes().any(|b| b.is_ascii_alphanumeric()))
    };
    lines.len() <= JOINED_LINES || !has_words()
}

/// A text under construction.
struct Marked<'l> {
    text: String,
    labels: [&'l str; 3],
    end: &'static str,
}

impl Marked<'_> {
    fn lines(&mut self, lines: &[&str]) {
        self.text.extend(lines.iter().copied());
    }

    fn conflict(&mut self, local: &[&str], base: Option<Vec<&str>>, remote: &[&str]) {
        // Markers use the line ending of the preceding line, or else that of the lines within.
        let crlf = if self.text.is_empty() {
            local
                .iter()
                .chain(remote)
                .next()
                .is_some_and(|line| line.ends_with("\r\n"))
        } else {
            self.text.ends_with("\r\n")
        };
        self.end = if crlf { "\r\n" } else { "\n" };
        self.marker('<', self.labels[0]);
        self.block(local);
        if let Some(base) = base {
            self.marker('|', self.labels[1]);
            self.block(&base);
        }
        self.marker('=', "");
        self.block(remote);
        self.marker('>', self.labels[2]);
    }

    fn marker(&mut self, mark: char, label: &str) {
        self.text.extend(std::iter::repeat_n(mark, 7));
        if !label.is_empty() {
            self.text.push(' ');
            self.text.push_str(label);
        }
        self.text.push_str(self.end);
    }

    /// Writes lines and ends the last one, because a marker needs its own line.
    fn block(&mut self, lines: &[&str]) {
        self.lines(lines);
        if lines.last().is_some_and(|last| !last.ends_with('\n')) {
            self.text.push_str(self.end);
        }
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Returns how many lines both sides share at the start and at the end.
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
