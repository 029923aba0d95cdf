//! What is told about the requests of a call, and to whom.

use std::time::Duration;

use http::{Method, StatusCode};
use url::Url;

use super::NoResponse;
use crate::exchange::transport::Fate;
use crate::retry::WaitReason;

/// The part of a call that a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestPurpose {
    /// Reads a resource or a list.
    Read,
    /// Writes a resource.
    Write,
    /// Sends the same write again.
    Resend,
    /// Reads a resource to find out whether a write was applied whose response was lost.
    Settle,
    /// Asks for the progress of an accepted write (202).
    Poll,
    /// Is a [plain request](crate::PlainRequest).
    Plain,
}

/// One request and its response, as reported to an observer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttemptSeen<'a> {
    /// The path, with `{id}` in place of the id.
    pub template: &'a str,
    /// The method.
    pub method: &'a Method,
    /// The part of the call that the request has.
    pub purpose: RequestPurpose,
    /// How many times the same request was sent before, for any reason.
    pub resends: u32,
    /// The status of the response, or `None` if no complete response arrived.
    pub status: Option<StatusCode>,
    /// The kind of failure if no complete response arrived, as one word.
    pub failure: Option<&'static str>,
    /// The time until the response or the failure. For a stream, the time until the head of the response.
    pub took: Duration,
}

impl<'a> AttemptSeen<'a> {
    pub(super) fn new(
        watched: &Watched<'a>,
        method: &'a Method,
        resends: u32,
        reply: Result<StatusCode, &NoResponse>,
        took: Duration,
    ) -> Self {
        Self {
            template: watched.watch.template(),
            method,
            purpose: watched.purpose,
            resends,
            status: reply.ok(),
            failure: reply.err().map(failure),
            took,
        }
    }
}

/// Returns the kind of a failure as one word.
fn failure(error: &NoResponse) -> &'static str {
    match error {
        NoResponse::Transport(error) => match error.fate {
            Fate::NotSent => "not_sent",
            Fate::Unknown => "no_response",
            Fate::Impossible => "impossible",
            Fate::TooLarge => "too_large",
            Fate::Unsupported => "unsupported",
        },
        NoResponse::Gated(_) => "held_back",
        NoResponse::Credentials(_) => "credentials",
        NoResponse::Withheld(_) => "withheld",
    }
}

/// Is told about the requests of one call and their waits.
pub(crate) trait Watch: Sync {
    /// Returns the path of the resource, with `{id}` in place of the id.
    fn template(&self) -> &str;

    /// Is told about a request that was sent, once its response has arrived or is lost.
    fn attempt(&self, attempt: &AttemptSeen<'_>);

    /// Is told about a wait that is over.
    fn waited(&self, reason: WaitReason, time: Duration);
}

/// Who is told about a request, and what the request is for.
#[derive(Clone, Copy)]
pub(crate) struct Watched<'a> {
    pub(crate) watch: &'a dyn Watch,
    pub(crate) purpose: RequestPurpose,
    /// How many times the same request was sent before.
    pub(crate) resends: u32,
}

/// The span of one request, with the fields of OpenTelemetry's conventions for HTTP clients.
pub(super) struct RequestSpan {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

#[cfg(feature = "tracing")]
impl RequestSpan {
    pub(super) fn new(method: &Method, url: &Url, watched: &Watched<'_>, resends: u32) -> Self {
        let template = || watched.watch.template();
        Self {
            // The fields are evaluated only if a subscriber wants the span.
            span: tracing::info_span!(
                "request",
                otel.name = format!("{method} {}", template()),
                otel.kind = "client",
                http.request.method = method.as_str(),
                server.address = url.host_str().unwrap_or_default(),
                server.port = url.port_or_known_default().unwrap_or_default(),
                url.template = template(),
                http.request.resend_count = (resends > 0).then_some(resends),
                http.response.status_code = tracing::field::Empty,
                error.r#type = tracing::field::Empty,
            ),
        }
    }

    pub(super) async fn run<F: Future>(&self, request: F) -> F::Output {
        tracing::Instrument::instrument(request, self.span.clone()).await
    }

    pub(super) fn ended(&self, reply: Result<StatusCode, &NoResponse>) {
        if self.span.is_disabled() {
            return;
        }
        match reply {
            Ok(status) => {
                self.span
                    .record("http.response.status_code", status.as_u16());
                if status.is_client_error() || status.is_server_error() {
                    self.span.record("error.type", status.as_str());
                }
            }
            Err(error) => {
                self.span.record("error.type", failure(error));
            }
        }
    }
}

#[cfg(not(feature = "tracing"))]
#[expect(clippy::unused_self, reason = "the same signatures as with `tracing`")]
impl RequestSpan {
    pub(super) fn new(_: &Method, _: &Url, _: &Watched<'_>, _: u32) -> Self {
        Self {}
    }

    pub(super) async fn run<F: Future>(&self, request: F) -> F::Output {
        request.await
    }

    pub(super) fn ended(&self, _: Result<StatusCode, &NoResponse>) {}
}
