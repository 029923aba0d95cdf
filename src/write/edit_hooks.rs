//! The typed side of a write, as the driver sees it. The driver itself works on documents only.

use std::time::Duration;

use async_trait::async_trait;

use crate::BoxError;
use crate::json::{Document, JsonError};
use crate::lens::Unfaithful;
use crate::merge::FieldConflict;
use crate::protocol::{Problem, RefusalKind};
use crate::store::StoredSnapshot;
use crate::write::recovery::lost_write::Doubtful;
use crate::write::recovery::measure::Run;

/// The sides of a conflict, as documents.
pub(crate) struct ConflictDocuments {
    pub(crate) base: Option<Document>,
    pub(crate) local: Option<Document>,
    pub(crate) remote: Option<Document>,
    pub(crate) problem: Option<Problem>,
    pub(crate) round: u32,
    pub(crate) may_have_been_applied: bool,
    pub(crate) doubtful: Vec<Doubtful>,
}

/// A decision, as documents.
pub(crate) enum ResolvedDocument {
    /// Write this document, or remove the resource if `None`.
    Write(Option<Document>),
    /// Keep the remote state.
    Remote,
    /// The conflict could not be resolved.
    Open(Vec<FieldConflict>),
    /// The strategy failed.
    Failed(BoxError),
}

/// A refusal, as documents for the handler.
pub(crate) struct RefusedWrite {
    pub(crate) kind: RefusalKind,
    pub(crate) problem: Problem,
    /// The state that the local document was made from.
    pub(crate) base: Option<Document>,
    pub(crate) local: Option<Document>,
    pub(crate) remote: Option<StoredSnapshot>,
    /// Whether the write creates a resource. An existing state then is a different resource from the one to be
    /// written.
    pub(crate) is_creation: bool,
    pub(crate) attempt: u32,
}

/// A handler's decision, as documents.
pub(crate) enum HandlerReply {
    GiveUp,
    Again,
    Change(Document),
    /// Another id for the resource to be created.
    Rename(String),
    Adopt,
    Wait(Duration),
    Failed(BoxError),
}

/// The reason why there is no edited document.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotEdited {
    /// The stored document does not fit the type.
    #[error(transparent)]
    Misfit(JsonError),
    /// The edit failed.
    #[error(transparent)]
    Failed(#[from] BoxError),
    /// The result of the edit, as its type writes it, cannot be put into the document.
    #[error("{0}")]
    Unfaithful(Unfaithful, Document),
}

/// The typed side of one write.
#[async_trait]
pub(crate) trait EditHooks: Send {
    /// Returns the edited document. The base is `None` if the resource does not exist.
    fn prepare(&mut self, base: Option<&Document>) -> Result<Document, NotEdited>;

    /// Runs the edit once more, to see its result on this document. This does not change the write. Returns `None`
    /// if the edit fails.
    fn run(&self, document: &Document) -> Option<Run>;

    /// Whether there is an edit that runs again after a race.
    fn reruns(&self) -> bool;

    /// Whether the edit is an operation, whose result cannot be recognised in a document.
    fn is_operation(&self) -> bool;

    /// Returns the time limit of a decision, if it is not the rest of the write's time.
    fn time(&self) -> Option<Duration>;

    /// Whether the document is written although the edit does not change it.
    fn is_touch(&self) -> bool {
        false
    }

    /// Whether a removal holds only for its version, and not for another one with the same content.
    fn is_pinned(&self) -> bool {
        false
    }

    /// Whether the application sees in this state that its action was carried out. Returns `None` if it cannot tell.
    fn was_carried_out(&self, document: &Document) -> Option<bool> {
        let _ = document;
        None
    }

    /// Decides a conflict.
    async fn resolve(&mut self, clash: ConflictDocuments) -> ResolvedDocument;

    /// Decides on a refusal that is not a race.
    async fn refused(&mut self, refused: RefusedWrite) -> HandlerReply;
}
