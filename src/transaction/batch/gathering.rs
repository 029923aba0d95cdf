//! When the writes of an atomic batch are sent together, and what is known once all have ended. Pure: it knows no
//! documents, no clock and no network.
//!
//! Each member is an ordinary write, which reads, merges and judges by itself. Only its requests are held back, until every
//! other member has one too or has nothing to write. A refusal that names one member is the response to that member alone:
//! it reads, merges and asks again, while the requests of the others wait. If the response is lost, each member looks for
//! evidence. The endpoint is atomic, so what one of them finds holds for all. Members that disagree show that it is not.

use crate::write::step::Made;

/// How often a member looks again that finds nothing of a request that another member has found.
const MAX_REREADS: u32 = 2;

/// Where a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    /// It reads, merges or judges.
    Working,
    /// It wants to send. Its last request was refused, or not.
    Waiting {
        is_refused: bool,
    },
    /// Its request is under way.
    Under,
    Ended(Made),
}

/// What is done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Wait for a member.
    Wait,
    /// Send the requests of these members as one.
    Send(Vec<usize>),
    /// Tell these members that their last request may have been applied.
    Reread(Vec<usize>),
    /// Tell these members that nothing is sent any more.
    TurnAway(Vec<usize>),
    Finish,
}

/// What became of the request of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Answer {
    /// The member has an answer of its own, and works on.
    Given { is_refused: bool },
    /// It was not applied because of another member, and waits to be sent again.
    Kept,
}

/// The members of one batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Gathering {
    members: Vec<At>,
    /// Whether the last response to each member was a refusal.
    refused: Vec<bool>,
    rereads: u32,
    disagrees: bool,
    /// Whether nothing is sent any more.
    is_over: bool,
}

impl Gathering {
    pub(super) fn new(members: usize) -> Self {
        Self {
            members: vec![At::Working; members],
            refused: vec![false; members],
            rereads: 0,
            disagrees: false,
            is_over: false,
        }
    }

    /// A member has a request.
    pub(super) fn asks(&mut self, member: usize) {
        let is_refused = self.refused.get(member).copied().unwrap_or_default();
        self.set(member, At::Waiting { is_refused });
    }

    /// A member gives its request up.
    pub(super) fn withdraws(&mut self, member: usize) {
        self.set(member, At::Working);
    }

    /// A member has come to its end.
    pub(super) fn ended(&mut self, member: usize, made: Made) {
        self.set(member, At::Ended(made));
    }

    /// The request of a member is under way.
    pub(super) fn sent(&mut self, member: usize) {
        self.set(member, At::Under);
    }

    /// The request of a member was answered.
    pub(super) fn answered(&mut self, member: usize, answer: Answer) {
        match answer {
            Answer::Given { is_refused } => {
                if let Some(refused) = self.refused.get_mut(member) {
                    *refused = is_refused;
                }
                self.set(member, At::Working);
            }
            Answer::Kept => self.set(member, At::Waiting { is_refused: false }),
        }
    }

    /// Nothing is sent any more.
    pub(super) fn is_over(&mut self) {
        self.is_over = true;
    }

    /// Whether members have found different endings of one request, so the endpoint is not atomic.
    pub(super) fn disagrees(&self) -> bool {
        self.disagrees
    }

    fn set(&mut self, member: usize, at: At) {
        if let Some(known) = self.members.get_mut(member) {
            *known = at;
        }
    }

    /// Returns what is done next.
    pub(super) fn next(&mut self) -> Act {
        let is_busy = |at: &At| matches!(at, At::Working | At::Under);
        if self.members.iter().any(is_busy) {
            return Act::Wait;
        }
        let waiting = |of_all: bool| -> Vec<usize> {
            let members = self.members.iter().enumerate();
            let waits = |at: &At| match at {
                At::Waiting { is_refused } => of_all || !is_refused,
                _ => false,
            };
            let members = members.filter(|(_, at)| waits(at));
            members.map(|(member, _)| member).collect()
        };
        let (all, unrefused) = (waiting(true), waiting(false));
        if all.is_empty() {
            return Act::Finish;
        }
        let has = |made| self.members.contains(&At::Ended(made));
        if has(Made::Applied) {
            // One request was applied here. It cannot have been refused, or be unknown, there.
            if self.rereads < MAX_REREADS && unrefused.len() == all.len() {
                self.rereads += 1;
                return Act::Reread(all);
            }
            self.disagrees = true;
            return Act::TurnAway(all);
        }
        // Without one of the members, the others must not be applied.
        if has(Made::NotApplied) || has(Made::Unknown) || self.is_over {
            return Act::TurnAway(all);
        }
        Act::Send(all)
    }
}

/// Returns what became of the members, after what one has found was concluded for those that found nothing.
pub(super) fn concluded(found: &[Made], disagrees: bool) -> Vec<Made> {
    let has = |made| found.contains(&made);
    let of_all = match () {
        () if disagrees || (has(Made::Applied) && has(Made::NotApplied)) => Made::Unknown,
        () if has(Made::Applied) => Made::Applied,
        () if has(Made::NotApplied) => Made::NotApplied,
        () => Made::Unknown,
    };
    let of_one = |made: &Made| match made {
        Made::Unknown => of_all,
        made => *made,
    };
    found.iter().map(of_one).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const GIVEN: Answer = Answer::Given { is_refused: false };
    const REFUSED: Answer = Answer::Given { is_refused: true };

    /// Two members that have sent one request.
    fn sent() -> Gathering {
        let mut gathering = Gathering::new(2);
        assert_eq!(gathering.next(), Act::Wait);
        gathering.asks(0);
        assert_eq!(gathering.next(), Act::Wait);
        gathering.asks(1);
        assert_eq!(gathering.next(), Act::Send(vec![0, 1]));
        gathering.sent(0);
        gathering.sent(1);
        assert_eq!(gathering.next(), Act::Wait);
        gathering
    }

    #[test]
    fn nothing_is_sent_before_all_members_have_a_request() {
        let mut gathering = sent();
        gathering.answered(0, GIVEN);
        gathering.answered(1, GIVEN);
        gathering.ended(0, Made::Applied);
        gathering.ended(1, Made::Applied);
        assert_eq!(gathering.next(), Act::Finish);
    }

    #[test]
    fn a_member_without_a_change_is_left_out() {
        let mut gathering = Gathering::new(3);
        gathering.asks(0);
        gathering.ended(1, Made::Unchanged);
        gathering.asks(2);
        assert_eq!(gathering.next(), Act::Send(vec![0, 2]));
    }

    #[test]
    fn the_request_of_one_waits_while_the_other_merges() {
        let mut gathering = sent();
        gathering.answered(0, Answer::Kept);
        gathering.answered(1, REFUSED);
        assert_eq!(gathering.next(), Act::Wait);
        gathering.asks(1);
        assert_eq!(gathering.next(), Act::Send(vec![0, 1]));
    }

    #[test]
    fn nothing_is_sent_once_a_member_has_failed() {
        for made in [Made::NotApplied, Made::Unknown] {
            let mut gathering = sent();
            gathering.answered(0, Answer::Kept);
            gathering.answered(1, REFUSED);
            gathering.ended(1, made);
            assert_eq!(gathering.next(), Act::TurnAway(vec![0]));
            assert!(!gathering.disagrees());
        }
    }

    #[test]
    fn a_member_that_finds_nothing_looks_again_if_another_has_found_the_request() {
        let mut gathering = sent();
        gathering.answered(0, GIVEN);
        gathering.answered(1, GIVEN);
        gathering.ended(0, Made::Applied);
        for _ in 0..MAX_REREADS {
            gathering.asks(1);
            assert_eq!(gathering.next(), Act::Reread(vec![1]));
            gathering.answered(1, GIVEN);
        }
        gathering.asks(1);
        assert_eq!(gathering.next(), Act::TurnAway(vec![1]));
        assert!(gathering.disagrees());
    }

    #[test]
    fn a_refusal_beside_a_success_shows_at_once_that_the_endpoint_is_not_atomic() {
        let mut gathering = sent();
        gathering.answered(0, GIVEN);
        gathering.answered(1, REFUSED);
        gathering.ended(0, Made::Applied);
        gathering.asks(1);
        assert_eq!(gathering.next(), Act::TurnAway(vec![1]));
        assert!(gathering.disagrees());
    }

    #[test]
    fn what_one_member_has_found_holds_for_those_that_found_nothing() {
        use Made::{Applied, NotApplied, Unchanged, Unknown};
        for (found, disagrees, expected) in [
            (
                [Applied, Unknown, Unchanged],
                false,
                [Applied, Applied, Unchanged],
            ),
            (
                [NotApplied, Unknown, Unchanged],
                false,
                [NotApplied, NotApplied, Unchanged],
            ),
            (
                [Unknown, Unknown, Unchanged],
                false,
                [Unknown, Unknown, Unchanged],
            ),
            (
                [Applied, Unknown, Unchanged],
                true,
                [Applied, Unknown, Unchanged],
            ),
            (
                [Applied, NotApplied, Unknown],
                false,
                [Applied, NotApplied, Unknown],
            ),
        ] {
            assert_eq!(concluded(&found, disagrees), expected, "{found:?}");
        }
    }

    /// Every order of what two members do, up to a depth. A request never leaves without a member that wants to change
    /// something, and every ending is reached.
    #[test]
    fn in_every_order_a_request_has_all_members_that_want_to_write() {
        let (mut seen, mut open) = (HashSet::new(), vec![(Gathering::new(2), 0)]);
        let mut endings = HashSet::new();
        while let Some((state, depth)) = open.pop() {
            if depth > 14 || !seen.insert(state.clone()) {
                continue;
            }
            let mut after = Vec::new();
            let mut acting = state.clone();
            let act = acting.next();
            match &act {
                Act::Send(members) => {
                    for at in 0..2 {
                        let has_ended = matches!(state.members[at], At::Ended(_));
                        let is_unchanged = state.members[at] == At::Ended(Made::Unchanged);
                        assert_ne!(members.contains(&at), has_ended);
                        assert!(!has_ended || is_unchanged, "{state:?}");
                    }
                    for member in members {
                        acting.sent(*member);
                    }
                    for answers in [[GIVEN, GIVEN], [Answer::Kept, REFUSED], [GIVEN, REFUSED]] {
                        let mut next = acting.clone();
                        for member in members {
                            next.answered(*member, answers[*member]);
                        }
                        after.push(next);
                    }
                }
                Act::Reread(members) => {
                    for it in members {
                        acting.answered(*it, GIVEN);
                    }
                    after.push(acting.clone());
                }
                Act::TurnAway(members) => {
                    for made in [Made::NotApplied, Made::Unknown] {
                        let mut next = acting.clone();
                        for it in members {
                            next.ended(*it, made);
                        }
                        after.push(next);
                    }
                }
                Act::Finish => {
                    endings.insert((state.members.clone(), state.disagrees));
                }
                Act::Wait => {}
            }
            for at in 0..2 {
                if act != Act::Wait || state.members[at] != At::Working {
                    continue;
                }
                let mut next = state.clone();
                next.asks(at);
                after.push(next);
                for made in [
                    Made::Applied,
                    Made::NotApplied,
                    Made::Unchanged,
                    Made::Unknown,
                ] {
                    let mut next = state.clone();
                    next.ended(at, made);
                    after.push(next);
                }
            }
            open.extend(after.into_iter().map(|next| (next, depth + 1)));
        }
        assert!(endings.len() > 16, "{}", endings.len());
    }
}
