//! Everything that the crate does to documents between two requests, by their size: milliseconds for each MB.

use ifmatch::json::Document;
use ifmatch::json::patch::{json_patch, merge_patch};
use ifmatch::merge::{FieldConflict, Policy, Rule, Side, ThreeWay, changes, settle, transplant};
use ifmatch::Conflict;
use ifmatch_merge::internal::sightings;
use serde_json::{Map, Value, json};

use crate::measure;

/// No work may take longer for each MB of document.
const BOUND: f64 = 50.0;

/// One object with so many members.
fn flat(members: usize, say: &str) -> Value {
    let member = |at: usize| (format!("member-{at}"), json!(format!("{say}-{at} {}", "x".repeat(12))));
    (0..members).map(member).collect::<Map<_, _>>().into()
}

/// Objects within one object.
fn nested(objects: usize, say: &str) -> Value {
    let object = |at: usize| {
        let inner = json!({"id": at, "name": format!("{say} {at}"), "tags": ["a", say], "n": {"of": say, "it": at}});
        (format!("key-{at}"), inner)
    };
    (0..objects).map(object).collect::<Map<_, _>>().into()
}

/// A list of records, each found by its id.
fn list(records: usize, say: &str) -> Value {
    let record = |at: usize| json!({"id": at, "name": format!("{say} {at}"), "n": at, "text": format!("one\ntwo {say}\n")});
    json!({"items": (0..records).map(record).collect::<Vec<_>>()})
}

/// Texts of several lines.
fn texts(count: usize, say: &str) -> Value {
    let text = |at: usize| (format!("text-{at}"), json!(format!("first\nsecond {at}\n{say}\nlast\n").repeat(4)));
    (0..count).map(text).collect::<Map<_, _>>().into()
}

type Shape = (&'static str, fn(usize, &str) -> Value, usize);

pub fn by_size() {
    println!("Work on documents all of whose places differ, in ms for each MB (bound: {BOUND})");
    let keyed = || Policy::new().field("/items", Rule::keyed("id"));
    let shapes: [(Shape, Policy); 5] = [
        (("flat", flat, 40), Policy::new()),
        (("nested", nested, 90), Policy::new()),
        (("list", list, 65), Policy::new()),
        (("keyed list", list, 65), keyed()),
        (("texts", texts, 140), Policy::new()),
    ];
    let mut worst = 0.0_f64;
    for ((name, make, each), policy) in shapes {
        for bytes in [10_000, 400_000, 1_000_000, 10_000_000] {
            let count = bytes / each;
            let states = ["before", "mine", "theirs"].map(|say| make(count, say));
            let [base, local, remote] = states.each_ref().map(Document::from_value);
            let rows = rows([&base, &local, &remote], states, &policy);
            #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
            let mb = base.len() as f64 / 1e6;
            print!("{name:>10}, {count:>7} places, {mb:>5.2} MB:");
            for (row, ms) in rows {
                worst = worst.max(ms / mb);
                let over = if ms / mb > BOUND { "!" } else { "" };
                print!(" {row} {:.1}{over}", ms / mb);
            }
            println!();
        }
    }
    println!("The slowest: {worst:.1} ms for each MB");
}

fn rows(
    [base, local, remote]: [&Document; 3],
    [of_base, of_local, of_remote]: [Value; 3],
    policy: &Policy,
) -> Vec<(&'static str, f64)> {
    let merge = ThreeWay::new(policy.clone());
    let conflicts: Vec<FieldConflict> = merge.merge_documents(Some(base), local, remote).conflicts;
    let conflict = Conflict::new(Some(of_base), Some(of_local), Some(of_remote));
    let ms = |cost: crate::Cost| cost.time.as_secs_f64() * 1e3;
    vec![
        ("judge", ms(measure(|| sightings(base, local, remote, policy)))),
        ("judge a landed one", ms(measure(|| sightings(base, local, local, policy)))),
        ("settle", ms(measure(|| settle(remote, &conflicts, Side::Local)))),
        ("transplant", ms(measure(|| transplant(remote, base, local, policy)))),
        ("merge", ms(measure(|| merge.merge_documents(Some(base), local, remote)))),
        ("changes", ms(measure(|| changes(base, local, policy)))),
        ("merge patch", ms(measure(|| merge_patch(base, local)))),
        ("JSON patch", ms(measure(|| json_patch(base, local)))),
        ("diff", ms(measure(|| conflict.diff()))),
    ]
}
