//! Deliberate mistakes, which a walk must find.

/// A mistake of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A write leaves without a check of the lease. The token is checked.
    NoLeaseCheck,
    /// A write leaves without a check of the token. The lease is checked.
    NoTokenCheck,
    /// A contender takes over before the time is over that the record states.
    EarlyTakeover,
    /// A contender counts from its request, and not from the response that it has seen.
    WatchedFromRequest,
    /// A contender does not see that the record was renewed.
    RenewalUnseen,
    /// A holder counts from the response, and not from its request.
    HeldFromResponse,
    /// A takeover is not pinned to the record that was watched.
    TakeoverUnpinned,
}
