//! What the driver asks of the typed side: it knows documents only.

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

/// A decision as documents.
pub(crate) enum ResolvedDocument {
    /// Write this; `None`: remove.
    Write(Option<Document>),
    /// Leave what is there.
    Remote,
    /// Nobody could decide.
    Open(Vec<FieldConflict>),
    /// The strategy failed.
    Failed(BoxError),
}

/// A refusal as the handler is shown it.
pub(crate) struct RefusedWrite {
    pub(crate) kind: RefusalKind,
    pub(crate) problem: Problem,
    /// The state on which the local one was made.
    pub(crate) base: Option<Document>,
    pub(crate) local: Option<Document>,
    pub(crate) remote: Option<StoredSnapshot>,
    /// What is there is not what was to be written: it is to be created, beside it or in its place.
    pub(crate) creating: bool,
    pub(crate) attempt: u32,
}

/// A handler's answer as documents.
pub(crate) enum HandlerReply {
    GiveUp,
    Again,
    Change(Document),
    /// Another id for what is to be created.
    Rename(String),
    Adopt,
    Wait(Duration),
    Failed(BoxError),
}

/// Why there is no edited document.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotEdited {
    /// What is there is none of the type.
    #[error(transparent)]
    Misfit(JsonError),
    /// The edit failed.
    #[error(transparent)]
    Failed(#[from] BoxError),
    /// What the edit made, as its type writes it, cannot be put into the document.
    #[error("{0}")]
    Unfaithful(Unfaithful, Document),
}

/// The typed side of one write.
#[async_trait]
pub(crate) trait EditHooks: Send {
    /// The edited document on this base; `None` as the base: nothing is there.
    fn prepare(&mut self, base: Option<&Document>) -> Result<Document, NotEdited>;

    /// Runs the edit once more, to see what it would make of this document. Nothing of the write changes by
    /// it. `None`: the edit fails there.
    fn run(&self, document: &Document) -> Option<Run>;

    /// Whether there is an edit that runs again after a race.
    fn reruns(&self) -> bool;

    /// Whether the edit is an operation, whose result cannot be recognised by looking.
    fn is_operation(&self) -> bool;

    /// How long a decision may take, if not what is left of the write's time.
    fn time(&self) -> Option<Duration>;

    /// Decides a conflict.
    async fn resolve(&mut self, clash: ConflictDocuments) -> ResolvedDocument;

    /// Answers a refusal that is no race.
    async fn refused(&mut self, refused: RefusedWrite) -> HandlerReply;
}
