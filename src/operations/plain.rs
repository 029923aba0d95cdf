//! Plain requests: any method at any address of the API, with nothing added and any response returned.

use std::fmt::{self, Display};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Serialize;
use tokio::time::Instant;
use url::Url;

use super::ask::{AskRules, ask_by};
use super::plain_response::{PlainResponse, named, of_format};
use super::{Handle, Lazy, ResourceData, in_span};
use crate::address::PathError;
use crate::exchange::{AttemptSeen, Call, RequestPurpose, Watch};
use crate::json::Document;
use crate::protocol::Format;
use crate::retry::WaitReason;
use crate::support::panics;
use crate::value::Error;
use crate::write::request::body::FORMAT;
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
    url: Result<Url, Error>,
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
        Self::to(shared, url.map_err(Error::from), method, template)
    }

    /// Prepares a plain request to the resource of a handle, with the headers and the query of the handle.
    pub(crate) fn of<T: ResourceData>(handle: &Handle<T>, method: Method) -> Self {
        let url = handle.url.clone().map_err(|why| Error::config(&*why));
        let template = url.as_ref().map(|url| handle.template.of(url).to_owned());
        let template = template.unwrap_or_default();
        Self::to(handle.shared.clone(), url, method, template).with(|settings| {
            settings.headers = handle.own_headers().clone();
            settings.query.clone_from(&handle.query);
        })
    }

    fn to(shared: Arc<Shared>, url: Result<Url, Error>, method: Method, template: String) -> Self {
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
    Ok(PlainResponse::new(shared, url, response, report))
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
