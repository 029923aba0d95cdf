//! Lists without declared identity, changed by both sides in every way that small lists allow.
//!
//! A merge without a conflict contains no element that neither side wrote, loses none that both kept, restores none
//! that one removed, and duplicates none.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::collections::BTreeMap;

use ifmatch::merge::{Merged, Policy, Rule, ThreeWay};
use serde_json::{Value, json};

fn merged(policy: &Policy, base: &[Value], local: &[Value], remote: &[Value]) -> Merged {
    let list = |elements: &[Value]| Value::Array(elements.to_vec());
    ThreeWay::new(policy.clone()).merge_json(Some(&list(base)), &list(local), &list(remote))
}

/// What one side makes of a list.
#[derive(Clone, Debug)]
struct Version {
    what: String,
    list: Vec<Value>,
}

impl Version {
    fn then(&self, what: &str, edit: impl FnOnce(&mut Vec<Value>)) -> Self {
        let mut list = self.list.clone();
        edit(&mut list);
        Self {
            what: format!("{}{what}, ", self.what),
            list,
        }
    }
}

/// How a side spells new and changed elements.
trait Kind: Copy {
    fn element(self, id: usize) -> Value;
    /// An element that this side adds.
    fn added(self, side: &str) -> Value;
    /// An element as this side changes it.
    fn edit(self, element: &Value, side: &str) -> Option<Value>;
    /// What it is, whatever was changed about it; nothing where only its value tells.
    fn id(self, element: &Value) -> Option<String>;
}

#[derive(Clone, Copy)]
struct Objects;

impl Kind for Objects {
    fn element(self, id: usize) -> Value {
        json!({"id": id, "name": format!("item {id}"), "kind": "x", "n": 0})
    }

    fn added(self, side: &str) -> Value {
        json!({"id": side, "name": format!("item {side}"), "kind": "x", "n": 0})
    }

    fn edit(self, element: &Value, side: &str) -> Option<Value> {
        let mut element = element.clone();
        let field = if side == "L" { "name" } else { "n" };
        element[field] = format!("by {side}").into();
        Some(element)
    }

    fn id(self, element: &Value) -> Option<String> {
        Some(element["id"].to_string())
    }
}

/// Names are known by their value only, so one that was changed and then moved is another name.
#[derive(Clone, Copy)]
struct Names {
    are_edited: bool,
}

impl Kind for Names {
    fn element(self, id: usize) -> Value {
        json!(["ann", "bea", "cid", "dee", "eve"][id])
    }

    fn added(self, side: &str) -> Value {
        json!(format!("new {side}"))
    }

    fn edit(self, element: &Value, side: &str) -> Option<Value> {
        let name = element.as_str().unwrap();
        (self.are_edited && !name.contains(' ')).then(|| json!(format!("{name} by {side}")))
    }

    fn id(self, element: &Value) -> Option<String> {
        // A changed name still begins with the old one.
        let name = element.as_str().unwrap();
        let (name, _) = name.split_once(" by ").unwrap_or((name, ""));
        Some(name.to_owned())
    }
}

/// Every single removal, edit, move, copy, split, replacement and insertion, and two orders of the whole.
fn changes(kind: impl Kind, before: &Version, side: &str) -> Vec<Version> {
    let count = before.list.len();
    let mut all = Vec::new();
    for at in 0..count {
        all.push(before.then(&format!("remove {at}"), |list| drop(list.remove(at))));
        if let Some(edited) = kind.edit(&before.list[at], side) {
            all.push(before.then(&format!("edit {at}"), |list| list[at] = edited.clone()));
            // A scalar that moved with another value is another scalar.
            let places = if edited.is_object() { 0..count } else { 0..0 };
            for to in places.filter(|to| *to != at) {
                all.push(before.then(&format!("edit and move {at} to {to}"), |list| {
                    list.remove(at);
                    list.insert(to, edited.clone());
                }));
            }
        }
        all.push(before.then(&format!("replace {at}"), |list| list[at] = kind.added(side)));
        for to in (0..count).filter(|to| *to != at) {
            all.push(before.then(&format!("move {at} to {to}"), |list| {
                let moved = list.remove(at);
                list.insert(to, moved);
            }));
        }
    }
    for at in 0..=count {
        all.push(before.then(&format!("insert {at}"), |list| {
            list.insert(at, kind.added(side));
        }));
    }
    all.push(before.then("reverse", |list| list.reverse()));
    all.push(before.then("sort", |list| {
        list.sort_by_key(|element| std::cmp::Reverse(element.to_string()));
    }));
    all
}

fn counts(list: &[Value], key: impl Fn(&Value) -> Option<String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for key in list.iter().filter_map(key) {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

/// What is wrong with a merge without conflicts.
fn wrong(
    kind: impl Kind,
    base: &[Value],
    local: &[Value],
    remote: &[Value],
    merged: &[Value],
) -> Option<String> {
    let [b, l, r, m] = [base, local, remote, merged].map(|list| counts(list, |e| kind.id(e)));
    for id in l.keys().chain(r.keys()).chain(m.keys()) {
        let of = |counts: &BTreeMap<String, usize>| counts.get(id).copied().unwrap_or(0);
        let wanted = match (of(&b), of(&l), of(&r)) {
            (1, 1, 1) => 1,
            (1, _, _) => 0,
            (_, ours, theirs) => ours.max(theirs),
        };
        if of(&m) != wanted {
            return Some(format!(
                "{id} stands there {} times and not {wanted}",
                of(&m)
            ));
        }
    }
    for element in merged {
        let wrote = |list: &[Value]| list.contains(element);
        let same = |list: &[Value]| {
            list.iter()
                .find(|e| kind.id(e) == kind.id(element))
                .cloned()
        };
        // An element that both changed is merged inside; any other is as a side wrote it.
        let by_both = || {
            let sides = [same(base), same(local), same(remote)];
            let [Some(b), Some(l), Some(r)] = &sides else {
                return false;
            };
            b != l
                && b != r
                && element.is_object()
                && element.as_object().unwrap().iter().all(|(key, member)| {
                    *member
                        == if l[key] == b[key] {
                            r[key].clone()
                        } else {
                            l[key].clone()
                        }
                })
        };
        if !wrote(local) && !wrote(remote) && !by_both() {
            return Some(format!("neither side wrote {element}"));
        }
    }
    // What one side changed and the other left as it was is as the first one wrote it.
    for (side, other) in [(local, remote), (remote, local)] {
        for element in side.iter().filter(|e| !base.contains(e)) {
            let kept = other
                .iter()
                .any(|e| base.contains(e) && kind.id(e) == kind.id(element));
            if kept && !merged.contains(element) {
                return Some(format!("{element} is lost"));
            }
        }
    }
    None
}

/// All pairs of versions, and what is wrong with those that merge without a word.
fn check(
    kind: impl Kind,
    policy: &Policy,
    sizes: std::ops::RangeInclusive<usize>,
    twice: bool,
) -> usize {
    let (mut found, mut clean) = (Vec::new(), 0);
    for count in sizes {
        let base: Vec<Value> = (0..count).map(|id| kind.element(id)).collect();
        let start = Version {
            what: String::new(),
            list: base.clone(),
        };
        let mut ours = changes(kind, &start, "L");
        if twice {
            ours = ours
                .iter()
                .flat_map(|once| changes(kind, once, "L"))
                .collect();
            // Two new elements of one side are one to the account of identities.
            ours.retain(|version| {
                counts(&version.list, |e| kind.id(e))
                    .values()
                    .all(|n| *n == 1)
            });
        }
        let theirs = changes(kind, &start, "R");
        for (local, remote) in ours.iter().flat_map(|l| theirs.iter().map(move |r| (l, r))) {
            for (local, remote) in [(local, remote), (remote, local)] {
                let merged = merged(policy, &base, &local.list, &remote.list);
                if !merged.conflicts.is_empty() {
                    continue;
                }
                clean += 1;
                let list = merged.value.as_array().unwrap();
                if let Some(wrong) = wrong(kind, &base, &local.list, &remote.list, list) {
                    found.push(format!(
                        "of {count}: {}| {}: {wrong}: {}",
                        local.what, remote.what, merged.value
                    ));
                }
            }
        }
    }
    let first = found
        .iter()
        .take(12)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    assert!(
        found.is_empty(),
        "{} of {clean} are wrong:\n{first}",
        found.len()
    );
    clean
}

fn rules() -> [Policy; 2] {
    [Policy::new(), Policy::new().field("", Rule::Sequence)]
}

#[test]
fn one_change_of_each_side_to_a_list_of_objects() {
    for policy in rules() {
        check(Objects, &policy, 1..=5, false);
    }
}

#[test]
fn two_changes_of_one_side_to_a_list_of_objects() {
    for policy in rules() {
        check(Objects, &policy, 1..=3, true);
    }
}
#[test]
fn changes_of_each_side_to_a_list_of_names() {
    for policy in rules() {
        check(Names { are_edited: true }, &policy, 1..=5, false);
        check(Names { are_edited: false }, &policy, 1..=3, true);
    }
}

#[test]
fn changes_of_each_side_to_a_keyed_list() {
    let policy = Policy::new().field("", Rule::keyed("id"));
    check(Objects, &policy, 1..=4, false);
    check(Objects, &policy, 1..=3, true);
}

#[track_caller]
fn open(base: &Value, local: &Value, remote: &Value) {
    for (local, remote) in [(local, remote), (remote, local)] {
        let merged = ThreeWay::default().merge_json(Some(base), local, remote);
        assert!(!merged.conflicts.is_empty(), "{}", merged.value);
    }
}

#[track_caller]
fn clean(base: &Value, local: &Value, remote: &Value, expected: &Value) {
    let merged = ThreeWay::default().merge_json(Some(base), local, remote);
    assert!(merged.conflicts.is_empty(), "{:?}", merged.conflicts);
    assert_eq!(merged.value, *expected);
}

#[test]
fn points_and_ranges_are_not_put_together_from_two_writers() {
    open(&json!([10, 50]), &json!([40, 50]), &json!([10, 30]));
    open(&json!([1, 2, 3]), &json!([9, 2, 3]), &json!([1, 2, 8]));
    open(
        &json!([1, 2, 3, 4]),
        &json!([0, 2, 3, 4]),
        &json!([1, 2, 3, 9]),
    );
    let line = |x: f64, y: f64| json!({"coordinates": [[0, 0], [x, y], [9, 9]]});
    open(&line(1.0, 1.0), &line(1.5, 1.0), &line(1.0, 1.5));
    open(
        &json!(["2024-01-01", "2024-02-01"]),
        &json!(["2024-01-20", "2024-02-01"]),
        &json!(["2024-01-01", "2024-01-10"]),
    );
    // Two vertices of one line are two elements, and the corners of a box touch.
    clean(
        &json!([[0, 0], [1, 1], [2, 2]]),
        &json!([[0, 5], [1, 1], [2, 2]]),
        &json!([[0, 0], [1, 1], [2, 6]]),
        &json!([[0, 5], [1, 1], [2, 6]]),
    );
    open(
        &json!([[0, 0], [9, 9]]),
        &json!([[5, 0], [9, 9]]),
        &json!([[0, 0], [9, 3]]),
    );
    // The same change by both is one change, and a list of numbers may still grow.
    clean(
        &json!([1, 2]),
        &json!([3, 2]),
        &json!([3, 2]),
        &json!([3, 2]),
    );
    clean(
        &json!([1, 2, 3]),
        &json!([0, 1, 2, 3]),
        &json!([1, 2]),
        &json!([0, 1, 2]),
    );
}

#[test]
fn values_of_several_kinds_are_not_put_together_from_two_writers() {
    for (base, local, remote) in [
        (json!(["m", 0, 3]), json!(["km", 0, 3]), json!(["m", 0, 5])),
        (
            json!([10, null, 50]),
            json!([40, null, 50]),
            json!([10, null, 30]),
        ),
        (
            json!([2024, "Jan", 31]),
            json!([2025, "Jan", 31]),
            json!([2024, "Jan", 30]),
        ),
        (
            json!(["0", "5", "10"]),
            json!(["8", "5", "10"]),
            json!(["0", "5", "6"]),
        ),
        (
            json!(["9:00", "12:30", "17:00"]),
            json!(["16:00", "12:30", "17:00"]),
            json!(["9:00", "12:30", "15:00"]),
        ),
        (
            json!([["a", 0, 1]]),
            json!([["b", 0, 1]]),
            json!([["a", 0, 2]]),
        ),
        (
            json!([["a", "b", "c"]]),
            json!([["x", "b", "c"]]),
            json!([["a", "b", "y"]]),
        ),
        (
            json!([["a", "b"], []]),
            json!([["x", "a", "b"], []]),
            json!([["a", "b", "y"], []]),
        ),
        (
            json!([13.4, 52.5]),
            json!([13.5, 52.5]),
            json!([13.4, 52.5, 34]),
        ),
        (
            json!([[[0, 0], [1, 1], [0, 0]]]),
            json!([[[0, 0], [2, 1], [0, 0]]]),
            json!([[[0, 0], [1, 2], [0, 0]]]),
        ),
    ] {
        open(&base, &local, &remote);
    }
    clean(
        &json!(["ann", "bea", "cid"]),
        &json!(["Ann", "bea", "cid"]),
        &json!(["ann", "bea", "Cid"]),
        &json!(["Ann", "bea", "Cid"]),
    );
    clean(
        &json!([["a", 1], ["b", 2], ["c", 3]]),
        &json!([["a", 9], ["b", 2], ["c", 3]]),
        &json!([["a", 1], ["b", 2], ["c", 7]]),
        &json!([["a", 9], ["b", 2], ["c", 7]]),
    );
}

#[test]
fn elements_with_a_rule_of_their_own_are_merged_one_by_one() {
    let merge = ThreeWay::new(Policy::new().field("/*", Rule::Counter));
    let merged = merge.merge_json(Some(&json!([1, 1])), &json!([2, 1]), &json!([3, 2]));
    assert!(merged.conflicts.is_empty());
    assert_eq!(merged.value, json!([4, 2]));
}

#[test]
fn an_element_that_took_the_place_of_another_one_gets_nothing_of_it() {
    let cell = |id: &str, source: &str, run: u32| json!({"cell_type": "code", "id": id, "metadata": {}, "execution_count": run, "source": [source], "outputs": []});
    let base = json!([
        cell("c1", "x = 1", 1),
        cell("c2", "y = 2", 2),
        cell("c3", "z = 3", 3)
    ]);
    let (mut local, mut remote) = (base.clone(), base.clone());
    local[1]["outputs"] = json!([{"text": "2"}]);
    remote[1] = cell("c9", "import numpy", 9);
    open(&base, &local, &remote);
    // A change of its name leaves it what it is.
    remote[1] = cell("renamed", "y = 2", 2);
    let mut both = remote.clone();
    both[1]["outputs"] = local[1]["outputs"].clone();
    clean(&base, &local, &remote, &both);
}

#[test]
fn a_split_or_a_joined_element_does_not_meet_a_change_without_a_word() {
    let p = |text: &str| json!({"type": "paragraph", "content": [{"type": "text", "text": text}]});
    let base = json!([p("a b"), p("c"), p("d")]);
    let split = json!([p("a"), p("b"), p("c"), p("d")]);
    for remote in [
        json!([p("a b!"), p("c"), p("d")]),
        json!([p("c"), p("a b"), p("d")]),
        json!([p("c"), p("d"), p("a b")]),
        json!([p("a b"), p("c"), p("d"), p("a b")]),
    ] {
        open(&base, &split, &remote);
    }
    clean(
        &base,
        &split,
        &json!([p("a b"), p("c")]),
        &json!([p("a"), p("b"), p("c")]),
    );
}

#[test]
fn a_certificate_is_merged_as_a_whole_and_lines_of_a_cell_may_repeat() {
    let pem =
        |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    let (old, new, chain) = (pem("MIIB"), pem("MIIC"), pem("MIID"));
    open(&json!(old), &json!(new), &json!(old.clone() + &chain));
    clean(
        &json!(["a\n", "b\n", "c\n", "d"]),
        &json!(["\n", "a\n", "b\n", "c\n", "d"]),
        &json!(["a\n", "b\n", "c\n", "\n", "d"]),
        &json!(["\n", "a\n", "b\n", "c\n", "\n", "d"]),
    );
}

#[test]
fn an_element_that_both_gave_another_key_does_not_stand_there_twice() {
    let merge = ThreeWay::new(Policy::new().field("", Rule::keyed("id")));
    let of = |id: &str| json!([{"id": id, "name": "x", "n": 1}]);
    let merged = merge.merge_json(Some(&of("a")), &of("b"), &of("c"));
    assert!(!merged.conflicts.is_empty(), "{}", merged.value);
    let merged = merge.merge_json(Some(&of("a")), &of("b"), &of("b"));
    assert_eq!(merged.value, of("b"));
    // Two new elements that are not alike, in the place of one.
    let other = json!([{"id": "d", "name": "y", "n": 2}]);
    let merged = merge.merge_json(Some(&of("a")), &of("b"), &other);
    assert!(merged.conflicts.is_empty());
}
