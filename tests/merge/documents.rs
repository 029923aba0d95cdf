//! Documents keep the text that they were parsed from.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use ifmatch::json::Document;
use ifmatch::json::patch::{json_patch, merge_patch};
use ifmatch::merge::{
    ConflictKind, FieldConflict, Policy, Rule, Side, ThreeWay, changes, pick_side, transplant,
};
use serde_json::{Value, json};

fn doc(text: &str) -> Document {
    Document::parse(text.as_bytes()).unwrap()
}

#[test]
fn text_that_is_no_json_is_refused_with_its_place() {
    for (text, offset) in [
        ("", 0),
        ("[1,]", 3),
        ("[1 2]", 3),
        ("{\"a\"}", 4),
        ("{a:1}", 1),
        ("01", 1),
        ("1.", 2),
        ("-", 1),
        ("nul", 0),
        ("\"a", 0),
        ("\"\u{1}\"", 1),
        ("[1]x", 3),
        ("{\"a\":1,}", 7),
        ("1e", 2),
        ("\"\\x\"", 1),
        ("+1", 0),
        ("[", 1),
        ("NaN", 0),
        ("Infinity", 0),
        ("\"\\", 0),
        ("{\"a\":", 5),
    ] {
        let error = Document::parse(text.as_bytes()).unwrap_err();
        assert!(error.is_syntax(), "{text:?}: {error}");
        assert_eq!(error.offset(), Some(offset), "{text:?}: {error}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    assert!(Document::parse(b"\"\xff\"").unwrap_err().is_encoding());
    assert_eq!(doc(r#""\ud83d\ude00""#), doc("\"😀\""));
}

#[test]
fn a_key_that_appears_twice_is_named() {
    let error = Document::parse(br#"{"a":[0,{"x":1,"b/c":{"k":1,"\u006b":2}}]}"#).unwrap_err();
    assert!(error.is_duplicate_key());
    assert_eq!(error.pointer(), Some("/a/1/b~1c/k"));
    let many = (0..40)
        .map(|i| format!("\"{i}\":0,"))
        .collect::<Vec<_>>()
        .concat();
    assert_eq!(
        Document::parse(format!("{{{many}\"7\":1}}").as_bytes())
            .unwrap_err()
            .pointer(),
        Some("/7")
    );
}

#[test]
fn nesting_is_bounded_and_never_overflows() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(Document::parse(nested(128).as_bytes()).is_ok());
    assert!(
        Document::parse(nested(129).as_bytes())
            .unwrap_err()
            .is_too_deep()
    );
    assert!(
        Document::parse("[".repeat(1_000_000).as_bytes())
            .unwrap_err()
            .is_too_deep()
    );
    assert!(
        Document::parse_with_depth(nested(300).as_bytes(), usize::MAX)
            .unwrap_err()
            .is_too_deep()
    );
    let deepest = Document::parse_with_depth(nested(256).as_bytes(), usize::MAX).unwrap();
    assert_eq!(deepest, doc_deep(256, " "));
    assert!(deepest.decode::<Value>().is_ok());
    let merged = ThreeWay::default().merge_documents(
        Some(&deepest),
        &doc_deep(256, "1"),
        &doc_deep(256, "2"),
    );
    assert_eq!(merged.conflicts.len(), 1);
}

fn doc_deep(depth: usize, inside: &str) -> Document {
    let text = "[".repeat(depth) + inside + &"]".repeat(depth);
    Document::parse_with_depth(text.as_bytes(), usize::MAX).unwrap()
}

#[test]
fn decoding_errors_name_the_place_and_not_the_value() {
    #[derive(serde::Deserialize, Debug)]
    struct Item {
        #[expect(dead_code, reason = "only read")]
        n: u32,
    }
    let error = doc("{\"items\": [{\"n\": 1},\n {\"n\": \"secret\"}]}")
        .pointer("/items")
        .unwrap();
    let error = error.decode::<Vec<Item>>().unwrap_err();
    assert!(error.is_type_mismatch());
    assert_eq!(
        error.to_string(),
        "the document does not fit the type: invalid type, expected u32 at /1/n"
    );
    assert!(!format!("{error:?}").contains("secret"));
    let missing = doc("{}").decode::<Item>().unwrap_err();
    assert_eq!(
        missing.to_string(),
        "the document does not fit the type: missing field `n`"
    );
}

#[test]
fn debug_shows_no_content() {
    assert_eq!(format!("{:?}", doc("\"secret\"")), "Document(8 bytes)");
    let merged = ThreeWay::default().merge_json(Some(&json!("a")), &json!("secret"), &json!("b"));
    assert!(!format!("{:?}", merged.conflicts).contains("secret"));
}

#[test]
fn a_place_can_be_read_set_and_removed() {
    let document = doc("{ \"a\" : [1, 2, 3], \"b\": {} }\n");
    assert_eq!(
        document.with("/a/3", &doc("4")).unwrap().as_str(),
        "{ \"a\" : [1, 2, 3,4], \"b\": {} }\n"
    );
    assert_eq!(
        document.with("/a/-", &doc("4")).unwrap(),
        document.with("/a/3", &doc("4")).unwrap()
    );
    assert_eq!(
        document.with("/b/c/d", &doc("null")).unwrap().as_str(),
        "{ \"a\" : [1, 2, 3], \"b\": {\"c\":{\"d\":null}} }\n"
    );
    assert!(
        document
            .with("/a/5", &doc("4"))
            .unwrap_err()
            .is_bad_pointer()
    );
    assert!(
        document
            .with("/a/0/x", &doc("4"))
            .unwrap_err()
            .is_bad_pointer()
    );
    assert_eq!(
        document.without("/a/0").as_str(),
        "{ \"a\" : [2, 3], \"b\": {} }\n"
    );
    assert_eq!(
        document.without("/a/2").as_str(),
        "{ \"a\" : [1, 2], \"b\": {} }\n"
    );
    assert_eq!(document.without("/b").as_str(), "{ \"a\" : [1, 2, 3] }\n");
    assert!(document.without("/nowhere").same_text(&document));
    assert_eq!(document.with("", &doc("1")).unwrap().as_str(), "1\n");
}

#[test]
fn merging_keeps_text_and_unknown_fields() {
    let base = doc("{\n  \"id\": 12345678901234567890123,\n  \"price\": 1.10,\n  \"x\": 1\n}\n");
    let local = doc("{\"id\":12345678901234567890123,\"price\":1.1,\"x\":2,\"y\":[1.50]}");
    let remote = doc(
        "{\n  \"new\": 1E400,\n  \"id\": 12345678901234567890123,\n  \"price\": 1.10,\n  \"x\": 1\n}\n",
    );
    let merged = ThreeWay::default().merge_documents(Some(&base), &local, &remote);
    assert!(merged.conflicts.is_empty());
    let expected = "{\n  \"new\": 1E400,\n  \"id\": 12345678901234567890123,\n  \"price\": 1.10,\n  \"x\": 2,\n  \"y\": [1.50]\n}\n";
    assert_eq!(merged.document.as_str(), expected);
}

#[test]
fn settling_keeps_the_text_of_the_side() {
    let (base, local, remote) = (
        doc("{\"n\":1}"),
        doc("{\"n\":12345678901234567890123}"),
        doc("{\"n\":1.10}"),
    );
    let merged = ThreeWay::default().merge_documents(Some(&base), &local, &remote);
    assert_eq!(merged.document.as_str(), "{\"n\":1.10}");
    let settled = |side| pick_side(&merged.document, &merged.conflicts, side);
    assert_eq!(
        settled(Side::Local).as_str(),
        "{\"n\":12345678901234567890123}"
    );
    assert_eq!(settled(Side::Remote).as_str(), "{\"n\":1.10}");
}

#[test]
fn settling_keeps_the_white_space_around_the_document() {
    let (base, local, remote) = (doc("[1]\n"), doc("[2]\n"), doc("\n[3]\n"));
    let merged = ThreeWay::default().merge_documents(Some(&base), &local, &remote);
    let settled = pick_side(&merged.document, &merged.conflicts, Side::Local);
    assert_eq!(settled.as_str(), "\n[2]\n");
}

#[test]
fn places_that_the_document_lacks_are_added_in_the_order_of_their_names() {
    let one = |name: &str| {
        let value = Some(serde_json::Value::from(name));
        FieldConflict::new(
            format!("/{name}"),
            ConflictKind::DeletedThere,
            None,
            value,
            None,
        )
    };
    let conflicts = ["e", "b", "d", "a", "c"].map(one);
    assert_eq!(
        pick_side(&doc(r#"{"z":0,"b":1}"#), &conflicts, Side::Local).as_str(),
        r#"{"z":0,"b":"b","a":"a","c":"c","d":"d","e":"e"}"#
    );
}

#[test]
fn settling_removals_does_not_shift_later_places() {
    let policy = Policy::new().field("/l", Rule::keyed("k"));
    let base = doc(r#"{"l":[{"k":1,"v":0},{"k":2,"v":0},{"k":3,"v":0}]}"#);
    let local = doc(r#"{"l":[{"k":3,"v":7}]}"#);
    let remote = doc(r#"{"l":[{"k":1,"v":9},{"k":2,"v":9},{"k":3,"v":9}]}"#);
    let merged = ThreeWay::new(policy).merge_documents(Some(&base), &local, &remote);
    assert_eq!(merged.conflicts.len(), 3);
    assert_eq!(
        pick_side(&merged.document, &merged.conflicts, Side::Local),
        local
    );
    assert_eq!(
        pick_side(&merged.document, &merged.conflicts, Side::Remote),
        remote
    );
}

#[test]
fn a_transplant_changes_only_what_the_value_changed() {
    let raw = doc(
        r#"{"z": 1.0, "tags": ["b" , "a"], "items": [{"id": 1, "x": "?"}, {"id": 2, "x": "!"}], "old": 5}"#,
    );
    let before = doc(r#"{"tags":["b","a"],"items":[{"id":1},{"id":2}],"note":null,"name":5}"#);
    let after =
        doc(r#"{"tags":["b","a","c"],"items":[{"id":3},{"id":2,"n":7}],"note":null,"name":6}"#);
    let policy = Policy::new()
        .alias("/name", "old")
        .field("/items", Rule::keyed("id"));
    let changed = transplant(&raw, &before, &after, &policy);
    let expected = r#"{"z": 1.0, "tags": ["b" , "a" , "c"], "items": [{"id":3}, {"id": 2, "x": "!","n":7}], "old": 6}"#;
    assert_eq!(changed, doc(expected));
    assert!(transplant(&raw, &before, &before, &policy).same_text(&raw));
}

#[test]
fn moved_elements_keep_what_the_type_does_not_know() {
    let raw = doc(r#"[{"id":1,"x":1},{"id":2,"x":2},{"id":3,"x":3}]"#);
    let (before, after) = (
        doc(r#"[{"id":1},{"id":2},{"id":3}]"#),
        doc(r#"[{"id":3},{"id":9},{"id":2}]"#),
    );
    let changed = transplant(&raw, &before, &after, &Policy::new());
    assert_eq!(changed.pointer("/0/x"), Some(doc("3")));
    assert_eq!(changed.pointer("/2/x"), Some(doc("2")));
}

#[test]
fn only_what_can_be_told_again_takes_its_unknown_members_to_another_place() {
    let moved = |raw: &str, before: &str, after: &str| {
        transplant(&doc(raw), &doc(before), &doc(after), &Policy::new())
    };
    let card = moved(
        r#"{"open":[{"id":1,"title":"Buy milk","x":1}],"done":[]}"#,
        r#"{"open":[{"id":1,"title":"Buy milk"}],"done":[]}"#,
        r#"{"open":[],"done":[{"id":1,"title":"Buy milk"}]}"#,
    );
    assert_eq!(card.pointer("/done/0/x"), Some(doc("1")));
    // One number says too little.
    let count = moved(
        r#"{"open":[{"n":1,"x":1}],"done":[]}"#,
        r#"{"open":[{"n":1}],"done":[]}"#,
        r#"{"open":[],"done":[{"n":1}]}"#,
    );
    assert_eq!(count.pointer("/done/0"), Some(doc(r#"{"n":1}"#)));
    // Two that show the same cannot be told apart.
    let two = moved(
        r#"{"open":[{"id":1,"t":"a","x":1}],"late":[{"id":1,"t":"a","x":2}],"done":[]}"#,
        r#"{"open":[{"id":1,"t":"a"}],"late":[{"id":1,"t":"a"}],"done":[]}"#,
        r#"{"open":[],"late":[],"done":[{"id":1,"t":"a"}]}"#,
    );
    assert_eq!(two.pointer("/done/0"), Some(doc(r#"{"id":1,"t":"a"}"#)));
}

#[test]
fn changes_say_what_is_operation_like() {
    let policy = Policy::new()
        .field("/items", Rule::keyed("id"))
        .field("/items/*/n", Rule::Counter);
    let before = doc(r#"{"items":[{"id":1,"n":1,"t":"a"}],"gone":1}"#);
    let shown = |after: &str| {
        let changed = changes(&before, &doc(after), &policy);
        changed
            .into_iter()
            .map(|c| (c.pointer, c.operation_like))
            .collect::<Vec<_>>()
    };
    let said = |pointer: &str, operation| (pointer.to_owned(), operation);
    assert_eq!(
        shown(r#"{"items":[{"id":1,"n":1,"t":"b"}],"gone":1}"#),
        [said("/items", false)]
    );
    assert_eq!(
        shown(r#"{"items":[{"id":1,"n":2,"t":"a"}],"gone":1}"#),
        [said("/items", true)]
    );
    assert_eq!(
        shown(r#"{"items":[{"id":1,"n":1.0,"t":"a"}]}"#),
        [said("/gone", false)]
    );
}

#[test]
fn merge_patches_say_what_they_can() {
    let (from, to) = (
        doc(r#"{"a":{"b":1},"c":[1],"d":1}"#),
        doc(r#"{"a":{"b":1,"x":{"y":{}}},"c":[null],"d":1.0}"#),
    );
    assert_eq!(
        merge_patch(&from, &to).unwrap().as_str(),
        r#"{"a":{"x":{"y":{}}},"c":[null]}"#
    );
    assert_eq!(
        merge_patch(&from, &doc(r#"{"a":{"b":null}}"#))
            .unwrap_err()
            .pointer(),
        "/a/b"
    );
    assert_eq!(
        merge_patch(&from, &doc(r#"{"e":{"f":{"g":null}}}"#))
            .unwrap_err()
            .pointer(),
        "/e/f/g"
    );
    assert_eq!(merge_patch(&from, &doc("[]")).unwrap_err().pointer(), "");
}

#[test]
fn an_object_that_is_only_written_differently_is_not_patched() {
    let from = doc(r#"{"a":{"n":{"x":1,"y":[1,2]},"t":"s"},"b":{"k":1},"e":{}}"#);
    let to = doc(r#"{"a":{"t":"\u0073","n":{"y":[1.0,2],"x":1.0}},"b":{"k":2},"e":{ }}"#);
    assert_eq!(
        merge_patch(&from, &to).unwrap().as_str(),
        r#"{"b":{"k":2}}"#
    );
    let emptied = doc(r#"{"a":{},"b":{"k":1},"e":{}}"#);
    assert_eq!(
        merge_patch(&from, &emptied).unwrap().as_str(),
        r#"{"a":{"n":null,"t":null}}"#
    );
    let filled = merge_patch(&doc(r#"{"a":1}"#), &doc(r#"{"a":{}}"#));
    assert_eq!(filled.unwrap().as_str(), r#"{"a":{}}"#);
}

#[test]
fn long_values_are_equal_whatever_their_spelling_and_order() {
    let long = |last: &str, of: fn(usize) -> String| {
        let members = (0..40).map(|at| format!(r#""m{at}":{{"n":[{},"t"]}}"#, of(at)));
        let mut members: Vec<_> = members.chain([format!(r#""last":{last}"#)]).collect();
        if last != "1" {
            members.reverse();
        }
        doc(&format!("[{{{}}}]", members.join(",")))
    };
    let plain = long("1", |at| at.to_string());
    assert_eq!(plain, long("1.0", |at| format!("{at}.0")));
    assert_ne!(plain, long("2", |at| at.to_string()));
    assert_ne!(plain, long("1.0", |at| format!("{}", at.max(1))));
}

#[test]
fn json_patches_test_what_they_remove() {
    let (from, to) = (
        doc(r#"{"a":[1,2,3,4],"b":1}"#),
        doc(r#"{"a":[0,1,9,4],"c":null}"#),
    );
    let expected = json!([
        {"op": "test", "path": "/b", "value": 1}, {"op": "remove", "path": "/b"},
        {"op": "test", "path": "/a/2", "value": 3}, {"op": "remove", "path": "/a/2"},
        {"op": "test", "path": "/a/1", "value": 2}, {"op": "replace", "path": "/a/1", "value": 9},
        {"op": "add", "path": "/a/0", "value": 0},
        {"op": "add", "path": "/c", "value": null}
    ]);
    assert_eq!(json_patch(&from, &to).to_value(), expected);
}
