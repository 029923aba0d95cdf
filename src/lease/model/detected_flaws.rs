//! The walks that find a fault: with deliberate mistakes, and without what a promise needs.

use super::flaws::Flaw;
use super::promises::{OLD_OVER_NEW, TWO_BELIEVE, UNVOUCHED};
use super::setting::{Setting, Tags};
use crate::support::explore::walk;

#[expect(clippy::print_stdout, reason = "the ways are for people")]
fn is_found(name: &str, setting: &Setting, fault: &str) {
    let found = walk(setting).err();
    if let Some(found) = &found {
        let steps = found.way.iter();
        let steps = steps.filter_map(|step| step.split_once(": ").map(|(step, _)| step));
        let (way, states) = (steps.collect::<Vec<_>>().join(", "), found.states);
        println!(
            "{name}: {}, found after {states} states: {way}",
            found.fault
        );
    }
    let found = found.map(|found| found.fault);
    assert_eq!(found.as_deref(), Some(fault), "{name}");
}

fn flaw_is_found(flaw: Flaw, setting: Setting, fault: &str) {
    let flawed = Setting {
        flaw: Some(flaw),
        ..setting
    };
    is_found(&format!("{flaw:?}"), &flawed, fault);
}

const LEASE: Setting = Setting::of_the_lease();

#[test]
fn a_lease_without_a_token_does_not_stop_a_holder_that_stood_still() {
    for tags in [Tags::Counted, Tags::Content] {
        let setting = Setting {
            is_fenced: false,
            ..Setting::new(tags)
        };
        is_found(&format!("lease alone, {tags:?}"), &setting, OLD_OVER_NEW);
    }
}

#[test]
fn a_lease_without_a_token_does_not_stop_a_late_request_onto_a_version_that_returns() {
    let setting = Setting {
        is_fenced: false,
        may_stand_still: false,
        ..Setting::new(Tags::Content)
    };
    is_found(
        "lease alone, no holder stands still",
        &setting,
        OLD_OVER_NEW,
    );
}

#[test]
fn a_missing_check_before_a_write_is_found() {
    flaw_is_found(Flaw::NoLeaseCheck, Setting::new(Tags::Counted), UNVOUCHED);
    flaw_is_found(
        Flaw::NoTokenCheck,
        Setting::new(Tags::Counted),
        OLD_OVER_NEW,
    );
}

#[test]
fn a_takeover_before_the_end_of_the_record_is_found() {
    flaw_is_found(Flaw::EarlyTakeover, LEASE, TWO_BELIEVE);
}

#[test]
fn a_renewal_that_nobody_sees_is_found() {
    flaw_is_found(Flaw::RenewalUnseen, LEASE, TWO_BELIEVE);
}

#[test]
fn a_takeover_of_another_record_than_the_one_watched_is_found() {
    flaw_is_found(Flaw::TakeoverUnpinned, LEASE, TWO_BELIEVE);
}

#[test]
fn a_time_that_is_counted_from_the_wrong_moment_is_found() {
    flaw_is_found(Flaw::WatchedFromRequest, LEASE, TWO_BELIEVE);
    // The response is late by less than the tolerance, which the clocks need themselves.
    let finer = Setting {
        ttl: 6,
        ahead: 2,
        horizon: 9,
        ..LEASE
    };
    flaw_is_found(Flaw::HeldFromResponse, finer, TWO_BELIEVE);
}

#[test]
fn clocks_beyond_the_tolerance_are_found() {
    let setting = Setting { ahead: 2, ..LEASE };
    is_found("clocks beyond the tolerance", &setting, TWO_BELIEVE);
}
