//! Conflicts: how they are settled and shown.

use super::merge;
use ifmatch::json::Document;
use ifmatch::merge::{Policy, Side, ThreeWay, pick_side};
use serde_json::{Value, json};

#[test]
fn a_preference_settles_its_place_and_leaves_the_others_open() {
    let policy = Policy::new().prefer_at("/meta", Side::Remote);
    let merged = merge(
        policy,
        json!({"meta": {"by": "a"}, "n": 1}),
        json!({"meta": {"by": "b"}, "n": 2}),
        json!({"meta": {"by": "c"}, "n": 3}),
    );
    assert_eq!(merged.value, json!({"meta": {"by": "c"}, "n": 3}));
    assert_eq!(merged.conflicts.len(), 1);
    assert_eq!(merged.conflicts[0].pointer, "/n");
}

#[test]
fn open_places_can_be_settled_one_by_one() {
    let doc = |text: &str| Document::parse(text.as_bytes()).unwrap();
    let (base, local, remote) = (
        doc(r#"{"a":1,"b":1}"#),
        doc(r#"{"a":2,"b":2}"#),
        doc(r#"{"a":3,"b":3}"#),
    );
    let merged = ThreeWay::default().merge_documents(Some(&base), &local, &remote);
    let (mine, theirs) = merged.conflicts.split_at(1);
    let settled = pick_side(&merged.document, mine, Side::Local);
    let settled = pick_side(&settled, theirs, Side::Remote);
    assert_eq!(settled.as_str(), r#"{"a":2,"b":3}"#);
}

#[test]
fn a_conflict_is_shown_as_a_unified_diff_and_written_for_programs() {
    let shown = |base: Value, local: Value, remote: Value| {
        let merged = merge(
            Policy::new(),
            json!({"a": base}),
            json!({"a": local}),
            json!({"a": remote}),
        );
        (
            merged.conflicts[0].to_string(),
            serde_json::to_value(&merged.conflicts[0]).unwrap(),
        )
    };
    let (scalar, written) = shown(json!(1), json!(2), json!(3));
    assert_eq!(
        scalar,
        "/a: both sides changed it\n  base   1\n  local  2\n  remote 3\n"
    );
    assert_eq!(
        written,
        json!({"pointer": "/a", "kind": "both_changed", "base": 1, "local": 2, "remote": 3})
    );
    let (text, _) = shown(json!("x\ny\n"), json!("x\nmine\n"), json!("x\ntheirs\n"));
    assert_eq!(
        text,
        "/a: both sides changed it\n--- base\n+++ local\n@@ -1,2 +1,2 @@\n x\n-y\n+mine\n\
         --- base\n+++ remote\n@@ -1,2 +1,2 @@\n x\n-y\n+theirs\n"
    );
    let (array, _) = shown(json!([1]), json!([2, 3]), json!([4]));
    assert!(
        array.contains("--- base\n+++ local\n") && array.contains("+  2,\n"),
        "{array}"
    );
    let (long, _) = shown(json!(1), json!("x".repeat(100_000)), json!(3));
    assert!(
        long.len() < 2_000 && long.contains("(100002 bytes)"),
        "{}",
        long.len()
    );
}
