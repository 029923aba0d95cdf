//! The kinds of refusals.

/// What a refusal means, and so what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The version moved: a race, to be merged.
    StaleVersion,
    /// Something of that name is there already.
    AlreadyExists,
    /// The resource is in a state that does not allow this: an unpaid order, a full folder.
    InvalidState,
    /// Somebody holds a lock on it.
    Locked,
    /// The same idempotency key, or the same object, is still being written.
    InFlight,
    /// A short contention inside the server: the same request may succeed soon.
    Transient,
    /// The document itself is refused (400, 422); the problem names the fields.
    Invalid,
    /// The server does not speak this version of the API.
    UnsupportedApiVersion,
    /// Nobody knows: the refetch tells whether it was a race.
    Unknown,
}
