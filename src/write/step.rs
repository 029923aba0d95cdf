//! One step of a transaction, whose type only itself knows.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use crate::journal::{GroupStep, Intent, LeftOpen, MarkDocuments, StepEnd, Stepped};
use crate::lease::Lease;
use crate::value::{Error, ErrorKind};
use crate::write::request::carrier::Carrier;

/// The result of a run, of a further one, or of a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Made {
    Applied,
    Unchanged,
    NotApplied,
    Unknown,
}

/// The result of an undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TakenBack {
    Undone,
    Stands,
    Unknown,
}

/// One step of a transaction.
#[async_trait]
pub(crate) trait Step: Send {
    /// Returns the address of the resource.
    fn url(&self) -> Result<Url, Error>;

    /// Returns the name of the operation, for people.
    fn operation(&self) -> &'static str;

    /// How likely the step is refused. Those that are refused most likely are made first, because there is less to undo.
    fn risk(&self) -> Risk;

    /// Whether it writes under a lease of its own.
    fn has_lease(&self) -> bool;

    /// Whether it writes. A step that does not only checks.
    fn writes(&self) -> bool;

    /// Lets a carrier take the requests of its runs to the server.
    fn carried_by(&mut self, carrier: Option<Arc<dyn Carrier>>);

    /// Makes the step under a lease.
    fn hold(&mut self, lease: &Lease);

    /// Runs the edit on the cached or the current state, without sending it. Returns the number of requests.
    async fn prepare(&mut self, time: Duration) -> Result<u32, Error>;

    /// Makes the step, for the first time or from what the last run left open.
    async fn run(&mut self, time: Duration) -> Result<Tried, Error>;

    /// Moves the version of the resource, so that no earlier request of the step can be applied any more.
    async fn fence(&mut self, time: Duration) -> Result<Tried, Error>;

    /// Takes the step back, but no change of others.
    async fn undo(&mut self, time: Duration) -> Result<Back, Error>;

    /// Returns what the journal keeps of the step before it is made. From then on, its requests are recorded.
    async fn recorded(&mut self, of: GroupStep) -> Result<(Box<Intent>, MarkDocuments), Error>;

    /// Returns what the journal keeps once the step has ended. `None` if the step is not recorded.
    fn ended(&self, end: StepEnd) -> Option<(Stepped, MarkDocuments)>;

    /// Returns what is left for a person if the step cannot be taken back. `None` if the step is not recorded.
    fn left(&self, error: Option<&Error>) -> Option<LeftOpen>;
}

/// How likely a step is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Risk {
    /// It only reads, so there is never anything to undo.
    Validates,
    /// Its edit may refuse, or its name may be taken.
    May,
    Seldom,
    /// It cannot be taken back, so it is made last.
    Pivot,
}

/// The result of a run, and why it is not a success.
pub(crate) struct Tried {
    pub(crate) made: Made,
    pub(crate) requests: u32,
    pub(crate) error: Option<Error>,
    /// Whether a later run may end in another way, because the server could not be reached or is busy.
    pub(crate) may_pass: bool,
}

impl Tried {
    /// A doubt that stays.
    pub(crate) fn unknown() -> Self {
        Self {
            made: Made::Unknown,
            requests: 0,
            error: None,
            may_pass: false,
        }
    }
}

/// Returns the result of a further run. One that did not begin settles nothing.
pub(crate) fn still_unknown(tried: Result<Tried, Error>) -> Result<Tried, Error> {
    tried.or_else(|error| {
        Ok(Tried {
            may_pass: may_begin_later(error.kind()),
            error: Some(error),
            ..Tried::unknown()
        })
    })
}

/// Whether a step that could not be made or taken back for this reason may be by a later run. A later run takes the leases of
/// the transaction again.
pub(crate) fn may_begin_later(kind: ErrorKind) -> bool {
    use ErrorKind::{Exhausted, Journal, LeaseLost};
    matches!(kind, Exhausted | Journal | LeaseLost)
}

/// The result of an undo, and why it is not a success.
pub(crate) struct Back {
    pub(crate) result: TakenBack,
    pub(crate) requests: u32,
    pub(crate) error: Option<Error>,
    /// Whether a later run may end in another way.
    pub(crate) may_pass: bool,
}
