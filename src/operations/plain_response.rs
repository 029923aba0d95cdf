//! The response to a plain request.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use url::Url;

use crate::BoxError;
use crate::address::{within_origin, without_user};
use crate::exchange::transport::Response;
use crate::json::Document;
use crate::protocol::{Format, Problem, RequestFacts, is_coded};
use crate::support::panics;
use crate::value::{Error, ErrorKind, ErrorReport};
use crate::write::request::body::{FORMAT, is_own};
use crate::write::request::target::Shared;

/// The response to a [plain request](crate::PlainRequest), with any status.
#[derive(Clone)]
pub struct PlainResponse {
    shared: Arc<Shared>,
    url: Url,
    response: Response,
    report: ErrorReport,
}

impl PlainResponse {
    pub(super) fn new(
        shared: Arc<Shared>,
        url: Url,
        response: Response,
        report: ErrorReport,
    ) -> Self {
        Self {
            shared,
            url: without_user(url),
            response,
            report,
        }
    }

    /// Returns the URL of the request, without user and password. If the server redirected the request, it is the URL
    /// that responded.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the address in `Location`, for example of a new resource or of a job.
    ///
    /// A relative one is resolved against the [URL of the request](Self::url) (RFC 9110 10.2.2). Returns `None` if the
    /// header is missing or cannot be read, or if the address is on another origin, because credentials must not go there.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use http::Method;
    ///
    /// # async fn f(client: ifmatch::Client) -> Result<(), ifmatch::Error> {
    /// let started = client.request(Method::POST, "jobs").await?.error_for_status()?;
    /// if let Some(job) = started.location() {
    ///     let job = client.follow(Method::GET, job).await?;
    ///     println!("{}", job.text()?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn location(&self) -> Option<Url> {
        let location = self.headers().get(LOCATION)?;
        within_origin(&self.url, location.to_str().ok()?)
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.response.status
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.response.headers
    }

    /// Returns the trailers, which follow the body (RFC 9110 6.5).
    pub fn trailers(&self) -> &HeaderMap {
        &self.response.trailers
    }

    /// Returns the body as it was received.
    ///
    /// The body of a success is at most [`Limits::body`](crate::Limits::body) long. That of another response is cut at
    /// [`Limits::refusal_body`](crate::Limits::refusal_body).
    pub fn bytes(&self) -> &Bytes {
        &self.response.body
    }

    /// Returns the body as text.
    ///
    /// # Errors
    ///
    /// Returns `Decode` if the body is not UTF-8, or has a content coding.
    pub fn text(&self) -> Result<&str, Error> {
        self.plain()?;
        std::str::from_utf8(&self.response.body)
            .map_err(|error| Error::decode(&self.what("is not UTF-8"), error))
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// Returns `Decode` if the body is not JSON, does not match the type, or has a content coding.
    pub fn json<R: DeserializeOwned>(&self) -> Result<R, Error> {
        self.plain()?;
        let depth = self.shared.exchange.limits.depth;
        Document::parse_with_depth(&self.response.body, depth)
            .and_then(|document| document.decode())
            .map_err(|error| Error::decode(&self.what("cannot be read as JSON"), error))
    }

    /// Reads the body in another format.
    ///
    /// # Errors
    ///
    /// Returns `Decode` if the body is not in this format, does not match the type, or has a content coding.
    pub fn read_as<R: DeserializeOwned>(&self, format: &impl Format) -> Result<R, Error> {
        self.plain()?;
        let media_type = self.headers().get(CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok());
        let read = || (named(format), format.read(&self.response.body, media_type));
        let read = panics::catch(FORMAT, read);
        let (name, document) =
            read.map_err(|panicked| Error::decode(&self.what("cannot be read"), panicked))?;
        // A format may nest a document more deeply than the limits allow.
        let depth = self.shared.exchange.limits.depth;
        document
            .and_then(|it| Ok(Document::parse_with_depth(it.as_str().as_bytes(), depth)?.decode()?))
            .map_err(|error| {
                let what = self.what(&format!("cannot be read as {name}"));
                of_format(Error::undecoded(what), error)
            })
    }

    /// Reads the problem that the server reports, whatever the status is.
    pub fn problem(&self) -> Problem {
        let Response {
            status,
            headers,
            body,
            ..
        } = &self.response;
        Problem::read(*status, headers, body, &self.url)
    }

    /// Returns the response if its status is a success (2xx), and otherwise an error.
    ///
    /// # Errors
    ///
    /// Returns `NotFound` or `Gone` for 404 or 410, `UnsupportedApiVersion` if the response says so, and `Status` for
    /// every other status. The error holds the [problem](Error::problem).
    pub fn error_for_status(self) -> Result<Self, Error> {
        let status = self.response.status;
        if status.is_success() {
            return Ok(self);
        }
        let (problem, facts) = (self.problem(), RequestFacts::default());
        let meaning = self.shared.meaning(&problem, &self.response.headers, facts);
        let report = ErrorReport {
            why: "it was returned to the caller".to_owned(),
            ..self.report.clone()
        };
        let error = Error::new(
            ErrorKind::of_read(meaning.kind, status),
            format!("{}: {problem}", self.url.path()),
        );
        Err(error
            .with_problem(Some(problem), Some(meaning.kind))
            .with_report(report))
    }

    fn plain(&self) -> Result<(), Error> {
        if is_coded(&self.response.headers) {
            let what = self.what("has a content coding that was not requested");
            return Err(Error::new(ErrorKind::Decode, what));
        }
        Ok(())
    }

    fn what(&self, why: &str) -> String {
        format!("{}: the body of the response {why}", self.url.path())
    }
}

impl fmt::Debug for PlainResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.response.fmt(f)
    }
}

/// Returns the media type of a format.
pub(super) fn named(format: &impl Format) -> String {
    format.media_type().to_owned()
}

/// Sets the error of a format as the source. Its text may contain parts of the body, unless it is the crate's own.
pub(super) fn of_format(error: Error, source: BoxError) -> Error {
    if is_own(&*source) {
        error.with_said(source)
    } else {
        error.with_source(source)
    }
}
