//! Asks strategies and refusal handlers, and carries out their decisions.

use tokio::time::Instant;

use super::super::diagnosis::FailureCause;
use super::super::edit_hooks::{ConflictDocuments, HandlerReply, RefusedWrite, ResolvedDocument};
use super::super::machine::events::{Decision, Event, Goal, HandlerDecision};
use super::{ActionResult, Driver};
use crate::BoxError;
use crate::json::Document;
use crate::protocol::RefusalKind;
use crate::retry::{WaitReason, later};
use crate::support::panics;
use crate::write::recovery::stamp;

impl Driver<'_> {
    /// Asks the strategy to resolve a conflict, and applies its decision.
    pub(super) async fn resolve(&mut self, may_have_been_applied: bool) -> ActionResult {
        // A removal whose caller dropped its future may have been carried out, and the resource created again.
        let may_have_been_applied = may_have_been_applied || self.in_flight.inherited.is_removal;
        let may_be_as_seen = !may_have_been_applied && !self.hooks.is_pinned();
        if self.machine.goal() == Goal::Delete && may_be_as_seen && self.is_as_seen() {
            self.rebase();
            return Event::Resolved(Decision::Delete).into();
        }
        if let Err(cause) = self.check_lease(self.remote_document()) {
            return ActionResult::because(Event::Resolved(Decision::Unresolved), cause);
        }
        let refusal = self.diagnosis.refusal.as_ref();
        let sides = ConflictDocuments {
            base: self.state.base_document().cloned(),
            local: self.wanted(),
            remote: self.remote_document().cloned(),
            problem: refusal.map(|(_, problem)| problem.clone()),
            round: self.machine.tally().rounds,
            may_have_been_applied,
            doubtful: std::mem::take(&mut self.in_flight.doubtful),
        };
        let asked = Instant::now();
        let own_time = self.hooks.time();
        let limit = own_time.unwrap_or_else(|| self.timer.left());
        let decided = panics::catch_in(panics::VALUE, self.hooks.resolve(sides));
        let decided = tokio::time::timeout(limit, decided);
        let until = later(asked, limit);
        let decided = self.permit.release_while(until, decided).await;
        if own_time.is_some() {
            self.timer.pause_since(asked);
        }
        let Ok(decided) = decided else {
            return ActionResult::because(Event::OutOfTime, FailureCause::OutOfTime);
        };
        let decided = decided.unwrap_or_else(|panicked| ResolvedDocument::Failed(panicked.into()));
        let decision = match decided {
            ResolvedDocument::Write(Some(document))
                if self.remote_document() == Some(&document) =>
            {
                Decision::AsRemote
            }
            ResolvedDocument::Write(Some(document)) => {
                self.state.change(document);
                self.rebase();
                Decision::Write
            }
            ResolvedDocument::Write(None) => {
                self.rebase();
                Decision::Delete
            }
            ResolvedDocument::Remote => Decision::KeepRemote,
            ResolvedDocument::Open(fields) => {
                self.diagnosis.conflicts = fields;
                Decision::Unresolved
            }
            ResolvedDocument::Failed(error) => {
                let cause = FailureCause::Strategy(error.into());
                return ActionResult::because(Event::Resolved(Decision::Unresolved), cause);
            }
        };
        Event::Resolved(decision).into()
    }

    /// Whether the resource to be removed still has the state that was seen, or one that this client wrote, and only
    /// its version differs.
    fn is_as_seen(&self) -> bool {
        let (Some(base), Some(remote)) = (self.state.base_document(), self.remote_document())
        else {
            return false;
        };
        let mut known = self.in_flight.inherited.documents.iter().chain([base]);
        let stamp = self.target.stamp.as_deref();
        known.any(|known| {
            known == remote || stamp.is_some_and(|at| stamp::differ_only_there(at, known, remote))
        })
    }

    fn remote_document(&self) -> Option<&Document> {
        self.state.remote.snapshot().map(|remote| &remote.document)
    }

    /// Returns the document to write, or `None` for a removal.
    fn wanted(&self) -> Option<Document> {
        let local = self.state.local.clone();
        local.filter(|_| self.machine.goal() != Goal::Delete)
    }

    /// Asks the refusal handler, and applies its decision.
    pub(super) async fn ask(&mut self) -> ActionResult {
        let Some((kind, problem)) = self.diagnosis.refusal.clone() else {
            return Event::HandlerDecided(HandlerDecision::GiveUp).into();
        };
        let goal = self.machine.goal();
        let creating = goal == Goal::Create;
        let refused = RefusedWrite {
            // A creation has only one stale version: the resource already exists.
            kind: match kind {
                RefusalKind::StaleVersion if creating => RefusalKind::AlreadyExists,
                kind => kind,
            },
            problem,
            base: self.state.base_document().cloned(),
            local: self.wanted(),
            remote: self.state.remote.snapshot().cloned(),
            is_creation: creating,
            attempt: self.machine.tally().rounds,
        };
        let (until, limit) = (self.timer.deadline(), self.timer.left());
        let reply = panics::catch_in(panics::VALUE, self.hooks.refused(refused));
        let reply = tokio::time::timeout(limit, reply);
        let Ok(reply) = self.permit.release_while(until, reply).await else {
            return ActionResult::because(Event::OutOfTime, FailureCause::OutOfTime);
        };
        let answered = match reply.unwrap_or_else(|panicked| HandlerReply::Failed(panicked.into()))
        {
            HandlerReply::GiveUp => HandlerDecision::GiveUp,
            HandlerReply::Again => HandlerDecision::Again,
            HandlerReply::Change(_) if goal == Goal::Delete => {
                return unusable("a removal has no document that could be changed");
            }
            HandlerReply::Change(document) => {
                self.state.change(document);
                HandlerDecision::Changed
            }
            HandlerReply::Rename(id) if creating => {
                self.diagnosis.new_id = Some(id);
                HandlerDecision::GiveUp
            }
            HandlerReply::Rename(_) if goal == Goal::Append => {
                return unusable(
                    "a POST cannot go to another id, because the server chooses the id",
                );
            }
            HandlerReply::Rename(_) => return unusable("only a creation can go to another id"),
            HandlerReply::Adopt => HandlerDecision::Adopt,
            HandlerReply::Wait(time) => {
                if let Err(cause) = self.sleep(time, WaitReason::Handler).await {
                    return ActionResult::because(Event::OutOfTime, cause);
                }
                HandlerDecision::Again
            }
            HandlerReply::Failed(error) => return unusable(error),
        };
        Event::HandlerDecided(answered).into()
    }
}

/// Reports that a handler's decision cannot be carried out.
fn unusable(why: impl Into<BoxError>) -> ActionResult {
    let cause = FailureCause::Handler(why.into().into());
    ActionResult::because(Event::HandlerDecided(HandlerDecision::GiveUp), cause)
}
