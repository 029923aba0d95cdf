//! The texts of the checks: what each asks, what a failure means, and what to do about it.

use super::ProbeCheck;

impl ProbeCheck {
    /// Returns what the check expects, in a few words.
    pub(super) fn asked(self) -> &'static str {
        match self {
            Self::Done => "a successful write is stored",
            Self::Version => "a read returns a version",
            Self::StableVersion => "an unchanged resource keeps its version",
            Self::OwnVersion => "the version is accepted in a write",
            Self::NewVersion => "a change makes a new version",
            Self::ReplyVersion => "the response to a write has the version",
            Self::StoredAsSent => "that version names what was sent",
            Self::StaleWrite => "a stale write is refused",
            Self::StaleRefusal => "that refusal is recognised",
            Self::Creation => "a creation overwrites nothing",
            Self::CodedVersion => "the version under gzip is accepted",
            Self::VersionWithinASecond => "two changes in a second make two versions",
            Self::RacingWrites => "one of several racing writes is accepted",
            Self::StaleRemoval => "a stale removal is refused",
            Self::WriteToRemoved => "a write to a removed resource is refused",
            Self::RacingCreations => "one of several racing creations is accepted",
        }
    }

    /// Returns the question as a sentence without its question mark.
    pub(super) fn question(self) -> &'static str {
        match self {
            Self::Done => "Is a write stored when the response reports success",
            Self::Version => "Does a read return a version",
            Self::StableVersion => "Does the version stay the same while nothing changes",
            Self::OwnVersion => "Is a write with the version from a read accepted",
            Self::NewVersion => "Does a change make a new version",
            Self::ReplyVersion => "Does the response to a write have the version that a read shows",
            Self::StoredAsSent => {
                "Does the version in that response name the document that was sent"
            }
            Self::StaleWrite => "Is a write with an old version refused without any change",
            Self::StaleRefusal => "Is that refusal distinguished from other refusals",
            Self::Creation => {
                "Is a creation with `If-None-Match: *` refused where a resource exists"
            }
            Self::CodedVersion => "Is the version of a response compressed with gzip accepted",
            Self::VersionWithinASecond => {
                "Do changes within the same second have different versions"
            }
            Self::RacingWrites => {
                "Is only one of several simultaneous writes with one version accepted"
            }
            Self::StaleRemoval => "Is a removal with an old version refused",
            Self::WriteToRemoved => {
                "Is a write with `If-Match` refused after the resource was removed"
            }
            Self::RacingCreations => {
                "Is only one of several simultaneous creations with `If-None-Match: *` accepted"
            }
        }
    }

    /// Returns what a failure of the check means for users of the API.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "A write that was reported as a success may not be stored.",
            Self::Version => {
                "No write can be protected, so concurrent changes overwrite each other."
            }
            Self::StableVersion => {
                "Writes are refused although no other client changed anything. Nothing is lost, but writes \
                 take more rounds or give up."
            }
            Self::OwnVersion => {
                "Conditional writes are refused. Nothing is lost, but nothing can be written."
            }
            Self::NewVersion => {
                "A change of another client cannot be noticed, so the next write overwrites it."
            }
            Self::ReplyVersion => {
                "The next write with the version from the response is refused. Nothing is lost, but it takes \
                 another read and write."
            }
            Self::StoredAsSent => {
                "The server computes, adds or drops members. A client that assumes that its document is stored \
                 unchanged removes the server's members with its next write."
            }
            Self::StaleWrite => {
                "A write that is out of date overwrites the changes of other clients."
            }
            Self::StaleRefusal => "A conflict is reported as another error, and is not resolved.",
            Self::Creation => "A creation overwrites what another client created first.",
            Self::CodedVersion => {
                "Clients that accept compressed responses cannot write. This client asks for no compression, so \
                 it can."
            }
            Self::VersionWithinASecond => {
                "Of two changes within a second, the second can overwrite the first without notice."
            }
            Self::RacingWrites => {
                "The server checks the condition and writes in two steps. Simultaneous writes can overwrite \
                 each other, whatever the client does."
            }
            Self::StaleRemoval => {
                "A removal that is out of date also removes the changes of other clients."
            }
            Self::WriteToRemoved => {
                "The server ignores `If-Match` where no resource exists. A write that is out of date brings back \
                 what another client removed."
            }
            Self::RacingCreations => {
                "The server reports success to several clients, and all documents but one are lost."
            }
        }
    }

    /// Returns what to do if the check fails.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Done => {
                "Read after each write, and do not report a write as done before a read shows it."
            }
            Self::Version => {
                "Find out whether the API has a version elsewhere, in a member of the document or another \
                 header, and set it with `Versioning`; otherwise let one client write at a time."
            }
            Self::StableVersion => {
                "Ask the provider for a validator of the stored state. Tags that differ in each response come \
                 from proxies, caches or several servers behind one address."
            }
            Self::OwnVersion => {
                "If another spelling is accepted, use the setting named here. Otherwise ask the provider which \
                 form of the version the API takes."
            }
            Self::NewVersion | Self::VersionWithinASecond => {
                "Ask the provider for a strong `ETag`, or use a member of the document that changes with every \
                 write, with `Versioning`."
            }
            Self::ReplyVersion => {
                "Use the profile of the API, or a `Versioning` that does not read the version from responses to \
                 writes."
            }
            Self::StoredAsSent => "Set the collection to read again after its own writes.",
            Self::StaleWrite | Self::StaleRemoval => {
                "Ask whether a proxy drops `If-Match`. Without a server that checks it, let one client write at \
                 a time."
            }
            Self::StaleRefusal => "Set the meaning of this refusal with `Generic::map_code`.",
            Self::Creation | Self::RacingCreations => {
                "Let the server choose the addresses, with `post`, or give each client its own names."
            }
            Self::CodedVersion => {
                "Nothing is needed for this client. Tell the provider that `ETag` has to be accepted as it was \
                 sent."
            }
            Self::RacingWrites => {
                "Let one client write at a time, for example by a lock, or ask the provider to check and write \
                 in one transaction."
            }
            Self::WriteToRemoved => {
                "Read before writing what other clients may remove, or mark documents as removed instead of \
                 removing them."
            }
        }
    }
}
