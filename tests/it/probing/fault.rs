//! The faults that a server may have.

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    IgnoresIfMatch,
    IgnoresIfNoneMatch,
    RemovesWhatIsStale,
    NoVersions,
    /// `W/"1"`, and that is what it wants back.
    WeakTags,
    /// A proxy writes `W/"1"`, and the server behind it wants `"1"`.
    WeakenedTags,
    /// A proxy writes `"1-gzip"`, and the server behind it wants `"1"`.
    SuffixedTags,
    /// The same, only where `gzip` is asked for.
    SuffixedUnderGzip,
    /// No tag is ever accepted.
    AcceptsNoTag,
    /// Each read shows another one.
    RestlessTags,
    /// The tag is the second of the last change.
    TagsOfSeconds,
    /// One tag for all states.
    OneTag,
    /// The tag in the reply to a write is that of the reply.
    TagOfTheReply,
    /// Writes are answered 202 and done at the third read after that.
    PutsOff,
    /// A stale write is answered 200.
    HidesRefusals,
    /// A stale write is answered 412 and carried out.
    RefusesAndDoes,
    /// It looks at the condition first, and writes a moment later.
    ChecksThenWrites,
    /// A stale write is answered 403.
    RefusesOddly,
    /// A write is answered 204 and forgotten.
    Forgets,
    /// 405 to DELETE.
    KeepsForever,
    /// New resources by POST alone.
    PostsOnly,
    /// The same, and the reply does not say where.
    PostsNamelessly,
    /// The reply to this request and to all later writes but removals is lost.
    CutsFrom(usize),
    /// Everything but removals and reads is answered 403.
    Forbids,
    /// No fault: the tag is a hash of the content.
    HashTags,
    /// No fault: the tag stays when a write changes nothing.
    TagsOfChanges,
    /// Hash tags, and it looks at the condition first, and writes a moment later.
    HashTagsInTwoSteps,
    /// A write with `If-Match` to what is gone makes it again.
    MakesAgain,
    /// It looks whether something is there first, and creates a moment later.
    ChecksThenCreates,
    /// A write is answered 204 with the new tag, and the server adds a member.
    AddsSilently,
    /// A write is answered 204 with the new tag, and stored as it was sent.
    Silent,
}
