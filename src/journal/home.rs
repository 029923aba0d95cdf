//! Where the marks of a journal are kept.

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::error::JournalError;
use super::mark::{Mark, MarkAt, MarkDocuments};
use crate::store::KeyDigest;

/// Told once changes are durable.
pub(super) type Done = oneshot::Sender<Result<(), JournalError>>;

/// Changes that become durable together.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) new: Option<(MarkAt, Mark, MarkDocuments)>,
    pub(super) outdated: Vec<MarkAt>,
}

/// Keeps the marks of a journal.
#[async_trait]
pub(super) trait Home: Send + Sync + 'static {
    /// Takes changes. They become durable in the order of the calls, each of them as a whole.
    fn write(&self, changes: Changes, done: Option<Done>);

    /// Returns the documents of a mark.
    async fn documents(&self, at: MarkAt) -> Result<MarkDocuments, JournalError>;

    /// Keeps the check of a client's secret, or compares it with the one that is kept.
    fn bind(&self, _check: KeyDigest) -> Result<(), JournalError> {
        Ok(())
    }

    /// Takes over the files of processes that have ended, and returns their marks.
    async fn adopt(&self) -> Result<Vec<(MarkAt, Mark, usize)>, JournalError> {
        Ok(Vec::new())
    }

    /// Removes a file that was taken over and holds no marks any more.
    fn remove_file(&self, _file: u16) {}
}
