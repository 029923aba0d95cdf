//! The settings that are walked, and the mistakes that the walk has to find.
#![expect(clippy::panic, clippy::expect_used, reason = "a failed test may panic")]

use super::*;
use crate::support::explore::{Counterexample, Walk, walk};

const BUDGET: Budget = Budget {
    writes: 2,
    removals: 1,
    cuts: 1,
    duplicates: 1,
    restarts: 0,
};

/// A feed that says so if it cannot continue from a position, with versions that count up.
const SIGNALS: Setting = Setting {
    counts_up: true,
    signals_gaps: true,
    lists_first: true,
    items_are_whole: true,
    is_container: false,
    begins_with_whole: false,
    is_mute: false,
    history: 1,
    patience: Duration::ZERO,
    budget: BUDGET,
    flaw: Flaw::None,
};

/// A feed that forgets silently, with versions that have no order.
const FORGETS: Setting = Setting {
    counts_up: false,
    signals_gaps: false,
    lists_first: false,
    ..SIGNALS
};

#[expect(
    clippy::print_stdout,
    reason = "the counts are shown to those who ask for them"
)]
fn holds(name: &str, setting: &Setting) {
    match walk(setting) {
        Ok(Walk {
            states,
            steps,
            ends,
            depth,
        }) => {
            println!("{name}: {states} states, {steps} steps, {ends} ends, {depth} deep");
            assert!(ends > 0);
        }
        Err(Counterexample { fault, way, .. }) => {
            panic!("{name}: {fault}\n{}", short(&way));
        }
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the ways are shown to those who ask for them"
)]
fn finds(setting: &Setting) {
    let found = walk(setting).expect_err("the mistake has to be found");
    println!(
        "{:?}: {} after {} states: {}",
        setting.flaw,
        found.fault,
        found.states,
        short(&found.way)
    );
}

/// The steps of a way, without the states between them.
fn short(way: &[String]) -> String {
    let steps: Vec<_> = way
        .iter()
        .filter_map(|step| step.split(':').next())
        .collect();
    steps.join(", ")
}

#[test]
fn every_state_is_delivered_by_a_feed_that_signals_gaps() {
    holds("signals gaps", &SIGNALS);
    let mute = Setting {
        is_mute: true,
        ..SIGNALS
    };
    holds("answers an old position with nothing", &mute);
}

#[test]
fn every_state_is_delivered_by_a_feed_that_forgets_silently() {
    holds("forgets silently", &FORGETS);
    let counts_up = Setting {
        counts_up: true,
        ..FORGETS
    };
    holds("forgets silently, versions count up", &counts_up);
}

#[test]
fn every_state_is_delivered_if_the_feed_has_time_to_explain_what_was_found() {
    let patience = Duration::from_secs(1);
    let budget = Budget {
        duplicates: 0,
        ..BUDGET
    };
    holds(
        "explains itself",
        &Setting {
            patience,
            budget,
            ..FORGETS
        },
    );
    holds(
        "explains itself, versions count up",
        &Setting {
            patience,
            budget,
            counts_up: true,
            ..FORGETS
        },
    );
}

#[test]
fn every_state_is_delivered_if_items_of_a_list_show_less_than_a_read() {
    let budget = Budget {
        duplicates: 0,
        ..BUDGET
    };
    holds(
        "items show less",
        &Setting {
            items_are_whole: false,
            budget,
            ..FORGETS
        },
    );
}

#[test]
fn every_state_is_delivered_if_a_list_only_names_what_the_feed_does_not_tell() {
    let budget = Budget {
        duplicates: 0,
        ..BUDGET
    };
    holds(
        "a container",
        &Setting {
            items_are_whole: false,
            is_container: true,
            budget,
            ..FORGETS
        },
    );
}

#[test]
fn every_state_is_delivered_by_a_feed_that_begins_with_the_whole() {
    let budget = Budget {
        duplicates: 0,
        ..BUDGET
    };
    // It repeats nothing.
    holds(
        "begins with the whole",
        &Setting {
            begins_with_whole: true,
            history: 0,
            budget,
            ..FORGETS
        },
    );
}

#[test]
fn a_consumer_that_restarts_from_its_position_misses_nothing() {
    let budget = Budget {
        restarts: 1,
        duplicates: 0,
        ..BUDGET
    };
    holds("restarts, signals gaps", &Setting { budget, ..SIGNALS });
    holds(
        "restarts, long history",
        &Setting {
            budget,
            history: 9,
            ..SIGNALS
        },
    );
    let budget = Budget { cuts: 0, ..budget };
    holds("restarts, forgets silently", &Setting { budget, ..FORGETS });
}

#[test]
fn a_position_that_is_moved_to_one_that_works_is_found() {
    finds(&Setting {
        flaw: Flaw::BumpsPosition,
        ..SIGNALS
    });
}

#[test]
fn a_feed_that_is_trusted_after_a_reconnect_is_found() {
    finds(&Setting {
        flaw: Flaw::TrustsFeed,
        ..FORGETS
    });
}

#[test]
fn an_order_of_arrival_that_is_taken_for_an_order_of_versions_is_found() {
    let budget = Budget {
        duplicates: 2,
        removals: 0,
        ..BUDGET
    };
    finds(&Setting {
        flaw: Flaw::BelievesOrder,
        history: 9,
        budget,
        ..FORGETS
    });
}

#[test]
fn a_position_that_is_moved_before_the_consumer_asks_is_found() {
    let budget = Budget {
        restarts: 1,
        ..BUDGET
    };
    finds(&Setting {
        flaw: Flaw::AsksTooEarly,
        history: 9,
        budget,
        ..SIGNALS
    });
}

#[test]
fn silence_that_is_taken_for_quiet_is_found() {
    finds(&Setting {
        flaw: Flaw::TakesNothingForQuiet,
        is_mute: true,
        ..SIGNALS
    });
}
