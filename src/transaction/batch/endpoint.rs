//! The endpoint for several writes: how their requests become one, and how that is sent.

use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use tokio::time::Instant;
use url::Url;

use super::seat::Asked;
use crate::BoxError;
use crate::exchange::transport::{Response, TransportError};
use crate::exchange::{
    AttemptSeen, Call, NoResponse, RequestContext, RequestPurpose, RequestStats, Watch, Watched,
};
use crate::protocol::{
    Batch, BatchReply, BatchRequest, Misfit, RequestParts, ResponseParts, forbid_keeping,
};
use crate::retry::WaitReason;
use crate::store::CredentialsDigest;
use crate::write::request::target::Shared;

/// The endpoint of an API that takes several writes.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) shared: Arc<Shared>,
    pub(crate) batch: Batch,
    /// The address below the base of the API. Where a request goes may depend on its writes.
    pub(crate) url: Url,
}

/// Where a request goes, and who is told of it.
struct Destination<'a> {
    shared: &'a Shared,
    url: Url,
}

impl Watch for Destination<'_> {
    fn template(&self) -> &str {
        self.url.path()
    }

    fn attempt(&self, attempt: &AttemptSeen<'_>) {
        self.shared.tell_attempt(attempt);
    }

    fn waited(&self, reason: WaitReason, time: Duration) {
        self.shared
            .tell_wait(self.template(), &self.url, reason, time);
    }
}

/// Where a request goes, until when it may take, and as whom it is sent.
pub(super) struct SendLimits {
    url: Url,
    deadline: Instant,
    whose: CredentialsDigest,
}

impl Endpoint {
    /// Returns one request for all that were asked for. The id makes the boundaries of its parts, so that the same writes are
    /// the same bytes.
    pub(super) fn request<'a>(
        &self,
        id: &str,
        asked: impl Iterator<Item = &'a Asked>,
    ) -> Result<(BatchRequest, SendLimits), Misfit> {
        let asked: Vec<_> = asked.collect();
        let writes: Vec<_> = asked
            .iter()
            .map(|it| RequestParts::from(&it.call))
            .collect();
        let urls: Vec<_> = writes.iter().map(|write| write.url).collect();
        let url = self.batch.address(&self.url, &urls)?;
        let request = self.batch.encode(&self.url, id, &writes)?;
        let deadline = asked.iter().map(|asked| asked.deadline).min();
        let whose = asked.first().map(|asked| asked.whose);
        let (deadline, whose) = deadline.zip(whose).ok_or(Misfit::OtherUser)?;
        if !asked.iter().all(|other| whose.may_go_on_as(other.whose)) {
            return Err(Misfit::OtherUser);
        }
        let limits = SendLimits {
            url,
            deadline,
            whose,
        };
        Ok((request, limits))
    }

    /// Reads what a response says about each of the writes that were asked for.
    pub(super) fn decode<'a>(
        &self,
        asked: impl Iterator<Item = &'a Asked>,
        reply: &Response,
    ) -> Result<BatchReply, BoxError> {
        let writes: Vec<_> = asked.map(|it| RequestParts::from(&it.call)).collect();
        self.batch
            .decode(&writes, reply.status, &reply.headers, &reply.body)
    }

    /// Sends a request. It was sent `resends` times before.
    pub(super) async fn send(
        &self,
        request: BatchRequest,
        limits: SendLimits,
        stats: &mut RequestStats,
        resends: u32,
    ) -> Result<Response, NoResponse> {
        let SendLimits {
            url,
            deadline,
            whose,
        } = limits;
        let destination = Destination {
            shared: &self.shared,
            url,
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, request.media_type);
        let call = Call {
            method: Method::POST,
            url: destination.url.clone(),
            headers,
            body: request.body,
        };
        let context = RequestContext {
            deadline,
            stats,
            whose: Some(whose),
            // It may have waited since the members let it go, and their leases may be over.
            sent: &mut || in_time(deadline),
            watched: Watched {
                watch: &destination,
                purpose: match resends {
                    0 => RequestPurpose::Write,
                    _ => RequestPurpose::Resend,
                },
                resends,
            },
        };
        self.shared.exchange.send(&call, context).await
    }
}

/// Returns an error if a request leaves too late.
fn in_time(deadline: Instant) -> Result<(), BoxError> {
    if Instant::now() < deadline {
        Ok(())
    } else {
        Err("the time of a write of the batch was over before it left".into())
    }
}

/// Returns a part as a response of the server, from the same user as the whole.
pub(super) fn response(whole: &Response, part: ResponseParts) -> Response {
    let mut origin = whole.origin;
    origin.is_storable &= !forbid_keeping(&part.headers);
    let mut response = Response::new(part.status, part.headers, part.body);
    response.origin = origin;
    response
}

/// Returns the same failure for another member.
pub(super) fn same(error: &NoResponse) -> NoResponse {
    match error {
        NoResponse::Transport(error) => {
            NoResponse::Transport(TransportError::new(error.fate, error.to_string()))
        }
        NoResponse::Gated(held) => NoResponse::Gated(*held),
        NoResponse::Credentials(error) => NoResponse::Credentials(error.to_string().into()),
        NoResponse::Withheld(error) => NoResponse::Withheld(error.to_string().into()),
    }
}
