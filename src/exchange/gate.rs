//! When a request may go out: the server's waits and quotas, the user's rate, and the turn at a server that struggles.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;
use tokio::time::{Instant, timeout_at};

use super::{Exchange, NoReply};
use crate::exchange::transport::{Fate, Response};
use crate::protocol::rate_limit;
use crate::retry::{BlockedBy, later};

impl Exchange {
    /// Waits until a request may go out, and tells its number.
    pub(super) async fn pass_gate(
        &self,
        deadline: Instant,
        waited: &mut Duration,
    ) -> Result<u64, NoReply> {
        let (begun, mut held_back) = (Instant::now(), false);
        let passed = self.pass(deadline, &mut held_back).await;
        if held_back {
            *waited += begun.elapsed();
        }
        passed.map_err(NoReply::Gated)
    }

    async fn pass(&self, deadline: Instant, held_back: &mut bool) -> Result<u64, BlockedBy> {
        let (mut ticket, mut has_waited) = (None, false);
        loop {
            // Whoever is held back for another reason takes a place anew: the old one is long past.
            let (place, wait) = self.server.take_place(Instant::now(), deadline)?;
            if !wait.is_zero() {
                *held_back = true;
                tokio::time::sleep(wait).await;
            }
            let eased = self.server.eased();
            let now = Instant::now();
            if has_waited && !self.server.answers_by(deadline, now) {
                // Given up on its way it would cost the server as much as any other, and nobody would learn from
                // it that the server has recovered. Whoever comes when nobody waits has all of its time, however
                // short that is, and goes.
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
            *held_back = true;
            match held {
                BlockedBy::Overload(_) if ticket.is_none() => ticket = Some(self.server.queue()),
                // It may be less, so this waits until its time is over.
                BlockedBy::Overload(wait) => {
                    let until = later(now, wait).min(deadline);
                    // Sooner or in its time: the host tells.
                    let _ = timeout_at(until, eased).await;
                    has_waited = true;
                }
                BlockedBy::Server(wait) | BlockedBy::Rate(wait) if later(now, wait) < deadline => {
                    tokio::time::sleep(wait).await;
                }
                _ => return Err(held),
            }
        }
    }

    /// Heeds what a reply tells of quotas, unless it says in so many words when to come back, which takes
    /// precedence (draft-ietf-httpapi-ratelimit-headers-10). A quota that comes back later than one waits for
    /// a `Retry-After` is probed instead.
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

/// Whether a server that answers so has too much to do; `None`: that tells nothing of the server, as when it was
/// the call that had no more time.
pub(super) fn tells_overload(reply: &Result<Response, NoReply>, in_time: bool) -> Option<bool> {
    match reply {
        Ok(reply) => Some(matches!(reply.status.as_u16(), 429 | 502..=504)),
        Err(NoReply::Transport(error)) if in_time => match error.fate {
            Fate::Impossible | Fate::TooLarge => None,
            _ => Some(true),
        },
        Err(_) => None,
    }
}
