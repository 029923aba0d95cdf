//! Decides when a request may be sent, by the waits and quotas of the server, the rate that the user set, and
//! the queue for a struggling server.

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use tokio::time::{Instant, timeout_at};

use super::{Exchange, NoResponse, Watch};
use crate::exchange::transport::Fate;
use crate::protocol::rate_limit;
use crate::retry::{BlockedBy, WaitReason, Waits, later};

impl Exchange {
    /// Waits until a request may be sent, and returns its number.
    pub(super) async fn pass_gate(
        &self,
        deadline: Instant,
        waited: &mut Duration,
        watch: &dyn Watch,
    ) -> Result<u64, NoResponse> {
        let (begun, mut held_back, mut counted) = (Instant::now(), None, Duration::ZERO);
        let passed = self.pass(deadline, &mut held_back, &mut counted).await;
        if let Some(reason) = held_back {
            let time = begun.elapsed() + counted;
            *waited += time;
            // A request that is refused at once has not waited.
            if passed.is_ok() || time >= Duration::from_millis(1) {
                watch.waited(reason, time);
            }
        }
        passed.map_err(NoResponse::Gated)
    }

    async fn pass(
        &self,
        deadline: Instant,
        held_back: &mut Option<WaitReason>,
        counted: &mut Duration,
    ) -> Result<u64, BlockedBy> {
        let (mut ticket, mut has_waited) = (None, false);
        loop {
            // A request that was held back for another reason takes a new place, because its old one has
            // passed.
            let (place, wait) = self.server.take_place(Instant::now(), deadline)?;
            if !wait.is_zero() {
                *held_back = Some(WaitReason::RateLimit);
                tokio::time::sleep(wait).await;
            }
            let eased = self.server.eased();
            let now = Instant::now();
            if has_waited && !self.server.answers_by(deadline, now) {
                // If it is abandoned before its response, the request loads the server but does not show
                // whether the server has recovered. A request that did not wait here still has all of its
                // time, however short, so it is sent.
                return Err(BlockedBy::Overload(Duration::ZERO));
            }
            let held = match self.server.pass(now, ticket.as_ref()) {
                Ok(number) => {
                    place.using();
                    return Ok(number);
                }
                Err(held) => held,
            };
            drop(place);
            *held_back = Some(held.into());
            match held {
                BlockedBy::Overload(_) if ticket.is_none() => ticket = Some(self.server.queue()),
                // The pause may become shorter, so this wait can end early.
                BlockedBy::Overload(wait) => {
                    let until = later(now, wait).min(deadline);
                    // Either way, the next round asks the server state again.
                    let _ = timeout_at(until, eased).await;
                    has_waited = true;
                }
                BlockedBy::Server(wait) | BlockedBy::Rate(wait) if later(now, wait) < deadline => {
                    self.server.waits.pass(wait).await;
                    if self.server.waits != Waits::Slept {
                        *counted += wait;
                        self.server.forget_quota();
                    }
                }
                _ => return Err(held),
            }
        }
    }

    /// Records the quota in a response, unless `Retry-After` states when to retry. `Retry-After` takes
    /// precedence (draft-ietf-httpapi-ratelimit-headers-10). A quota that is renewed later than the longest
    /// accepted `Retry-After` is probed instead.
    pub(super) fn heed(&self, headers: &HeaderMap, number: u64) {
        let quota = rate_limit(headers, SystemTime::now());
        if let Some(quota) = quota
            && !headers.contains_key(RETRY_AFTER)
            && quota.reset <= self.limits.retry_after
        {
            self.server.note_quota(quota, number, Instant::now());
        }
    }
}

/// Whether a response shows that the server is overloaded. Returns `None` if it shows nothing about the
/// server, for example because the call itself ran out of time.
pub(super) fn tells_overload(
    reply: Result<StatusCode, &NoResponse>,
    in_time: bool,
) -> Option<bool> {
    match reply {
        Ok(status) => Some(matches!(status.as_u16(), 429 | 502..=504)),
        Err(NoResponse::Transport(error)) if in_time => match error.fate {
            Fate::Impossible | Fate::TooLarge | Fate::Unsupported => None,
            _ => Some(true),
        },
        Err(_) => None,
    }
}
