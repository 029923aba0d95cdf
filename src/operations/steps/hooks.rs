//! What a fence and an undo write, as documents.

use std::time::Duration;

use async_trait::async_trait;

use crate::BoxError;
use crate::json::Document;
use crate::merge::{Policy, ThreeWay};
use crate::write::edit_hooks::{
    ConflictDocuments, EditHooks, HandlerReply, NotEdited, RefusedWrite, ResolvedDocument,
};
use crate::write::recovery::measure::Run;

/// A write of a transaction that no application decides about.
pub(super) enum Change {
    /// Writes the current state again.
    Touch,
    /// Takes a change back: merges the state before it into the current one, with the state after it as the base. So it
    /// keeps what others have changed since.
    TakeBack {
        before: Document,
        after: Document,
        /// What the server made of it.
        stored: Option<Document>,
        /// The rules of the type, without those by which one side wins.
        policy: Box<Policy>,
        /// Members that are not part of the change: stamps, tokens and leases. They stay as they are.
        kept: Vec<String>,
    },
    /// Removes what was created, unless others have changed it since.
    Remove {
        /// Whether its version is known.
        is_pinned: bool,
    },
}

/// Others have changed the same places since.
#[derive(Debug, thiserror::Error)]
#[error("others have since changed {places}")]
pub(super) struct BuiltOn {
    places: String,
}

impl Change {
    fn made_to(&self, now: &Document) -> Result<Document, BuiltOn> {
        match self {
            Self::Touch | Self::Remove { .. } => Ok(now.clone()),
            Self::TakeBack {
                before,
                after,
                stored,
                policy,
                kept,
            } => {
                let merge = ThreeWay::new((**policy).clone());
                let as_now = |document: &Document| as_in(now, document, kept);
                let before = as_now(before);
                let merged = merge.merge_documents(Some(&as_now(after)), &before, now);
                if merged.conflicts.is_empty() {
                    return Ok(merged.document);
                }
                // The server may spell what was written in its own way.
                if let Some(stored) = stored {
                    let of_stored = merge.merge_documents(Some(&as_now(stored)), &before, now);
                    if of_stored.conflicts.is_empty() {
                        return Ok(of_stored.document);
                    }
                }
                let places = merged.conflicts.iter();
                let places: Vec<_> = places.map(|place| place.pointer.clone()).collect();
                Err(BuiltOn {
                    places: places.join(", "),
                })
            }
        }
    }
}

/// Returns a document whose members at these places are those of another one.
pub(super) fn as_in(now: &Document, document: &Document, places: &[String]) -> Document {
    let mut document = document.clone();
    for place in places {
        document = match now.pointer(place) {
            Some(member) => document.with(place, &member).unwrap_or(document),
            None => document.without(place),
        };
    }
    document
}

#[async_trait]
impl EditHooks for Change {
    fn prepare(&mut self, base: Option<&Document>) -> Result<Document, NotEdited> {
        let base = base.ok_or_else(|| BoxError::from("the resource was removed since"))?;
        let made = self.made_to(base);
        made.map_err(|built_on| NotEdited::Failed(built_on.into()))
    }

    fn run(&self, document: &Document) -> Option<Run> {
        let document = self.made_to(document).ok()?;
        Some(Run {
            document,
            failed: Vec::new(),
        })
    }

    fn is_touch(&self) -> bool {
        matches!(self, Self::Touch)
    }

    fn is_pinned(&self) -> bool {
        matches!(self, Self::Remove { is_pinned: true })
    }

    fn reruns(&self) -> bool {
        matches!(self, Self::TakeBack { .. })
    }

    fn is_operation(&self) -> bool {
        false
    }

    fn time(&self) -> Option<Duration> {
        None
    }

    async fn resolve(&mut self, _: ConflictDocuments) -> ResolvedDocument {
        ResolvedDocument::Open(Vec::new())
    }

    async fn refused(&mut self, _: RefusedWrite) -> HandlerReply {
        HandlerReply::GiveUp
    }
}
