//! The driver's side towards people: judgements of lost writes, strategies, refusal handlers.

use tokio::time::Instant;

use super::driver::Driver;
use super::ending::Trouble;
use super::plan::{Answered, Decision, Event, Goal, Verdict};
use super::settle::{self, Doubtful, Lost};
use super::task::{Clash, Decided, RefusedWrite, Reply};
use crate::http::Validator;
use crate::json::Document;
use crate::refusal::RefusalKind;

impl Driver<'_> {
    pub(super) fn judge(&mut self) -> Event<Validator> {
        let Some(remote) = &self.remote else {
            return Event::Judged(Verdict::NotLanded);
        };
        let (mut verdict, mut doubtful, mut landed) = (Verdict::NotLanded, Vec::new(), None);
        for sent in &self.sent {
            let others = &self.inherited.documents;
            let ours = !others.iter().any(|other| other.same_text(sent));
            let (judged, open) = settle::judge(&Lost {
                base: self.base.as_ref().map(|base| &base.document),
                sent,
                remote: &remote.document,
                policy: &self.target.policy,
                stamps: self.target.stamp.as_deref(),
                operation: self.task.is_operation(),
                strict: self.target.strict,
            });
            match judged {
                Verdict::Landed if ours || self.local.as_ref() == Some(sent) => {
                    (verdict, doubtful) = (Verdict::Landed, Vec::new());
                    break;
                }
                // The dropped write landed: it is what our edit has to be merged against.
                Verdict::Landed => {
                    landed = Some(sent.clone());
                    break;
                }
                Verdict::NotLanded => {}
                Verdict::Doubtful if verdict == Verdict::Unknown => {}
                other => (verdict, doubtful) = (other, open),
            }
        }
        if let Some(landed) = landed {
            (verdict, doubtful) = self.beside(&landed);
        }
        if self.inherits() && verdict != Verdict::Unknown {
            self.forget_inherited();
        }
        self.doubtful = doubtful;
        Event::Judged(verdict)
    }

    /// Brings an edit and an earlier one of the same base, which has landed, together.
    fn beside(&mut self, landed: &Document) -> (Verdict, Vec<Doubtful>) {
        let (Some(base), Some(remote)) = (&mut self.base, &self.remote) else {
            return (Verdict::NotLanded, Vec::new());
        };
        let (local, policy) = (self.local.as_ref(), &self.target.policy);
        let known = settle::base_after(&base.document, landed, local, &remote.document, policy);
        match known {
            Ok((known, doubtful)) => {
                base.document = known;
                let verdict = if doubtful.is_empty() {
                    Verdict::NotLanded
                } else {
                    Verdict::Doubtful
                };
                (verdict, doubtful)
            }
            Err(_) => (Verdict::Unknown, Vec::new()),
        }
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
        let decided = tokio::time::timeout(limit, self.task.resolve(clash));
        let decided = self.pass.aside(decided).await;
        if own_time.is_some() {
            self.stopped += asked.elapsed();
        }
        let Ok(decided) = decided else {
            self.trouble = Some(Trouble::OutOfTime);
            return Event::OutOfTime;
        };
        Event::Resolved(match decided {
            Decided::Write(Some(document)) => {
                if self
                    .remote
                    .as_ref()
                    .is_some_and(|remote| remote.document == document)
                {
                    Decision::AsRemote
                } else {
                    self.local = Some(document);
                    self.rebase();
                    Decision::Write
                }
            }
            Decided::Write(None) => {
                self.rebase();
                Decision::Delete
            }
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
        if !self.machine.in_doubt() {
            // What was sent so far was refused.
            self.sent.clear();
        }
        let limit = self.deadline().saturating_duration_since(Instant::now());
        let creating = self.machine.goal() == Goal::Create;
        let refused = RefusedWrite {
            // A creation has one version to be refused for: that something is there.
            kind: match kind {
                RefusalKind::StaleVersion if creating => RefusalKind::AlreadyExists,
                kind => kind,
            },
            problem,
            local: self
                .local
                .clone()
                .filter(|_| self.machine.goal() != Goal::Delete),
            remote: self.remote.clone(),
            creating,
            attempt: self.machine.tally().rounds,
        };
        let reply = tokio::time::timeout(limit, self.task.refused(refused));
        let Ok(reply) = self.pass.aside(reply).await else {
            self.trouble = Some(Trouble::OutOfTime);
            return Event::OutOfTime;
        };
        Event::Answered(match reply {
            Reply::GiveUp => Answered::GiveUp,
            Reply::Again => Answered::Again,
            Reply::Change(_) if self.machine.goal() == Goal::Delete => {
                let why = "a removal has no document that could be changed";
                self.trouble = Some(Trouble::Handler(why.into()));
                Answered::GiveUp
            }
            Reply::Change(document) => {
                self.local = Some(document);
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
