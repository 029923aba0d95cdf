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
    /// All of them are in one file.
    pub(super) new: Vec<(MarkAt, Mark, MarkDocuments)>,
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

    /// Puts damaged marks aside, so that they are no longer suspects. It is durable no sooner than the changes before it.
    fn set_aside(&self, _suspects: Vec<Suspect>) {}

    /// Whether other processes may leave files here.
    fn is_shared(&self) -> bool {
        false
    }

    /// Takes over the files of processes that have ended, and returns their marks. It blocks, and runs once at a time.
    fn adopt(&self) -> Result<(Adopted, Vec<KeptMark>), JournalError> {
        Ok((Adopted::default(), Vec::new()))
    }
}

/// A mark, and the size of its documents.
pub(super) type KeptMark = (MarkAt, Mark, usize);

/// A file with damaged marks. Whether its writes were sent is not known.
#[derive(Debug)]
pub(super) struct Suspect {
    pub(super) file: u16,
    /// The numbers of the damaged marks.
    #[cfg(feature = "durable")]
    pub(super) damaged: Vec<u64>,
}

/// The files that were left by processes that have ended.
#[derive(Debug, Default)]
pub(super) struct Adopted {
    /// The last number of each file that was taken over.
    pub(super) last: Vec<MarkAt>,
    pub(super) suspects: Vec<Suspect>,
    /// What cannot be read, for people.
    pub(super) damage: Vec<String>,
}
