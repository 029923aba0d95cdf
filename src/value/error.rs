//! Errors, classified by what the caller does next.

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

/// The kind of an error, which shows what the caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No strategy could resolve a conflict. Show [`Sides`] to a person, or choose another strategy.
    Conflict,
    /// The server refused the request for a reason other than a version conflict. See [`Error::problem`].
    Refused,
    /// There is no resource at this address. Check the id, or create the resource.
    NotFound,
    /// The resource existed and was removed, for example by another client before the write. Drop the edit, or
    /// create the resource again from [`Sides::local`].
    Gone,
    /// A resource with this name already exists. Choose another name, or edit that resource.
    AlreadyExists,
    /// Another client holds a lock on the resource. Try again when the lock has ended. [`Error::problem`] may name
    /// its owner.
    Locked,
    /// The write may or may not have been applied, and nothing shows which. Read the resource before trying again.
    OutcomeUnknown,
    /// The server accepted the write (202) but did not complete it before the deadline of the call. Query
    /// [`Error::monitor`] for its progress, or read the resource later. Do not send the write again.
    Accepted,
    /// The server provides no validator usable in a precondition, or one that never matches. Set where the API
    /// keeps its versions with [`Versioning`](crate::Versioning).
    UnusableValidator,
    /// The round, time or retry limit was reached. A write was not applied. Try again later, or raise the
    /// [limit](crate::Limits).
    Exhausted,
    /// The server responded with any other unsuccessful status. See [`Error::problem`].
    Status,
    /// The server could not be reached. Nothing was applied. Try again later.
    Transport,
    /// A document is not valid JSON, or does not match the type. Compare the type with the body, or set an
    /// [`Envelope`](crate::Envelope).
    Decode,
    /// A body exceeds the size limit, which is [`Limits::body`](crate::Limits::body).
    TooLarge,
    /// The server does not support the API version that the client asks for. Set another
    /// [`ApiVersion`](crate::ApiVersion).
    UnsupportedApiVersion,
    /// The call cannot be carried out because of an address, an id, a header, credentials or a policy. Also the
    /// kind if a part that the call uses panicked before the call did any work.
    Config,
    /// The value cannot be put into the document in a way that its type reads back. Nothing was sent. The
    /// [source](std::error::Error::source) is a [`lens::Unfaithful`](crate::lens::Unfaithful), which names the
    /// location. Change the serde attributes of the type there, or edit a `serde_json::Value`.
    Unfaithful,
    /// The edit function failed or panicked, or its result cannot be written. The error is the
    /// [source](std::error::Error::source).
    Edit,
}

/// The base, local and remote state of a failed write, so that the caller's edit is not lost.
#[non_exhaustive]
pub struct Sides<T> {
    /// The state on which the edit was based.
    pub base: Option<T>,
    /// The edited state, or `None` for a removal.
    pub local: Option<T>,
    /// The last state seen on the server, with its version. Saving it is pinned to that version.
    pub remote: Option<Versioned<T>>,
    /// The fields in conflict.
    pub fields: Vec<FieldConflict>,
}

/// A report of the requests of a failed call, with the reason why it was not retried.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ErrorReport {
    /// Number of requests sent, including reads, redirects and requests repeated with renewed credentials.
    pub requests: u32,
    /// Number of conditional writes, each against a new version.
    pub rounds: u32,
    /// Number of lost races after which the edit ran again or was merged.
    pub merged: u32,
    /// Total time spent in waits.
    pub waited: Duration,
    /// Total time of the call.
    pub elapsed: Duration,
    /// The status of the last response.
    pub last_status: Option<StatusCode>,
    /// The last wait that the server asked for.
    pub retry_after: Option<Duration>,
    /// The reason why the call was not retried.
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

/// An error of a call, with the information needed to continue.
///
/// The `Display` form is one line of at most about 2 000 characters and contains neither bodies nor credentials. It
/// does not repeat the text of the [source](std::error::Error::source). The error of an edit, a strategy or another
/// part of the application appears only in the source and in [`ErrorReport::why`].
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

/// The source of an error.
struct Source {
    error: Arc<dyn std::error::Error + Send + Sync>,
    /// Whether the message already contains the text of this error. The chain of sources then continues after it.
    is_in_message: bool,
}

/// The maximum length of a message, in characters.
const LONGEST: usize = 2_048;

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            // The message may contain keys of documents, which are untrusted text.
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
        error.0.report.why = "the same bytes would fail to decode again".to_owned();
        error
    }

    /// Creates the error for a value that has no JSON form.
    pub(crate) fn unwritable(error: JsonError) -> Self {
        Self::config("the value cannot be written as JSON").with_said(error)
    }

    /// Creates the error for a value that cannot be put into the document. Nothing was sent.
    pub(crate) fn unfaithful(error: Unfaithful) -> Self {
        let mut this = Self::new(ErrorKind::Unfaithful, unfaithful_at(&error));
        this.0.report.why = error.to_string();
        this.with_source(error)
    }

    /// Appends a second problem to the message.
    pub(crate) fn and(mut self, what: &str) -> Self {
        self.0.message = format!("{}; {what}", self.0.message);
        self
    }

    /// Sets the source of this error and appends its text to the message.
    pub(crate) fn with_said(mut self, source: impl Into<BoxError>) -> Self {
        let source = source.into();
        let message = format!("{}: {source}", self.0.message);
        self.0.message = one_line(&message, LONGEST);
        self.with_origin(source.into(), true)
    }

    /// Sets the source of this error. Its text must not be part of the message.
    pub(crate) fn with_source(self, source: impl Into<BoxError>) -> Self {
        self.with_origin(source.into().into(), false)
    }

    /// Sets the error of a part of the application as the source. The text of one of [the crate's own](is_own)
    /// errors is appended to the message.
    pub(crate) fn with_failed_part(self, error: BoxError) -> Self {
        if is_own(&*error) {
            self.with_said(error)
        } else {
            self.with_source(error)
        }
    }

    /// Sets the source of this error, which other callers may share.
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

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the problem that the server reported, if it refused the request.
    pub fn problem(&self) -> Option<&Problem> {
        self.0.problem.as_ref()
    }

    /// Returns the meaning of the refusal, if the server refused the request.
    pub fn refusal(&self) -> Option<RefusalKind> {
        self.0.refusal
    }

    /// Returns the URL at which the server reports the progress of an [accepted](ErrorKind::Accepted) write.
    ///
    /// Returns `None` if the response named none. A URL on another origin was not queried.
    pub fn monitor(&self) -> Option<&Url> {
        self.0.monitor.as_ref()
    }

    /// Returns the report of the requests sent, with the reason why the call was not retried.
    pub fn report(&self) -> &ErrorReport {
        &self.0.report
    }

    /// Returns the three sides of a failed write of a `T`, or `None` if the call was not a write or wrote another
    /// type.
    pub fn sides<T: 'static>(&self) -> Option<&Sides<T>> {
        self.0.sides.as_ref()?.downcast_ref()
    }

    /// Returns the three sides by value, for example to decide a conflict and save the remote side.
    ///
    /// # Errors
    ///
    /// Returns this error unchanged if it holds no sides of this type.
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

/// Whether an error was made by the crate itself, although it is reported for a part of the application.
pub(crate) fn is_own(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<Panicked>() || error.is::<NoCredentials>()
}

/// Returns the message of an error whose source is this one.
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
