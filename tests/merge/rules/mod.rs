//! Each rule as users see it, and the text of conflicts.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]
#![expect(clippy::needless_pass_by_value, reason = "`json!` is written in place")]

mod arrays;
mod conflicts;
mod objects;
mod scalars;

use ifmatch::merge::{ConflictKind, Merged, Policy, Rule, ThreeWay};
use serde_json::Value;

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
