//! Objects, and where the rules of a policy hold.

use super::{clean, merge, open};
use ifmatch::json::Document;
use ifmatch::merge::{ConflictKind, Policy, Rule, Side, ThreeWay};
use serde_json::json;

#[test]
fn objects_are_merged_key_by_key_and_null_is_not_absence() {
    clean(
        Policy::new(),
        json!({"a": 1, "b": 1, "c": null}),
        json!({"a": 2, "b": 1, "c": null, "mine": 1}),
        json!({"a": 1, "c": null, "theirs": 1}),
        json!({"a": 2, "c": null, "mine": 1, "theirs": 1}),
    );
    open(
        Policy::new(),
        json!({"a": 1}),
        json!({"a": null}),
        json!({}),
        ConflictKind::DeletedThere,
    );
}

#[test]
fn a_removal_meets_a_change_beneath_it() {
    let (base, gone) = (json!({"a": {"b": {"c": 1}}}), json!({}));
    let changed = json!({"a": {"b": {"c": 2}}});
    open(
        Policy::new(),
        base.clone(),
        gone.clone(),
        changed.clone(),
        ConflictKind::DeletedHere,
    );
    open(
        Policy::new(),
        base,
        changed,
        gone,
        ConflictKind::DeletedThere,
    );
}

#[test]
fn all_conflicts_are_collected_and_the_rest_is_merged() {
    let merged = merge(
        Policy::new(),
        json!({"a": 1, "b": 1, "c": {"d": 1}, "e": 1}),
        json!({"a": 2, "b": "x", "c": {"d": 2}, "e": 2}),
        json!({"a": 3, "b": [1], "c": {}, "e": 1}),
    );
    let told: Vec<_> = merged
        .conflicts
        .iter()
        .map(|c| (c.pointer.as_str(), c.kind))
        .collect();
    assert_eq!(
        told,
        [
            ("/a", ConflictKind::BothChanged),
            ("/b", ConflictKind::TypeChanged),
            ("/c/d", ConflictKind::DeletedThere),
        ]
    );
    assert_eq!(
        merged.value,
        json!({"a": 3, "b": [1], "c": {"d": 2}, "e": 2})
    );
}

#[test]
fn a_default_rule_reaches_what_has_no_rule_and_fits() {
    clean(
        Policy::new()
            .default_rule(Rule::Set)
            .field("/l", Rule::Sequence),
        json!({"tags": ["a"], "l": [1], "n": 1}),
        json!({"tags": ["a", "b"], "l": [1, 2], "n": 1}),
        json!({"tags": ["c", "a"], "l": [1, 2], "n": 2}),
        json!({"tags": ["c", "a", "b"], "l": [1, 2, 2], "n": 2}),
    );
}

#[test]
fn wildcards_stand_for_every_key_and_a_key_beats_them() {
    let policy = Policy::new()
        .field("/*/n", Rule::Counter)
        .field("/b/n", Rule::Max);
    clean(
        policy,
        json!({"a": {"n": 1}, "b": {"n": 1}}),
        json!({"a": {"n": 3}, "b": {"n": 3}}),
        json!({"a": {"n": 4}, "b": {"n": 4}}),
        json!({"a": {"n": 6}, "b": {"n": 4}}),
    );
}

#[test]
fn a_nested_policy_begins_at_its_place() {
    let line = Policy::new().field("/qty", Rule::Counter);
    let policy = Policy::new()
        .field("/lines", Rule::keyed("sku"))
        .nested("/lines/*", line);
    clean(
        policy,
        json!({"lines": [{"sku": 1, "qty": 1}]}),
        json!({"lines": [{"sku": 1, "qty": 2}]}),
        json!({"lines": [{"sku": 1, "qty": 3}]}),
        json!({"lines": [{"sku": 1, "qty": 4}]}),
    );
}

#[test]
fn a_flattened_enum_is_told_by_the_key_of_its_variant() {
    use ifmatch::merge::Tag;
    let policy = || Policy::new().tagged("", Tag::Keys(vec!["circle".into(), "square".into()]));
    // The order of keys says nothing about the variant.
    let doc = |text: &str| Document::parse(text.as_bytes()).unwrap();
    let merged = ThreeWay::new(policy()).merge_documents(
        Some(&doc(r#"{"name":"a","circle":{"r":1}}"#)),
        &doc(r#"{"name":"b","circle":{"r":1}}"#),
        &doc(r#"{"circle":{"r":2},"name":"a"}"#),
    );
    assert!(merged.conflicts.is_empty());
    assert_eq!(merged.document.as_str(), r#"{"circle":{"r":2},"name":"b"}"#);
    open(
        policy(),
        json!({"name": "a", "circle": {"r": 1}}),
        json!({"name": "b", "circle": {"r": 2}}),
        json!({"name": "a", "square": {"a": 1}}),
        ConflictKind::VariantChanged,
    );
}

#[test]
fn a_policy_that_contradicts_itself_is_refused() {
    use Rule::{Atomic, Auto, Counter, Local, Set, Text};
    let said = |policy: Policy| ThreeWay::checked(policy).unwrap_err().to_string();
    for (policy, expected) in [
        (
            Policy::new().field("title", Text),
            "title is not a JSON Pointer (it must be empty or begin with /)",
        ),
        (
            Policy::new().field("/a", Text).field("/a", Set),
            "/a has two rules, text and set",
        ),
        (
            Policy::new()
                .prefer_at("/a", Side::Local)
                .prefer_at("/a", Side::Remote),
            "/a prefers both sides",
        ),
        (
            Policy::new().range("/a", 0, 1).range("/a", 0, 2),
            "/a has two ranges",
        ),
        (
            Policy::new().field("/*", Atomic).field("/a/b", Set),
            "the rule at /a/b never applies: /a is merged as a whole (atomic)",
        ),
        (
            Policy::new()
                .field("/a", Set)
                .nested("/a", Policy::new().field("/b", Text)),
            "the rule at /a never applies: /a is merged as a whole (set)",
        ),
        (
            Policy::new()
                .field("/l", Rule::keyed("id"))
                .field("/l/0/n", Counter),
            "the rule at /l/0/n never applies: the elements of /l are reached by *, not by 0 (keyed)",
        ),
        (
            Policy::new()
                .field("/a", Local)
                .prefer_at("/a", Side::Remote),
            "/a prefers another side than its rule, local",
        ),
        (
            Policy::new().range("/a", 9, 1),
            "/a has a range that contains no number",
        ),
        (
            Policy::new().field("/a", Text).range("/a", 0, 9),
            "/a has a range, but its rule is not a counter (text)",
        ),
        (
            Policy::new().field("/l", Rule::keyed_by(Vec::<String>::new())),
            "/l is keyed by no member",
        ),
        (
            Policy::new().nested("/a", Policy::new().field("/b", Atomic).field("/b/c", Set)),
            "the rule at /a/b/c never applies: /b is merged as a whole (atomic)",
        ),
    ] {
        assert_eq!(said(policy), expected);
    }
    // A key beats the wildcard, so here nothing is in the way.
    let policy = Policy::new()
        .field("/*", Atomic)
        .field("/a", Auto)
        .field("/a/b", Set);
    assert!(policy.check().is_ok());
}
