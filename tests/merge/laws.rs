//! Laws that hold for every merge, whatever the documents and the policy.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::collections::BTreeSet;

use ifmatch::json::Document;
use ifmatch::merge::{Policy, Rule, Side, ThreeWay, changes, pick_side, text, transplant};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

/// Values with few keys and few scalars, so that sides meet often.
fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..4).prop_map(Value::from),
        select(vec![
            json!(1.5),
            json!("a"),
            json!("b"),
            json!(""),
            json!("é/~"),
            json!(u64::MAX)
        ]),
        select(vec!["x\ny\nz\n", "x\ny!\nz\n", "x!\ny\nz", "q\n"]).prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 40, 6, |inner| {
        let key = select(vec!["a", "b", "n", "id", "l", "x/y"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map(key, inner, 0..6).prop_map(|members| members
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect::<Value>()),
        ]
    })
}

/// A list of objects with identities, as keyed rules want it.
fn keyed_list() -> impl Strategy<Value = Value> {
    prop::collection::vec((0_u8..8, 0_u8..3, value()), 0..7).prop_map(|elements| {
        let mut seen = BTreeSet::new();
        let elements = elements.into_iter().filter(|(id, ..)| seen.insert(*id));
        elements
            .map(|(id, n, v)| json!({"id": id, "n": n, "a": v}))
            .collect()
    })
}

fn document() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => value(),
        2 => (value(), keyed_list(), value()).prop_map(|(a, l, n)| json!({"a": a, "l": l, "n": n})),
    ]
}

/// A change somewhere in a document: the choices say where and what.
#[derive(Debug, Clone)]
struct Edit {
    path: Vec<Index>,
    what: u8,
    new: Value,
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let edit = (
        prop::collection::vec(any::<Index>(), 0..4),
        0_u8..4,
        value(),
    );
    prop::collection::vec(
        edit.prop_map(|(path, what, new)| Edit { path, what, new }),
        0..4,
    )
}

fn edited(mut value: Value, edits: &[Edit]) -> Value {
    for edit in edits {
        apply(&mut value, &edit.path, edit);
    }
    value
}

fn apply(value: &mut Value, path: &[Index], edit: &Edit) {
    match (value, path) {
        (Value::Array(elements), [at, rest @ ..]) if !elements.is_empty() => {
            let at = at.index(elements.len());
            match (rest, edit.what) {
                ([], 0) => drop(elements.remove(at)),
                ([], 1) => elements.insert(at, edit.new.clone()),
                ([], 2) => elements.swap(at, 0),
                _ => apply(&mut elements[at], rest, edit),
            }
        }
        (Value::Object(members), [at, rest @ ..]) if !members.is_empty() => {
            let key = members.keys().nth(at.index(members.len())).unwrap().clone();
            match (rest, edit.what) {
                ([], 0) => drop(members.remove(&key)),
                ([], 1) => drop(members.insert("new".into(), edit.new.clone())),
                _ => apply(&mut members[&key], rest, edit),
            }
        }
        (value, _) => *value = edit.new.clone(),
    }
}

/// Base, local and remote: two edited versions, or three documents that have nothing to do with each other.
fn three() -> impl Strategy<Value = [Value; 3]> {
    let related = (document(), edits(), edits())
        .prop_map(|(base, l, r)| [base.clone(), edited(base.clone(), &l), edited(base, &r)]);
    prop_oneof![6 => related, 1 => [document(), document(), document()]]
}

fn rule() -> impl Strategy<Value = Rule> {
    prop_oneof![
        7 => symmetric_rule(),
        1 => Just(Rule::Local),
        1 => Just(Rule::Remote),
        1 => Just(Rule::Max),
        1 => Just(Rule::Min),
        1 => Just(Rule::Sequence),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    let pointer = select(vec![
        "", "/a", "/l", "/n", "/l/*", "/l/*/n", "/*", "/*/a", "/a/b",
    ]);
    let fields = prop::collection::vec((pointer, rule()), 0..4);
    let prefer =
        prop_oneof![4 => Just(None), 1 => Just(Some(Side::Local)), 1 => Just(Some(Side::Remote))];
    (fields, prop::option::weighted(0.3, rule()), prefer).prop_map(|(fields, default, prefer)| {
        let mut policy = fields
            .into_iter()
            .fold(Policy::new(), |policy, (at, rule)| policy.field(at, rule));
        if let Some(rule) = default {
            policy = policy.default_rule(rule);
        }
        if let Some(side) = prefer {
            policy = policy.prefer(side);
        }
        policy
    })
}

/// A rule under which the sides count alike and nothing that one of them says is thrown away.
fn symmetric_rule() -> impl Strategy<Value = Rule> {
    prop_oneof![
        Just(Rule::Auto),
        Just(Rule::Atomic),
        Just(Rule::Text),
        Just(Rule::Prose),
        Just(Rule::Set),
        Just(Rule::keyed("id")),
        Just(Rule::Counter),
    ]
}

fn symmetric_policy() -> impl Strategy<Value = Policy> {
    let pointer = select(vec!["", "/a", "/l", "/n", "/l/*", "/l/*/n", "/*", "/*/a"]);
    let fields = prop::collection::vec((pointer, symmetric_rule()), 0..4);
    (fields, prop::option::weighted(0.3, symmetric_rule())).prop_map(|(fields, default)| {
        let policy = fields
            .into_iter()
            .fold(Policy::new(), |policy, (at, rule)| policy.field(at, rule));
        default.into_iter().fold(policy, Policy::default_rule)
    })
}

/// The value with the elements of its arrays in an order of their own: sets and keyed lists follow the
/// remote side's.
fn unordered(value: &Value) -> Value {
    match value {
        Value::Array(elements) => {
            let mut elements: Vec<Value> = elements.iter().map(unordered).collect();
            elements.sort_by_key(Value::to_string);
            Value::Array(elements)
        }
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| (key.clone(), unordered(member)))
            .collect(),
        scalar => scalar.clone(),
    }
}

fn doc(value: &Value) -> Document {
    Document::from_value(value)
}

fn is_state_like(policy: &Policy) -> bool {
    // The debug form of a policy names its rules.
    let shown = format!("{policy:?}");
    !shown.contains("Counter") && !shown.contains("Sequence")
}

/// Every scalar within a value.
fn scalars(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|e| scalars(e, found)),
        Value::Object(members) => members.values().for_each(|m| scalars(m, found)),
        scalar => drop(found.insert(scalar.to_string())),
    }
}

/// Rows: lists of bare values that are elements of lists.
fn rows(value: &Value, is_element: bool, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(elements) => {
            let is_row = elements.iter().all(|e| !e.is_array() && !e.is_object());
            if is_element && is_row && !elements.is_empty() {
                found.insert(doc(value).to_string());
            }
            for element in elements {
                rows(element, true, found);
            }
        }
        Value::Object(members) => members.values().for_each(|m| rows(m, false, found)),
        _ => {}
    }
}

fn overlaps(a: &str, b: &str) -> bool {
    let within =
        |a: &str, b: &str| a == b || a.strip_prefix(b).is_some_and(|rest| rest.starts_with('/'));
    within(a, b) || within(b, a)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, max_global_rejects: 1_000_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_side_that_changed_nothing_leaves_the_other_as_it_is([base, local, _] in three(), policy in policy()) {
        let merge = ThreeWay::new(policy);
        for (l, r) in [(&local, &base), (&base, &local)] {
            let merged = merge.merge_json(Some(&base), l, r);
            prop_assert!(merged.conflicts.is_empty(), "{:?}", merged.conflicts);
            prop_assert_eq!(doc(&merged.value), doc(&local));
            let documents = merge.merge_documents(Some(&doc(&base)), &doc(l), &doc(r));
            prop_assert_eq!(&documents.document, &doc(&local));
        }
    }

    #[test]
    fn equal_sides_agree_under_state_like_rules([base, local, _] in three(), policy in policy()) {
        prop_assume!(is_state_like(&policy));
        for base in [Some(&base), None] {
            let merged = ThreeWay::new(policy.clone()).merge_json(base, &local, &local);
            prop_assert!(merged.conflicts.is_empty());
            prop_assert_eq!(doc(&merged.value), doc(&local));
        }
    }

    #[test]
    fn swapped_sides_give_the_mirror_image([base, local, remote] in three()) {
        let here = ThreeWay::default().merge_json(Some(&base), &local, &remote);
        let there = ThreeWay::default().merge_json(Some(&base), &remote, &local);
        prop_assert_eq!(here.conflicts.len(), there.conflicts.len());
        if here.conflicts.is_empty() {
            prop_assert_eq!(doc(&here.value), doc(&there.value));
        }
        for (a, b) in here.conflicts.iter().zip(&there.conflicts) {
            if here.conflicts.len() == 1 {
                prop_assert_eq!((&a.local, &a.remote), (&b.remote, &b.local));
            }
        }
    }

    #[test]
    fn swapped_sides_agree_under_every_symmetric_rule([base, local, remote] in three(), policy in symmetric_policy()) {
        let merge = ThreeWay::new(policy);
        let here = merge.merge_json(Some(&base), &local, &remote);
        let there = merge.merge_json(Some(&base), &remote, &local);
        prop_assert_eq!(here.conflicts.is_empty(), there.conflicts.is_empty());
        if here.conflicts.is_empty() {
            prop_assert_eq!(doc(&unordered(&here.value)), doc(&unordered(&there.value)));
        }
    }

    #[test]
    fn a_merge_is_the_same_each_time([base, local, remote] in three(), policy in policy()) {
        let merge = ThreeWay::new(policy);
        let once = merge.merge_json(Some(&base), &local, &remote);
        prop_assert_eq!(&once, &merge.merge_json(Some(&base), &local, &remote));
        // Merged once, the local side has nothing more to add.
        let again = merge.merge_json(Some(&local), &local, &once.value);
        prop_assert!(again.conflicts.is_empty());
        prop_assert_eq!(again.value, once.value);
    }

    #[test]
    fn a_clean_merge_loses_no_change([base, local, remote] in three(), policy in symmetric_policy()) {
        let merged = ThreeWay::new(policy).merge_json(Some(&base), &local, &remote);
        prop_assume!(merged.conflicts.is_empty());
        let none = Policy::new();
        let (here, there) = (changes(&doc(&base), &doc(&local), &none), changes(&doc(&base), &doc(&remote), &none));
        for (mine, others) in [(&here, &there), (&there, &here)] {
            for change in mine.iter().filter(|c| !others.iter().any(|o| overlaps(&o.pointer, &c.pointer))) {
                prop_assert_eq!(doc(&merged.value).pointer(&change.pointer), change.after.clone(), "{}", &change.pointer);
            }
        }
    }

    #[test]
    fn no_value_is_invented([base, local, remote] in three()) {
        // Merged texts and sums are new values by design; everything else comes from one of the three.
        let policy = Policy::new().default_rule(Rule::Set);
        let strings = |v: &Value| v.to_string().contains("\\n");
        prop_assume!(![&base, &local, &remote].into_iter().any(strings));
        for policy in [policy, Policy::new()] {
            let merged = ThreeWay::new(policy).merge_json(Some(&base), &local, &remote);
            let (mut known, mut found) = (BTreeSet::new(), BTreeSet::new());
            for side in [&base, &local, &remote] {
                scalars(side, &mut known);
            }
            scalars(&merged.value, &mut found);
            prop_assert!(found.is_subset(&known));
            let (mut known, mut found) = (BTreeSet::new(), BTreeSet::new());
            for side in [&base, &local, &remote] {
                rows(side, false, &mut known);
            }
            rows(&merged.value, false, &mut found);
            prop_assert!(found.is_subset(&known), "{:?}", found.difference(&known));
        }
    }

    #[test]
    fn values_and_documents_merge_alike([base, local, remote] in three(), policy in policy(), known in any::<bool>()) {
        let merge = ThreeWay::new(policy);
        let values = merge.merge_json(known.then_some(&base), &local, &remote);
        let base = doc(&base);
        let documents = merge.merge_documents(known.then_some(&base), &doc(&local), &doc(&remote));
        prop_assert_eq!(doc(&values.value), Document::parse(documents.document.as_str().as_bytes()).unwrap());
        prop_assert_eq!(values.conflicts, documents.conflicts);
    }

    #[test]
    fn conflicts_name_places_that_hold_the_remote_state([base, local, remote] in three(), policy in policy()) {
        let merged = ThreeWay::new(policy).merge_documents(Some(&doc(&base)), &doc(&local), &doc(&remote));
        for conflict in &merged.conflicts {
            let held = merged.document.pointer(&conflict.pointer);
            let expected = conflict.remote.as_ref().or(conflict.local.as_ref()).map(doc);
            prop_assert_eq!(held, expected, "{}", &conflict.pointer);
        }
        let settled = pick_side(&merged.document, &merged.conflicts, Side::Remote);
        let kept = merged.conflicts.iter().all(|c| c.remote.is_some());
        prop_assert!(!kept || settled == merged.document);
        let settled = pick_side(&merged.document, &merged.conflicts, Side::Local);
        if merged.conflicts.iter().all(|c| c.local.is_some()) {
            for conflict in &merged.conflicts {
                prop_assert_eq!(settled.pointer(&conflict.pointer), conflict.local.as_ref().map(doc));
            }
        }
    }

    #[test]
    fn a_transplant_onto_the_same_document_is_the_new_one([before, after, _] in three()) {
        prop_assert_eq!(transplant(&doc(&before), &doc(&before), &doc(&after), &Policy::new()), doc(&after));
        prop_assert_eq!(changes(&doc(&before), &doc(&after), &Policy::new()).is_empty(), doc(&before) == doc(&after));
    }

    #[test]
    fn texts_obey_the_laws(base in lines(), local in lines(), remote in lines()) {
        prop_assert_eq!(text(&base, &local, &base).text, local.clone());
        prop_assert_eq!(text(&base, &base, &remote).text, remote.clone());
        prop_assert_eq!(text(&base, &local, &local).text, local.clone());
        let (here, there) = (text(&base, &local, &remote), text(&base, &remote, &local));
        prop_assert_eq!(here.conflicts.len(), there.conflicts.len());
        prop_assert!(!here.conflicts.is_empty() || here.text == there.text);
    }

    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64), text in "[\\[\\]{}\",:0-9eE.\\-truefalsn \\\\u]{0,64}") {
        let _ = Document::parse(&bytes);
        let ours = Document::parse(text.as_bytes());
        let theirs = serde_json::from_str::<Value>(&text);
        if let Ok(document) = &ours {
            prop_assert!(document.decode::<Value>().is_ok());
        } else if let Ok(value) = theirs {
            // serde_json lets the last of two equal keys win.
            prop_assert!(ours.unwrap_err().is_duplicate_key(), "{}", value);
        }
    }
}

fn lines() -> impl Strategy<Value = String> {
    let line = select(vec!["a\n", "b\n", "c\n", "d\r\n", "\n", "e"]);
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
}
