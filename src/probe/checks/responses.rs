//! Checks of the responses to writes: they must match what a read shows.

use super::super::report::{ProbeCheck, Verdict};
use super::super::site::{Done, ProbeRead, Site};
use super::Checks;
use crate::json::Document;

impl Checks<'_> {
    /// Compares the response to a write with the read after it.
    pub(super) fn reply_version(&mut self, sent: &Document, after: &ProbeRead, done: &Done) {
        let (verdict, seen) = match (&done.version, after.version()) {
            (None, _) => (
                Verdict::Unknown,
                "it has none, so the next write reads first".into(),
            ),
            (Some(version), Some(read)) if version != read => (
                Verdict::Fails,
                format!("it has {version}, but a read shows {read}"),
            ),
            (Some(version), _) => (Verdict::Holds, version.to_string()),
        };
        self.tell(ProbeCheck::ReplyVersion, verdict, seen);

        let check = ProbeCheck::StoredAsSent;
        if self.stores_differently || stored_otherwise(self.site, sent, after, done) {
            let seen = "the response has a version and no document, and a read of that version shows \
                        a document other than the one that was sent";
            self.tell(check, Verdict::Fails, seen);
        } else if done.version.is_none() || done.version.as_ref() != after.version() {
            let seen = "the response has no version that a read shows";
            self.tell(check, Verdict::Unknown, seen);
        } else if done.shows_document {
            self.tell(check, Verdict::Holds, "the response shows a document");
        } else {
            self.tell(check, Verdict::Holds, "stored as it was sent");
        }
    }
}

/// Whether a response named the version of a document other than the one sent, without showing that document.
pub(super) fn stored_otherwise(
    site: &Site,
    sent: &Document,
    after: &ProbeRead,
    done: &Done,
) -> bool {
    // A version inside the document never equals the one that was sent.
    let plain = |document: &Document| {
        let fields = site.versioning().fields();
        fields.fold(document.clone(), |plain, field| plain.without(field))
    };
    let names_it = done.version.is_some() && done.version.as_ref() == after.version();
    names_it && !done.shows_document && plain(sent) != plain(&after.snapshot.document)
}
