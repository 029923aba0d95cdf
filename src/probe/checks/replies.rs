//! Checks of the replies to writes: what they say is what a read shows.

use super::super::report::{ProbeCheck, Verdict};
use super::super::site::{Done, ProbeRead, Site};
use super::Checks;
use crate::json::Document;

impl Checks<'_> {
    /// Compares the reply to a write with the read after it.
    pub(super) fn reply_version(&mut self, sent: &Document, after: &ProbeRead, done: &Done) {
        let (verdict, seen) = match (&done.version, after.version()) {
            (None, _) => (
                Verdict::Unknown,
                "it tells none, so the next write reads first".into(),
            ),
            (Some(version), Some(read)) if version != read => {
                (Verdict::Fails, format!("it says {version}, a read {read}"))
            }
            (Some(version), _) => (Verdict::Holds, version.to_string()),
        };
        self.tell(ProbeCheck::ReplyVersion, verdict, seen);

        let check = ProbeCheck::StoredAsSent;
        if self.altered || stored_otherwise(self.site, sent, after, done) {
            let seen = "the reply tells a version and no document, and a read under that version shows \
                        another document than the one that was sent";
            self.tell(check, Verdict::Fails, seen);
        } else if done.version.is_none() || done.version.as_ref() != after.version() {
            let seen = "the reply tells no version that a read shows";
            self.tell(check, Verdict::Unknown, seen);
        } else if done.shows {
            self.tell(check, Verdict::Holds, "the reply shows a document");
        } else {
            self.tell(check, Verdict::Holds, "stored as it was sent");
        }
    }
}

/// Whether a reply told the version of a document that is not the one that was sent, and did not show it.
pub(super) fn stored_otherwise(
    site: &Site,
    sent: &Document,
    after: &ProbeRead,
    done: &Done,
) -> bool {
    // A version that lies in the document is never what was sent.
    let plain = |document: &Document| {
        let fields = site.versioning().fields();
        fields.fold(document.clone(), |plain, field| plain.without(field))
    };
    let names_it = done.version.is_some() && done.version.as_ref() == after.version();
    names_it && !done.shows && plain(sent) != plain(&after.snapshot.document)
}
