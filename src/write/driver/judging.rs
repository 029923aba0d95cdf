//! Judges from the current state whether a lost write was applied.

use super::super::in_flight::LostWrite;
use super::super::machine::events::{Event, Goal, LostWriteVerdict};
use super::{ActionResult, Driver};
use crate::json::Document;
use crate::support::panics;
use crate::write::recovery::lost_write::{self, Doubtful, LostWriteFacts};
use crate::write::recovery::measure::{Measured, is_harmless, measure};
use crate::write::recovery::stamp;

impl Driver<'_> {
    /// Judges the lost requests of this write, and the earlier writes that it inherited.
    pub(super) fn judge(&mut self) -> ActionResult {
        let remote = self.state.remote.snapshot();
        let Some(remote) = remote.map(|remote| remote.document.clone()) else {
            return Event::Judged(LostWriteVerdict::NotApplied).into();
        };
        if self.machine.goal() == Goal::Act {
            return Event::Judged(self.judge_action(&remote)).into();
        }
        let all_excluded = self.target.stamp.as_deref().is_some_and(|stamps| {
            let base = self.state.base.as_ref();
            self.in_flight.forget_excluded(stamps, base, &remote)
        });
        let (mut verdict, mut doubtful) = (LostWriteVerdict::NotApplied, Vec::new());
        for lost in &self.in_flight.lost {
            let (judged, open) = self.judge_own(lost, &remote);
            if judged == LostWriteVerdict::Applied {
                (verdict, doubtful) = (LostWriteVerdict::Applied, Vec::new());
                break;
            }
            if judged != LostWriteVerdict::NotApplied && verdict != LostWriteVerdict::Unknown {
                (verdict, doubtful) = (judged, open);
            }
        }
        if verdict != LostWriteVerdict::Applied && self.in_flight.inherits() {
            let (inherited, open) = self.judge_inherited(&remote);
            if inherited != LostWriteVerdict::NotApplied && verdict != LostWriteVerdict::Unknown {
                (verdict, doubtful) = (inherited, open);
            }
        }
        if self.in_flight.contradicted.is_some()
            && self.machine.goal() == Goal::Create
            && verdict == LostWriteVerdict::NotApplied
        {
            // The server reported a success, and may have stored something other than what was sent.
            verdict = LostWriteVerdict::Doubtful;
        }
        if all_excluded && verdict == LostWriteVerdict::NotApplied {
            verdict = LostWriteVerdict::Excluded;
        }
        if self.in_flight.inherits() && verdict != LostWriteVerdict::Unknown {
            self.in_flight.forget_inherited(self.state.base_version());
        }
        self.in_flight.doubtful = doubtful;
        Event::Judged(verdict).into()
    }

    /// Judges a lost action. Only the application can recognise its effect. What it recognises before the action
    /// already proves nothing.
    fn judge_action(&self, remote: &Document) -> LostWriteVerdict {
        let shows = |document: &Document| {
            let seen = panics::catch(panics::VALUE, || self.hooks.was_carried_out(document));
            seen.ok().flatten()
        };
        if self
            .state
            .base_document()
            .is_some_and(|base| shows(base) != Some(false))
        {
            return LostWriteVerdict::Unknown;
        }
        match shows(remote) {
            Some(true) => LostWriteVerdict::Applied,
            Some(false) if !self.target.require_proof => LostWriteVerdict::NotApplied,
            Some(false) | None => LostWriteVerdict::Unknown,
        }
    }

    /// Judges a lost request of this write. An edit that can rerun is judged by running it, anything else by what
    /// the remote document shows.
    fn judge_own(&self, lost: &LostWrite, remote: &Document) -> (LostWriteVerdict, Vec<Doubtful>) {
        let (base, stamps) = (lost.base.as_ref(), self.target.stamp.as_deref());
        let stamped = stamps.and_then(|at| stamp::tells(at, base, &lost.sent, remote));
        if let (None, Some(base), Some(edited)) = (stamped, base, &lost.edited)
            && self.hooks.reruns()
        {
            let measured = Measured {
                edit: &|document| {
                    let run = panics::catch(panics::VALUE, || self.hooks.run(document));
                    run.ok().flatten()
                },
                base,
                sent: edited,
                remote,
                policy: &self.target.policy,
                require_proof: self.target.require_proof,
            };
            return (measure(&measured), Vec::new());
        }
        let judged = self.judge_shown(base, &lost.sent, remote);
        if judged.0 == LostWriteVerdict::NotApplied && base.is_none() && self.hooks.reruns() {
            // The edit does not run on a document that is created. If another client has overwritten that document,
            // running the edit now could apply it twice.
            let run = |document: &Document| {
                let run = panics::catch(panics::VALUE, || self.hooks.run(document));
                run.ok().flatten()
            };
            if stamped.is_none() && !is_harmless(&run, remote) {
                return (LostWriteVerdict::Unknown, Vec::new());
            }
        }
        judged
    }

    fn judge_shown(
        &self,
        base: Option<&Document>,
        sent: &Document,
        remote: &Document,
    ) -> (LostWriteVerdict, Vec<Doubtful>) {
        lost_write::assess_lost_write(&LostWriteFacts {
            base,
            sent,
            remote,
            policy: &self.target.policy,
            stamps: self.target.stamp.as_deref(),
            is_operation: self.hooks.is_operation(),
            require_proof: self.target.require_proof,
        })
    }

    /// Judges earlier writes onto the same base whose outcome is unknown.
    fn judge_inherited(&mut self, remote: &Document) -> (LostWriteVerdict, Vec<Doubtful>) {
        let (mut verdict, mut doubtful, mut applied) =
            (LostWriteVerdict::NotApplied, Vec::new(), None);
        let base = self.state.base_document();
        for sent in &self.in_flight.inherited.documents {
            match self.judge_shown(base, sent, remote) {
                (LostWriteVerdict::Applied, _)
                    if self.state.local.as_ref() == Some(sent) && !self.is_edit =>
                {
                    return (LostWriteVerdict::Applied, Vec::new());
                }
                // This edit has to be merged against the applied document.
                (LostWriteVerdict::Applied, _) => {
                    applied = Some(sent.clone());
                    break;
                }
                (LostWriteVerdict::NotApplied, _) => {}
                (LostWriteVerdict::Doubtful, _) if verdict == LostWriteVerdict::Unknown => {}
                judged => (verdict, doubtful) = judged,
            }
        }
        match applied {
            Some(applied) => self.beside(&applied, remote),
            None => (verdict, doubtful),
        }
    }

    /// Combines an edit with an earlier one of the same base that has been applied.
    fn beside(
        &mut self,
        applied: &Document,
        remote: &Document,
    ) -> (LostWriteVerdict, Vec<Doubtful>) {
        let Some(base) = self.state.base.as_mut().filter(|_| !self.is_edit) else {
            return (LostWriteVerdict::NotApplied, Vec::new());
        };
        let (local, policy) = (self.state.local.as_ref(), &self.target.policy);
        let (known, doubtful) =
            lost_write::base_after(&base.document, applied, local, remote, policy);
        base.document = known;
        let verdict = if doubtful.is_empty() {
            LostWriteVerdict::NotApplied
        } else {
            LostWriteVerdict::Doubtful
        };
        (verdict, doubtful)
    }
}
