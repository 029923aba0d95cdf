//! Plain requests: any method at any address of the API, with nothing added and any response returned.

use std::fmt::{self, Display};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use url::Url;

use super::ask::{AskRules, ask_by};
use super::{Lazy, in_span};
use crate::BoxError;
use crate::address::{PathError, within_origin, without_user};
use crate::exchange::transport::Response;
use crate::exchange::{AttemptSeen, Call, RequestPurpose, Watch};
use crate::json::Document;
use crate::protocol::{Format, Problem, RequestFacts, is_coded};
use crate::retry::WaitReason;
use crate::support::panics;
use crate::value::{Error, ErrorKind, ErrorReport};
use crate::write::request::body::{FORMAT, is_own};
use crate::write::request::target::Shared;

/// A pending plain request, returned by [`Client::request`](crate::Client::request).
///
/// It uses the credentials, default headers, limits, rate, quotas and connections of the client, and follows
/// redirects like its other requests. It has no precondition, reads and writes no snapshot, and does not wait for
/// writes in progress. A response with any status is `Ok`.
///
/// # Default
///
/// | setting | default |
/// |---|---|
/// | body | none |
/// | `Accept` | the media type of the API, or anything else |
/// | [`timeout`](Self::timeout) | [`Limits::time`](crate::Limits::time) |
/// | [`retry`](Self::retry) | off: one request is sent |
///
/// # Example
///
/// ```no_run
/// use http::Method;
///
/// # async fn f(client: ifmatch::Client) -> Result<(), ifmatch::Error> {
/// let report = client
///     .request(Method::GET, "reports/sales")
///     .query("month", "2026-11")
///     .retry()
///     .await?
///     .error_for_status()?;
/// println!("{}", report.text()?);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent before it is awaited"]
pub struct PlainRequest {
    call: Lazy<PlainSettings, Result<PlainResponse, Error>>,
}

struct PlainSettings {
    shared: Arc<Shared>,
    url: Result<Url, PathError>,
    method: Method,
    headers: HeaderMap,
    query: Vec<(String, String)>,
    body: Result<Bytes, Error>,
    media_type: Option<HeaderValue>,
    timeout: Option<Duration>,
    retries: bool,
    template: String,
}

impl PlainRequest {
    pub(crate) fn new(
        shared: Arc<Shared>,
        base: &Url,
        method: Method,
        url: Result<Url, PathError>,
    ) -> Self {
        let template = format!("{}/{{path}}", base.path().trim_end_matches('/'));
        Self {
            call: Lazy::new(PlainSettings {
                shared,
                url,
                method,
                headers: HeaderMap::new(),
                query: Vec::new(),
                body: Ok(Bytes::new()),
                media_type: None,
                timeout: None,
                retries: false,
                template,
            }),
        }
    }

    fn with(self, change: impl FnOnce(&mut PlainSettings)) -> Self {
        Self {
            call: self.call.set(change),
        }
    }

    /// Adds a header. It overrides the default header of the client with this name.
    ///
    /// Preconditions are allowed here. The client does not evaluate their result.
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.with(|settings| {
            settings.headers.insert(name, value);
        })
    }

    /// Adds a query parameter.
    pub fn query(self, name: impl Into<String>, value: impl Display) -> Self {
        self.with(|settings| settings.query.push((name.into(), value.to_string())))
    }

    /// Sets a JSON body, with the media type of the API.
    ///
    /// If the value cannot be written as JSON, the call returns a `Config` error.
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        let body = Document::encode(body).map_err(Error::unwritable);
        self.with(|settings| {
            settings.body = body.map(|body| body.to_bytes());
            settings.media_type = None;
        })
    }

    /// Sets the body and its media type.
    pub fn body(self, media_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        self.with(|settings| {
            settings.body = Ok(body.into());
            settings.media_type = Some(media_type);
        })
    }

    /// Sets a body in another format, with its media type.
    ///
    /// If the value cannot be written in this format, the call returns a `Config` error.
    pub fn write_as(self, format: &impl Format, body: &(impl Serialize + ?Sized)) -> Self {
        let encoded = Document::encode(body).map_err(Error::unwritable);
        let encoded = encoded.and_then(|body| encode(format, &body));
        self.with(|settings| {
            (settings.media_type, settings.body) = match encoded {
                Ok((media_type, body)) => (Some(media_type), Ok(body)),
                Err(error) => (None, Err(error)),
            };
        })
    }

    /// Sets the deadline of this call, waits included, instead of [`Limits::time`](crate::Limits::time).
    pub fn timeout(self, time: Duration) -> Self {
        self.with(|settings| settings.timeout = Some(time))
    }

    /// Sets the path by which observers, spans and metrics name this request, such as `/reports/{name}`.
    ///
    /// By default, it is the path of the base URL with `{path}`, because the path may contain ids.
    pub fn url_template(self, template: impl Into<String>) -> Self {
        let template = template.into();
        self.with(|settings| settings.template = template)
    }

    /// Retries the request as reads are retried: after a lost response, and after responses such as a 503.
    ///
    /// A request whose response was lost may have been carried out. Set this only for requests that may be carried
    /// out twice.
    pub fn retry(self) -> Self {
        self.with(|settings| settings.retries = true)
    }
}

/// Writes a body in a format, with its media type.
fn encode(format: &impl Format, body: &Document) -> Result<(HeaderValue, Bytes), Error> {
    let written = panics::catch(FORMAT, || (named(format), format.write(body)));
    let (media_type, encoded) = written
        .map_err(|panicked| Error::config("the body cannot be written").with_said(panicked))?;
    let encoded = encoded.map_err(|error| {
        let what = format!("the body cannot be written as {media_type}");
        of_format(Error::config(what), error)
    })?;
    let media_type = encoded.media_type.unwrap_or(media_type);
    let media_type = HeaderValue::from_str(&media_type).map_err(|error| {
        Error::config("the media type of the body is no header value").with_source(error)
    })?;
    Ok((media_type, encoded.bytes))
}

/// Returns the media type of a format.
fn named(format: &impl Format) -> String {
    format.media_type().to_owned()
}

/// Sets the error of a format as the source. Its text may contain parts of the body, unless it is the crate's own.
fn of_format(error: Error, source: BoxError) -> Error {
    if is_own(&*source) {
        error.with_said(source)
    } else {
        error.with_source(source)
    }
}

impl Future for PlainRequest {
    type Output = Result<PlainResponse, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().call.poll_with(context, |settings| {
            in_span!(
                "request",
                |it: &PlainSettings| it.template.clone(),
                run,
                settings
            )
        })
    }
}

impl fmt::Debug for PlainRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainRequest").finish_non_exhaustive()
    }
}

async fn run(settings: PlainSettings) -> Result<PlainResponse, Error> {
    let (mut url, body, shared) = (settings.url?, settings.body?, settings.shared);
    if !settings.query.is_empty() {
        url.query_pairs_mut().extend_pairs(settings.query);
    }
    if let Some(version) = &shared.version {
        version.put_on(&mut url);
    }
    let (mut headers, defaults) = (settings.headers, &shared.exchange.headers);
    let is_set = |headers: &HeaderMap, name: &HeaderName| {
        headers.contains_key(name) || defaults.contains_key(name)
    };
    if !is_set(&headers, &ACCEPT) {
        let accept = [shared.accept.as_bytes(), b", */*;q=0.5"].concat();
        let accept = HeaderValue::from_bytes(&accept);
        headers.insert(ACCEPT, accept.unwrap_or(HeaderValue::from_static("*/*")));
    }
    if !is_set(&headers, &ACCEPT_ENCODING) {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if let Some(media_type) = settings.media_type {
        headers.entry(CONTENT_TYPE).or_insert(media_type);
    } else if !body.is_empty() && !is_set(&headers, &CONTENT_TYPE) {
        let media_type = HeaderValue::from_str(shared.media_type());
        headers.insert(
            CONTENT_TYPE,
            media_type.map_err(|error| {
                Error::config("the media type of the API is no header value").with_source(error)
            })?,
        );
    }
    let call = Call {
        method: settings.method,
        url,
        headers,
        body,
    };
    let rules = AskRules {
        purpose: RequestPurpose::Plain,
        retries: settings.retries,
        returns_any_status: true,
    };
    let watch = PlainWatch {
        shared: &shared,
        template: &settings.template,
        url: &call.url,
    };
    let asked = ask_by(
        &shared,
        &watch,
        &call,
        settings.timeout,
        Instant::now(),
        rules,
    );
    let (response, report) = asked.await?;
    let url = response.redirected_to.clone().unwrap_or(call.url);
    Ok(PlainResponse {
        shared,
        url: without_user(url),
        response,
        report,
    })
}

/// Tells the observer of a client about a plain request.
struct PlainWatch<'a> {
    shared: &'a Shared,
    template: &'a str,
    url: &'a Url,
}

impl Watch for PlainWatch<'_> {
    fn template(&self) -> &str {
        self.template
    }

    fn attempt(&self, attempt: &AttemptSeen<'_>) {
        self.shared.tell_attempt(attempt);
    }

    fn waited(&self, reason: WaitReason, time: Duration) {
        self.shared.tell_wait(self.template, self.url, reason, time);
    }
}

/// The response to a [plain request](PlainRequest), with any status.
#[derive(Clone)]
pub struct PlainResponse {
    shared: Arc<Shared>,
    url: Url,
    response: Response,
    report: ErrorReport,
}

impl PlainResponse {
    /// Returns the URL of the request, without user and password. If the server redirected the request, it is the URL
    /// that responded.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the address in `Location`, for example of a new resource or of a job.
    ///
    /// A relative one is resolved against the [URL of the request](Self::url) (RFC 9110 10.2.2). Returns `None` if there
    /// is none, or if it cannot be read or is on another origin, because credentials must not go there.
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
