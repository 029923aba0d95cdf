//! The results of a check: [`LawReport`] and [`BrokenLaw`].

use std::fmt;

use super::law::Law;
use crate::json::Document;

/// The laws that a strategy keeps and breaks; see [`check_merge_laws`](super::check_merge_laws).
///
/// Its `Display` form shows for each broken law the three states, the expected result and the actual one.
#[derive(Clone, Debug)]
#[must_use]
pub struct LawReport {
    pub(super) broken: Vec<BrokenLaw>,
    pub(super) skipped: Vec<Law>,
    pub(super) merges: usize,
}

/// A broken law, with the smallest merge among the samples that breaks it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BrokenLaw {
    /// The broken law.
    pub law: Law,
    /// The common earlier state, or `None` if it is not known.
    pub base: Option<Document>,
    /// The local state.
    pub local: Document,
    /// The remote state.
    pub remote: Document,
    /// The expected result, in words.
    pub expected: String,
    /// The actual result, in words.
    pub found: String,
}

impl BrokenLaw {
    /// The total length of the three states. Shorter examples are easier to read.
    pub(super) fn size(&self) -> usize {
        self.base.as_ref().map_or(0, Document::len) + self.local.len() + self.remote.len()
    }
}

impl LawReport {
    /// Returns the broken laws, each with one example.
    pub fn broken(&self) -> &[BrokenLaw] {
        &self.broken
    }

    /// Returns the laws that were not checked, because the strategy does not declare itself state-like.
    pub fn skipped(&self) -> &[Law] {
        &self.skipped
    }

    /// Returns the number of merges that were run.
    pub fn merges(&self) -> usize {
        self.merges
    }

    /// Removes a law that the strategy breaks on purpose.
    pub fn except(mut self, law: Law) -> Self {
        self.broken.retain(|broken| broken.law != law);
        self
    }

    /// Asserts that no law is broken.
    ///
    /// # Panics
    ///
    /// Panics with each broken law, and the merge that breaks it, if there is one.
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
