//! The settings in which every promise holds.

use super::setting::{Setting, Tags};
use crate::support::explore::walk;

#[expect(clippy::print_stdout, reason = "the figures are for people")]
fn holds(name: &str, setting: &Setting) {
    let walked = walk(setting);
    if let Ok(seen) = &walked {
        println!("{name}: {seen:?}");
    }
    let found = walked.as_ref().err();
    let way = found.map(|found| format!("{}, after\n{}", found.fault, found.way.join("\n")));
    assert_eq!(way, None, "{name}");
}

#[test]
fn no_write_of_an_earlier_holder_comes_after_one_of_a_later_holder() {
    for tags in [Tags::Counted, Tags::Content] {
        holds(&format!("fenced, {tags:?}"), &Setting::new(tags));
    }
}

#[test]
fn no_write_comes_late_if_the_lease_is_renewed() {
    let setting = Setting {
        renewals: 1,
        copies: 0,
        ..Setting::new(Tags::Content)
    };
    holds("fenced, renewed", &setting);
}

#[test]
fn two_holders_never_believe_in_one_lease_if_their_clocks_agree_within_the_tolerance() {
    holds("the lease alone", &Setting::of_the_lease());
}

#[test]
fn versions_alone_suffice_as_long_as_no_version_returns_and_nobody_stands_still() {
    let setting = Setting {
        is_fenced: false,
        may_stand_still: false,
        ..Setting::new(Tags::Counted)
    };
    holds("without a fence, no holder stands still", &setting);
}
