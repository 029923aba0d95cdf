//! The kinds of errors.

use http::StatusCode;

use crate::protocol::RefusalKind;

/// The kind of an error, which shows what the caller does next.
///
/// A call whose tries were spent has the same kind whatever it did, and whichever limit was reached first: the number of
/// retries, the time, the retry budget or the schedule. The message states what the last try met, how often the call
/// was tried and for how long.
///
/// | what the tries met | kind |
/// |---|---|
/// | at least one response, such as 429, a lost race, or a 503 to a read | [`Exhausted`](Self::Exhausted) |
/// | no response at all | [`Transport`](Self::Transport) |
/// | for a write: a lock of another client | [`Locked`](Self::Locked) |
/// | for a write: anything, and the write may have been applied | [`OutcomeUnknown`](Self::OutcomeUnknown) |
///
/// A response that a retry would get again ends the call at once, as [`Status`](Self::Status),
/// [`Refused`](Self::Refused) or a more specific kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No strategy could resolve a conflict. Show [`Sides`](crate::Sides) to a person, or choose another strategy.
    Conflict,
    /// The server refused the request for a reason other than a version conflict. See
    /// [`Error::problem`](crate::Error::problem).
    Refused,
    /// There is no resource at this address. Check the id, or create the resource.
    NotFound,
    /// The resource existed and was removed, for example by another client before the write. Drop the edit, or create
    /// the resource again from [`Sides::local`](crate::Sides::local).
    Gone,
    /// A resource with this name already exists. Choose another name, or edit that resource.
    AlreadyExists,
    /// Another client holds a lock on the resource. Try again when the lock has ended.
    /// [`Error::problem`](crate::Error::problem) may name its owner.
    Locked,
    /// The write may or may not have been applied, and nothing shows which. A response was lost, or was a 5xx, 503
    /// included, that does not say whether the request was carried out. Read the resource before trying again.
    OutcomeUnknown,
    /// The server accepted the write (202) but did not complete it before the deadline of the call. Query
    /// [`Error::monitor`](crate::Error::monitor) for its progress, or read the resource later. Do not send the write
    /// again.
    Accepted,
    /// The server provides no validator usable in a precondition, or one that never matches. Set where the API keeps
    /// its versions with [`Versioning`](crate::Versioning).
    UnusableValidator,
    /// The server responded, and the round, time or retry limit was reached before a try succeeded. A write was not
    /// applied. Try again later, or raise the [limit](crate::Limits). See [`Error::status`](crate::Error::status).
    ///
    /// Also the kind if the call was held back and sent nothing, because an earlier response of the server asked for a
    /// wait that is longer than the time of this call. The [report](crate::Error::report) then has no requests and no
    /// status, and its `retry_after` is the rest of that wait. Such a wait holds back later calls for at most
    /// [`Limits::retry_after`](crate::Limits::retry_after).
    Exhausted,
    /// The server responded with any other unsuccessful status, which a retry would get again. See
    /// [`Error::problem`](crate::Error::problem).
    Status,
    /// The server could not be reached: no try of the call got a response, or a retry would fail in the same way.
    /// Nothing was applied. Try again later.
    Transport,
    /// A document is not valid JSON, or does not match the type. Compare the type with the body, or set an
    /// [`Envelope`](crate::Envelope).
    Decode,
    /// A body exceeds the size limit, which is [`Limits::body`](crate::Limits::body).
    TooLarge,
    /// The server does not support the API version that the client asks for. Set another
    /// [`ApiVersion`](crate::ApiVersion).
    UnsupportedApiVersion,
    /// The call cannot be carried out because of an address, an id, a header, credentials or a policy. Also the kind if
    /// a part that the call uses panicked before the call did any work.
    Config,
    /// The value cannot be put into the document in a way that its type reads back. Nothing was sent. The
    /// [source](std::error::Error::source) is a [`lens::Unfaithful`](crate::lens::Unfaithful), which names the
    /// location. Change the serde attributes of the type there, or edit a `serde_json::Value`.
    Unfaithful,
    /// The [journal](crate::Journal) failed, or is full. A request that it could not record was not sent.
    /// [`Error::edit_error`](crate::Error::edit_error) returns the [`JournalError`](crate::JournalError). If the journal is
    /// full, send or answer what it holds. If its disk failed, open it again.
    Journal,
    /// The [lease](crate::Lease) of the call was lost, so nothing was written any more. Acquire it again, and look at what
    /// was done since. [`Error::edit_error`](crate::Error::edit_error) returns the
    /// [`LeaseLost`](crate::lease::LeaseLost).
    LeaseLost,
    /// The [transaction](crate::Transaction) was not committed, and nothing of it stands. One of the
    /// [steps](crate::Error::steps) has the error. Try it again, or tell the user.
    Undone,
    /// A part of the [transaction](crate::Transaction) stands, and could not be taken back. [`Error::steps`](crate::Error::steps)
    /// tells which, and why. A person has to look.
    HalfDone,
    /// The edit function failed or panicked, or its result cannot be written, or the [guard](crate::Action::guard) of an
    /// action did not accept the state. The error is the [source](std::error::Error::source).
    Edit,
}

/// Lists all kinds, for their names. A kind that is missing does not compile, because the `match` has no wildcard.
macro_rules! all {
    ($($kind:ident),* $(,)?) => {{
        let _ = |kind: ErrorKind| match kind { $(ErrorKind::$kind => (),)* };
        &[$(ErrorKind::$kind),*]
    }};
}

/// All kinds.
pub(crate) const ALL: &[ErrorKind] = all![
    Conflict,
    Refused,
    NotFound,
    Gone,
    AlreadyExists,
    Locked,
    OutcomeUnknown,
    Accepted,
    UnusableValidator,
    Exhausted,
    Status,
    Transport,
    Decode,
    TooLarge,
    UnsupportedApiVersion,
    Config,
    Unfaithful,
    Journal,
    LeaseLost,
    Undone,
    HalfDone,
    Edit,
];

impl ErrorKind {
    /// Returns the name of the kind, by which [`named`](Self::named) finds it.
    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }

    /// Returns the kind of this name, or `Status` for one of another version of the crate.
    pub(crate) fn named(name: &str) -> Self {
        let named = ALL.iter().find(|kind| kind.name() == name);
        named.copied().unwrap_or(Self::Status)
    }

    /// Returns the kind of an unsuccessful response to a read or a plain request.
    pub(crate) fn of_read(meaning: RefusalKind, status: StatusCode) -> Self {
        match (meaning, status.as_u16()) {
            (RefusalKind::UnsupportedApiVersion, _) => Self::UnsupportedApiVersion,
            (RefusalKind::NotFound, _) | (_, 404) => Self::NotFound,
            (_, 410) => Self::Gone,
            _ => Self::Status,
        }
    }
}
