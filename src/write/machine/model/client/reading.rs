//! What a client makes of a state that it is shown.

use ifmatch_merge::internal::Likeness;

use super::{Client, Snapshot};
use crate::write::machine::events::{Event, ReadOutcome};
use crate::write::machine::model::setting::{STAMPS, Setting, Settlement};
use crate::write::recovery::stamp;

impl Client {
    /// Processes a read.
    pub(in crate::write::machine::model) fn reads(
        &mut self,
        setting: &Setting,
        seen: Option<Snapshot>,
    ) -> Event<u8> {
        self.remote_absent = seen.is_none();
        self.remote = seen;
        self.observed.state = true;
        let Some(remote) = &self.remote else {
            return Event::Read(ReadOutcome::Absent);
        };
        let altered = |base: &Snapshot| base.version == remote.version && base.doc != remote.doc;
        let version = if self.base.as_ref().is_some_and(altered) {
            ReadOutcome::Altered(remote.version)
        } else {
            ReadOutcome::Version(remote.version)
        };
        if self.recognises(setting, remote) {
            Event::Recognised(version)
        } else {
            Event::Read(version)
        }
    }

    /// Processes a success with this version that does not show the write.
    pub(in crate::write::machine::model) fn is_contradicted(&mut self, reply_version: Option<u8>) {
        self.reply_version = reply_version;
    }

    /// Whether a read confirms a write whose response contradicted itself.
    fn confirms_contradicted_write(&self, seen: &Snapshot) -> bool {
        let sent = self.payload.as_ref().and_then(|sent| sent.0.as_ref());
        let (Some(reply_version), Some(base), Some(sent)) = (self.reply_version, &self.base, sent)
        else {
            return false;
        };
        let shown = Likeness::of(Some(&base.doc.0), &sent.0, &seen.doc.0, &[]);
        shown.hides_previous && reply_version == seen.version
    }

    /// Processes a refusal that shows the current state.
    pub(in crate::write::machine::model) fn is_shown(
        &mut self,
        setting: &Setting,
        seen: Snapshot,
    ) -> Option<u8> {
        if self.shows_stamp(setting, &seen) {
            return None;
        }
        let version = seen.version;
        self.remote_absent = false;
        self.remote = Some(seen);
        self.observed.state = true;
        Some(version)
    }

    /// Whether a state shows the stamp of this write.
    pub(super) fn recognises(&self, setting: &Setting, seen: &Snapshot) -> bool {
        self.confirms_contradicted_write(seen) || self.shows_stamp(setting, seen)
    }

    pub(super) fn shows_stamp(&self, setting: &Setting, seen: &Snapshot) -> bool {
        setting.settlement == Settlement::Stamped
            && (self.payload.is_some() || self.is_resumed)
            && stamp::holds(STAMPS, &self.stamp(), &seen.doc.0)
    }
}
