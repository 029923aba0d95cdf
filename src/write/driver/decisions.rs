//! What strategies and refusal handlers are asked, and what becomes of their answers.

use tokio::time::Instant;

use super::super::diagnosis::Cause;
use super::super::plan::{Answered, Decision, Event, Goal};
use super::super::task::{Clash, Decided, RefusedWrite, Reply};
use super::{Driver, Step};
use crate::BoxError;
use crate::json::Document;
use crate::panics;
use crate::refusal::RefusalKind;
use crate::retry::later;

impl Driver<'_> {
    pub(super) async fn resolve(&mut self, may_have_landed: bool) -> Step {
        // A removal whose caller went away may have been carried out, and the resource made again.
        let may_have_landed = may_have_landed || self.in_flight.inherited.removal;
        if self.machine.goal() == Goal::Delete && !may_have_landed && self.is_as_seen() {
            self.rebase();
            return Event::Resolved(Decision::Delete).into();
        }
        let refusal = self.diagnosis.refusal.as_ref();
        let clash = Clash {
            base: self.state.base_document().cloned(),
            local: self.wanted(),
            remote: self.remote_document().cloned(),
            problem: refusal.map(|(_, problem)| problem.clone()),
            round: self.machine.tally().rounds,
            may_have_landed,
            doubtful: std::mem::take(&mut self.in_flight.doubtful),
        };
        let asked = Instant::now();
        let own_time = self.task.time();
        let limit = own_time.unwrap_or_else(|| self.timer.left());
        let decided = panics::catch_in(panics::VALUE, self.task.resolve(clash));
        let decided = tokio::time::timeout(limit, decided);
        let until = later(asked, limit);
        let decided = self.permit.release_while(until, decided).await;
        if own_time.is_some() {
            self.timer.pause_since(asked);
        }
        let Ok(decided) = decided else {
            return Step::because(Event::OutOfTime, Cause::OutOfTime);
        };
        let decided = decided.unwrap_or_else(|panicked| Decided::Failed(panicked.into()));
        let decision = match decided {
            Decided::Write(Some(document)) if self.remote_document() == Some(&document) => {
                Decision::AsRemote
            }
            Decided::Write(Some(document)) => {
                self.state.change(document);
                self.rebase();
                Decision::Write
            }
            Decided::Write(None) => {
                self.rebase();
                Decision::Delete
            }
            Decided::Remote => Decision::KeepRemote,
            Decided::Open(fields) => {
                self.diagnosis.conflicts = fields;
                Decision::Unresolved
            }
            Decided::Failed(error) => {
                let cause = Cause::Strategy(error.into());
                return Step::because(Event::Resolved(Decision::Unresolved), cause);
            }
        };
        Event::Resolved(decision).into()
    }

    /// Whether what is to be removed is what was seen, or what this client wrote over it, and only its
    /// version is another one.
    fn is_as_seen(&self) -> bool {
        let (Some(base), Some(remote)) = (self.state.base_document(), self.remote_document())
        else {
            return false;
        };
        let mut known = self.in_flight.inherited.documents.iter().chain([base]);
        known.any(|known| known == remote)
    }

    fn remote_document(&self) -> Option<&Document> {
        self.state.remote.snapshot().map(|remote| &remote.document)
    }

    /// What is to be written; `None` if it is to be removed.
    fn wanted(&self) -> Option<Document> {
        let local = self.state.local.clone();
        local.filter(|_| self.machine.goal() != Goal::Delete)
    }

    pub(super) async fn ask(&mut self) -> Step {
        let Some((kind, problem)) = self.diagnosis.refusal.clone() else {
            return Event::Answered(Answered::GiveUp).into();
        };
        let goal = self.machine.goal();
        let creating = goal == Goal::Create;
        let refused = RefusedWrite {
            // A creation has one version to be refused for: that something is there.
            kind: match kind {
                RefusalKind::StaleVersion if creating => RefusalKind::AlreadyExists,
                kind => kind,
            },
            problem,
            base: self.state.base_document().cloned(),
            local: self.wanted(),
            remote: self.state.remote.snapshot().cloned(),
            creating,
            attempt: self.machine.tally().rounds,
        };
        let (until, limit) = (self.timer.deadline(), self.timer.left());
        let reply = panics::catch_in(panics::VALUE, self.task.refused(refused));
        let reply = tokio::time::timeout(limit, reply);
        let Ok(reply) = self.permit.release_while(until, reply).await else {
            return Step::because(Event::OutOfTime, Cause::OutOfTime);
        };
        let answered = match reply.unwrap_or_else(|panicked| Reply::Failed(panicked.into())) {
            Reply::GiveUp => Answered::GiveUp,
            Reply::Again => Answered::Again,
            Reply::Change(_) if goal == Goal::Delete => {
                return unusable("a removal has no document that could be changed");
            }
            Reply::Change(document) => {
                self.state.change(document);
                Answered::Changed
            }
            Reply::Rename(id) if creating => {
                self.diagnosis.new_id = Some(id);
                Answered::GiveUp
            }
            Reply::Rename(_) if goal == Goal::Append => {
                return unusable("a POST has no id that could be another one: the server names it");
            }
            Reply::Rename(_) => return unusable("only a creation can go to another id"),
            Reply::Adopt => Answered::Adopt,
            Reply::Wait(time) => {
                if let Err(cause) = self.sleep(time).await {
                    return Step::because(Event::OutOfTime, cause);
                }
                Answered::Again
            }
            Reply::Failed(error) => return unusable(error),
        };
        Event::Answered(answered).into()
    }
}

/// An answer of a handler that cannot be carried out.
fn unusable(why: impl Into<BoxError>) -> Step {
    let cause = Cause::Handler(why.into().into());
    Step::because(Event::Answered(Answered::GiveUp), cause)
}
