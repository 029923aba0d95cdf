//! Why a journal takes no more marks, or cannot be read.

use std::sync::Arc;

use crate::BoxError;

/// The error of a [`Journal`](crate::Journal).
///
/// Calls that need the journal end as [`ErrorKind::Journal`](crate::ErrorKind::Journal), and [`Error::edit_error`](crate::Error::edit_error)
/// returns this error.
/// A request that could not be recorded was not sent.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The marks of unfinished writes fill the quota. Nothing was recorded.
    #[error(
        "the journal is full: its unfinished writes take {size} of {quota} bytes; send them with `Outbox::drain`, answer or discard open ones, or raise the quota"
    )]
    Full {
        /// The bytes in use.
        size: usize,
        /// The quota, in bytes.
        quota: usize,
    },
    /// A write to the disk failed. The journal takes no more marks until it is opened again.
    #[error("the journal was closed because a write to its file failed: {0}")]
    Closed(Arc<str>),
    /// A part of the journal is damaged.
    #[error("the journal cannot be read: {0}")]
    Damaged(Arc<str>),
    /// The journal was written by a newer version of this crate. It was not changed.
    #[error(
        "{file}: the journal was written by a newer version: {found}; use that version of the program"
    )]
    Newer {
        /// The name of the file.
        file: String,
        /// The format of the file.
        found: String,
    },
    /// The journal cannot be opened.
    #[error("the journal cannot be opened: {0}")]
    Open(Arc<str>),
    /// The journal belongs to another [`store_secret`](crate::ClientBuilder::store_secret).
    #[error(
        "the journal was written with another `store_secret`: set that secret, or use an empty directory"
    )]
    OtherSecret,
}

impl JournalError {
    pub(crate) fn damaged(error: impl Into<BoxError>) -> Self {
        Self::Damaged(error.into().to_string().into())
    }

    pub(crate) fn closed(error: impl Into<BoxError>) -> Self {
        Self::Closed(error.into().to_string().into())
    }
}
