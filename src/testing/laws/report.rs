//! [`LawReport`] and [`BrokenLaw`].

use std::fmt;

use super::law::Law;
use crate::json::Document;

/// Which laws a strategy keeps; see [`check_merge_laws`](super::check_merge_laws).
///
/// Its `Display` says for each broken law what was merged, what was expected and what came instead.
#[derive(Clone, Debug)]
#[must_use]
pub struct LawReport {
    pub(super) broken: Vec<BrokenLaw>,
    pub(super) skipped: Vec<Law>,
    pub(super) merges: usize,
}

/// One law, and the smallest merge among the samples that breaks it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BrokenLaw {
    /// The law.
    pub law: Law,
    /// The state that both started from; `None`: not known.
    pub base: Option<Document>,
    /// The local state.
    pub local: Document,
    /// The remote state.
    pub remote: Document,
    /// What should have come out, in words.
    pub expected: String,
    /// What came out, in words.
    pub found: String,
}

impl BrokenLaw {
    /// The length of the three states: the shorter, the easier to read.
    pub(super) fn size(&self) -> usize {
        self.base.as_ref().map_or(0, Document::len) + self.local.len() + self.remote.len()
    }
}

impl LawReport {
    /// The laws that are broken, each with one example.
    pub fn broken(&self) -> &[BrokenLaw] {
        &self.broken
    }

    /// The laws that were not checked, because the strategy does not say that it is state-like.
    pub fn skipped(&self) -> &[Law] {
        &self.skipped
    }

    /// How many merges were asked for.
    pub fn merges(&self) -> usize {
        self.merges
    }

    /// Without a law that the strategy breaks on purpose.
    pub fn except(mut self, law: Law) -> Self {
        self.broken.retain(|broken| broken.law != law);
        self
    }

    /// Panics if a law is broken.
    ///
    /// # Panics
    ///
    /// With each broken law in words and the merge that breaks it.
    #[track_caller]
    pub fn assert_kept(&self) {
        assert!(self.broken.is_empty(), "{self}");
    }
}

impl fmt::Display for LawReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.broken.is_empty() {
            write!(f, "no law is broken in {} merges", self.merges)?;
        }
        for (at, broken) in self.broken.iter().enumerate() {
            let separator = if at == 0 { "" } else { "\n" };
            write!(f, "{separator}{broken}")?;
        }
        if !self.skipped.is_empty() {
            f.write_str("\nnot checked, because the strategy does not say that it is state-like:")?;
            for law in &self.skipped {
                write!(f, " {law:?}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for BrokenLaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the merge breaks {:?}: {}", self.law, self.law)?;
        match &self.base {
            Some(base) => writeln!(f, "  base:     {base}")?,
            None => writeln!(f, "  base:     not known")?,
        }
        writeln!(f, "  local:    {}", self.local)?;
        writeln!(f, "  remote:   {}", self.remote)?;
        writeln!(f, "  expected: {}", self.expected)?;
        write!(f, "  found:    {}", self.found)
    }
}
