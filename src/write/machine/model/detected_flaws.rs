//! The walks that find a fault: with deliberate mistakes, and in cases that no client can handle.

use super::flaws::Flaw;
use super::setting::{Edit, Fault, Queue, Setting, Settlement, Writer};
use crate::support::explore::{Counterexample, walk};
use crate::write::machine::events::HandlerDecision;

const COUNTS: [Writer; 2] = [Writer::informed(Edit::Count), Writer::informed(Edit::Count)];
const TEXT: Edit = Edit::Set("/a", "x");
const TEXTS: [Writer; 2] = [
    Writer::informed(TEXT),
    Writer::informed(Edit::Set("/b", "x")),
];

/// Walks with these faults only, at most as many as there are kinds.
#[expect(clippy::print_stdout, reason = "the ways are for people")]
fn found(setting: Setting, kinds: &[Fault]) -> Option<Counterexample> {
    let setting = Setting {
        kinds: kinds.to_vec(),
        faults: u8::try_from(kinds.len()).unwrap_or(u8::MAX),
        ..setting
    };
    let found = walk(&setting).err();
    if let Some(found) = &found {
        let (way, states) = (found.way.join("\n  "), found.states);
        println!("{}, found after {states} states:\n  {way}", found.fault);
    }
    found
}

/// Asserts that these faults reveal the flaw, and that without it they reveal nothing.
fn is_found(flaw: Flaw, setting: &Setting, kinds: &[Fault], fault: &str) {
    assert_eq!(found(setting.clone(), kinds), None, "without {flaw:?}");
    let flawed = Setting {
        flaw: Some(flaw),
        ..setting.clone()
    };
    let found = found(flawed, kinds).map(|found| found.fault);
    assert!(
        found.as_ref().is_some_and(|found| found.ends_with(fault)),
        "{flaw:?}: {found:?}"
    );
}

const NOT_ONCE: &str = "its edit was not applied once or never";
const NOT_APPLIED: &str = "it was acknowledged, and was not applied";
const APPLIED: &str = "it was reported as failed, and was applied";

#[test]
fn a_missing_condition_is_found() {
    is_found(
        Flaw::NoCondition,
        &Setting::new(&COUNTS, 0),
        &[],
        NOT_APPLIED,
    );
    let wrote_over = "a client that had not seen its change overwrote it";
    is_found(Flaw::NoCondition, &Setting::new(&TEXTS, 0), &[], wrote_over);
}

#[test]
fn an_action_that_is_sent_again_on_too_little_evidence_is_found() {
    let action = Edit::Act("/a", "x");
    let mut setting = Setting::new(&[Writer::informed(action)], 0);
    setting.rerun = true;
    for flaw in [Flaw::BlindResend, Flaw::NeverLanded] {
        is_found(flaw, &setting, &[Fault::ReplyLost], NOT_ONCE);
    }
}

#[test]
fn a_condition_makes_duplicates_harmless() {
    let setting = Setting::new(&COUNTS, 0);
    assert_eq!(found(setting, &[Fault::Duplicate, Fault::Duplicate]), None);
}

#[test]
fn a_refusal_after_a_lost_reply_that_is_taken_for_a_race_is_found() {
    let kinds = [Fault::Late];
    let setting = Setting::new(&COUNTS, 0);
    is_found(Flaw::RefusalIsRace, &setting, &kinds, NOT_ONCE);
}

#[test]
fn a_blind_resend_is_found() {
    let kinds = [Fault::ReplyLost];
    let setting = Setting::new(&COUNTS, 0);
    is_found(Flaw::BlindResend, &setting, &kinds, NOT_ONCE);
}

#[test]
fn a_judge_that_always_says_not_landed_is_found() {
    let kinds = [Fault::ReplyLost];
    let setting = Setting::new(&COUNTS, 0);
    is_found(Flaw::NeverLanded, &setting, &kinds, NOT_ONCE);
}

#[test]
fn a_doubt_forgotten_while_a_request_is_under_way_is_found() {
    let kinds = [Fault::Late];
    let setting = Setting::new(&COUNTS, 0);
    is_found(Flaw::DoubtForgotten, &setting, &kinds, NOT_ONCE);
}

#[test]
fn a_plain_failure_in_doubt_is_found() {
    let kinds = [Fault::ReplyLost];
    let setting = Setting::new(&COUNTS, 0);
    is_found(Flaw::PlainFailure, &setting, &kinds, APPLIED);
}

#[test]
fn a_doubt_without_a_reason_is_found() {
    let kinds = [Fault::Throttled];
    let without = "it is unknown, although nothing happened that could leave a doubt";
    let setting = Setting::new(&COUNTS, 0);
    is_found(Flaw::NeedlessDoubt, &setting, &kinds, without);
}

const COULD_KNOW: &str = "it is unknown, and could have known";

#[test]
fn giving_up_without_a_look_is_found() {
    let kinds = [Fault::ReplyLost];
    for writers in [COUNTS, TEXTS] {
        let setting = Setting::new(&writers, 0);
        is_found(Flaw::NoLook, &setting, &kinds, COULD_KNOW);
    }
}

#[test]
fn a_judge_that_is_never_sure_is_found_except_where_nobody_can_be() {
    let kinds = [Fault::ReplyLost];
    is_found(
        Flaw::NeverSure,
        &Setting::new(&TEXTS, 0),
        &kinds,
        COULD_KNOW,
    );
    let counts = Setting {
        flaw: Some(Flaw::NeverSure),
        ..Setting::new(&COUNTS, 0)
    };
    assert_eq!(found(counts, &kinds), None);
}

const POSTS: [Writer; 2] = [Writer::new(Edit::Post), Writer::new(Edit::Post)];

fn posts(honours_keys: bool) -> Setting {
    Setting {
        honours_keys,
        ..Setting::new(&POSTS, 0)
    }
}

#[test]
fn a_post_sent_again_blindly_is_found() {
    let kinds = [Fault::ReplyLost];
    is_found(Flaw::BlindResend, &posts(false), &kinds, NOT_ONCE);
}

#[test]
fn a_post_sent_again_under_another_key_is_found() {
    let kinds = [Fault::ReplyLost];
    is_found(Flaw::AnotherKey, &posts(true), &kinds, NOT_ONCE);
}

#[test]
fn a_post_given_up_although_its_key_would_tell_is_found() {
    let kinds = [Fault::ReplyLost];
    is_found(Flaw::NoLook, &posts(true), &kinds, COULD_KNOW);
}

#[test]
fn a_post_is_made_twice_by_a_network_that_doubles_it_unless_keys_are_honoured() {
    let twice = found(posts(false), &[Fault::Duplicate]);
    assert!(twice.is_some_and(|found| found.fault.ends_with(NOT_ONCE)));
    assert_eq!(
        found(posts(true), &[Fault::Duplicate, Fault::Duplicate]),
        None
    );
}

#[test]
fn a_post_that_is_told_to_come_back_is_made_once() {
    let kinds = [Fault::BusyAfter(true), Fault::BusyAfter(true)];
    assert_eq!(found(posts(false), &kinds), None);
}

/// Returns the setting of one writer and a server that keeps its version when it should change it.
fn lied_to(edit: Edit) -> Setting {
    Setting::new(&[Writer::informed(edit)], 0)
}

#[test]
fn a_write_under_an_unmoved_version_that_is_not_looked_at_is_found() {
    let kinds = [Fault::Unmoved, Fault::NoWait];
    is_found(Flaw::TrustsVersions, &lied_to(TEXT), &kinds, COULD_KNOW);
}

#[test]
fn an_earlier_state_that_is_taken_for_a_proof_is_found() {
    let setting = Setting {
        stale_reads: 1,
        ..Setting::new(&[Writer::informed(Edit::Count), Writer::new(TEXT)], 0)
    };
    let kinds = [Fault::Dubious(true)];
    is_found(Flaw::TracelessIsProof, &setting, &kinds, APPLIED);
}

#[test]
fn a_refusal_that_a_handler_answers_in_doubt_is_found() {
    let setting = Setting {
        answer: HandlerDecision::Again,
        ..Setting::new(&COUNTS, 0)
    };
    let kinds = [Fault::Late, Fault::Refused];
    is_found(Flaw::AskedInDoubt, &setting, &kinds, NOT_ONCE);
}

#[test]
fn a_loop_without_limits_is_found() {
    let setting = Setting {
        rounds: 1,
        stale_reads: 30,
        ..Setting::new(&COUNTS, 0)
    };
    is_found(Flaw::NoLimits, &setting, &[], "it goes beyond its limits");
}

#[test]
fn a_write_that_waits_for_nothing_is_found() {
    let kinds = [Fault::Throttled];
    let setting = Setting::new(&COUNTS, 0);
    is_found(Flaw::Stuck, &setting, &kinds, "it waits for nothing");
}

#[test]
fn two_identical_operations_look_alike_behind_somebody_who_resends() {
    let setting = Setting::new(&COUNTS, 0);
    let found = found(setting, &[Fault::Resent]);
    assert!(found.is_some_and(|found| found.fault.ends_with(NOT_ONCE)));
}

#[test]
fn a_write_stamp_tells_two_identical_operations_apart() {
    let setting = Setting {
        settlement: Settlement::Stamped,
        ..Setting::new(&COUNTS, 0)
    };
    assert_eq!(found(setting, &[Fault::Resent, Fault::Resent]), None);
}

#[test]
fn texts_bear_somebody_who_resends() {
    let setting = Setting::new(&TEXTS, 0);
    assert_eq!(found(setting, &[Fault::Resent, Fault::Resent]), None);
}

#[test]
fn what_was_taken_back_at_once_is_done_once_more_unless_settlement_is_strict() {
    let writers = [Writer::informed(TEXT), Writer::new(Edit::Set("/a", ""))];
    let lenient = Setting::new(&writers, 0);
    let require_proof = Setting {
        settlement: Settlement::Strict,
        ..lenient.clone()
    };
    let kinds = [Fault::ReplyLost];
    assert_eq!(found(require_proof, &kinds), None);
    assert!(found(lenient, &kinds).is_some_and(|found| found.fault.ends_with(NOT_ONCE)));
}

#[test]
fn absence_has_no_version_that_could_tell_a_removal_from_never_having_been() {
    let writers = [Writer::new(Edit::Create), Writer::new(Edit::Delete)];
    let setting = Setting {
        start: None,
        absence_returns: true,
        settlement: Settlement::Strict,
        ..Setting::new(&writers, 0)
    };
    let found = found(setting, &[Fault::Late]);
    assert!(found.is_some_and(|found| found.fault.ends_with(NOT_ONCE)));
}

/// What most queues do: the write is kept until its response has arrived, and made anew after a restart.
#[test]
fn a_queue_that_keeps_no_trace_of_its_requests_doubles_counts() {
    let kinds = [Fault::Crash, Fault::Crash];
    let queued = |queue| Setting {
        queue: Some(queue),
        ..Setting::new(&COUNTS, 0)
    };
    assert_eq!(found(queued(Queue::WriteAndMarks), &kinds), None);
    let found = found(queued(Queue::Write), &kinds);
    assert!(found.is_some_and(|found| found.fault.ends_with(NOT_ONCE)));
}
