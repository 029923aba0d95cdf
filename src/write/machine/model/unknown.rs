//! Defines when a write may end as unknown: only if its fate cannot be known.
//!
//! A client can observe no more than a read would show. So the fate of a write cannot be known, and may be reported
//! as unknown, in four cases:
//!
//! 1. *No read was possible.* No read succeeded since its last request that may have been applied without its
//!    knowledge, and its time or its waits are used up. A read before a refusal does not count, nor one after it
//!    that shows the refused version, because that came from a replica that lags behind.
//! 2. *It is still open.* The latest read shows the version that its requests were pinned to. That proves nothing:
//!    a request may still arrive, and the read may come from a replica that lags behind. Its time or its waits are
//!    used up, or the server refuses that version, or would always respond in the same way. The same holds, whatever
//!    time is left, for a read that shows that version with another document, because such a version names no state.
//! 3. *It is ambiguous.* The latest read shows another state, which other clients may have made both from the state
//!    with our write and from the state before it.
//! 4. *Its absence is not proven.* The latest read shows no trace of it. That read may come from a replica that
//!    lags behind. Only a later write of the same client that the server accepts onto that state would prove it. But
//!    its time, its waits or its rounds are used up, the server would always respond in the same way, or no strategy
//!    resolves the conflict with that state.
//!
//! The third case looks at the current value of each place that the write changed. If all places show what it sent, the
//! wanted state exists, no matter which client made it, and that is known. If any place shows the previous value, there
//! is no trace of the write, except under strict settlement: other clients may have reverted just that. A counter goes
//! up and down all the time, so no place proves a count. If no place shows either value, another client has written
//! over it. A stamp resolves all of these cases, as long as the resource exists. A removed resource may have been
//! removed with our write or before it, unless a removal was wanted.
//!
//! A client cannot observe the outcome of a `POST`, so its fate cannot be known at all, unless the server honours keys.
//! Then sending the same request again returns the lost response. That is not possible if the time or the waits of the
//! write are used up, or if the server would always respond in the same way. It does not help if the server has only
//! accepted the request.
//!
//! This uses neither the judge (`recovery::lost_write`) nor the machine's own doubt, because both are checked against
//! it.

use super::client::{Client, Time};
use super::document::{CREATOR, Doc};
use super::setting::{Setting, Settlement};
use crate::write::machine::events::{Event, Failure, Goal, Refused};

/// Every place that an edit of the model changes, the counter first.
const PLACES: [&str; 5] = ["/n", "/a", "/b", "/c", CREATOR];

/// What a client has observed about its own writes.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an observation of its own"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Observed {
    /// Whether the current state was read since the last request whose fate is open.
    pub(super) state: bool,
    /// Whether the current base was refused.
    pub(super) refused: bool,
    /// Whether the server would respond in the same way again.
    pub(super) for_good: bool,
    /// Whether a request was accepted, to be carried out later.
    pub(super) accepted: bool,
}

impl Observed {
    /// Records the response to a request, or its loss.
    pub(super) fn reply(&mut self, event: &Event<u8>) {
        match event {
            // Says nothing about the state.
            Event::Refused {
                kind: Refused::Locked,
                ..
            } => {}
            Event::Refused {
                kind: Refused::Final,
                ..
            } => self.for_good = true,
            // A reported success is not sent again.
            Event::Refused {
                kind: Refused::Contradicted { .. },
                ..
            } => (self.state, self.for_good) = (false, true),
            Event::Refused { current, .. } => {
                self.state &= current.is_some();
                self.refused = true;
            }
            Event::Failed {
                failure: Failure::InFlight,
                ..
            } => self.state = false,
            Event::Accepted { .. } => (self.state, self.accepted) = (false, true),
            Event::Failed {
                failure: failure @ (Failure::Responded | Failure::Doubtful),
                ..
            } => {
                self.state = false;
                self.for_good |= *failure == Failure::Doubtful;
            }
            _ => {}
        }
    }
}

impl Client {
    /// Whether the fate of the write cannot be known.
    pub(super) fn cannot_know(&self, setting: &Setting) -> bool {
        let spent = self.time != Time::Enough || self.tally().transient >= setting.transient;
        let seen = self.observed;
        if self.machine.goal() == Goal::Append {
            return !setting.honours_keys || spent || seen.for_good || seen.accepted;
        }
        if seen.accepted {
            // The condition was checked when the request was accepted, so no later state proves that it will not be
            // carried out.
            return spent || self.tally().polls >= setting.transient;
        }
        if !seen.state {
            return spent;
        }
        if setting.settlement != Settlement::Stamped && self.lost_shows_in_full() {
            return false;
        }
        if self.is_altered() {
            return true;
        }
        // Without a guard, an action is not sent for another state.
        let unguarded = self.machine.goal() == Goal::Act && !setting.reruns(self.writer);
        let refused = seen.refused || unguarded || self.tally().rounds >= setting.rounds;
        spent || refused || seen.for_good || self.looks_either_way(setting)
    }

    /// Whether the version of the base named another document in the last read.
    fn is_altered(&self) -> bool {
        let sides = self.base.as_ref().zip(self.remote.as_ref());
        sides.is_some_and(|(base, remote)| base.version == remote.version && base.doc != remote.doc)
    }

    /// Whether the last read shows everything that one lost request sent.
    fn lost_shows_in_full(&self) -> bool {
        let Some(remote) = &self.remote else {
            return false;
        };
        let mut lost = self.lost.iter();
        lost.any(|lost| Places::of(lost.base.as_ref(), &lost.sent, &remote.doc).all_show_ours())
    }

    /// Whether the state of the last read may have been made with our write as well as without it.
    fn looks_either_way(&self, setting: &Setting) -> bool {
        let removal = self.machine.goal() == Goal::Delete;
        let Some(remote) = &self.remote else {
            return !removal;
        };
        if removal {
            return true;
        }
        if setting.settlement == Settlement::Stamped {
            return false;
        }
        let require_proof = setting.settlement == Settlement::Strict;
        let own = self
            .lost
            .iter()
            .map(|lost| (lost.base.as_ref(), &lost.sent));
        let base = self.base.as_ref().map(|base| &base.doc);
        let inherited = self.inherited.iter().map(|sent| (base, sent));
        let mut lost = own.chain(inherited);
        lost.any(|(base, sent)| Places::of(base, sent, &remote.doc).tell_nothing(require_proof))
    }
}

/// The current values of the places that one write changed.
struct Places(Vec<Place>);

struct Place {
    counter: bool,
    ours: bool,
    before: bool,
}

impl Places {
    fn of(base: Option<&Doc>, sent: &Doc, now: &Doc) -> Self {
        let places = PLACES.iter().filter_map(|at| {
            let (before, after) = (base.and_then(|base| base.member(at)), sent.member(at));
            let now = now.member(at);
            (before != after).then(|| Place {
                counter: *at == PLACES[0],
                ours: now == after,
                before: now == before,
            })
        });
        Self(places.collect())
    }

    fn all_show_ours(&self) -> bool {
        self.0.iter().all(|place| place.ours && !place.counter)
    }

    fn tell_nothing(&self, require_proof: bool) -> bool {
        let counts = self.0.iter().any(|place| place.counter);
        counts || require_proof || !self.0.iter().any(|place| place.before)
    }
}
