//! Checks the lease of a write.

use http::StatusCode;
use tokio::time::Instant;

use super::super::diagnosis::FailureCause;
use super::Driver;
use crate::exchange::transport::Response;
use crate::json::Document;
use crate::protocol::RefusalKind;

impl Driver<'_> {
    /// Checks that the lease of the write holds, and that the state that it is built on has no later holder. Returns until
    /// when a request may be under way.
    pub(super) fn check_lease(
        &self,
        state: Option<&Document>,
    ) -> Result<Option<Instant>, FailureCause> {
        match &self.target.lease {
            Some(lease) => lease.check(state).map_err(FailureCause::Lease),
            None => Ok(None),
        }
    }

    /// Returns the loss of the lease that a response to the write may be about. Some servers answer 412 or 409 to it, as
    /// they do to a race.
    pub(super) async fn lost_lease(&mut self, reply: &Response) -> Option<FailureCause> {
        let lease = self.target.lease.as_ref()?;
        let is_about_it = matches!(
            reply.status,
            StatusCode::PRECONDITION_FAILED | StatusCode::LOCKED | StatusCode::CONFLICT
        );
        if !is_about_it {
            return None;
        }
        let lost = lease.verify(self.timer.deadline()).await.err()?;
        self.diagnosis.last_problem = Some((RefusalKind::Locked, self.problem(reply)));
        Some(FailureCause::Lease(lost))
    }
}
