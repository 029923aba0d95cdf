//! What a machine is told about its feed, and what it answers.

use std::time::Duration;

use super::version::Version;

/// What is known about a feed, and the bounds of a watch.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rules {
    /// Whether the feed says so if it cannot continue from a position.
    pub(crate) signals_gaps: bool,
    /// Whether a list names the position from which the feed continues. Otherwise the feed is opened before the list.
    pub(crate) lists_first: bool,
    /// Whether there is no feed, and the list is read again and again.
    pub(crate) polls: bool,
    /// Whether each response of the feed is one page, after which the next one is requested.
    pub(crate) is_paged: bool,
    /// Whether items of the list show everything that a read shows.
    pub(crate) items_are_whole: bool,
    /// Whether items of the list only name resources, so that each is read.
    pub(crate) items_are_names: bool,
    /// Whether the feed does not tell of every change, so that the list is read at each interval too.
    pub(crate) misses_changes: bool,
    /// Whether the feed tells the whole at the start of each connection.
    pub(crate) begins_with_whole: bool,
    /// Whether what the feed tells is all that there is, because single items cannot be read.
    pub(crate) tells_states: bool,
    /// The idle time that the application sets.
    pub(crate) idle_time: Option<Duration>,
    /// The wait between two polls, between two lists beside a feed that misses changes, or after a page without changes.
    pub(crate) interval: Duration,
    /// How long a reconnected feed may catch up before the collection is compared with what was delivered.
    pub(crate) settle: Duration,
    /// How long the feed may take to announce what the comparison has found.
    pub(crate) grace: Duration,
    /// Over which time the reads of one comparison are spread.
    pub(crate) spread: Duration,
    /// The largest number of reads of one comparison.
    pub(crate) max_looks: usize,
    /// The largest number of changes ahead of the consumer.
    pub(crate) max_queue: usize,
    /// The largest number of resources that are remembered.
    pub(crate) max_known: usize,
}

impl Rules {
    /// Returns the rules of a watch without a feed, with the default bounds.
    pub(crate) fn polling() -> Self {
        Self {
            signals_gaps: false,
            lists_first: false,
            polls: true,
            is_paged: false,
            items_are_whole: false,
            items_are_names: false,
            misses_changes: false,
            begins_with_whole: false,
            tells_states: false,
            idle_time: None,
            interval: Duration::from_secs(30),
            settle: Duration::from_secs(1),
            grace: Duration::from_secs(5),
            spread: Duration::from_secs(10),
            max_looks: 1_000,
            max_queue: 1_024,
            max_known: 100_000,
        }
    }
}

/// What is done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action<I, A> {
    Wait(Duration),
    /// Open the feed, from this position.
    Open(Option<A>),
    /// Read on in the feed, until this time at the latest.
    Read(Option<Duration>),
    /// Tell the next item of the list of the collection, or its end. The list begins anew, or goes on.
    List {
        anew: bool,
    },
    /// Read a resource.
    Look(I),
    /// Wait until the consumer asks.
    Rest,
    /// The watch is over.
    Stop,
}

/// Why a connection, a list or a feed failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Failure {
    /// It is worth another try, after the time that the server asked for.
    Temporary(Option<Duration>),
    /// The credentials were refused (401). They may have been renewed since.
    Unauthorized,
    /// The position is too old (410).
    TooOld,
    /// Another try would get the same.
    Final,
}

/// The result of the read of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look<S> {
    /// It is as it was delivered.
    Same,
    State(Option<Version>, S),
    Absent,
    /// The reader may not see it, or it cannot be read. The state is the problem.
    Problem(S),
    /// The server could not be reached. The state is the problem.
    Failed(S),
}
