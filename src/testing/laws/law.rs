//! Properties of every sound merge, as [`Law`].

use std::fmt;

/// A property of every sound merge of a base, a local and a remote state.
///
/// Some laws apply the same change twice. They hold for states, not for operations, because adding one on both
/// sides adds two. They are checked only for a strategy that declares itself
/// [state-like](crate::MergeStrategy::is_state_like), and only if neither side changed a counter or a similar
/// field of its [policy](crate::MergeStrategy::policy).
///
/// | law | state-like only | broken by |
/// |---|---|---|
/// | [`OneSide`](Self::OneSide) | no | "mine wins", "theirs wins", "the newer one wins" |
/// | [`NothingLost`](Self::NothingLost) | no | the same, and every merge that omits a field |
/// | [`SameAnswer`](Self::SameAnswer) | no | clocks, random numbers, the order of a hash map |
/// | [`Mirror`](Self::Mirror) | no | "mine wins" for a field; two clients then end with different states |
/// | [`SameChange`](Self::SameChange) | yes | lists that are concatenated |
/// | [`Idempotent`](Self::Idempotent) | yes | the same, and sums |
/// | [`NothingInvented`](Self::NothingInvented) | yes | averages, stamps, defaults |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Law {
    /// A side that changed nothing leaves the other one as it is.
    OneSide,
    /// A change at a place that the other side did not touch is in the result.
    NothingLost,
    /// The same sides give the same result each time.
    SameAnswer,
    /// Swapped sides give the same result.
    Mirror,
    /// The same change on both sides appears once in the result.
    SameChange,
    /// Merging the local side into the result once more changes nothing.
    Idempotent,
    /// Every value, member name and word of the result comes from one of the three states.
    NothingInvented,
}

impl Law {
    /// All laws.
    pub const ALL: [Self; 7] = [
        Self::OneSide,
        Self::NothingLost,
        Self::SameAnswer,
        Self::Mirror,
        Self::SameChange,
        Self::Idempotent,
        Self::NothingInvented,
    ];

    /// Whether the law holds for states only.
    pub fn is_of_states(self) -> bool {
        matches!(
            self,
            Self::SameChange | Self::Idempotent | Self::NothingInvented
        )
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneSide => "a side that changed nothing leaves the other one as it is",
            Self::NothingLost => {
                "a change at a place that the other side did not touch is in the result"
            }
            Self::SameAnswer => "the same sides give the same result each time",
            Self::Mirror => "swapped sides give the same result",
            Self::SameChange => "the same change on both sides is that change, once",
            Self::Idempotent => "merging the local side into the result once more changes nothing",
            Self::NothingInvented => {
                "every value, member name and word of the result comes from one of the three states"
            }
        })
    }
}
