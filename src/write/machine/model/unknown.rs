//! When a write may end as unknown: only where its fate cannot be known.
//!
//! What a client may still observe is what a read would show it. So the fate of a write cannot be known,
//! and may be told as unknown, in three cases:
//!
//! 1. *Nobody could look.* No look succeeded since its last request that may have been applied without
//!    its knowing, and its time or its waits are spent. A look before a refusal does not count, nor one
//!    after it that shows the version that was refused: it came from a replica that lags behind.
//! 2. *It is still open.* The latest look shows the version that its requests were pinned to, so none was
//!    applied; but one may still arrive, and its time or its waits are spent, or the server refuses that
//!    version, or would answer all the same for good. A request that was answered, if only with 500, does
//!    not arrive any more.
//! 3. *It is not to be told apart.* The latest look shows another state, which others may have made both
//!    of the state with ours and of the state before it.
//!
//! For the third it is asked of each place that the write changed what is there now. If all of them show
//! what it sent, what was wanted is so, whoever made it, and that is known. If any shows what was there
//! before, ours was not applied, unless others may have taken back just that: they may if settlement is
//! strict, and a counter goes up and down all the time, so that no place vouches for a count. If none
//! shows either, somebody wrote on top. A stamp tells all of this apart, as long as something is there.
//! And what is gone may have been removed with ours or before it, unless a removal is what was wanted.
//!
//! Nothing shows a client what became of a `POST`, so its fate cannot be known at all, unless the server
//! honours keys: then the same request once more brings the reply that was lost. It does not if its time or
//! its waits are spent, if the server would answer all the same for good, or if it only said that it has
//! accepted the request.
//!
//! This asks nothing of the judge (`settle`) or of the machine's own doubt; it is what they are checked
//! against.

use super::client::{Client, Snapshot, Time};
use super::document::{CREATOR, Doc};
use super::setting::{Setting, Settlement};
use crate::write::plan::{Event, Failure, Goal, Refused};

/// Every place that some edit of the model changes, the counter first.
const PLACES: [&str; 5] = ["/n", "/a", "/b", "/c", CREATOR];

/// What a client has observed of its own writes.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an observation of its own"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Observed {
    /// The current state, since the last request whose fate is open.
    pub(super) state: bool,
    /// A request under the present base may still arrive.
    pub(super) may_arrive: bool,
    /// The present base was refused.
    pub(super) refused: bool,
    /// The server would answer in the same way again.
    pub(super) for_good: bool,
    /// It was accepted, to be carried out later.
    pub(super) accepted: bool,
}

impl Observed {
    /// A request was answered so, or not.
    pub(super) fn reply(&mut self, event: &Event<u8>) {
        match event {
            // That says nothing of the state.
            Event::Refused {
                kind: Refused::Locked,
                ..
            } => {}
            Event::Refused {
                kind: Refused::Final,
                ..
            } => self.for_good = true,
            Event::Refused { current, .. } => {
                self.state &= current.is_some();
                self.refused = true;
            }
            Event::Failed {
                failure: failure @ (Failure::InFlight | Failure::Pending),
                ..
            } => {
                (self.state, self.may_arrive) = (false, true);
                self.accepted |= *failure == Failure::Pending;
            }
            Event::Failed {
                failure: failure @ (Failure::Answered | Failure::Doubtful),
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
    /// Whether the fate of its write cannot be known.
    pub(super) fn cannot_know(&self, setting: &Setting) -> bool {
        let spent = self.time != Time::Enough || self.tally().transient >= setting.transient;
        let seen = self.observed;
        if self.machine.goal() == Goal::Append {
            return !setting.honours_keys || spent || seen.for_good || seen.accepted;
        }
        if !seen.state {
            return spent;
        }
        let version = |side: &Option<Snapshot>| side.as_ref().map(|side| side.version);
        if version(&self.base) != version(&self.remote) {
            return self.looks_either_way(setting);
        }
        if seen.may_arrive {
            spent || seen.refused || seen.for_good
        } else {
            spent && seen.refused
        }
    }

    /// Whether the state that was seen last may have been made of ours as well as without it.
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
        let base = self.base.as_ref().map(|base| &base.doc);
        let strict = setting.settlement == Settlement::Strict;
        let mut open = false;
        for sent in &self.sent {
            let places = Places::of(base, sent, &remote.doc);
            if places.all_show_ours() {
                return false;
            }
            open |= places.tell_nothing(strict);
        }
        open
    }
}

/// What the places that one write changed show now.
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

    fn tell_nothing(&self, strict: bool) -> bool {
        let counts = self.0.iter().any(|place| place.counter);
        counts || strict || !self.0.iter().any(|place| place.before)
    }
}
