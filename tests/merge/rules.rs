//! Each rule as users see it, and the text of conflicts.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]
#![expect(clippy::needless_pass_by_value, reason = "`json!` is written in place")]

use ifmatch::json::Document;
use ifmatch::merge::{ConflictKind, Merged, Policy, Rule, Side, ThreeWay, pick_side};
use serde_json::{Value, json};

fn merge(policy: Policy, base: Value, local: Value, remote: Value) -> Merged {
    ThreeWay::checked(policy)
        .unwrap()
        .merge_json(Some(&base), &local, &remote)
}

fn at_root(rule: Rule) -> Policy {
    Policy::new().field("", rule)
}

#[track_caller]
fn clean(policy: Policy, base: Value, local: Value, remote: Value, expected: Value) {
    let merged = merge(policy, base, local, remote);
    assert!(merged.conflicts.is_empty(), "{:?}", merged.conflicts);
    assert_eq!(merged.value, expected);
}

#[track_caller]
fn open(policy: Policy, base: Value, local: Value, remote: Value, kind: ConflictKind) {
    let merged = merge(policy, base, local, remote);
    let kinds: Vec<_> = merged.conflicts.iter().map(|c| c.kind).collect();
    assert_eq!(kinds, [kind]);
}

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
fn arrays_take_what_either_side_inserted_removed_or_changed() {
    clean(
        Policy::new(),
        json!([1, 2, 3, 4, 5]),
        json!([0, 1, 2, 3, 4, 5]),
        json!([1, 2, 4, 5, 6]),
        json!([0, 1, 2, 4, 5, 6]),
    );
    clean(
        Policy::new(),
        json!([1, 1, 1]),
        json!([1, 1, 1, 1]),
        json!([1, 1, 1, 1]),
        json!([1, 1, 1, 1]),
    );
    open(
        Policy::new(),
        json!([1]),
        json!([1, 2]),
        json!([1, 3]),
        ConflictKind::BothChanged,
    );
}

#[test]
fn elements_that_sit_opposite_each_other_are_merged_inside() {
    clean(
        Policy::new(),
        json!([{"id": 1, "a": 1, "b": 1}, {"id": 2, "a": 1, "b": 1}]),
        json!([{"id": 1, "a": 2, "b": 1}, {"id": 2, "a": 1, "b": 1}]),
        json!([{"id": 1, "a": 1, "b": 2}, {"id": 2, "a": 1, "b": 3}]),
        json!([{"id": 1, "a": 2, "b": 2}, {"id": 2, "a": 1, "b": 3}]),
    );
}

#[test]
fn an_insertion_in_front_does_not_shift_changes_to_other_elements() {
    let record = |id: u32, n: u32| json!({"id": id, "kind": "x", "n": n});
    clean(
        Policy::new(),
        json!([record(1, 0), record(2, 0), record(3, 0)]),
        json!([record(9, 0), record(1, 0), record(2, 0)]),
        json!([record(1, 7), record(2, 0), record(3, 0)]),
        json!([record(9, 0), record(1, 7), record(2, 0)]),
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
fn sets_take_additions_and_removals_of_both() {
    clean(
        at_root(Rule::Set),
        json!(["a", "b", "c"]),
        json!(["b", "c", "d"]),
        json!(["c", "a", "e"]),
        json!(["c", "d", "e"]),
    );
    let object = |n: f64| json!({"n": n, "m": [n]});
    clean(
        at_root(Rule::Set),
        json!([object(1.0)]),
        json!([{"m": [1], "n": 1}, object(2.0)]),
        json!([object(1.0), object(3.0)]),
        json!([object(1.0), object(2.0), object(3.0)]),
    );
}

#[test]
fn multisets_count_their_duplicates() {
    clean(
        at_root(Rule::Set),
        json!(["a", "a", "b"]),
        json!(["a", "a", "a", "b"]),
        json!(["a", "b", "b"]),
        json!(["a", "a", "b", "b"]),
    );
}

#[test]
fn counters_add_both_changes_exactly() {
    clean(
        at_root(Rule::Counter),
        json!(10),
        json!(11),
        json!(15),
        json!(16),
    );
    clean(
        at_root(Rule::Counter),
        json!(10),
        json!(11),
        json!(11),
        json!(12),
    );
    clean(
        at_root(Rule::Counter),
        json!(0.3),
        json!(0.4),
        json!(0.5),
        json!(0.6),
    );
    open(
        at_root(Rule::Counter).range("", 0, 255),
        json!(200),
        json!(250),
        json!(210),
        ConflictKind::Overflow,
    );
    open(
        at_root(Rule::Counter),
        json!(u64::MAX - 1),
        json!(u64::MAX),
        json!(u64::MAX),
        ConflictKind::Overflow,
    );
}

#[test]
fn keyed_lists_keep_the_order_of_the_side_that_moved() {
    let list = |ids: &[u32]| -> Value { ids.iter().map(|id| json!({"id": id})).collect() };
    let policy = || at_root(Rule::keyed("id"));
    let base = list(&[1, 2, 3]);
    clean(
        policy(),
        base.clone(),
        list(&[3, 1, 2]),
        base.clone(),
        list(&[3, 1, 2]),
    );
    clean(
        policy(),
        base.clone(),
        list(&[1, 2, 9, 3]),
        list(&[3, 2, 1]),
        list(&[3, 2, 9, 1]),
    );
    let base = list(&[1, 2, 3, 4]);
    let kind = ConflictKind::MovedApart;
    open(
        policy(),
        base.clone(),
        list(&[4, 1, 2, 3]),
        list(&[1, 4, 2, 3]),
        kind,
    );
    let kind = ConflictKind::Order;
    open(
        policy(),
        base,
        list(&[4, 1, 2, 3]),
        list(&[2, 3, 4, 1]),
        kind,
    );
}

#[test]
fn several_members_can_identify_an_element() {
    let port = |port: u32, protocol: &str, name: &str| json!({"port": port, "protocol": protocol, "name": name});
    clean(
        at_root(Rule::keyed_by(["port", "protocol"])),
        json!([port(53, "tcp", "a"), port(53, "udp", "b")]),
        json!([port(53, "tcp", "A"), port(53, "udp", "b")]),
        json!([port(53, "udp", "B"), port(53, "tcp", "a")]),
        json!([port(53, "udp", "B"), port(53, "tcp", "A")]),
    );
}

#[test]
fn a_side_or_an_extreme_wins_where_the_rule_says_so() {
    let (base, local, remote) = (json!(5), json!(9), json!(7));
    for (rule, expected) in [
        (Rule::Local, &local),
        (Rule::Remote, &remote),
        (Rule::Max, &local),
        (Rule::Min, &remote),
    ] {
        clean(
            at_root(rule),
            base.clone(),
            local.clone(),
            remote.clone(),
            expected.clone(),
        );
    }
    // Only one side changed, so there is nothing to decide.
    clean(
        at_root(Rule::Remote),
        json!(1),
        json!(2),
        json!(1),
        json!(2),
    );
    clean(
        at_root(Rule::Max),
        json!("a"),
        json!("b"),
        json!("é"),
        json!("é"),
    );
}

#[test]
fn the_later_of_two_times_is_the_larger_one_however_they_are_spelt() {
    let base = json!("2024-01-01T00:00:00Z");
    for (earlier, later) in [
        ("2024-05-01T10:00:00Z", "2024-05-01T10:00:00.5Z"),
        ("2024-05-01T10:00:00.12Z", "2024-05-01t10:00:00.125z"),
        ("2024-05-01T10:00:00+02:00", "2024-05-01T09:00:00Z"),
        ("2016-12-31T23:59:59Z", "2016-12-31T23:59:60Z"),
        ("Wed, 01 May 2024 10:00:00 GMT", "2024-05-01T10:00:01Z"),
    ] {
        let merged = |rule: Rule, local: &str, remote: &str| {
            merge(at_root(rule), base.clone(), json!(local), json!(remote)).value
        };
        for (a, b) in [(earlier, later), (later, earlier)] {
            assert_eq!(merged(Rule::Max, a, b), later);
            assert_eq!(merged(Rule::Min, a, b), earlier);
        }
    }
    // Of two spellings of one time the remote's stays, and a time is not compared with another text.
    let here = json!("2024-05-01T10:00:00Z");
    let there = json!("2024-05-01T12:00:00+02:00");
    clean(
        at_root(Rule::Max),
        base.clone(),
        here.clone(),
        there.clone(),
        there,
    );
    open(
        at_root(Rule::Max),
        base,
        here,
        json!("never"),
        ConflictKind::BothChanged,
    );
}

#[test]
fn texts_merge_by_lines_and_prose_by_words() {
    let (base, local, remote) = (
        json!("The quick fox jumps.\nEnd"),
        json!("The quick brown fox jumps.\nEnd"),
        json!("The quick fox jumps far.\nEnd"),
    );
    open(
        at_root(Rule::Text),
        base.clone(),
        local.clone(),
        remote.clone(),
        ConflictKind::BothChanged,
    );
    clean(
        at_root(Rule::Prose),
        base,
        local,
        remote,
        json!("The quick brown fox jumps far.\nEnd"),
    );
    // Line ends and the missing last newline stay.
    clean(
        at_root(Rule::Text),
        json!("a\r\nb\r\nc"),
        json!("A\r\nb\r\nc"),
        json!("a\r\nb\r\nC"),
        json!("A\r\nb\r\nC"),
    );
}

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
