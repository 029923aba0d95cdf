//! When a write may end as unknown: only where its fate cannot be known.
//!
//! What a client may still observe is what a read would show it. So the fate of a write cannot be known,
//! and may be told as unknown, in four cases:
//!
//! 1. *Nobody could look.* No look succeeded since its last request that may have been applied without
//!    its knowing, and its time or its waits are spent. A look before a refusal does not count, nor one
//!    after it that shows the version that was refused: it came from a replica that lags behind.
//! 2. *It is still open.* The latest look shows the version that its requests were pinned to. That tells
//!    nothing: a request may still arrive, and the look may come from a replica that lags behind. Its time or
//!    its waits are spent, or the server refuses that version, or would answer all the same for good. The
//!    same holds, whatever time is left, for a look that shows that version with another document: such a
//!    version names no state.
//! 3. *It is not to be told apart.* The latest look shows another state, which others may have made both
//!    of the state with ours and of the state before it.
//!
//! 4. *Its absence is not proven.* The latest look shows no trace of it. That look may come from a replica
//!    that lags behind, and only a later write of the same client that the server takes onto that state would
//!    prove it; its time, its waits or its rounds are spent, the server would answer all the same for good, or
//!    no strategy settles what is in conflict with that state.
//!
//! For the third it is asked of each place that the write changed what is there now. If all of them show
//! what it sent, what was wanted is so, whoever made it, and that is known. If any shows what was there
//! before, there is no trace of it, unless others may have taken back just that: they may if settlement is
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

use super::client::{Client, Time};
use super::document::{CREATOR, Doc};
use super::setting::{Setting, Settlement};
use crate::write::machine::events::{Event, Failure, Goal, Refused};

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
            // What was told to be a success is not sent again.
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
        if seen.accepted {
            // Its condition was checked when it was accepted: no later state tells that it will not be done.
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
        let refused = seen.refused || self.tally().rounds >= setting.rounds;
        spent || refused || seen.for_good || self.looks_either_way(setting)
    }

    /// Whether the version of its base named another document when it was seen last.
    fn is_altered(&self) -> bool {
        let sides = self.base.as_ref().zip(self.remote.as_ref());
        sides.is_some_and(|(base, remote)| base.version == remote.version && base.doc != remote.doc)
    }

    /// Whether the state that was seen last shows all of what one lost request sent.
    fn lost_shows_in_full(&self) -> bool {
        let Some(remote) = &self.remote else {
            return false;
        };
        let mut lost = self.lost.iter();
        lost.any(|lost| Places::of(lost.base.as_ref(), &lost.sent, &remote.doc).all_show_ours())
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

    fn tell_nothing(&self, require_proof: bool) -> bool {
        let counts = self.0.iter().any(|place| place.counter);
        counts || require_proof || !self.0.iter().any(|place| place.before)
    }
}
