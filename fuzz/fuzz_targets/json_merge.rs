//! Three documents merged by a policy, checked against the laws of merging.
//!
//! Input: base, local and remote, separated by the byte 0x1E (RFC 7464). After one more such byte follow bytes that
//! choose the rules, two for each.
#![no_main]

use ifmatch::json::Document;
use ifmatch::merge::{Policy, Rule, Side, ThreeWay, changes, pick_side, transplant};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(4, |byte| *byte == 0x1e);
    let mut document = || Document::parse(parts.next()?).ok();
    let (Some(base), Some(local), Some(remote)) = (document(), document(), document()) else {
        return;
    };
    let (policy, state_like) = policy(parts.next().unwrap_or_default());
    let merge = ThreeWay::new(policy.clone());
    a_side_that_changed_nothing_leaves_the_other(&merge, &base, &local);
    a_side_that_changed_nothing_leaves_the_other(&merge, &base, &remote);
    if state_like {
        equal_sides_agree(&merge, &base, &local);
    }
    results_can_be_read_and_say_where_they_are_open(&merge, Some(&base), &local, &remote);
    results_can_be_read_and_say_where_they_are_open(&merge, None, &local, &remote);
    values_and_documents_merge_alike(&merge, &base, &local, &remote);
    swapped_sides_give_the_mirror_image(&base, &local, &remote);
    assert!(transplant(&base, &base, &local, &policy) == local);
    assert_eq!(changes(&base, &local, &policy).is_empty(), base == local);
});

/// A policy, and whether all of its rules set states.
fn policy(choices: &[u8]) -> (Policy, bool) {
    const PLACES: [&str; 10] = [
        "", "/a", "/l", "/n", "/l/*", "/l/*/n", "/*", "/*/a", "/*/*", "/a/b",
    ];
    let (mut policy, mut state_like) = (Policy::new(), true);
    for choice in choices.chunks_exact(2).take(6) {
        let rule = match choice[1] % 12 {
            0 => Rule::Auto,
            1 => Rule::Atomic,
            2 => Rule::Text,
            3 => Rule::Prose,
            4 => Rule::Set,
            5 => Rule::keyed("id"),
            6 => Rule::Local,
            7 => Rule::Remote,
            8 => Rule::Max,
            9 => Rule::Min,
            10 => Rule::Counter,
            _ => Rule::Sequence,
        };
        state_like &= !matches!(rule, Rule::Counter | Rule::Sequence);
        policy = match choice[0] % 16 {
            at @ 0..=9 => policy.field(PLACES[usize::from(at)], rule),
            10 | 11 => policy.default_rule(rule),
            12 => policy.prefer(Side::Local),
            13 => policy.prefer(Side::Remote),
            14 => policy.prefer_at(PLACES[usize::from(choice[1]) % PLACES.len()], Side::Local),
            _ => policy.range(PLACES[usize::from(choice[1]) % PLACES.len()], -100, 100),
        };
    }
    (policy, state_like)
}

fn a_side_that_changed_nothing_leaves_the_other(
    merge: &ThreeWay,
    base: &Document,
    side: &Document,
) {
    for (local, remote) in [(side, base), (base, side)] {
        let merged = merge.merge_documents(Some(base), local, remote);
        assert!(merged.conflicts.is_empty(), "{:?}", merged.conflicts);
        assert!(merged.document == *side);
    }
}

fn equal_sides_agree(merge: &ThreeWay, base: &Document, side: &Document) {
    for base in [Some(base), None] {
        let merged = merge.merge_documents(base, side, side);
        assert!(merged.conflicts.is_empty() && merged.document == *side);
    }
}

fn results_can_be_read_and_say_where_they_are_open(
    merge: &ThreeWay,
    base: Option<&Document>,
    local: &Document,
    remote: &Document,
) {
    let merged = merge.merge_documents(base, local, remote);
    let read = Document::parse(merged.document.as_str().as_bytes()).expect("a merge is a document");
    assert!(read == merged.document);
    for conflict in &merged.conflicts {
        let expected = conflict.remote.as_ref().or(conflict.local.as_ref());
        let held = merged.document.pointer(&conflict.pointer);
        assert_eq!(
            held.map(|held| Document::from_value(&held.to_value())),
            expected.map(Document::from_value),
            "at {}",
            conflict.pointer
        );
    }
    for side in [Side::Local, Side::Remote] {
        let settled = pick_side(&merged.document, &merged.conflicts, side);
        assert!(Document::parse(settled.as_str().as_bytes()).is_ok());
    }
}

fn values_and_documents_merge_alike(
    merge: &ThreeWay,
    base: &Document,
    local: &Document,
    remote: &Document,
) {
    let values = [base, local, remote].map(Document::to_value);
    // Numbers that no value holds exactly are where documents know more.
    let [b, l, r] = values.each_ref().map(Document::from_value);
    if b != *base || l != *local || r != *remote {
        return;
    }
    let documents = merge.merge_documents(Some(base), local, remote);
    let values = merge.merge_json(Some(&values[0]), &values[1], &values[2]);
    assert_eq!(values.conflicts.len(), documents.conflicts.len());
    assert_eq!(
        Document::from_value(&values.value),
        Document::from_value(&documents.document.to_value())
    );
}

fn swapped_sides_give_the_mirror_image(base: &Document, local: &Document, remote: &Document) {
    let here = ThreeWay::default().merge_documents(Some(base), local, remote);
    let there = ThreeWay::default().merge_documents(Some(base), remote, local);
    assert_eq!(here.conflicts.len(), there.conflicts.len());
    assert!(!here.conflicts.is_empty() || here.document == there.document);
}
