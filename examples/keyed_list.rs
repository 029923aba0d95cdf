//! A list whose elements have an identity, merged by a hand-written policy.
//!
//! Run it with `cargo run --example keyed_list`.
#![expect(clippy::print_stdout, reason = "it is an example")]

use ifmatch::merge::{BoxError, Policy, Rule, Side, ThreeWay};
use serde_json::json;

fn main() -> Result<(), BoxError> {
    let policy = Policy::new()
        .field("/items", Rule::keyed("sku"))
        .field("/items/*/qty", Rule::Counter)
        .field("/items/*/labels", Rule::Set)
        .prefer_at("/updated", Side::Remote);
    let merge = ThreeWay::checked(policy)?;

    let base = json!({"updated": 1, "items": [
        {"sku": "A", "qty": 2, "labels": ["new"], "note": "a"},
        {"sku": "B", "qty": 1, "labels": [], "note": "b"},
        {"sku": "C", "qty": 1, "labels": [], "note": "c"},
    ]});
    // We sold one A, added D behind it, and removed C.
    let local = json!({"updated": 2, "items": [
        {"sku": "A", "qty": 1, "labels": ["new", "hot"], "note": "mine"},
        {"sku": "D", "qty": 9, "labels": [], "note": "d"},
        {"sku": "B", "qty": 1, "labels": [], "note": "b"},
    ]});
    // They moved B to the front, sold one A too, and changed the note of A.
    let remote = json!({"updated": 3, "items": [
        {"sku": "B", "qty": 1, "labels": [], "note": "b"},
        {"sku": "A", "qty": 1, "labels": ["hot"], "note": "theirs"},
        {"sku": "C", "qty": 1, "labels": [], "note": "c"},
    ]});

    let merged = merge.merge_json(Some(&base), &local, &remote);
    println!("{:#}", merged.value);
    for conflict in &merged.conflicts {
        println!("open: {conflict}");
    }

    let skus: Vec<_> = merged.value["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| &item["sku"])
        .collect();
    assert_eq!(skus, ["B", "A", "D"]);
    assert_eq!(merged.value["items"][1]["qty"], 0);
    assert_eq!(merged.conflicts.len(), 1);
    assert_eq!(merged.conflicts[0].pointer, "/items/1/note");
    Ok(())
}
