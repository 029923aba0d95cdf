//! Everything that the crate does to documents between two requests, by their size, in milliseconds per MB.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use cpu_time::ThreadTime;
use ifmatch::json::Document;
use ifmatch::json::patch::{apply_json_patch, apply_merge_patch, json_patch, merge_patch};
use ifmatch::merge::{FieldConflict, Policy, Rule, Side, ThreeWay, changes, pick_side, transplant};
use ifmatch::Conflict;
use ifmatch_merge::internal::{Likeness, sightings};
use ifmatch_merge::lens::{From, Lens, Reading};
use serde_json::{Map, Value, json};

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

fn random(say: &str) -> fastrand::Rng {
    fastrand::Rng::with_seed(say.bytes().map(u64::from).sum())
}

/// One member after the other, as small as they get.
fn small(count: usize, say: &str) -> Value {
    (0..count).map(|at| (format!("{at}"), json!(&say[..1]))).collect::<Map<_, _>>().into()
}

/// Chains of objects, each as deep as documents may be.
fn deep(chains: usize, say: &str) -> Value {
    let chain = |at: usize| {
        let link = |inner, level| json!({"in": inner, "level": level});
        (format!("{at}"), (0..120).fold(json!(format!("{say} {at}")), link))
    };
    (0..chains).map(chain).collect::<Map<_, _>>().into()
}

/// One text, each of whose lines differs.
fn long_text(lines: usize, say: &str) -> Value {
    json!({"text": (0..lines).map(|at| format!("line {at} says {say}\n")).collect::<String>()})
}

/// One text of a few lines that come again and again, in no order.
fn repeated_lines(lines: usize, say: &str) -> Value {
    let mut random = random(say);
    let line = |_| format!("the line {}\n", random.u32(..10));
    json!({"text": (0..lines).map(line).collect::<String>()})
}

/// The same of a list's elements.
fn repeated_elements(count: usize, say: &str) -> Value {
    let mut random = random(say);
    json!({"list": (0..count).map(|_| random.u32(..10)).collect::<Vec<_>>()})
}

/// A list in another order on each side.
fn shuffled(count: usize, say: &str) -> Value {
    let mut list: Vec<_> = (0..count).map(|at| json!({"n": at})).collect();
    random(say).shuffle(&mut list);
    json!({"list": list})
}

/// Records with ids, in another order on each side.
fn shuffled_records(count: usize, say: &str) -> Value {
    let mut list = list(count, say);
    if let Some(items) = list["items"].as_array_mut() {
        random(say).shuffle(items);
    }
    list
}

/// Nothing but numbers, whole and others.
fn numbers(count: usize, say: &str) -> Value {
    let mut random = random(say);
    let one = |at: usize| if at % 2 == 0 { json!(random.u32(..)) } else { json!(random.f64() * 1000.0) };
    json!({"list": (0..count).map(one).collect::<Vec<_>>()})
}

/// The same in an object.
fn measures(count: usize, say: &str) -> Value {
    let mut random = random(say);
    let one = |at: usize| (format!("m{at}"), if at % 2 == 0 { json!(random.u32(..)) } else { json!(random.f64() * 1000.0) });
    (0..count).map(one).collect::<Map<_, _>>().into()
}

/// Texts of ten thousand letters.
fn long_strings(count: usize, say: &str) -> Value {
    let one = |at: usize| (format!("s{at}"), json!(format!("{say} {at} ").repeat(10_000 / (say.len() + 4))));
    (0..count).map(one).collect::<Map<_, _>>().into()
}

/// A set, half of whose elements only one side has, in no order.
fn tags(count: usize, say: &str) -> Value {
    let mut list: Vec<_> = (0..count).map(|at| json!(if at % 2 == 0 { format!("tag {at}") } else { format!("{say} {at}") })).collect();
    random(say).shuffle(&mut list);
    json!({"tags": list})
}

/// The same with one member more in each object.
fn with_more(value: Value) -> Value {
    match value {
        Value::Array(elements) => elements.into_iter().map(with_more).collect(),
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, member)| (name, with_more(member)));
            members.chain([("~".to_owned(), Value::Null)]).collect::<Map<_, _>>().into()
        }
        value => value,
    }
}

/// The document, with every hundredth place as in another document of the same shape.
fn with_some(document: Value, other: &Value, places: &mut usize) -> Value {
    match (document, other) {
        (Value::Array(elements), Value::Array(others)) => {
            let pairs = elements.into_iter().zip(others);
            pairs.map(|(element, other)| with_some(element, other, places)).collect()
        }
        (Value::Object(members), others) => {
            let members = members.into_iter().map(|(name, member)| {
                let member = with_some(member, &others[&name], places);
                (name, member)
            });
            members.collect::<Map<_, _>>().into()
        }
        (value, other) => {
            *places += 1;
            if places.is_multiple_of(100) { other.clone() } else { value }
        }
    }
}

/// How much of the documents differs.
#[derive(Clone, Copy, PartialEq)]
enum Changed {
    /// Every place, on each side, as no two edits of one document ever do.
    Everything,
    /// One place in a hundred, another one on each side.
    Some,
}

impl Changed {
    fn states(self, make: Make, count: usize) -> [Value; 3] {
        let [before, mine, theirs] = ["before", "mine", "theirs"].map(|say| make(count, say));
        match self {
            Changed::Everything => [before, mine, theirs],
            Changed::Some => {
                let mine = with_some(before.clone(), &mine, &mut 0);
                let theirs = with_some(before.clone(), &theirs, &mut 50);
                [before, mine, theirs]
            }
        }
    }
}

type Make = fn(usize, &str) -> Value;

/// Documents of these sizes, by the bytes that each place takes.
const SIZES: [usize; 4] = [10_000, 400_000, 1_000_000, 10_000_000];

/// Prints each row whose shape and work contain these words, and tells which take too long.
pub fn by_size(shape: &str, work: &str) -> Vec<String> {
    let mut over = Vec::new();
    for (changed, title) in [(Changed::Some, "one place in a hundred differs"), (Changed::Everything, "every place differs")] {
        println!("Work on documents in which {title}, in ms for each MB (bound: {BOUND})");
        over.extend(rows_of(changed, shape, work));
    }
    over
}

fn rows_of(changed: Changed, shape: &str, work: &str) -> Vec<String> {
    let by_id = Policy::new().field("/items", Rule::keyed("id"));
    let counts = |each: usize| SIZES.map(|size| size / each).to_vec();
    let shapes: [(&str, Make, Vec<usize>, Policy); 18] = [
        ("flat", flat, counts(40), Policy::new()),
        ("nested", nested, counts(90), Policy::new()),
        ("list", list, counts(65), Policy::new()),
        ("keyed list", list, counts(65), by_id.clone()),
        ("texts", texts, counts(140), Policy::new()),
        ("10 000 keyed", list, vec![10_000], by_id.clone()),
        ("shuffled keyed", shuffled_records, vec![10_000], by_id),
        ("shuffled records", shuffled_records, vec![10_000], Policy::new()),
        ("numbers", numbers, vec![100, 10_000, 100_000], Policy::new()),
        ("measures", measures, vec![100, 10_000, 100_000], Policy::new()),
        ("long strings", long_strings, vec![100], Policy::new()),
        ("set", tags, vec![100, 10_000], Policy::new().field("/tags", Rule::Set)),
        ("small members", small, vec![100_000], Policy::new()),
        ("deep", deep, vec![10, 1_000], Policy::new()),
        ("long text", long_text, vec![100_000], Policy::new()),
        ("repeated lines", repeated_lines, vec![1_000, 10_000, 100_000], Policy::new()),
        ("repeated elements", repeated_elements, vec![1_000, 10_000, 100_000], Policy::new()),
        ("shuffled", shuffled, vec![1_000, 10_000, 100_000], Policy::new()),
    ];
    let mut over = Vec::new();
    for (name, make, counts, policy) in shapes.into_iter().filter(|(name, ..)| name.contains(shape)) {
        for count in counts {
            let states = changed.states(make, count);
            let [base, local, remote] = states.each_ref().map(Document::from_value);
            let rows = rows([&base, &local, &remote], states, &policy, work);
            #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
            let mb = base.len() as f64 / 1e6;
            print!("{name:>17}, {count:>7} places, {mb:>5.2} MB:");
            for (row, ms) in rows {
                let each = ms / mb;
                print!(" {row} {each:.1}{}", if each > BOUND { "!" } else { "" });
                if each > BOUND {
                    let much = if changed == Changed::Everything { "all places differ" } else { "few places differ" };
                    over.push(format!("{row} of {name}, {mb:.2} MB, {much}: {each:.1} ms for each MB"));
                }
            }
            println!();
        }
    }
    over
}

/// The processor time of the fastest of some runs: whatever else the machine does counts little.
fn fastest<R>(mut run: impl FnMut() -> R) -> Duration {
    let (mut best, begun) = (Duration::MAX, ThreadTime::now());
    for runs in 0..100 {
        if runs >= 3 && begun.elapsed() > Duration::from_millis(150) {
            break;
        }
        let start = ThreadTime::now();
        let result = run();
        best = best.min(start.elapsed());
        drop(result);
    }
    best
}

fn rows(
    [base, local, remote]: [&Document; 3],
    [of_base, of_local, of_remote]: [Value; 3],
    policy: &Policy,
    work: &str,
) -> Vec<(&'static str, f64)> {
    // Every object has a member that the type does not know.
    let raw = Document::from_value(&with_more(of_base.clone()));
    let merge = ThreeWay::new(policy.clone());
    let conflicts: Vec<FieldConflict> = merge.merge_documents(Some(base), local, remote).conflicts;
    // A strategy's answer: read from one document, put into another one, of a type without a shape.
    let lens = Lens::<Value>::new(Arc::new(policy.clone()));
    let target = Reading { raw: raw.clone(), shown: base.clone() };
    let reading = Reading { raw: remote.clone(), shown: remote.clone() };
    let from = From { reading: &reading, began: Some(base) };
    let conflict = Conflict::new(Some(of_base), Some(of_local), Some(of_remote));
    let mut rows = Vec::new();
    let mut row = |name: &'static str, run: &dyn Fn() -> Box<dyn Any>| {
        if name.contains(work) {
            rows.push((name, fastest(run).as_secs_f64() * 1e3));
        }
    };
    row("judge", &|| Box::new(sightings(base, local, remote, policy)));
    row("judge an applied one", &|| Box::new(sightings(base, local, local, policy)));
    row("likeness", &|| Box::new(Likeness::of(Some(base), local, remote, &[])));
    row("pick_side", &|| Box::new(pick_side(remote, &conflicts, Side::Local)));
    row("transplant", &|| Box::new(transplant(&raw, base, local, policy)));
    row("merge", &|| Box::new(merge.merge_documents(Some(base), local, remote)));
    row("changes", &|| Box::new(changes(base, local, policy)));
    row("merge patch", &|| Box::new(merge_patch(base, local)));
    row("JSON patch", &|| Box::new(json_patch(base, local)));
    let (merge_patch, json_patch) = (merge_patch(base, local), json_patch(base, local));
    row("apply a JSON patch", &|| Box::new(apply_json_patch(base, &json_patch)));
    if let Ok(merge_patch) = merge_patch {
        row("apply a merge patch", &|| Box::new(apply_merge_patch(base, &merge_patch)));
    }
    row("put", &|| Box::new(lens.put_reading(&target, local, None)));
    row("put elsewhere", &|| Box::new(lens.put_reading(&target, local, Some(from))));
    row("diff", &|| Box::new(conflict.diff()));
    rows
}
