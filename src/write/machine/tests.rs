//! The machine under arbitrary sequences of responses: it ends, stays within its limits, and never writes unpinned.
#![expect(
    clippy::manual_is_multiple_of,
    reason = "a die is thrown, nothing is divided"
)]

use std::time::Duration;

use proptest::prelude::*;

use super::{Clock, Machine};
use crate::write::machine::events::{
    Action, Base, Condition, Decision, Event, Failure, Goal, HandlerDecision, LostWriteVerdict,
    OutcomeKind, Progress, ReadOutcome, Refused, WriteParams,
};
use crate::write::machine::every::one_of;

/// The possible answers to an action. Which field counts depends on the action.
#[derive(Clone, Debug)]
struct World {
    version: u8,
    what: u8,
    wait: Option<u8>,
}

fn world() -> impl Strategy<Value = World> {
    (0_u8..4, any::<u8>(), proptest::option::of(0_u8..3)).prop_map(|(version, what, wait)| World {
        version,
        what,
        wait,
    })
}

fn params() -> impl Strategy<Value = WriteParams<u8>> {
    let goal = prop::sample::select(Goal::ALL.as_slice());
    let base = prop_oneof![
        Just(Base::Unknown),
        (0_u8..4).prop_map(Base::Version),
        Just(Base::Unversioned)
    ];
    (goal, base, any::<[bool; 6]>(), 1_u32..6, 0_u32..5).prop_map(
        |(
            goal,
            base,
            [
                doubtful,
                cached,
                rerun,
                create_if_absent,
                honours_keys,
                resumes,
            ],
            rounds,
            transient,
        )| {
            WriteParams {
                goal,
                earlier_write_is_unsettled: doubtful
                    && !matches!(goal, Goal::Append | Goal::Act)
                    && matches!(base, Base::Version(_)),
                resumes: resumes && goal != Goal::Act && !rerun && !create_if_absent,
                may_have_been_made_before: false,
                base,
                base_is_cached: cached && goal != Goal::Act,
                edit_reruns: rerun,
                create_if_absent,
                allows_unconditional: goal == Goal::Act && cached,
                honours_keys,
                max_rounds: rounds,
                max_transient: transient,
                max_polls: transient,
                deadline: Duration::from_secs(30),
            }
        },
    )
}

fn answer(action: &Action<u8>, world: &World) -> Event<u8> {
    let what = world.what;
    let wait = world.wait.map(|wait| Duration::from_secs(wait.into()));
    match action {
        Action::Prepare if what % 9 == 0 => Event::EditFailed,
        Action::Prepare => Event::Prepared(what % 5 != 0),
        Action::Read if what % 4 == 0 => Event::Failed {
            failure: one_of(what / 4, Failure::ALL),
            wait,
        },
        Action::Follow => Event::Followed(one_of(what, Progress::all(wait))),
        Action::Read => Event::Read(match what % 7 {
            0 => ReadOutcome::Absent,
            1 => ReadOutcome::Unversioned,
            2 => ReadOutcome::Unusable {
                becomes_usable: what % 2 == 0,
                moved: what % 3 == 0,
            },
            3 => ReadOutcome::Altered(world.version),
            _ => ReadOutcome::Version(world.version),
        }),
        Action::Send { .. } => match what % 3 {
            0 if what % 5 == 0 => Event::Stored,
            1 if what % 7 == 0 => Event::Accepted { wait },
            0 | 1 => Event::Refused {
                kind: one_of(what / 3, Refused::PLAIN),
                current: (what > 200).then_some(world.version),
                wait,
            },
            _ => Event::Failed {
                failure: one_of(what / 3, Failure::ALL),
                wait,
            },
        },
        Action::Judge => Event::Judged(one_of(what, LostWriteVerdict::ALL)),
        Action::Resolve { .. } => Event::Resolved(one_of(what, Decision::ALL)),
        Action::Ask => Event::HandlerDecided(one_of(what, HandlerDecision::ALL)),
        Action::Wait(_) if what % 11 == 0 => Event::OutOfTime,
        Action::Wait(_) => Event::Woke,
        Action::Finish(_) => Event::Begin,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_sequence_of_replies_ends_within_the_limits_and_the_condition_is_never_missing(
        params in params(),
        worlds in proptest::collection::vec(world(), 200),
    ) {
        let mut machine = Machine::new(params.clone());
        let mut event = Event::Begin;
        // Only its own requests count: an edit that fails after an older doubt has applied nothing itself.
        let (mut requests, mut in_doubt) = (0, false);
        let (mut finished, mut was_accepted) = (None, false);
        let mut trace = Vec::new();
        for (step, world) in worlds.iter().enumerate() {
            let now = Duration::from_millis(150 * u64::try_from(step).unwrap_or(0));
            let clock = Clock { now, round_trip: Duration::from_millis(50) };
            let action = machine.on(clock, event.clone());
            match &action {
                Action::Send { condition, .. } => {
                    requests += 1;
                    let is_free = params.goal == Goal::Append || params.allows_unconditional;
                    prop_assert!(*condition != Condition::None || is_free);
                    // Only the application or the server's keys can tell that a resend is harmless.
                    let is_repeated = params.goal == Goal::Act && in_doubt && !params.honours_keys;
                    prop_assert!(!is_repeated, "{:?}", trace);
                }
                Action::Read | Action::Follow => requests += 1,
                Action::Finish(outcome) => {
                    finished = Some(*outcome);
                    break;
                }
                _ => {}
            }
            event = answer(&action, world);
            trace.push((action.clone(), event.clone()));
            match (&action, &event) {
                (Action::Send { .. }, Event::Failed { failure, .. }) => {
                    in_doubt |= matches!(failure, Failure::InFlight | Failure::Responded | Failure::Doubtful);
                }
                (Action::Send { .. }, Event::Accepted { .. }) => (in_doubt, was_accepted) = (true, true),
                // A judgement, or a statement of the server itself, ends a doubt. An unchanged version does not.
                (Action::Judge, Event::Judged(LostWriteVerdict::NotApplied | LostWriteVerdict::Excluded))
                | (Action::Follow, Event::Followed(Progress::Refused)) => in_doubt = false,
                (Action::Read, Event::Read(ReadOutcome::Version(_))) if params.goal == Goal::Delete => {
                    in_doubt = false;
                }
                _ => {}
            }
        }
        let tally = machine.tally();
        let outcome = finished.ok_or_else(|| TestCaseError::fail("it did not end"))?;
        prop_assert_eq!(tally.requests, requests);
        prop_assert!(tally.rounds <= params.max_rounds);
        prop_assert!(tally.transient <= params.max_transient);
        prop_assert!(outcome != OutcomeKind::Accepted || was_accepted, "{:?}", trace);
        // A request that may have been applied is never reported as a plain failure unless it was judged.
        prop_assert!(!(outcome.is_plain_failure() && in_doubt), "{:?} {:?}", outcome, trace);
        // In doubt, the outcome never claims that the remote state was kept.
        let keeps = matches!(trace.last(), Some((_, Event::Resolved(Decision::KeepRemote))));
        prop_assert!(!(keeps && in_doubt && outcome == OutcomeKind::Unchanged), "{:?}", trace);
    }
}

/// Creates a machine for a save that holds version 1, or for a removal of it.
pub(super) fn machine(goal: Goal) -> Machine<u8> {
    Machine::new(WriteParams {
        goal,
        base: Base::Version(1),
        base_is_cached: false,
        earlier_write_is_unsettled: false,
        resumes: false,
        may_have_been_made_before: false,
        edit_reruns: false,
        create_if_absent: false,
        allows_unconditional: false,
        honours_keys: false,
        max_rounds: 16,
        max_transient: 10,
        max_polls: 10,
        deadline: Duration::from_secs(30),
    })
}

#[test]
fn a_refusal_after_a_lost_reply_is_judged_and_not_taken_for_a_race() {
    let mut machine = machine(Goal::Replace);
    let mut on = |event| machine.on(Clock::default(), event);
    let lost = Event::Failed {
        failure: Failure::InFlight,
        wait: None,
    };
    assert_eq!(on(Event::Begin), Action::Prepare);
    assert!(matches!(on(Event::Prepared(true)), Action::Send { .. }));
    assert!(matches!(on(lost), Action::Wait(_)));
    assert_eq!(on(Event::Woke), Action::Read);
    let resend = on(Event::Read(ReadOutcome::Version(1)));
    assert!(matches!(resend, Action::Send { resend: true, .. }));
    let stale = Event::Refused {
        kind: Refused::Stale,
        current: None,
        wait: None,
    };
    assert_eq!(on(stale), Action::Read);
    assert_eq!(on(Event::Read(ReadOutcome::Version(2))), Action::Judge);
    assert_eq!(
        on(Event::Judged(LostWriteVerdict::Applied)),
        Action::Finish(OutcomeKind::Settled)
    );
}

#[test]
fn a_write_whose_place_was_taken_is_no_longer_in_doubt() {
    let lost = Event::Failed {
        failure: Failure::InFlight,
        wait: None,
    };
    for (verdict, expected) in [
        (LostWriteVerdict::Excluded, OutcomeKind::Conflict),
        // A replica may lag behind, so a state without the write does not prove that it was not applied.
        (LostWriteVerdict::NotApplied, OutcomeKind::Unknown),
    ] {
        let mut machine = machine(Goal::Replace);
        let mut action = Action::Prepare;
        for event in [
            Event::Begin,
            Event::Prepared(true),
            lost.clone(),
            Event::Woke,
            Event::Read(ReadOutcome::Version(2)),
            Event::Judged(verdict),
            Event::Resolved(Decision::Unresolved),
        ] {
            action = machine.on(Clock::default(), event);
        }
        assert_eq!(action, Action::Finish(expected), "{verdict:?}");
    }
}

#[test]
fn an_event_that_answers_nothing_ends_the_write() {
    let mut machine = machine(Goal::Replace);
    let action = machine.on(Clock::default(), Event::Stored);
    assert_eq!(action, Action::Finish(OutcomeKind::Failed));
}

#[test]
fn what_may_have_been_applied_stays_so_whatever_the_strategy_makes_of_it() {
    let lost = Event::Failed {
        failure: Failure::InFlight,
        wait: None,
    };
    let refused = Event::Refused {
        kind: Refused::Final,
        current: None,
        wait: None,
    };
    let mut machine = machine(Goal::Replace);
    let mut action = Action::Prepare;
    for event in [
        Event::Begin,
        Event::Prepared(true),
        lost,
        Event::Woke,
        Event::Read(ReadOutcome::Version(2)),
        Event::Judged(LostWriteVerdict::Doubtful),
        Event::Resolved(Decision::Write),
        refused,
        Event::HandlerDecided(HandlerDecision::GiveUp),
    ] {
        action = machine.on(Clock::default(), event);
    }
    assert_eq!(action, Action::Finish(OutcomeKind::Unknown));
}
