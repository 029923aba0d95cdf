//! The typed side of an action: its guard, and how the application recognises its effect.

use std::time::Duration;

use async_trait::async_trait;

use crate::BoxError;
use crate::json::Document;
use crate::operations::ResourceData;
use crate::support::panics;
use crate::write::edit_hooks::{
    ConflictDocuments, EditHooks, HandlerReply, NotEdited, RefusedWrite, ResolvedDocument,
};
use crate::write::recovery::measure::Run;

pub(crate) type Guard<T> = Box<dyn Fn(&T) -> Result<(), BoxError> + Send>;
pub(crate) type CarriedOut<T> = Box<dyn Fn(&T) -> bool + Send>;

/// The typed side of an action on a `T`.
pub(crate) struct ActionHooks<T> {
    /// Decides whether the action may be carried out on a state.
    pub(crate) guard: Option<Guard<T>>,
    /// Recognises a state in which the action was carried out.
    pub(crate) carried_out: Option<CarriedOut<T>>,
}

#[async_trait]
impl<T: ResourceData> EditHooks for ActionHooks<T> {
    fn prepare(&mut self, base: Option<&Document>) -> Result<Document, NotEdited> {
        let base =
            base.ok_or_else(|| BoxError::from("there is no state for the guard to check"))?;
        if let Some(guard) = &self.guard {
            let value: T = base.decode().map_err(NotEdited::Misfit)?;
            let guarded = panics::catch("the guard", || guard(&value));
            guarded.unwrap_or_else(|panicked| Err(panicked.into()))?;
        }
        Ok(base.clone())
    }

    fn run(&self, _: &Document) -> Option<Run> {
        None
    }

    fn reruns(&self) -> bool {
        self.guard.is_some()
    }

    fn is_operation(&self) -> bool {
        true
    }

    fn time(&self) -> Option<Duration> {
        None
    }

    fn was_carried_out(&self, document: &Document) -> Option<bool> {
        let value: T = document.decode().ok()?;
        self.carried_out
            .as_ref()
            .map(|carried_out| carried_out(&value))
    }

    async fn resolve(&mut self, _: ConflictDocuments) -> ResolvedDocument {
        ResolvedDocument::Open(Vec::new())
    }

    async fn refused(&mut self, _: RefusedWrite) -> HandlerReply {
        HandlerReply::GiveUp
    }
}
