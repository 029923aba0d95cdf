//! The requests of one write: their credentials, and the result of the last one.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::time::Instant;

use super::diagnosis::FailureCause;
use super::machine::events::Failure;
use crate::BoxError;
use crate::exchange::transport::{Fate, Response};
use crate::exchange::{
    Call, Exchange, NoResponse, RequestContext, RequestPurpose, RequestStats, Watched,
};
use crate::store::CredentialsDigest;
use crate::write::request::carrier::Carried;

/// The requests of one write.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    /// The credentials that the write began with. The write does not continue with those of another user.
    whose: CredentialsDigest,
    pub(crate) stats: RequestStats,
    pub(crate) last_status: Option<StatusCode>,
    /// The last wait that the server requested.
    pub(crate) retry_after: Option<Duration>,
    /// How many times the current write was sent before.
    resent_writes: u32,
    /// How many times the current read was sent before.
    resent_reads: u32,
}

impl Session {
    pub(crate) fn new(whose: CredentialsDigest) -> Self {
        Self {
            whose,
            stats: RequestStats::default(),
            last_status: None,
            retry_after: None,
            resent_writes: 0,
            resent_reads: 0,
        }
    }

    /// Counts a write, and returns how many times it was sent before, reads between aside.
    fn count_write(&mut self, is_again: bool) -> u32 {
        self.resent_writes = next_count(self.resent_writes, is_again);
        self.resent_writes
    }

    /// Counts a read, and returns how many times in a row it was sent before.
    pub(crate) fn count_read(&mut self, is_again: bool) -> u32 {
        self.resent_reads = next_count(self.resent_reads, is_again);
        self.resent_reads
    }

    /// Sends a call. `sent` is called just before a request leaves the client.
    ///
    /// # Errors
    ///
    /// Returns the kind of failure and its cause if there is no response.
    pub(crate) async fn send(
        &mut self,
        exchange: &Exchange,
        call: &Call,
        deadline: Instant,
        sent: &mut (dyn FnMut() -> Result<(), BoxError> + Send),
        watched: Watched<'_>,
    ) -> Result<Response, (Failure, FailureCause)> {
        let context = RequestContext {
            deadline,
            stats: &mut self.stats,
            whose: Some(self.whose),
            sent,
            watched,
        };
        let reply = exchange.send(call, context).await;
        self.taken(&call.method, reply)
    }

    /// Sends a write, or lets the carrier of its target take it to the server.
    ///
    /// # Errors
    ///
    /// Returns the kind of failure and its cause if there is no response.
    pub(crate) async fn send_write(
        &mut self,
        write: Carried<'_>,
        purpose: RequestPurpose,
        is_again: bool,
    ) -> Result<Response, (Failure, FailureCause)> {
        let (target, resends) = (write.target, self.count_write(is_again));
        if let Some(carrier) = &target.carrier {
            let method = &write.call.method;
            let reply = carrier.carry(write).await;
            return self.taken(method, reply);
        }
        let (exchange, watched) = (&target.shared.exchange, target.watched(purpose, resends));
        self.send(exchange, write.call, write.deadline, write.sent, watched)
            .await
    }

    /// Returns the user of the requests.
    pub(crate) fn whose(&self) -> CredentialsDigest {
        self.whose
    }

    fn taken(
        &mut self,
        method: &Method,
        reply: Result<Response, NoResponse>,
    ) -> Result<Response, (Failure, FailureCause)> {
        match reply {
            Ok(reply) => {
                self.last_status = Some(reply.status);
                Ok(reply)
            }
            Err(NoResponse::Gated(held)) => {
                self.retry_after = self.retry_after.max(held.retry_after());
                Err((Failure::Permanent, FailureCause::Gated(held)))
            }
            Err(error) => Err(failure(method, error)),
        }
    }
}

fn next_count(count: u32, is_again: bool) -> u32 {
    if is_again { count + 1 } else { 0 }
}

/// Returns the kind of failure of a request without a response, and its cause.
fn failure(method: &Method, error: NoResponse) -> (Failure, FailureCause) {
    match error {
        NoResponse::Transport(error) => {
            let failure = match error.fate {
                Fate::NotSent => Failure::NotSent,
                Fate::Impossible | Fate::Unsupported => Failure::Permanent,
                Fate::TooLarge if method == Method::GET => Failure::Permanent,
                _ => Failure::InFlight,
            };
            (failure, FailureCause::Transport(Arc::new(error)))
        }
        NoResponse::Gated(held) => (Failure::Permanent, FailureCause::Gated(held)),
        NoResponse::Credentials(error) => {
            (Failure::Permanent, FailureCause::Credentials(error.into()))
        }
        NoResponse::Withheld(error) => {
            let cause = match error.downcast() {
                Ok(lost) => FailureCause::Lease(*lost),
                Err(error) => FailureCause::Payload(error.into()),
            };
            (Failure::Permanent, cause)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::transport::TransportError;

    #[test]
    fn only_a_request_that_certainly_did_not_leave_is_told_so() {
        for (method, fate, expected) in [
            (Method::PUT, Fate::NotSent, Failure::NotSent),
            (Method::PUT, Fate::Impossible, Failure::Permanent),
            (Method::PUT, Fate::Unsupported, Failure::Permanent),
            (Method::PUT, Fate::Unknown, Failure::InFlight),
            // The request was carried out. Only its response is too large.
            (Method::PUT, Fate::TooLarge, Failure::InFlight),
            (Method::GET, Fate::TooLarge, Failure::Permanent),
        ] {
            let error = NoResponse::Transport(TransportError::new(fate, "cut"));
            let (failure, cause) = failure(&method, error);
            assert_eq!(failure, expected, "{method} {fate:?}");
            assert!(matches!(cause, FailureCause::Transport(_)));
        }
    }
}
