//! Input that no merge can make sense of: a conflict or a typed error, never a wrong merge, never a panic,
//! and bounded work.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]
#![expect(clippy::needless_pass_by_value, reason = "`json!` is written in place")]

use ifmatch::json::Document;
use ifmatch::merge::{BoxError, ConflictKind, Policy, Rule, ThreeWay, changes, text, transplant};
use serde_json::{Value, json};

fn doc(text: &str) -> Document {
    Document::parse(text.as_bytes()).unwrap()
}

#[track_caller]
fn open(policy: Policy, base: Value, local: Value, remote: Value, kind: ConflictKind) {
    let merged = ThreeWay::new(policy).merge_json(Some(&base), &local, &remote);
    let kinds: Vec<_> = merged.conflicts.iter().map(|c| c.kind).collect();
    assert_eq!(kinds, [kind]);
    assert_eq!(
        merged.value, remote,
        "a place in conflict holds the remote state"
    );
}

fn keyed() -> Policy {
    Policy::new().field("", Rule::keyed("id"))
}

/// A value that is nested deeper than any document may be.
fn deep(levels: usize, inside: Value) -> Value {
    (0..levels).fold(inside, |value, level| {
        if level % 2 == 0 {
            json!([value])
        } else {
            json!({"a": value})
        }
    })
}

#[test]
fn values_deeper_than_what_is_walked_are_a_conflict() {
    let side = |n: u32| deep(600, json!(n));
    let merged = ThreeWay::default().merge_json(Some(&side(1)), &side(2), &side(3));
    assert_eq!(merged.conflicts.len(), 1);
    assert_eq!(merged.conflicts[0].kind, ConflictKind::TooDeep);
    assert_eq!(merged.value, side(3));
    // One side's change needs no walk.
    let merged = ThreeWay::default().merge_json(Some(&side(1)), &side(2), &side(1));
    assert!(merged.conflicts.is_empty());
    assert_eq!(merged.value, side(2));
    // Neither do elements that are looked for by what they hold.
    let list = |n: [u32; 3]| n.into_iter().map(side).collect::<Value>();
    let set = ThreeWay::new(Policy::new().field("", Rule::Set));
    let merged = set.merge_json(Some(&list([1, 2, 3])), &list([3, 1, 2]), &list([2, 3, 4]));
    assert!(merged.value.is_array());
}

#[test]
fn documents_deeper_than_their_limit_are_refused() {
    let text = "[".repeat(129) + &"]".repeat(129);
    assert!(Document::parse(text.as_bytes()).unwrap_err().is_too_deep());
}

#[test]
fn a_million_elements_without_keys_are_merged_in_bounded_work() {
    let count = 1_000_000_u32;
    let base = (0..count).collect::<Value>();
    let local = (0..count).filter(|n| *n != 7).collect::<Value>();
    // Nothing in common with the others.
    let remote = (0..count).map(|n| 3 * count - n).collect::<Value>();
    let merged = ThreeWay::default().merge_json(Some(&base), &local, &remote);
    assert_eq!(merged.conflicts.len(), 1);
    assert!(merged.value == remote);
}

#[test]
fn unrelated_texts_of_100_000_lines_end_in_a_conflict() {
    let side = |name: &str| -> String {
        let lines = (0..100_000).map(|n| [name, " ", &n.to_string(), "\n"].concat());
        lines.collect()
    };
    let merged = text(&side("base"), &side("local"), &side("remote"));
    assert_eq!(merged.conflicts.len(), 1);
    assert_eq!(merged.text, side("remote"));
}

#[test]
fn the_same_few_lines_over_and_over_end_in_a_conflict() {
    let side = |step: usize| -> String {
        let lines = (0..20_000).map(|n| ["a\n", "b\n", "c\n"][n * step % 7 % 3]);
        lines.collect()
    };
    assert!(!text(&side(1), &side(2), &side(3)).conflicts.is_empty());
}

#[test]
fn two_elements_with_one_key_make_the_list_one_value() {
    let one = |n: u32| json!({"id": 1, "n": n});
    open(
        keyed(),
        json!([one(1)]),
        json!([one(1), one(2)]),
        json!([one(3)]),
        ConflictKind::DuplicateKey,
    );
    // 1 and 1.0 are one number.
    open(
        keyed(),
        json!([]),
        json!([{"id": 1}, {"id": 1.0}]),
        json!([{"id": 2}]),
        ConflictKind::DuplicateKey,
    );
}

#[test]
fn an_element_without_its_key_makes_the_list_one_value() {
    for odd in [
        json!({"n": 1}),
        json!({"id": null}),
        json!({"id": [1]}),
        json!(7),
    ] {
        open(
            keyed(),
            json!([{"id": 1}]),
            json!([{"id": 1}, odd]),
            json!([{"id": 2}]),
            ConflictKind::MissingKey,
        );
    }
}

#[test]
fn keys_that_are_numbers_here_and_texts_there_are_a_conflict() {
    open(
        keyed(),
        json!([{"id": 1, "n": 1}]),
        json!([{"id": 1, "n": 2}]),
        json!([{"id": "1", "n": 1}]),
        ConflictKind::MixedKeys,
    );
    let by_both = Policy::new().field("", Rule::keyed_by(["zone", "id"]));
    open(
        by_both,
        json!([{"zone": "s\"n", "id": 1, "n": 1}]),
        json!([{"zone": "s\"n", "id": 1, "n": 2}]),
        json!([{"zone": "s\"n", "id": "1.0", "n": 1}, {"zone": "s\"n", "id": "1", "n": 1}]),
        ConflictKind::MixedKeys,
    );
    // Texts and numbers that do not look alike are different keys and nothing else.
    let merged = ThreeWay::new(keyed()).merge_json(
        Some(&json!([{"id": 1}])),
        &json!([{"id": 1}, {"id": "a"}]),
        &json!([{"id": 1}, {"id": "b"}]),
    );
    assert!(merged.conflicts.is_empty());
}

#[test]
fn numbers_that_no_float_holds_are_compared_exactly() {
    assert!(Document::parse(b"NaN").unwrap_err().is_syntax());
    assert!(Document::parse(b"[-Infinity]").unwrap_err().is_syntax());
    // What serde_json makes of a NaN is `null`, which is no number.
    open(
        Policy::new().field("", Rule::Counter),
        json!(1),
        json!(f64::NAN),
        json!(3),
        ConflictKind::NotANumber,
    );
    let counter = ThreeWay::new(Policy::new().field("", Rule::Counter));
    let merged = counter.merge_documents(Some(&doc("1e400")), &doc("2e400"), &doc("3e400"));
    assert_eq!(merged.conflicts[0].kind, ConflictKind::Overflow);
    assert_eq!(merged.document.as_str(), "3e400");
    let merge = ThreeWay::default();
    let merged = merge.merge_documents(Some(&doc("1e400")), &doc("1e401"), &doc("10e399"));
    assert_eq!(
        merged.document.as_str(),
        "1e401",
        "1e400 and 10e399 are one number"
    );
    let merged = merge.merge_documents(
        Some(&doc("18446744073709551616")),
        &doc("18446744073709551617"),
        &doc("18446744073709551618"),
    );
    assert_eq!(merged.conflicts.len(), 1);
}

#[test]
fn mixed_types_at_one_place_are_a_conflict_under_every_rule() {
    use Rule::{Atomic, Auto, Max, Min, Prose, Sequence, Set, Text};
    for rule in [
        Auto,
        Atomic,
        Text,
        Prose,
        Set,
        Sequence,
        Max,
        Min,
        Rule::keyed("id"),
    ] {
        for (local, remote) in [
            (json!({"a": 1}), json!([1])),
            (json!("1"), json!(1)),
            (json!(true), json!(1)),
            (json!(null), json!("x")),
        ] {
            let policy = Policy::new().field("", rule.clone());
            open(policy, json!(0.5), local, remote, ConflictKind::TypeChanged);
        }
    }
    let counter = || Policy::new().field("", Rule::Counter);
    open(
        counter(),
        json!(1),
        json!("2"),
        json!(3),
        ConflictKind::NotANumber,
    );
    open(
        counter(),
        json!("1"),
        json!(2),
        json!(3),
        ConflictKind::NotANumber,
    );
    open(
        counter(),
        json!(1),
        json!(true),
        json!(3),
        ConflictKind::NotANumber,
    );
}

#[test]
fn functions_that_fail_or_panic_are_a_conflict_and_the_rest_is_merged() {
    let fails = |_: Option<&Value>, _: &Value, _: &Value| Err::<Value, BoxError>("no".into());
    let panics = |_: Option<&Value>, local: &Value, _: &Value| {
        let missing = local["nothing"].as_str().map(str::len);
        Ok::<Value, BoxError>(json!(missing.unwrap()))
    };
    let policy = Policy::new()
        .field("/a", Rule::custom(fails))
        .field("/b", Rule::custom_state_like(panics));
    let merged = ThreeWay::new(policy).merge_json(
        Some(&json!({"a": 1, "b": 1, "c": 1, "d": 1})),
        &json!({"a": 2, "b": 2, "c": 2, "d": 1}),
        &json!({"a": 3, "b": 3, "c": 1, "d": 2}),
    );
    let kinds: Vec<_> = merged.conflicts.iter().map(|c| c.kind).collect();
    assert_eq!(kinds, [ConflictKind::FunctionFailed; 2]);
    assert_eq!(merged.value, json!({"a": 3, "b": 3, "c": 2, "d": 2}));
}

#[test]
fn pointers_that_lead_nowhere_change_nothing() {
    let policy = Policy::new()
        .field("no pointer", Rule::Local)
        .field("/a/b/c/d", Rule::Counter)
        .nested("also none", Policy::new().default_rule(Rule::Local));
    open(
        policy,
        json!({"a": 1}),
        json!({"a": 2}),
        json!({"a": 3}),
        ConflictKind::BothChanged,
    );
}

#[test]
fn documents_that_fit_no_other_are_transplanted_as_they_are() {
    let keyed = Policy::new().field("", Rule::keyed("id"));
    let (raw, before, after) = (
        doc(r#"[{"id":1},{"id":1}]"#),
        doc("7"),
        doc(r#"[{"id":1}]"#),
    );
    assert_eq!(transplant(&raw, &before, &after, &keyed), after);
    assert_eq!(
        transplant(&doc("{}"), &doc("[]"), &doc("null"), &keyed),
        doc("null")
    );
    let twice = doc(r#"[{"id":1,"n":1},{"id":1,"n":1}]"#);
    assert_eq!(changes(&raw, &twice, &keyed).len(), 1);
}
