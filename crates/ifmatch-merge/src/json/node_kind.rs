//! The kinds of values on the tape.

/// The kind of a tape entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    Null,
    False,
    True,
    Number,
    /// A string without escapes. Its content is the text between the quotes.
    Plain,
    /// A string with escapes. Its content is in the side table.
    Escaped,
    /// A string with escapes, some of which are half of a surrogate pair. Its content is in the side table.
    Torn,
    Array,
    Object,
}
