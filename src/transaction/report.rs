//! What a transaction that was committed took.

use std::time::Duration;

/// A transaction that was committed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Committed {
    report: TransactionReport,
}

impl Committed {
    pub(super) fn new(report: TransactionReport) -> Self {
        Self { report }
    }

    /// Returns what it took.
    pub fn report(&self) -> &TransactionReport {
        &self.report
    }
}

/// What a transaction took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransactionReport {
    /// Number of requests, reads included.
    pub requests: u32,
    /// How it was carried out.
    pub by: CommittedBy,
    /// The time that it took.
    pub elapsed: Duration,
}

/// How a transaction is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CommittedBy {
    /// By one request that the API applies as a whole. Others see all of it or nothing.
    Batch,
    /// By one write after the other, each of which can be taken back. Others see the steps in between.
    Saga,
}
