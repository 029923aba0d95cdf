//! The walks that find no fault: the settings in which the promises hold.
//!
//! `IFMATCH_MODEL_FAULTS` is the number of faults in one run of two clients, 3 by default. Teams of three have two
//! fewer, and the variants one fewer. `--nocapture` prints the figures.

use super::setting::{Dialect, Edit, Fault, Queue, Setting, Settlement, Writer};
use crate::support::explore::{Walk, walk};
use crate::write::machine::events::HandlerDecision;

const COUNT: Edit = Edit::Count;
const A: Edit = Edit::Set("/a", "x");
const OTHER_A: Edit = Edit::Set("/a", "y");
const NO_A: Edit = Edit::Set("/a", "");
const B: Edit = Edit::Set("/b", "x");
const C: Edit = Edit::Set("/c", "x");

/// Returns the setting of these writers. Some read first because they have nothing cached.
fn team(writers: &[Writer]) -> Setting {
    let bound = std::env::var("IFMATCH_MODEL_FAULTS").ok();
    let bound: u8 = bound
        .and_then(|bound| bound.parse().ok())
        .unwrap_or(3)
        .max(2);
    Setting::new(writers, if writers.len() > 2 { bound - 2 } else { bound })
}

fn from_nothing(writers: &[Writer]) -> Setting {
    Setting {
        start: None,
        ..team(writers)
    }
}

#[expect(clippy::print_stdout, reason = "the figures are for people")]
fn holds(name: &str, setting: &Setting) -> Option<Walk> {
    let walked = walk(setting);
    let faults = setting.faults;
    if let Ok(seen) = &walked {
        println!("{name}, {faults} faults: {seen:?}");
    }
    let found = walked.as_ref().err();
    let shortest_way =
        found.map(|found| format!("{}, after\n{}", found.fault, found.way.join("\n")));
    assert_eq!(shortest_way, None, "{name}, {faults} faults");
    walked.ok()
}

/// Walks the other dialects too, and with a lagging replica, strict settlement, write stamps and tight limits.
fn holds_in_every_way(name: &str, setting: &Setting) {
    holds(name, setting);
    let fewer = Setting {
        faults: setting.faults - 1,
        ..setting.clone()
    };
    for dialect in [Dialect::CurrentState, Dialect::Conflict] {
        let setting = Setting {
            dialect,
            ..fewer.clone()
        };
        holds(&format!("{name}, {dialect:?}"), &setting);
    }
    for settlement in [Settlement::Strict, Settlement::Stamped] {
        let setting = Setting {
            settlement,
            ..fewer.clone()
        };
        holds(&format!("{name}, {settlement:?}"), &setting);
    }
    let stale = Setting {
        stale_reads: 1,
        ..fewer.clone()
    };
    holds(&format!("{name}, a lagging replica"), &stale);
    let tight = Setting {
        rounds: 1,
        transient: 1,
        ..fewer
    };
    holds(&format!("{name}, tight limits"), &tight);
}

#[test]
fn counts_of_two_clients() {
    let writers = [Writer::informed(COUNT), Writer::new(COUNT)];
    holds_in_every_way("two counts", &team(&writers));
}

#[test]
fn texts_of_two_clients() {
    let beside = [Writer::informed(A), Writer::informed(B)];
    holds_in_every_way("two texts", &team(&beside));
    let same = [Writer::informed(A), Writer::new(OTHER_A)];
    holds_in_every_way("one text, two values", &team(&same));
}

#[test]
fn edits_that_run_again() {
    for (name, second) in [("a count and a text", A), ("two counts", COUNT)] {
        let setting = Setting {
            rerun: true,
            ..team(&[Writer::informed(COUNT), Writer::new(second)])
        };
        holds_in_every_way(&format!("{name}, run again"), &setting);
    }
    let texts = Setting {
        rerun: true,
        ..team(&[Writer::informed(A), Writer::new(OTHER_A)])
    };
    holds_in_every_way("one text, two values, run again", &texts);
    let removed = Setting {
        rerun: true,
        ..team(&[Writer::informed(A), Writer::informed(Edit::Delete)])
    };
    holds_in_every_way("an edit, run again, and a removal", &removed);
    let three = Setting {
        rerun: true,
        ..team(&[
            Writer::informed(COUNT),
            Writer::informed(A),
            Writer::new(COUNT),
        ])
    };
    holds_in_every_way("three edits, run again", &three);
}

#[test]
fn a_server_whose_version_stays_or_names_another_document() {
    for (name, edit) in [("a count", COUNT), ("a text", A)] {
        for rerun in [false, true] {
            let mut setting = Setting {
                rerun,
                stale_reads: 2,
                ..team(&[Writer::informed(edit)])
            };
            setting.kinds.extend([Fault::Unmoved, Fault::Replaced]);
            holds(
                &format!("{name}, a server that lies, run again: {rerun}"),
                &setting,
            );
        }
    }
}

#[test]
fn a_server_that_tells_a_success_and_shows_none() {
    let lies = [(true, true), (true, false), (false, true), (false, false)];
    let lies = lies.map(|(applied, unmoved)| Fault::Contradicted { applied, unmoved });
    for (name, first, second) in [
        ("two texts", A, B),
        ("one text, two values", A, OTHER_A),
        ("two counts", COUNT, COUNT),
    ] {
        for rerun in [false, true] {
            let mut setting = Setting {
                rerun,
                ..team(&[Writer::informed(first), Writer::new(second)])
            };
            setting.faults -= 1;
            setting.kinds.extend(lies);
            let name = format!("{name}, empty successes, run again: {rerun}");
            holds(&name, &setting);
        }
    }
}

#[test]
fn creations() {
    let both = [Writer::new(Edit::Create), Writer::new(Edit::Create)];
    holds_in_every_way("two creations", &from_nothing(&both));
    let edited = [Writer::new(Edit::Create), Writer::new(A)];
    holds_in_every_way("a creation and a text", &from_nothing(&edited));
}

#[test]
fn edits_that_create_what_is_missing() {
    let (a, b) = (Edit::SetOrCreate("/a", "x"), Edit::SetOrCreate("/b", "x"));
    let beside = [Writer::new(a), Writer::new(b)];
    holds_in_every_way("two edits of nothing", &from_nothing(&beside));
    let removed = [Writer::informed(a), Writer::informed(Edit::Delete)];
    holds_in_every_way("an edit and a removal", &team(&removed));
}

#[test]
fn removals() {
    let text = [Writer::new(Edit::Delete), Writer::new(A)];
    holds_in_every_way("a removal and a text", &team(&text));
    let count = [Writer::informed(Edit::Delete), Writer::informed(COUNT)];
    holds_in_every_way("a removal and a count", &team(&count));
    let twice = [Writer::informed(Edit::Delete), Writer::new(Edit::Delete)];
    holds_in_every_way("two removals", &team(&twice));
    let created = [Writer::informed(Edit::Delete), Writer::new(Edit::Create)];
    holds_in_every_way("a removal, then a creation", &team(&created));
    let removed = [Writer::new(Edit::Create), Writer::new(Edit::Delete)];
    holds_in_every_way("a creation, then a removal", &from_nothing(&removed));
}

#[test]
fn the_next_write_of_a_client_that_gave_up() {
    for (name, next) in [
        ("beside it", B),
        ("the same again", A),
        ("another value", OTHER_A),
    ] {
        let writers = [Writer::informed(A), Writer::informed(next).after(0)];
        holds_in_every_way(name, &team(&writers));
    }
    let counts = [Writer::informed(COUNT), Writer::informed(COUNT).after(0)];
    holds_in_every_way("the same count again", &team(&counts));
    let met = [
        Writer::informed(A),
        Writer::informed(B).after(0),
        Writer::new(OTHER_A),
    ];
    holds_in_every_way("beside it, and another client", &team(&met));
}

#[test]
fn what_is_taken_back_on_purpose_stays_so_if_settlement_is_strict_or_stamped() {
    let setting = team(&[Writer::informed(A), Writer::new(NO_A)]);
    for settlement in [Settlement::Strict, Settlement::Stamped] {
        let setting = Setting {
            settlement,
            ..setting.clone()
        };
        holds("a text, taken back", &setting);
    }
}

#[test]
fn counts_of_three_clients() {
    let counts = [Writer::informed(COUNT); 3];
    holds_in_every_way("three counts", &team(&counts));
}

#[test]
fn texts_of_three_clients() {
    let texts = [Writer::informed(A), Writer::informed(B), Writer::new(C)];
    holds_in_every_way("three texts", &team(&texts));
}

#[test]
fn three_clients_of_different_minds() {
    let mixed = [
        Writer::informed(COUNT),
        Writer::informed(A),
        Writer::new(Edit::Delete),
    ];
    holds_in_every_way("a count, a text and a removal", &team(&mixed));
}

#[test]
fn actions_that_the_application_recognises() {
    let (ship, pay) = (Edit::Act("/a", "x"), Edit::Act("/b", "x"));
    for (name, other) in [
        ("an action and a count", COUNT),
        ("an action and a text", B),
        ("two actions", pay),
        ("an action and a removal", Edit::Delete),
    ] {
        for guarded in [false, true] {
            let mut setting = Setting {
                rerun: guarded,
                ..team(&[Writer::informed(ship), Writer::new(other)])
            };
            setting.faults -= 1;
            let name = format!("{name}, guarded: {guarded}");
            holds(&name, &setting);
            for dialect in [Dialect::CurrentState, Dialect::Conflict] {
                let setting = Setting {
                    dialect,
                    ..setting.clone()
                };
                holds(&format!("{name}, {dialect:?}"), &setting);
            }
            let settlement = Settlement::Strict;
            let strict = Setting {
                settlement,
                ..setting.clone()
            };
            holds(&format!("{name}, {settlement:?}"), &strict);
            let stale = Setting {
                stale_reads: 1,
                faults: setting.faults - 1,
                ..setting.clone()
            };
            holds(&format!("{name}, a lagging replica"), &stale);
            let tight = Setting {
                rounds: 1,
                transient: 1,
                ..setting
            };
            holds(&format!("{name}, tight limits"), &tight);
        }
    }
    let undone = Setting {
        settlement: Settlement::Strict,
        ..team(&[Writer::informed(ship), Writer::new(NO_A)])
    };
    holds("an action that is undone", &undone);
    for rerun in [false, true] {
        let mut alone = Setting {
            rerun,
            ..team(&[Writer::informed(ship)])
        };
        // A request that arrives late is carried out as well, because no version fences it.
        alone.kinds = vec![Fault::Unmoved, Fault::ReplyLost, Fault::BusyAfter(false)];
        let name = format!("an action that leaves the version as it is, guarded: {rerun}");
        holds(&name, &alone);
    }
}

#[test]
fn posts_with_keys_that_the_server_honours() {
    let posts = [Writer::new(Edit::Post), Writer::new(Edit::Post)];
    let keyed = Setting {
        honours_keys: true,
        ..team(&posts)
    };
    holds("two posts, honoured keys", &keyed);
    let tight = Setting {
        rounds: 1,
        transient: 1,
        ..keyed
    };
    holds("two posts, honoured keys, tight limits", &tight);
}

#[test]
fn posts_that_only_their_own_client_repeats() {
    let mut bare = team(&[Writer::new(Edit::Post), Writer::new(Edit::Post)]);
    bare.kinds.retain(|kind| *kind != Fault::Duplicate);
    holds("two posts", &bare);
}

#[test]
fn locks_and_refusals_that_a_handler_answers() {
    let (a, b) = (Writer::informed(A), Writer::new(B));
    let count = Writer::informed(COUNT);
    let (create, delete) = (Writer::new(Edit::Create), Writer::informed(Edit::Delete));
    let settings = [
        ("two texts", team(&[a, b])),
        ("two counts", team(&[count, Writer::new(COUNT)])),
        ("a removal and a text", team(&[delete, b])),
        ("two creations", from_nothing(&[create, create])),
    ];
    for (name, setting) in settings {
        for answer in [
            HandlerDecision::Again,
            HandlerDecision::Changed,
            HandlerDecision::Adopt,
            HandlerDecision::GiveUp,
        ] {
            let mut setting = Setting {
                answer,
                faults: setting.faults - 1,
                ..setting.clone()
            };
            setting.kinds.extend([Fault::Locked, Fault::Refused]);
            holds(&format!("{name}, {answer:?}"), &setting);
        }
    }
}

#[test]
fn nobody_is_told_unknown_and_nothing_is_waited_for_without_a_fault() {
    let setting = Setting::new(&[Writer::informed(COUNT), Writer::informed(A)], 0);
    let seen = holds("no faults", &setting);
    // Either writer goes first. The second is refused, reads, merges and is stored.
    assert!(seen.is_some_and(|seen| (seen.ends, seen.depth) == (2, 4)));
}

/// Queued writes whose program crashes at any moment and is started again.
#[test]
fn queued_writes_of_a_program_that_crashes() {
    let stamped = |queue, writers: &[Writer]| Setting {
        queue: Some(queue),
        settlement: Settlement::Stamped,
        ..team(writers)
    };
    let marked = |writers: &[Writer]| Setting {
        queue: Some(Queue::WriteAndMarks),
        ..team(writers)
    };
    let counts = [Writer::informed(COUNT), Writer::informed(COUNT)];
    holds("queued counts, stamps", &stamped(Queue::Write, &counts));
    holds("queued counts, marks", &marked(&counts));
    holds(
        "queued counts, marks and stamps",
        &stamped(Queue::WriteAndMarks, &counts),
    );
    for (name, first, second) in [
        ("texts", A, B),
        ("one text, two values", A, OTHER_A),
        ("an edit and a removal", COUNT, Edit::Delete),
    ] {
        let writers = [Writer::informed(first), Writer::informed(second)];
        holds(&format!("queued {name}, marks"), &marked(&writers));
        let both = stamped(Queue::WriteAndMarks, &writers);
        holds(&format!("queued {name}, marks and stamps"), &both);
        let stale = Setting {
            stale_reads: 1,
            faults: both.faults - 1,
            ..both
        };
        holds(
            &format!("queued {name}, marks and stamps, a lagging replica"),
            &stale,
        );
    }
    let creations = [Writer::new(Edit::Create), Writer::new(Edit::Create)];
    let created = Setting {
        queue: Some(Queue::WriteAndMarks),
        ..from_nothing(&creations)
    };
    holds("queued creations, marks", &created);
}
