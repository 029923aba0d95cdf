//! The driver's side towards people: judgements of lost writes, strategies, refusal handlers.

use tokio::time::Instant;

use super::driver::{Driver, LostWrite};
use super::ending::Trouble;
use super::measure::{Measured, is_harmless, measure};
use super::plan::{Answered, Decision, Event, Goal, Verdict};
use super::settle::{self, Doubtful, Lost};
use super::stamp;
use super::task::{Clash, Decided, RefusedWrite, Reply};
use crate::http::Validator;
use crate::json::Document;
use crate::panics;
use crate::refusal::RefusalKind;
use crate::retry::later;

impl Driver<'_> {
    pub(super) fn judge(&mut self) -> Event<Validator> {
        let Some(remote) = self.remote.as_ref().map(|remote| remote.document.clone()) else {
            return Event::Judged(Verdict::NotLanded);
        };
        let (mut verdict, mut doubtful) = (Verdict::NotLanded, Vec::new());
        for lost in &self.lost {
            let (judged, open) = self.judge_own(lost, &remote);
            if judged == Verdict::Landed {
                (verdict, doubtful) = (Verdict::Landed, Vec::new());
                break;
            }
            if judged != Verdict::NotLanded && verdict != Verdict::Unknown {
                (verdict, doubtful) = (judged, open);
            }
        }
        if verdict != Verdict::Landed && self.inherits() {
            let (inherited, open) = self.judge_inherited(&remote);
            if inherited != Verdict::NotLanded && verdict != Verdict::Unknown {
                (verdict, doubtful) = (inherited, open);
            }
        }
        if self.inherits() && verdict != Verdict::Unknown {
            self.forget_inherited();
        }
        self.doubtful = doubtful;
        Event::Judged(verdict)
    }

    /// Judges a lost request of this write: an edit that runs again by running it, anything else by what
    /// the remote document shows.
    fn judge_own(&self, lost: &LostWrite, remote: &Document) -> (Verdict, Vec<Doubtful>) {
        let (base, stamps) = (lost.base.as_ref(), self.target.stamp.as_deref());
        let told = stamps.and_then(|at| stamp::tells(at, base, &lost.sent, remote));
        if let (None, Some(base), Some(edited)) = (told, base, &lost.edited)
            && self.task.reruns()
        {
            let measured = Measured {
                edit: &|document| {
                    let run = panics::catch(panics::VALUE, || self.task.run(document));
                    run.ok().flatten()
                },
                base,
                sent: edited,
                remote,
                policy: &self.target.policy,
                strict: self.target.strict,
            };
            return (measure(&measured), Vec::new());
        }
        let judged = self.judge_shown(base, &lost.sent, remote);
        if judged.0 == Verdict::NotLanded && base.is_none() && self.task.reruns() {
            // The edit is not made on what is created. If others have written over what was, it would be made
            // once too often now.
            let run = |document: &Document| {
                let run = panics::catch(panics::VALUE, || self.task.run(document));
                run.ok().flatten()
            };
            if told.is_none() && !is_harmless(&run, remote) {
                return (Verdict::Unknown, Vec::new());
            }
        }
        judged
    }

    fn judge_shown(
        &self,
        base: Option<&Document>,
        sent: &Document,
        remote: &Document,
    ) -> (Verdict, Vec<Doubtful>) {
        settle::judge(&Lost {
            base,
            sent,
            remote,
            policy: &self.target.policy,
            stamps: self.target.stamp.as_deref(),
            operation: self.task.is_operation(),
            strict: self.target.strict,
        })
    }

    /// Judges what earlier writes sent onto the same base without knowing what became of it.
    fn judge_inherited(&mut self, remote: &Document) -> (Verdict, Vec<Doubtful>) {
        let (mut verdict, mut doubtful, mut landed) = (Verdict::NotLanded, Vec::new(), None);
        let base = self.base.as_ref().map(|base| &base.document);
        for sent in &self.inherited.documents {
            match self.judge_shown(base, sent, remote) {
                (Verdict::Landed, _) if self.local.as_ref() == Some(sent) => {
                    return (Verdict::Landed, Vec::new());
                }
                // It is what this edit has to be merged against.
                (Verdict::Landed, _) => {
                    landed = Some(sent.clone());
                    break;
                }
                (Verdict::NotLanded, _) => {}
                (Verdict::Doubtful, _) if verdict == Verdict::Unknown => {}
                judged => (verdict, doubtful) = judged,
            }
        }
        match landed {
            Some(landed) => self.beside(&landed),
            None => (verdict, doubtful),
        }
    }

    /// Brings an edit and an earlier one of the same base, which has landed, together.
    fn beside(&mut self, landed: &Document) -> (Verdict, Vec<Doubtful>) {
        let (Some(base), Some(remote)) = (&mut self.base, &self.remote) else {
            return (Verdict::NotLanded, Vec::new());
        };
        let (local, policy) = (self.local.as_ref(), &self.target.policy);
        let (known, doubtful) =
            settle::base_after(&base.document, landed, local, &remote.document, policy);
        base.document = known;
        let verdict = if doubtful.is_empty() {
            Verdict::NotLanded
        } else {
            Verdict::Doubtful
        };
        (verdict, doubtful)
    }

    /// Nothing that was sent onto this version before can be applied any more.
    pub(super) fn forget_inherited(&self) {
        let version = self.base.as_ref().and_then(|base| base.validator.as_ref());
        self.out.judged(version);
    }

    pub(super) async fn resolve(&mut self, may_have_landed: bool) -> Event<Validator> {
        // A removal that nobody waited for may have been carried out, and the resource made again.
        let may_have_landed = may_have_landed || self.inherited.removal;
        if self.machine.goal() == Goal::Delete && !may_have_landed && self.is_as_seen() {
            self.rebase();
            return Event::Resolved(Decision::Delete);
        }
        let clash = Clash {
            base: self.base.as_ref().map(|base| base.document.clone()),
            local: if self.machine.goal() == Goal::Delete {
                None
            } else {
                self.local.clone()
            },
            remote: self.remote.as_ref().map(|remote| remote.document.clone()),
            problem: self.refusal.as_ref().map(|(_, problem)| problem.clone()),
            round: self.machine.tally().rounds,
            may_have_landed,
            doubtful: std::mem::take(&mut self.doubtful),
        };
        let asked = Instant::now();
        let own_time = self.task.time();
        let limit = own_time.unwrap_or_else(|| self.deadline().saturating_duration_since(asked));
        let decided = panics::catch_in(panics::VALUE, self.task.resolve(clash));
        let decided = tokio::time::timeout(limit, decided);
        let until = later(asked, limit);
        let decided = self.permit.release_while(until, decided).await;
        if own_time.is_some() {
            self.stopped += asked.elapsed();
        }
        let Ok(decided) = decided else {
            self.trouble = Some(Trouble::OutOfTime);
            return Event::OutOfTime;
        };
        let decided = decided.unwrap_or_else(|panicked| Decided::Failed(panicked.into()));
        Event::Resolved(match decided {
            Decided::Write(Some(document)) => {
                if self
                    .remote
                    .as_ref()
                    .is_some_and(|remote| remote.document == document)
                {
                    Decision::AsRemote
                } else {
                    self.change(document);
                    self.rebase();
                    Decision::Write
                }
            }
            Decided::Write(None) => {
                self.rebase();
                Decision::Delete
            }
            // What is to be kept may come from a replica that lags behind a write of ours, which was applied.
            Decided::Remote if self.machine.in_doubt() => Decision::Unresolved,
            Decided::Remote => Decision::AsRemote,
            Decided::Open(fields) => {
                self.fields = fields;
                Decision::Unresolved
            }
            Decided::Failed(error) => {
                self.trouble = Some(Trouble::Strategy(error));
                Decision::Unresolved
            }
        })
    }

    /// Whether what is to be removed is what was seen, or what this client wrote over it, and only its
    /// version is another one.
    fn is_as_seen(&self) -> bool {
        let (Some(base), Some(remote)) = (&self.base, &self.remote) else {
            return false;
        };
        let mut known = self.inherited.documents.iter().chain([&base.document]);
        known.any(|known| *known == remote.document)
    }

    pub(super) async fn ask(&mut self) -> Event<Validator> {
        let Some((kind, problem)) = self.refusal.clone() else {
            return Event::Answered(Answered::GiveUp);
        };
        let limit = self.deadline().saturating_duration_since(Instant::now());
        let creating = self.machine.goal() == Goal::Create;
        let refused = RefusedWrite {
            // A creation has one version to be refused for: that something is there.
            kind: match kind {
                RefusalKind::StaleVersion if creating => RefusalKind::AlreadyExists,
                kind => kind,
            },
            problem,
            base: self.base.as_ref().map(|base| base.document.clone()),
            local: self
                .local
                .clone()
                .filter(|_| self.machine.goal() != Goal::Delete),
            remote: self.remote.clone(),
            creating,
            attempt: self.machine.tally().rounds,
        };
        let until = self.deadline();
        let reply = panics::catch_in(panics::VALUE, self.task.refused(refused));
        let reply = tokio::time::timeout(limit, reply);
        let Ok(reply) = self.permit.release_while(until, reply).await else {
            self.trouble = Some(Trouble::OutOfTime);
            return Event::OutOfTime;
        };
        let reply = reply.unwrap_or_else(|panicked| Reply::Failed(panicked.into()));
        Event::Answered(match reply {
            Reply::GiveUp => Answered::GiveUp,
            Reply::Again => Answered::Again,
            Reply::Change(_) if self.machine.goal() == Goal::Delete => {
                let why = "a removal has no document that could be changed";
                self.trouble = Some(Trouble::Handler(why.into()));
                Answered::GiveUp
            }
            Reply::Change(document) => {
                self.change(document);
                Answered::Changed
            }
            Reply::Rename(id) if self.machine.goal() == Goal::Create => {
                self.renamed = Some(id);
                Answered::GiveUp
            }
            Reply::Rename(_) => {
                let why = match self.machine.goal() {
                    Goal::Append => {
                        "a POST has no id that could be another one: the server names it"
                    }
                    _ => "only a creation can go to another id",
                };
                self.trouble = Some(Trouble::Handler(why.into()));
                Answered::GiveUp
            }
            Reply::Adopt => Answered::Adopt,
            Reply::Wait(time) => {
                if !self.sleep(time).await {
                    return Event::OutOfTime;
                }
                Answered::Again
            }
            Reply::Failed(error) => {
                self.trouble = Some(Trouble::Handler(error));
                Answered::GiveUp
            }
        })
    }
}
