//! What a queue keeps of a write, and how the write is continued after a crash.

use super::{Client, LostWrite, Snapshot};
use crate::write::machine::Machine;
use crate::write::machine::events::{Base, Condition, Goal};
use crate::write::machine::model::document::Doc;
use crate::write::machine::model::setting::Setting;

/// A mark of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mark {
    base: Option<Snapshot>,
    /// The document before it was stamped.
    local: Option<Doc>,
    sent: Option<Doc>,
}

impl Client {
    /// Continues a queued write after a crash, from what its queue has kept.
    pub(in crate::write::machine::model) fn resumed(setting: &Setting, crashed: &Self) -> Self {
        let mut client = Self::new(setting, crashed.writer, Vec::new());
        let Some(newest) = crashed.marks.last() else {
            return client;
        };
        let mut params = setting.params(client.writer, false);
        params.resumes = true;
        params.goal = match (&newest.base, &newest.sent) {
            (_, None) => Goal::Delete,
            (None, _) => Goal::Create,
            (Some(_), _) => Goal::Replace,
        };
        params.base = match &newest.base {
            Some(base) => Base::Version(base.version),
            None => Base::Unknown,
        };
        client.machine = Machine::new(params);
        client.made_on = newest.base.as_ref().map(|base| base.doc.clone());
        client.base.clone_from(&newest.base);
        client.local.clone_from(&newest.local);
        let lost = crashed.marks.iter().filter_map(|mark| {
            Some(LostWrite {
                base: mark.base.as_ref().map(|base| base.doc.clone()),
                sent: mark.sent.clone()?,
                edited: None,
            })
        });
        client.lost = lost.collect();
        client.marks.clone_from(&crashed.marks);
        client.is_resumed = true;
        client
    }

    /// Keeps a mark of the request that is about to leave.
    pub(super) fn mark(&mut self, condition: &Condition<u8>, delete: bool) {
        let mark = Mark {
            base: self
                .base
                .clone()
                .filter(|_| *condition != Condition::Absent),
            local: self.local.clone().filter(|_| !delete),
            sent: self.payload.as_ref().and_then(|payload| payload.0.clone()),
        };
        if self.marks.last() != Some(&mark) {
            self.marks.push(mark);
        }
    }
}
