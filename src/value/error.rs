//! Errors, classified by what the caller does next.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use url::Url;

use crate::BoxError;
use crate::address::PathError;
use crate::exchange::NoCredentials;
use crate::journal::JournalError;
use crate::json::JsonError;
use crate::lens::Unfaithful;
use crate::protocol::{Problem, RefusalKind};
use crate::support::panics::Panicked;
use crate::value::box_error::held;
use crate::value::{ErrorKind, ErrorReport, Sides, StepReport};
use ifmatch_merge::internal::one_line;

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
    steps: Vec<StepReport>,
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
            steps: Vec::new(),
            source: None,
        }))
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        let mut error = Self::new(ErrorKind::Config, message);
        error.0.report.why = "it would fail in the same way".to_owned();
        error
    }

    pub(crate) fn decode(what: &str, source: impl Into<BoxError>) -> Self {
        Self::undecoded(what).with_said(source)
    }

    /// Creates the error for a body that cannot be read, without a source.
    pub(crate) fn undecoded(what: impl Into<String>) -> Self {
        let mut error = Self::new(ErrorKind::Decode, what);
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

    /// Creates the error for a journal that failed, or is full.
    pub(crate) fn journal(error: JournalError) -> Self {
        let message = one_line(&error.to_string(), LONGEST);
        let source: BoxError = error.into();
        Self::new(ErrorKind::Journal, message).with_origin(source.into(), true)
    }

    /// Replaces the kind of this error.
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
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

    pub(crate) fn with_steps(mut self, steps: Vec<StepReport>) -> Self {
        self.0.steps = steps;
        self
    }

    /// Returns what became of each step of a [transaction](crate::Transaction) that was not committed, in the order in which
    /// they are made. Empty for every other error.
    pub fn steps(&self) -> &[StepReport] {
        &self.0.steps
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the problem that the server reported, if it refused the request.
    pub fn problem(&self) -> Option<&Problem> {
        self.0.problem.as_ref()
    }

    /// Returns the status of the last response, or `None` if no response arrived.
    ///
    /// It is that of the last response, which may be a successful one, such as a read after a conflict. The status of a
    /// refusal is in [`problem`](Self::problem).
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::{Client, Limits, testing::{Reply, ResourceServer, Step}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = ResourceServer::start().await;
    /// server.next_read(Step::new().answer(Reply::new(503)));
    /// let client = Client::builder(&server.uri()).limits(Limits::default().transient(0)).build()?;
    /// let Err(error) = client.collection::<serde_json::Value>("orders").get(7).await else {
    ///     unreachable!("the server does not respond with an order");
    /// };
    /// assert!(error.is_exhausted());
    /// assert_eq!(error.status().map(|status| status.as_u16()), Some(503));
    /// # Ok(())
    /// # }
    /// ```
    pub fn status(&self) -> Option<StatusCode> {
        let of_problem = || self.problem().map(Problem::status);
        self.0.report.last_status.or_else(of_problem)
    }

    /// Returns the error of the journal that this error was made of.
    pub(crate) fn journal_error(&self) -> Option<&JournalError> {
        self.0.source.as_ref()?.error.downcast_ref()
    }

    /// Returns the error of type `E` that an edit, a strategy or another part of the application returned.
    ///
    /// It also returns the [`JournalError`](crate::JournalError) of a `Journal` error and the
    /// [`LeaseLost`](crate::lease::LeaseLost) of a `LeaseLost` error.
    ///
    /// It is found in the cause of this error, or behind it. An error inside an
    /// `anyhow::Error` is found too, unless `?` or `into` has converted the `anyhow::Error` to a `BoxError`, which
    /// hides its type: use [`try_update_typed`](crate::Collection::try_update_typed) or
    /// [`box_error`](crate::box_error).
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::{Client, testing::ResourceServer};
    /// use serde_json::Value;
    ///
    /// #[derive(Debug, PartialEq)]
    /// struct SoldOut;
    /// # impl std::fmt::Display for SoldOut {
    /// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("sold out") }
    /// # }
    /// # impl std::error::Error for SoldOut {}
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = ResourceServer::start().await;
    /// server.put("/goods/7", r#"{"stock": 0}"#);
    /// let goods = Client::new(server.uri())?.collection::<Value>("goods");
    /// let sale = goods.try_update(7, |goods| {
    ///     let stock = goods["stock"].as_u64().unwrap_or(0);
    ///     goods["stock"] = stock.checked_sub(1).ok_or(SoldOut)?.into();
    ///     Ok(())
    /// });
    /// let Err(error) = sale.await else { unreachable!("there is no stock") };
    /// assert_eq!(error.edit_error::<SoldOut>(), Some(&SoldOut));
    /// # Ok(())
    /// # }
    /// ```
    pub fn edit_error<E: std::error::Error + 'static>(&self) -> Option<&E> {
        let first = held(&*self.0.source.as_ref()?.error);
        let mut chain = std::iter::successors(Some(first), |error| error.source());
        chain.find_map(|error| error.downcast_ref())
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

#[cfg(feature = "durable")]
impl From<crate::store::FileStoreError> for Error {
    fn from(error: crate::store::FileStoreError) -> Self {
        Self::config("the snapshot store cannot be used").with_source(error)
    }
}

#[cfg(feature = "redis")]
impl From<crate::store::RedisStoreError> for Error {
    fn from(error: crate::store::RedisStoreError) -> Self {
        Self::config("the snapshot store cannot be used").with_source(error)
    }
}

impl From<PathError> for Error {
    fn from(error: PathError) -> Self {
        Self::config(error.to_string()).with_origin(Arc::new(error), true)
    }
}

impl From<JournalError> for Error {
    fn from(error: JournalError) -> Self {
        Self::journal(error)
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
    is_journal => Journal,
    is_lease_lost => LeaseLost,
    is_undone => Undone,
    is_half_done => HalfDone,
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
            Some(held(&*source.error))
        }
    }
}
