//! Judges lost writes and resolves conflicts, as `write::driver` and the strategy `ThreeWay` do.

use super::client::{Client, LostWrite, Snapshot};
use super::document::Doc;
use super::setting::{Edit, STAMPS, Setting, Settlement};
use crate::json::Document;
use crate::write::machine::events::{Decision, Event, Goal, HandlerDecision, LostWriteVerdict};
use crate::write::recovery::lost_write::{self, Doubtful, LostWriteFacts};
use crate::write::recovery::measure::{Measured, Run, measure};
use crate::write::recovery::stamp;

impl Client {
    pub(super) fn judge(&mut self, setting: &Setting) -> (LostWriteVerdict, Vec<Doubtful>) {
        let Some(remote) = self.remote.as_ref().map(|remote| remote.doc.clone()) else {
            return (LostWriteVerdict::NotApplied, Vec::new());
        };
        if let Edit::Act(at, text) = setting.writers[self.writer].edit {
            return (judge_action(setting, &remote, at, text), Vec::new());
        }
        let all_excluded =
            setting.settlement == Settlement::Stamped && self.forget_excluded(&remote);
        let (mut verdict, mut doubtful) = (LostWriteVerdict::NotApplied, Vec::new());
        for lost in &self.lost {
            let (judged, open) = self.judge_own(setting, lost, &remote);
            if judged == LostWriteVerdict::Applied {
                return (LostWriteVerdict::Applied, Vec::new());
            }
            if judged != LostWriteVerdict::NotApplied && verdict != LostWriteVerdict::Unknown {
                (verdict, doubtful) = (judged, open);
            }
        }
        let (inherited, open) = self.judge_inherited(setting, &remote);
        if inherited == LostWriteVerdict::Applied
            || (inherited != LostWriteVerdict::NotApplied && verdict != LostWriteVerdict::Unknown)
        {
            (verdict, doubtful) = (inherited, open);
        }
        if all_excluded && verdict == LostWriteVerdict::NotApplied {
            verdict = LostWriteVerdict::Excluded;
        }
        (verdict, doubtful)
    }

    /// Forgets the requests that the stamps show to be excluded. Returns whether none of those in doubt is left.
    fn forget_excluded(&mut self, remote: &Doc) -> bool {
        let was_in_doubt = !self.lost.is_empty() || !self.inherited.is_empty();
        let is_excluded = |base: Option<&Doc>, sent: &Doc| {
            stamp::excludes(STAMPS, base.map(|base| &base.0), &sent.0, &remote.0)
        };
        self.lost
            .retain(|lost| !is_excluded(lost.base.as_ref(), &lost.sent));
        let base = self.base.as_ref().map(|base| &base.doc);
        if self.inherited.iter().all(|sent| is_excluded(base, sent)) {
            self.inherited.clear();
        }
        was_in_doubt && self.lost.is_empty() && self.inherited.is_empty()
    }

    fn judge_shown(
        setting: &Setting,
        base: Option<&Doc>,
        sent: &Doc,
        remote: &Doc,
    ) -> (LostWriteVerdict, Vec<Doubtful>) {
        lost_write::assess_lost_write(&LostWriteFacts {
            base: base.map(|base| &base.0),
            sent: &sent.0,
            remote: &remote.0,
            policy: &setting.policy,
            stamps: (setting.settlement == Settlement::Stamped).then_some(STAMPS),
            is_operation: false,
            require_proof: setting.settlement == Settlement::Strict,
        })
    }

    /// Judges a lost request of this write. An edit that can rerun is judged by running it.
    fn judge_own(
        &self,
        setting: &Setting,
        lost: &LostWrite,
        remote: &Doc,
    ) -> (LostWriteVerdict, Vec<Doubtful>) {
        let stamped = setting.settlement == Settlement::Stamped;
        let base = lost.base.as_ref();
        let stamped = stamped
            .then(|| stamp::tells(STAMPS, base.map(|base| &base.0), &lost.sent.0, &remote.0))
            .flatten();
        let edit = setting.writers[self.writer].edit;
        let run = |document: &Document| {
            let edited = Doc::edited(Some(&Doc(document.clone())), edit, self.writer)?;
            Some(Run {
                document: edited.0,
                failed: Vec::new(),
            })
        };
        if let (None, Some(base), Some(edited)) = (stamped, base, &lost.edited)
            && setting.reruns(self.writer)
        {
            let measured = Measured {
                edit: &run,
                base: &base.0,
                sent: &edited.0,
                remote: &remote.0,
                policy: &setting.policy,
                require_proof: setting.settlement == Settlement::Strict,
            };
            return (measure(&measured), Vec::new());
        }
        Self::judge_shown(setting, base, &lost.sent, remote)
    }

    fn judge_inherited(
        &mut self,
        setting: &Setting,
        remote: &Doc,
    ) -> (LostWriteVerdict, Vec<Doubtful>) {
        let (mut verdict, mut doubtful) = (LostWriteVerdict::NotApplied, Vec::new());
        let base = self.base.as_ref().map(|base| base.doc.clone());
        for sent in self.inherited.clone() {
            match Self::judge_shown(setting, base.as_ref(), &sent, remote) {
                (LostWriteVerdict::Applied, _) if self.local.as_ref() == Some(&sent) => {
                    return (LostWriteVerdict::Applied, Vec::new());
                }
                (LostWriteVerdict::Applied, _) => return self.beside(setting, &sent),
                (LostWriteVerdict::NotApplied, _) => {}
                (LostWriteVerdict::Doubtful, _) if verdict == LostWriteVerdict::Unknown => {}
                judged => (verdict, doubtful) = judged,
            }
        }
        (verdict, doubtful)
    }

    /// Combines our edit with an earlier write of the same base that has been applied.
    fn beside(&mut self, setting: &Setting, applied: &Doc) -> (LostWriteVerdict, Vec<Doubtful>) {
        let (Some(base), Some(remote)) = (&mut self.base, &self.remote) else {
            return (LostWriteVerdict::NotApplied, Vec::new());
        };
        let local = self.local.as_ref().map(|local| &local.0);
        let policy = &setting.policy;
        let (known, doubtful) =
            lost_write::base_after(&base.doc.0, &applied.0, local, &remote.doc.0, policy);
        base.doc = Doc(known);
        let open = !doubtful.is_empty();
        let verdict = [LostWriteVerdict::NotApplied, LostWriteVerdict::Doubtful][usize::from(open)];
        (verdict, doubtful)
    }

    /// Handles a refusal. The handler changes the state that it was shown, with the edit applied once more, or else
    /// the refused document.
    pub(super) fn handle(&mut self, setting: &Setting) -> Event<u8> {
        let version = |side: &Option<Snapshot>| side.as_ref().map(|side| side.version);
        let changes =
            setting.answer == HandlerDecision::Changed && self.machine.goal() != Goal::Delete;
        if setting.answer == HandlerDecision::Changed && !changes {
            return Event::HandlerDecided(HandlerDecision::GiveUp);
        }
        if changes {
            let moved = self.remote.is_some() && version(&self.remote) != version(&self.base);
            if moved && self.machine.goal() == Goal::Replace {
                let shown = self.remote.as_ref().map(|remote| &remote.doc);
                let edit = setting.writers[self.writer].edit;
                self.local = Doc::edited(shown, edit, self.writer);
                self.made_on = shown.cloned();
            }
            self.change(self.local.as_ref().map(Doc::handled));
        }
        Event::HandlerDecided(setting.answer)
    }

    /// Resolves a conflict as the strategy `ThreeWay` does.
    pub(super) fn resolve(
        &mut self,
        setting: &Setting,
        may_have_been_applied: bool,
        doubtful: &[Doubtful],
    ) -> Decision {
        let removal = self.machine.goal() == Goal::Delete;
        let same = |(base, remote): (&Snapshot, &Snapshot)| base.doc.0 == remote.doc.0;
        let sides = self.base.as_ref().zip(self.remote.as_ref());
        if removal && !may_have_been_applied && sides.is_some_and(same) {
            self.rebase();
            return Decision::Delete;
        }
        let local = self.local.as_ref().filter(|_| !removal);
        let (Some(local), Some(remote)) = (local, &self.remote) else {
            let both = local.is_none() && self.remote.is_none();
            return [Decision::Unresolved, Decision::AsRemote][usize::from(both)];
        };
        let base = self.base.as_ref().map(|base| &base.doc.0);
        let merged = setting.merge.merge_documents(base, &local.0, &remote.doc.0);
        if !merged.conflicts.is_empty() || !doubtful.is_empty() {
            return Decision::Unresolved;
        }
        if merged.document == remote.doc.0 {
            return Decision::AsRemote;
        }
        self.change(Some(Doc(merged.document)));
        self.rebase();
        Decision::Write
    }
}

/// Judges a lost action, which the application recognises by the member that it sets.
fn judge_action(setting: &Setting, remote: &Doc, at: &str, text: &str) -> LostWriteVerdict {
    if remote.member(at) == Some(format!("\"{text}\"")) {
        LostWriteVerdict::Applied
    } else if setting.settlement == Settlement::Strict {
        LostWriteVerdict::Unknown
    } else {
        LostWriteVerdict::NotApplied
    }
}
