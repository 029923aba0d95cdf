//! Whether a lost write landed, asked of what is there now.

use super::super::in_flight::LostWrite;
use super::super::measure::{Measured, is_harmless, measure};
use super::super::plan::{Event, Goal, Verdict};
use super::super::settle::{self, Doubtful, Lost};
use super::super::stamp;
use super::{Driver, Step};
use crate::json::Document;
use crate::panics;

impl Driver<'_> {
    pub(super) fn judge(&mut self) -> Step {
        let remote = self.state.remote.snapshot();
        let Some(remote) = remote.map(|remote| remote.document.clone()) else {
            return Event::Judged(Verdict::NotLanded).into();
        };
        let (mut verdict, mut doubtful) = (Verdict::NotLanded, Vec::new());
        for lost in &self.in_flight.lost {
            let (judged, open) = self.judge_own(lost, &remote);
            if judged == Verdict::Landed {
                (verdict, doubtful) = (Verdict::Landed, Vec::new());
                break;
            }
            if judged != Verdict::NotLanded && verdict != Verdict::Unknown {
                (verdict, doubtful) = (judged, open);
            }
        }
        if verdict != Verdict::Landed && self.in_flight.inherits() {
            let (inherited, open) = self.judge_inherited(&remote);
            if inherited != Verdict::NotLanded && verdict != Verdict::Unknown {
                (verdict, doubtful) = (inherited, open);
            }
        }
        if self.in_flight.contradicted.is_some()
            && self.machine.goal() == Goal::Create
            && verdict == Verdict::NotLanded
        {
            // The server told a success, and may have stored something else than what was sent.
            verdict = Verdict::Doubtful;
        }
        if self.in_flight.inherits() && verdict != Verdict::Unknown {
            self.in_flight.forget_inherited(self.state.base_version());
        }
        self.in_flight.doubtful = doubtful;
        Event::Judged(verdict).into()
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
        let base = self.state.base_document();
        for sent in &self.in_flight.inherited.documents {
            match self.judge_shown(base, sent, remote) {
                (Verdict::Landed, _) if self.state.local.as_ref() == Some(sent) => {
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
            Some(landed) => self.beside(&landed, remote),
            None => (verdict, doubtful),
        }
    }

    /// Brings an edit and an earlier one of the same base, which has landed, together.
    fn beside(&mut self, landed: &Document, remote: &Document) -> (Verdict, Vec<Doubtful>) {
        let Some(base) = &mut self.state.base else {
            return (Verdict::NotLanded, Vec::new());
        };
        let (local, policy) = (self.state.local.as_ref(), &self.target.policy);
        let (known, doubtful) = settle::base_after(&base.document, landed, local, remote, policy);
        base.document = known;
        let verdict = if doubtful.is_empty() {
            Verdict::NotLanded
        } else {
            Verdict::Doubtful
        };
        (verdict, doubtful)
    }
}
