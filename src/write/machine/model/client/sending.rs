//! How a client makes its requests.

use super::{Call, Client, Payload, Snapshot};
use crate::write::machine::events::{Condition, Event, Goal};
use crate::write::machine::model::document::Doc;
use crate::write::machine::model::flaws::Flaw;
use crate::write::machine::model::setting::{Queue, STAMPS, Setting, Settlement};
use crate::write::recovery::stamp;

impl Client {
    pub(in crate::write::machine::model) fn rebase(&mut self) {
        self.base.clone_from(&self.remote);
        self.inherited.clear();
        self.observed.refused = false;
    }

    pub(super) fn prepare(&mut self, setting: &Setting) -> Event<u8> {
        if self.remote.is_some() || self.remote_absent {
            self.rebase();
        }
        let base = self.base.as_ref().map(|base| &base.doc);
        if self.explicit_local {
            return Event::Prepared(base != self.local.as_ref());
        }
        let edit = setting.writers[self.writer].edit;
        let Some(local) = Doc::edited(base, edit, self.writer) else {
            return Event::EditFailed;
        };
        let changed = base != Some(&local);
        self.made_on = base.cloned();
        (self.local, self.edited) = (Some(local), true);
        // An action is sent whether or not the state shows it already.
        Event::Prepared(changed || self.machine.goal() == Goal::Act)
    }

    pub(super) fn send(
        &mut self,
        setting: &Setting,
        condition: Condition<u8>,
        delete: bool,
        resend: bool,
    ) -> Call {
        if let Condition::Match(version) = condition {
            let of =
                |side: &Option<Snapshot>| side.as_ref().is_some_and(|side| side.version == version);
            if !of(&self.base) && of(&self.remote) {
                self.rebase();
            }
        }
        let payload = match self.payload.clone() {
            Some(payload) if resend => payload,
            _ => {
                let local = self.local.as_ref().filter(|_| !delete);
                Payload(local.map(|local| self.finished(setting, local)))
            }
        };
        if !self.machine.in_doubt() {
            self.lost.clear();
        }
        self.payload = Some(payload.clone());
        if setting.queue == Some(Queue::WriteAndMarks) {
            self.mark(&condition, delete);
        }
        if delete {
            self.made_on = self.base.as_ref().map(|base| base.doc.clone());
        }
        if let (Goal::Append, Some(doc)) = (self.machine.goal(), &payload.0) {
            let anew = setting.flaw == Some(Flaw::AnotherKey);
            let key = if anew { self.tally().requests } else { 0 };
            let (doc, key) = (doc.clone(), u8::try_from(key).unwrap_or(u8::MAX));
            return Call::Post { doc, key };
        }
        let onto = self.base.as_ref().map(|base| base.version);
        let onto = onto.filter(|_| condition != Condition::Absent);
        self.out = Some((onto, payload.clone()));
        let mut call = Call::Write {
            condition,
            doc: payload.0,
            made_on: self.made_on.clone(),
        };
        if let Some(flaw) = setting.flaw {
            flaw.loosen(&mut call);
        }
        call
    }

    pub(super) fn finished(&self, setting: &Setting, local: &Doc) -> Doc {
        if setting.settlement != Settlement::Stamped {
            return local.clone();
        }
        let pinned_to = self.base.as_ref().map_or(local, |base| &base.doc);
        let stamped = stamp::stamped(&local.0, &pinned_to.0, STAMPS, &self.stamp());
        stamped.map_or_else(|_| local.clone(), Doc)
    }

    pub(super) fn stamp(&self) -> String {
        format!("w{}", self.writer)
    }
}
