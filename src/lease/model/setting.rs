//! The settings of a walk: the tags of the server, and the bounds.

use std::time::Duration;

use super::flaws::Flaw;
use crate::lease::LeaseTime;

/// Returns this many ticks as a time.
pub(super) fn ticks(count: u8) -> Duration {
    Duration::from_secs(count.into())
}

/// Returns the time of a clock that shows this many ticks.
pub(super) fn at(clock: u8) -> LeaseTime {
    LeaseTime {
        monotonic: ticks(clock),
        wall: ticks(clock),
    }
}

/// What the version of the protected document is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tags {
    /// A counter. No version returns.
    Counted,
    /// The content. The version of a state returns with the state.
    Content,
}

/// One model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    /// In ticks of a clock. A third of it is the tolerance for clocks that run at different rates.
    pub(super) ttl: u8,
    pub(super) tags: Tags,
    /// Whether the protected document has the fencing token.
    pub(super) is_fenced: bool,
    /// Whether the first holder may stand still once, for any time.
    pub(super) may_stand_still: bool,
    /// By how many ticks the clock of the second process may be ahead.
    pub(super) ahead: u8,
    /// The time after which nothing more is walked.
    pub(super) horizon: u8,
    /// How many writes each process sends.
    pub(super) writes: u8,
    pub(super) renewals: u8,
    /// How often the second process looks at the record.
    pub(super) looks: u8,
    /// How many requests the network duplicates.
    pub(super) copies: u8,
    pub(super) flaw: Option<Flaw>,
}

impl Setting {
    pub(super) const fn new(tags: Tags) -> Self {
        Self {
            ttl: 3,
            tags,
            is_fenced: true,
            may_stand_still: true,
            ahead: 0,
            horizon: 4,
            writes: 2,
            renewals: 0,
            looks: 2,
            copies: 1,
            flaw: None,
        }
    }

    /// A walk about the lease alone, without writes, and with clocks at the limit of the tolerance.
    pub(super) const fn of_the_lease() -> Self {
        Self {
            may_stand_still: false,
            ahead: 1,
            horizon: 6,
            writes: 0,
            renewals: 1,
            looks: 2,
            copies: 0,
            ..Self::new(Tags::Counted)
        }
    }
}
