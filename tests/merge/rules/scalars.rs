//! Counters, texts, and values of which one side wins.

use super::{at_root, clean, merge, open};
use ifmatch::merge::{ConflictKind, Rule};
use serde_json::json;

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
