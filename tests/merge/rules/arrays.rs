//! Arrays, sets and keyed lists.

use super::{at_root, clean, open};
use ifmatch::merge::{ConflictKind, Policy, Rule};
use serde_json::{Value, json};

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
