//! The kinds of refusals.

/// The meaning of a refusal, which determines how it is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The version has changed. This is a race, and it is merged.
    StaleVersion,
    /// A resource with this name already exists.
    AlreadyExists,
    /// The resource is in a state that does not allow the request, such as an unpaid order or a full folder.
    InvalidState,
    /// Another client holds a lock on the resource.
    Locked,
    /// A request with the same idempotency key, or another write of the same object, is still in progress.
    InFlight,
    /// Brief contention inside the server. The same request may succeed soon.
    Transient,
    /// The document itself is invalid (400, 422). The problem names the fields.
    Invalid,
    /// There is no such resource, for APIs that report this by another status than 404 or 410.
    NotFound,
    /// The server does not support this version of the API.
    UnsupportedApiVersion,
    /// The meaning is not known. A read determines whether it was a race.
    Unknown,
}
