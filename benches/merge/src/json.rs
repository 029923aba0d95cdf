//! JSON: against parsing the three documents, and against two diffs.

use ifmatch::json::Document;
use ifmatch::merge::{Policy, Rule, ThreeWay};
use serde_json::{Value, json};

use crate::measure;

/// A record as APIs return them.
fn record(id: usize) -> Value {
    json!({
        "id": id,
        "name": format!("Record number {id}"),
        "active": id % 3 == 0,
        "price": id as f64 * 1.25,
        "tags": ["alpha", "beta", format!("t{}", id % 17)],
        "owner": {"login": format!("user{}", id % 101), "email": format!("user{}@example.com", id % 101)},
        "description": "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor.",
    })
}

fn document(bytes: usize) -> Value {
    let count = (bytes / 290).max(3);
    json!({"kind": "list", "version": 7, "items": (0..count).map(record).collect::<Vec<_>>()})
}

/// One in a hundred records edited, others on either side.
fn edited(base: &Value, side: usize) -> Value {
    let mut value = base.clone();
    let items = value["items"].as_array_mut().unwrap();
    for at in (side * 2..items.len()).step_by(100) {
        items[at]["name"] = json!(format!("edited by {side}"));
        items[at]["owner"]["login"] = json!(format!("new {side}"));
    }
    value
}

pub fn against_parsing() {
    println!("JSON, 1 % edits on each side; ratios to parsing the three documents with serde_json");
    for (name, bytes) in [("1 KB", 1_000), ("100 KB", 100_000), ("10 MB", 10_000_000)] {
        let base = document(bytes);
        let (local, remote) = (edited(&base, 0), edited(&base, 1));
        let texts = [&base, &local, &remote].map(|v| serde_json::to_string(v).unwrap());
        let parsing = measure(|| texts.each_ref().map(|t| serde_json::from_str::<Value>(t).unwrap()));
        println!("{name}: parsing three           {parsing}");
        let cloning = measure(|| base.clone());
        println!("{name}: copying one             {cloning}  {:.2}x", cloning.against(parsing));
        let merge = ThreeWay::default();
        let values = measure(|| merge.merge_json(Some(&base), &local, &remote));
        println!("{name}: merge of values         {values}  {:.2}x", values.against(parsing));
        let [b, l, r] = texts.each_ref().map(|t| Document::parse(t.as_bytes()).unwrap());
        let documents = measure(|| merge.merge_documents(Some(&b), &l, &r));
        println!("{name}: merge of documents      {documents}  {:.2}x", documents.against(parsing));
        let bytes_to_bytes = measure(|| {
            let [b, l, r] = texts.each_ref().map(|t| Document::parse(t.as_bytes()).unwrap());
            merge.merge_documents(Some(&b), &l, &r).document.to_bytes()
        });
        println!("{name}: bytes to bytes          {bytes_to_bytes}  {:.2}x", bytes_to_bytes.against(parsing));
        let diffs = measure(|| (json_patch::diff(&base, &local), json_patch::diff(&base, &remote)));
        println!("{name}: json_patch::diff twice  {diffs}  {:.2}x; ours takes {:.2} of it", diffs.against(parsing), values.against(diffs));
    }
}

pub fn keyed_lists() {
    println!("Keyed lists, 1 % edits, 1 % added and 1 % moved on each side");
    let merge = ThreeWay::new(Policy::new().field("", Rule::keyed("id")));
    let mut before: Option<[crate::Cost; 2]> = None;
    for count in [1_000, 10_000, 100_000, 1_000_000] {
        let list = |side: usize| {
            let mut list: Vec<Value> = (0..count).map(|id| json!({"id": id, "n": 0, "name": "x"})).collect();
            for at in (side..count).step_by(100).filter(|_| side > 0) {
                list[at]["n"] = json!(side);
                list.swap(at, (at + side * 7) % count);
                list.push(json!({"id": count * side * 2 + at, "n": 1}));
            }
            Value::Array(list)
        };
        let (b, l, mut r) = (list(0), list(1), list(0));
        r.as_array_mut().unwrap().iter_mut().step_by(97).for_each(|e| e["name"] = json!("y"));
        // What a plain copy grows by is what the caches of the machine make of ten times the size.
        let costs = [measure(|| merge.merge_json(Some(&b), &l, &r)), measure(|| l.clone())];
        let [merging, copying] = costs;
        print!("{count:>9} elements: {merging}");
        if let Some([merged, copied]) = before.replace(costs) {
            print!(", {:.1} times the one before (a copy: {:.1})", merging.against(merged), copying.against(copied));
        }
        println!();
    }
}

pub fn hostile() {
    println!("Arrays without keys that have nothing in common, or far too much");
    let merge = ThreeWay::default();
    for count in [100_000_usize, 1_000_000] {
        let unrelated = |seed: u64| {
            let mut random = fastrand::Rng::with_seed(seed);
            Value::Array((0..count).map(|_| json!(random.u64(..))).collect())
        };
        let few = |seed: u64| {
            let mut random = fastrand::Rng::with_seed(seed);
            Value::Array((0..count).map(|_| json!(random.u8(..4))).collect())
        };
        let (b, l, r) = (unrelated(1), unrelated(2), unrelated(3));
        println!("{count:>9} unrelated elements:       {}", measure(|| merge.merge_json(Some(&b), &l, &r)));
        let (b, l, r) = (few(1), few(2), few(3));
        println!("{count:>9} elements of four values:  {}", measure(|| merge.merge_json(Some(&b), &l, &r)));
    }
    let records = |seed: u64, alike: bool| {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut list: Vec<Value> = (0..100_000)
            .map(|id| if alike { json!({"kind": "x", "n": random.u8(..2)}) } else { json!({"id": id, "kind": "x", "n": 0}) })
            .collect();
        if !alike && seed > 0 {
            random.shuffle(&mut list);
        }
        Value::Array(list)
    };
    for (name, alike) in [("records in new orders", false), ("records of two kinds", true)] {
        let (b, l, r) = (records(0, alike), records(1, alike), records(2, alike));
        println!("   100000 {name}:  {}", measure(|| merge.merge_json(Some(&b), &l, &r)));
    }
    let edited = |side: usize| {
        let one = |id: usize| {
            let (n, m) = (usize::from(side == 1), usize::from(side == 2));
            [json!({"id": id + side, "kind": "x", "n": n, "m": m, "o": 0}), json!(format!("between {id}"))]
        };
        Value::Array((0..50_000).flat_map(one).collect())
    };
    let (b, l, r) = (edited(0), edited(1), edited(2));
    println!("    50000 records changed by both:  {}", measure(|| merge.merge_json(Some(&b), &l, &r)));
    // The sides differ behind all else, so every level is compared to its end.
    let nested = |last: &str| {
        let text = "[".repeat(127) + &"1,".repeat(500_000) + last + &"]".repeat(127);
        Document::parse(text.as_bytes()).unwrap()
    };
    let (b, l, r) = (nested("1"), nested("2"), nested("3"));
    println!("     127 levels around 500 000:  {}", measure(|| merge.merge_documents(Some(&b), &l, &r)));
}
