//! Errors, named by what the caller does next.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use url::Url;

use crate::BoxError;
use crate::address::PathError;
use crate::exchange::NoCredentials;
use crate::json::JsonError;
use crate::lens::Unfaithful;
use crate::merge::FieldConflict;
use crate::protocol::{Problem, RefusalKind};
use crate::support::panics::Panicked;
use crate::value::{Versioned, WriteReport};
use ifmatch_merge::internal::one_line;

/// What went wrong, by what the caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Fields that no strategy could settle: show [`Sides`] to a person, or choose a strategy.
    Conflict,
    /// The server refused for a reason that is no race: read [`Error::problem`].
    Refused,
    /// There is nothing at this address.
    NotFound,
    /// It was there, and somebody removed it before the write.
    Gone,
    /// Something of that name is there already.
    AlreadyExists,
    /// Somebody holds a lock on it.
    Locked,
    /// The write may or may not have been applied, and nothing can tell: look before trying again.
    OutcomeUnknown,
    /// The server has accepted the write (202) and had not carried it out when the time of the call was over:
    /// ask [`Error::monitor`] how far it has come, or read the resource later. Do not send the write again.
    Accepted,
    /// The server hands out no version that a condition can use, or one that never holds.
    UnusableValidator,
    /// Rounds, time or retries are spent; nothing was applied.
    Exhausted,
    /// Any other status.
    Status,
    /// The server could not be reached; nothing was applied.
    Transport,
    /// A document is not JSON, or not what the type expects.
    Decode,
    /// A body is longer than allowed.
    TooLarge,
    /// The server does not speak the version of the API that the client asks for.
    UnsupportedApiVersion,
    /// The call itself cannot be carried out: an address, an id, a header, a policy, or a part that serves
    /// the call panicked before anything of it was under way.
    Config,
    /// The value cannot be put into the document so that its type reads it from there; nothing was sent. The
    /// [source](std::error::Error::source) is a [`lens::Unfaithful`](crate::lens::Unfaithful), which names the
    /// place: change what serde is told of the type there, or edit a `serde_json::Value`.
    Unfaithful,
    /// The edit that was passed in failed or panicked, or what it made cannot be written; the error is the
    /// [source](std::error::Error::source).
    Edit,
}

/// The three sides of a write that ended in an error: nothing of the caller's is lost.
#[non_exhaustive]
pub struct Sides<T> {
    /// The state on which the edit was made.
    pub base: Option<T>,
    /// The edited state; `None`: a removal.
    pub local: Option<T>,
    /// The state that the server was last seen to hold, with its version: saving it is pinned to that.
    pub remote: Option<Versioned<T>>,
    /// The fields that are in conflict.
    pub fields: Vec<FieldConflict>,
}

/// What was sent before an error, and why it was not tried again.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ErrorReport {
    /// Requests that went out, reads, redirects and renewed credentials included.
    pub requests: u32,
    /// Conditional writes on different versions.
    pub rounds: u32,
    /// Races that were merged.
    pub merged: u32,
    /// Time spent in waits.
    pub waited: Duration,
    /// Time in all.
    pub elapsed: Duration,
    /// The status of the last reply.
    pub last_status: Option<StatusCode>,
    /// How long the server asked to wait, last.
    pub retry_after: Option<Duration>,
    /// Why it was not tried again.
    pub why: String,
}

impl fmt::Display for ErrorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            requests, rounds, ..
        } = self;
        write!(
            f,
            "{requests} requests in {rounds} rounds, {:?}",
            self.elapsed
        )?;
        if let Some(status) = self.last_status {
            write!(f, ", last status {}", status.as_u16())?;
        }
        if let Some(wait) = self.retry_after {
            write!(f, ", asked to wait {wait:?}")?;
        }
        write!(f, "; not tried again because {}", self.why)
    }
}

/// Why a call failed, with everything needed to go on.
///
/// The `Display` form is one line, of about 2 000 characters at most, and holds neither bodies nor
/// credentials. It does not repeat what the [source](std::error::Error::source) says: the error of an edit,
/// of a strategy or of another part of the application's own is told by the source alone, and by
/// [`ErrorReport::why`].
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    problem: Option<Problem>,
    refusal: Option<RefusalKind>,
    sides: Option<Box<dyn Any + Send + Sync>>,
    report: ErrorReport,
    monitor: Option<Url>,
    source: Option<Source>,
}

/// The error behind another one.
struct Source {
    error: Arc<dyn std::error::Error + Send + Sync>,
    /// The message contains its text already, so the chain of sources goes on behind it.
    is_in_message: bool,
}

/// The longest message, in characters.
const LONGEST: usize = 2_048;

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            // The keys of documents may be in it, and they are foreign text.
            message: one_line(&message.into(), LONGEST),
            problem: None,
            refusal: None,
            sides: None,
            report: ErrorReport::default(),
            monitor: None,
            source: None,
        }))
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        let mut error = Self::new(ErrorKind::Config, message);
        error.0.report.why = "it would fail in the same way".to_owned();
        error
    }

    pub(crate) fn decode(what: &str, source: impl Into<BoxError>) -> Self {
        let mut error = Self::new(ErrorKind::Decode, what).with_said(source);
        error.0.report.why = "the same bytes would not be read otherwise".to_owned();
        error
    }

    /// The value has no JSON form.
    pub(crate) fn unwritable(error: JsonError) -> Self {
        Self::config("the value cannot be written as JSON").with_said(error)
    }

    /// The value cannot be put into the document; nothing was sent.
    pub(crate) fn unfaithful(error: Unfaithful) -> Self {
        let mut this = Self::new(ErrorKind::Unfaithful, unfaithful_at(&error));
        this.0.report.why = error.to_string();
        this.with_source(error)
    }

    /// The same, and what else went wrong.
    pub(crate) fn and(mut self, what: &str) -> Self {
        self.0.message = format!("{}; {what}", self.0.message);
        self
    }

    /// Appends the text of the error behind this one to the message.
    pub(crate) fn with_said(mut self, source: impl Into<BoxError>) -> Self {
        let source = source.into();
        let message = format!("{}: {source}", self.0.message);
        self.0.message = one_line(&message, LONGEST);
        self.with_origin(source.into(), true)
    }

    /// Sets the error behind this one. Its text must not be part of the message.
    pub(crate) fn with_source(self, source: impl Into<BoxError>) -> Self {
        self.with_origin(source.into().into(), false)
    }

    /// Sets the error of a part of the application's. One that is [the crate's own](is_own) is told by the message.
    pub(crate) fn with_failed_part(self, error: BoxError) -> Self {
        if is_own(&*error) {
            self.with_said(error)
        } else {
            self.with_source(error)
        }
    }

    /// Sets the error behind this one, which other callers may get as well.
    pub(crate) fn with_origin(
        mut self,
        error: Arc<dyn std::error::Error + Send + Sync>,
        is_in_message: bool,
    ) -> Self {
        self.0.source = Some(Source {
            error,
            is_in_message,
        });
        self
    }

    pub(crate) fn with_problem(
        mut self,
        problem: Option<Problem>,
        kind: Option<RefusalKind>,
    ) -> Self {
        (self.0.problem, self.0.refusal) = (problem, kind);
        self
    }

    pub(crate) fn with_report(mut self, report: ErrorReport) -> Self {
        self.0.report = report;
        self
    }

    pub(crate) fn with_sides<T: Send + Sync + 'static>(mut self, sides: Sides<T>) -> Self {
        self.0.sides = Some(Box::new(sides));
        self
    }

    pub(crate) fn with_monitor(mut self, monitor: Option<Url>) -> Self {
        self.0.monitor = monitor;
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What the server said, if it refused.
    pub fn problem(&self) -> Option<&Problem> {
        self.0.problem.as_ref()
    }

    /// What the refusal means, if the server refused.
    pub fn refusal(&self) -> Option<RefusalKind> {
        self.0.refusal
    }

    /// The address at which the server tells how far a write is that it has [accepted](ErrorKind::Accepted);
    /// `None` if the response named none. One on another host was not asked.
    pub fn monitor(&self) -> Option<&Url> {
        self.0.monitor.as_ref()
    }

    /// What was sent, how often, and why it was not tried again.
    pub fn report(&self) -> &ErrorReport {
        &self.0.report
    }

    /// The three sides of a failed write of a `T`; `None` if the call was no write, or of another type.
    pub fn sides<T: 'static>(&self) -> Option<&Sides<T>> {
        self.0.sides.as_ref()?.downcast_ref()
    }

    /// The three sides, by value.
    ///
    /// # Errors
    ///
    /// The error itself, if it holds no sides of this type.
    pub fn into_sides<T: 'static>(mut self) -> Result<Sides<T>, Self> {
        match self
            .0
            .sides
            .take()
            .map(<Box<dyn Any + Send + Sync>>::downcast)
        {
            Some(Ok(sides)) => Ok(*sides),
            Some(Err(other)) => {
                self.0.sides = Some(other);
                Err(self)
            }
            None => Err(self),
        }
    }
}

/// Whether an error comes from the crate itself, though it stands for a part of the application's.
pub(crate) fn is_own(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<Panicked>() || error.is::<NoCredentials>()
}

/// The message of an error whose source is this one.
pub(crate) fn unfaithful_at(error: &Unfaithful) -> String {
    match error.pointer() {
        "" => "the value cannot be put into the document".to_owned(),
        pointer => format!("the value cannot be put into the document at {pointer}"),
    }
}

impl From<PathError> for Error {
    fn from(error: PathError) -> Self {
        Self::config(error.to_string()).with_origin(Arc::new(error), true)
    }
}

macro_rules! questions {
    ($($name:ident => $kind:ident),* $(,)?) => {
        impl Error {$(
            #[doc = concat!("Whether the kind is [`ErrorKind::", stringify!($kind), "`].")]
            pub fn $name(&self) -> bool {
                self.0.kind == ErrorKind::$kind
            }
        )*}
    };
}

questions! {
    is_conflict => Conflict,
    is_refused => Refused,
    is_not_found => NotFound,
    is_gone => Gone,
    is_already_exists => AlreadyExists,
    is_locked => Locked,
    is_outcome_unknown => OutcomeUnknown,
    is_accepted => Accepted,
    is_unusable_validator => UnusableValidator,
    is_unsupported_api_version => UnsupportedApiVersion,
    is_exhausted => Exhausted,
    is_status => Status,
    is_transport => Transport,
    is_decode => Decode,
    is_too_large => TooLarge,
    is_config => Config,
    is_unfaithful => Unfaithful,
    is_edit => Edit,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("problem", &self.0.problem)
            .field("refusal", &self.0.refusal)
            .field("report", &self.0.report)
            .field("sides", &self.0.sides.is_some())
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.0.source.as_ref()?;
        if source.is_in_message {
            source.error.source()
        } else {
            Some(&*source.error)
        }
    }
}

impl<T> fmt::Debug for Sides<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sides")
            .field("base", &self.base.is_some())
            .field("local", &self.local.is_some())
            .field("remote", &self.remote)
            .field("fields", &self.fields)
            .finish()
    }
}

impl ErrorReport {
    pub(crate) fn of(write: &WriteReport) -> Self {
        Self {
            requests: write.requests,
            rounds: write.rounds,
            merged: write.merged,
            waited: write.waited,
            elapsed: write.elapsed,
            ..Self::default()
        }
    }
}
