//! The table and the picture of the machine's states in the guide, found by walking the machine itself.
//!
//! `IFMATCH_DRAW=1 cargo test --lib states` writes both anew.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::{Clock, Machine, Phase};
use crate::write::machine::events::{
    Action, Base, Decision, Event, Failure, Goal, HandlerDecision, LostWriteVerdict, Progress,
    ReadOutcome, Refused, WriteParams,
};

/// How many events are tried in a row. One fewer finds the same transitions.
const DEPTH: u32 = 12;

/// The states with their places in the picture and what happens there.
const STATES: [(&str, (u32, u32), &str); 10] = [
    ("Start", (292, 58), "nothing was sent yet"),
    ("Preparing", (498, 58), "the edit runs on the base"),
    ("Sending", (655, 152), "a conditional write is on its way"),
    ("Reading", (135, 153), "the resource is read, past caches"),
    ("Waiting", (690, 297), "a pause before the next request"),
    ("Resolving", (100, 297), "the merge strategy decides"),
    ("Judging", (202, 425), "was the lost write applied?"),
    ("Asking", (395, 475), "the refusal handler decides"),
    (
        "Following",
        (588, 425),
        "the status of an accepted write (202) is asked for",
    ),
    (
        "Done",
        (715, 490),
        "the write has ended; each state leads here too",
    ),
];

/// Transitions: from a state, by these events, to a state.
type Transitions = BTreeMap<(&'static str, &'static str), BTreeSet<&'static str>>;

fn state<V>(phase: &Phase<V>) -> &'static str {
    match phase {
        Phase::Start => "Start",
        Phase::Preparing => "Preparing",
        Phase::Reading(_) => "Reading",
        Phase::Sending => "Sending",
        Phase::Judging(_) => "Judging",
        Phase::Resolving(..) => "Resolving",
        Phase::Asking(..) => "Asking",
        Phase::Following => "Following",
        Phase::Waiting(_) => "Waiting",
        Phase::Done => "Done",
    }
}

/// Returns the word for an event in the table.
fn name(event: &Event<u8>) -> &'static str {
    match event {
        Event::Begin => "begin",
        Event::Prepared(true) => "edited",
        Event::Prepared(false) => "nothing to change",
        Event::EditFailed => "edit failed",
        Event::Stored => "2xx",
        Event::Accepted { .. } => "202",
        Event::Followed(_) => "status",
        Event::Refused { .. } => "refused",
        Event::Failed { .. } => "failed or lost",
        Event::Read(_) => "read",
        Event::Recognised(_) => "stamp found",
        Event::Resolved(_) => "strategy decided",
        Event::Judged(_) => "judged",
        Event::HandlerDecided(_) => "handler decided",
        Event::Woke => "pause over",
        Event::OutOfTime => "no time left",
    }
}

/// Returns every event that may follow an action.
fn events(action: &Action<u8>) -> Vec<Event<u8>> {
    let failed = Failure::ALL.map(|failure| Event::Failed {
        failure,
        wait: None,
    });
    let seen = || {
        [
            ReadOutcome::Version(1),
            ReadOutcome::Version(2),
            ReadOutcome::Unversioned,
            ReadOutcome::Altered(1),
            ReadOutcome::Unusable {
                becomes_usable: true,
                moved: false,
            },
            ReadOutcome::Absent,
            ReadOutcome::Successor,
            ReadOutcome::Marked,
        ]
    };
    let mut events = match action {
        Action::Prepare => vec![
            Event::Prepared(true),
            Event::Prepared(false),
            Event::EditFailed,
        ],
        Action::Read => {
            let read = seen().into_iter().map(Event::Read);
            let recognised = seen().into_iter().map(Event::Recognised);
            read.chain(recognised).chain(failed).collect()
        }
        Action::Send { .. } => {
            let kinds = Refused::PLAIN.into_iter().chain(Refused::CONTRADICTED);
            let refused = kinds.flat_map(|kind| {
                [None, Some(2)].map(|current| Event::Refused {
                    kind,
                    current,
                    wait: None,
                })
            });
            let stored = [Event::Stored, Event::Accepted { wait: None }];
            refused.chain(stored).chain(failed).collect()
        }
        Action::Judge => LostWriteVerdict::ALL.map(Event::Judged).into(),
        Action::Resolve { .. } => Decision::ALL.map(Event::Resolved).into(),
        Action::Ask => HandlerDecision::ALL.map(Event::HandlerDecided).into(),
        Action::Follow => Progress::all(None).map(Event::Followed).into(),
        Action::Wait(_) => vec![Event::Woke],
        Action::Finish(_) => return Vec::new(),
    };
    events.push(Event::OutOfTime);
    events
}

fn writes() -> Vec<WriteParams<u8>> {
    let mut writes = Vec::new();
    for goal in Goal::ALL {
        for base in [Base::Version(1), Base::Unknown] {
            for (flags, resumes) in [(false, false), (true, false), (false, true)] {
                if resumes && goal == Goal::Act {
                    continue;
                }
                writes.push(WriteParams {
                    goal,
                    base: base.clone(),
                    base_is_cached: flags,
                    earlier_write_is_unsettled: flags
                        && base == Base::Version(1)
                        && !matches!(goal, Goal::Append | Goal::Act),
                    resumes,
                    may_have_been_made_before: false,
                    edit_reruns: flags,
                    create_if_absent: flags,
                    allows_unconditional: goal == Goal::Act && !flags,
                    honours_keys: flags,
                    max_rounds: 2,
                    max_transient: 2,
                    max_polls: 2,
                    deadline: Duration::from_secs(30),
                });
            }
        }
    }
    writes
}

/// Returns all transitions, and those that walks with one event fewer find.
fn transitions() -> [Transitions; 2] {
    let (mut found, mut before) = (Transitions::new(), Transitions::new());
    for params in writes() {
        let mut seen = HashSet::new();
        let mut reached = vec![(Machine::new(params), vec![Event::Begin])];
        for depth in 1..=DEPTH {
            let mut next = Vec::new();
            for (machine, events_here) in reached {
                for event in events_here {
                    let mut after = machine.clone();
                    let action = after.on(Clock::default(), event.clone());
                    let way = (state(&machine.phase), name(&event));
                    found.entry(way).or_default().insert(state(&after.phase));
                    if depth < DEPTH {
                        before.entry(way).or_default().insert(state(&after.phase));
                    }
                    // Counters that affect only reports and pauses do not distinguish states.
                    after.tally.requests = after.tally.requests.min(1);
                    (after.tally.merged, after.tally.races) = (0, after.tally.races.min(1));
                    after.aging_reads = 0;
                    if seen.insert((after.clone(), std::mem::discriminant(&action))) {
                        next.push((after, events(&action)));
                    }
                }
            }
            reached = next;
        }
    }
    [found, before]
}

fn table(transitions: &Transitions) -> String {
    let mut table =
        String::from("| state | what happens there | event | next state |\n|---|---|---|---|\n");
    for (state, _, meaning) in STATES {
        let (mut first, mut last) = (true, true);
        for ((_, event), next) in transitions.iter().filter(|((from, _), _)| *from == state) {
            let next: Vec<_> = next.iter().copied().collect();
            let (state, meaning) = if first { (state, meaning) } else { ("", "") };
            let _ = writeln!(
                table,
                "| {state} | {meaning} | {event} | {} |",
                next.join(", ")
            );
            (first, last) = (false, false);
        }
        if last {
            let _ = writeln!(table, "| {state} | {meaning} | | |");
        }
    }
    table
}

/// Half the width and height of a state's box.
const BOX: (f64, f64) = (62.0, 19.0);

fn picture(transitions: &Transitions) -> String {
    let place = |state: &str| {
        let (_, (x, y), _) = STATES
            .into_iter()
            .find(|(name, ..)| *name == state)
            .unwrap_or(STATES[0]);
        (f64::from(x), f64::from(y))
    };
    let mut ways: BTreeSet<(&str, &str)> = BTreeSet::new();
    for ((from, _), next) in transitions {
        let next = next.iter().filter(|to| **to != "Done");
        ways.extend(next.map(|to| (*from, *to)));
    }
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 790 520\" role=\"img\" \
         aria-label=\"The states of a write and the transitions between them\" \
         font-family=\"sans-serif\" font-size=\"15\" text-anchor=\"middle\">\n\
         <defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#888888\"></path></marker></defs>\n",
    );
    for (from, to) in &ways {
        let ((x1, y1), (x2, y2)) = (place(from), place(to));
        if from == to {
            let (x, y) = (x1 + BOX.0, y1);
            let _ = writeln!(
                svg,
                "<path d=\"M{x} {:.0}C{:.0} {:.0} {:.0} {:.0} {x} {:.0}\" fill=\"none\" stroke=\"#888888\" \
                 marker-end=\"url(#arrow)\"></path>",
                y - 8.0,
                x + 34.0,
                y - 22.0,
                x + 34.0,
                y + 22.0,
                y + 8.0
            );
            continue;
        }
        // Two transitions between the same states are drawn side by side.
        let (dx, dy) = (x2 - x1, y2 - y1);
        let length = dx.hypot(dy);
        let beside = if ways.contains(&(*to, *from)) {
            6.0
        } else {
            0.0
        };
        let (ox, oy) = (-dy / length * beside, dx / length * beside);
        let inset = (BOX.0 / dx.abs()).min(BOX.1 / dy.abs());
        let outset = 1.0 - ((BOX.0 + 3.0) / dx.abs()).min((BOX.1 + 3.0) / dy.abs());
        let _ = writeln!(
            svg,
            "<line x1=\"{:.0}\" y1=\"{:.0}\" x2=\"{:.0}\" y2=\"{:.0}\" stroke=\"#888888\" \
             marker-end=\"url(#arrow)\"></line>",
            x1 + dx * inset + ox,
            y1 + dy * inset + oy,
            x1 + dx * outset + ox,
            y1 + dy * outset + oy
        );
    }
    for (state, (x, y), _) in STATES {
        let (left, top) = (f64::from(x) - BOX.0, f64::from(y) - BOX.1);
        let _ = writeln!(
            svg,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" rx=\"8\" fill=\"#ffffff\" \
             stroke=\"#336699\"></rect><text x=\"{x}\" y=\"{}\" fill=\"#222222\">{state}</text>",
            BOX.0 * 2.0,
            BOX.1 * 2.0,
            y + 5
        );
    }
    svg.push_str("</svg>\n");
    svg
}

#[test]
#[expect(clippy::unwrap_used, reason = "a failing test may panic")]
fn the_guide_shows_the_states_and_transitions_of_the_machine() {
    let [transitions, before] = transitions();
    assert_eq!(transitions, before, "longer walks find more transitions");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide");
    let draws = std::env::var_os("IFMATCH_DRAW").is_some();
    for (file, now) in [
        ("states.md", table(&transitions)),
        ("states.svg", picture(&transitions)),
    ] {
        let path = folder.join(file);
        if draws {
            std::fs::write(&path, &now).unwrap();
        }
        let shown = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            shown == now,
            "docs/guide/{file} is out of date: IFMATCH_DRAW=1 cargo test --lib states"
        );
    }
}
