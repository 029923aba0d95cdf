//! The marks of a journal: facts about writes, in the order in which they became true.

use serde::{Deserialize, Serialize};

use super::digest;
use super::intent::{Intent, IntentId};
use crate::json::Document;
use crate::protocol::Problem;
use crate::store::{KeyDigest, StoredSnapshot};

/// The place of a mark: its file, and its number there. The file of this process is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct MarkAt {
    pub(crate) file: u16,
    pub(crate) number: u64,
}

/// A fact about a write. Facts that end something are not kept: they remove the marks of what has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mark {
    /// A write is to be made. A later mark of the same write replaces it.
    Intended(Box<Intent>),
    /// A request is about to leave.
    Sent(Sent),
    /// A queued write waits for a person.
    Open(Box<Open>),
    /// A step of a transaction has ended. What is known of its requests before is no longer needed.
    Stepped(Stepped),
}

/// A request that is about to leave, or has left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// The queued write. `None` for a call that its caller awaits.
    pub(crate) intent: Option<IntentId>,
    /// The digest of the address.
    #[serde(with = "digest")]
    pub(crate) address: KeyDigest,
    /// The version that the request is pinned to, as text.
    pub(crate) onto: Option<Box<str>>,
    /// The idempotency key of a `POST`.
    pub(crate) idempotency_key: Option<Box<str>>,
    /// Whether the request removes the resource.
    pub(crate) removes: bool,
    /// The number of the schema in which its documents are written.
    pub(crate) schema: u32,
}

/// How a step of a transaction has ended. Its documents are the state before the step (base), what it wrote (local), and
/// what the server made of it (remote).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stepped {
    pub(crate) intent: IntentId,
    pub(crate) end: StepEnd,
    /// The URL of what was created, if it is not the one that was asked for.
    pub(crate) elsewhere: Option<Box<str>>,
    /// The number of the schema in which its documents are written.
    pub(crate) schema: u32,
}

/// What has become of a step of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum StepEnd {
    Applied,
    /// There was nothing to write.
    Unchanged,
    /// It was not applied, and never will be. The transaction is taken back.
    NotApplied,
    /// It was applied and taken back.
    Undone,
    /// It was applied and cannot be taken back.
    Stands,
}

/// Why a queued write waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) intent: IntentId,
    /// The number of the schema in which its documents are written.
    pub(crate) schema: u32,
    /// The name of the kind of its error.
    pub(crate) kind: Box<str>,
    /// The message of its error.
    pub(crate) message: Box<str>,
    /// The server's refusal, if there was one.
    pub(crate) problem: Option<RawProblem>,
}

/// A refusal as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RawProblem {
    pub(crate) status: u16,
    pub(crate) media_type: Option<Box<str>>,
    pub(crate) body: Box<str>,
}

impl From<&Problem> for RawProblem {
    fn from(problem: &Problem) -> Self {
        Self {
            status: problem.status().as_u16(),
            media_type: problem.media_type().map(Into::into),
            body: String::from_utf8_lossy(problem.raw()).into(),
        }
    }
}

/// The documents of a mark.
#[derive(Clone, Debug, Default)]
pub(crate) struct MarkDocuments {
    /// The state that the write is built on, unless it is that of the write's last mark.
    pub(crate) base: Option<StoredSnapshot>,
    /// The document that is wanted or was sent. `None` for a removal.
    pub(crate) local: Option<Document>,
    /// The state that was met.
    pub(crate) remote: Option<StoredSnapshot>,
    /// The document as it was before it was stamped and sent, if that differs.
    pub(crate) unstamped: Option<Document>,
}

impl MarkDocuments {
    /// Returns the approximate size, in bytes.
    pub(crate) fn size(&self) -> usize {
        let snapshots = [&self.base, &self.remote];
        let snapshots = snapshots.into_iter().flatten().map(StoredSnapshot::size);
        let documents = [&self.local, &self.unstamped].into_iter().flatten();
        snapshots.sum::<usize>() + documents.map(Document::len).sum::<usize>()
    }
}
