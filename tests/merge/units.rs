//! Runs the test tables of other tools in `../shared/vectors`, if they exist, each under the policy that its
//! `semantics` names. Intended differences are in a list, each with its reason.
//!
//! `cargo test --test merge units -- --nocapture` prints the figures.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failing test may panic, figures are printed"
)]

use std::collections::BTreeMap;

use crate::vectors::cases;
use ifmatch::json::Document;
use ifmatch::json::patch::{apply_json_patch, apply_merge_patch, json_patch, merge_patch};
use ifmatch::merge::{MarkerStyle, Policy, Rule, Side, ThreeWay, text};
use serde_json::Value;

/// The rules for all places whose last key is known, wherever they lie in the three documents.
fn by_key(case: &Value, rule: impl Fn(&str, &[Value]) -> Option<Rule>) -> Policy {
    fn walk(
        value: &Value,
        at: &str,
        rule: &dyn Fn(&str, &[Value]) -> Option<Rule>,
        found: &mut BTreeMap<String, Rule>,
    ) {
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                    let elements = member.as_array().map(Vec::as_slice).unwrap_or_default();
                    if let Some(rule) = rule(key, elements) {
                        found.insert(at.clone(), rule);
                    }
                    walk(member, &at, rule, found);
                }
            }
            Value::Array(elements) => elements
                .iter()
                .for_each(|e| walk(e, &format!("{at}/*"), rule, found)),
            _ => {}
        }
    }
    let mut found = BTreeMap::new();
    for side in ["base", "local", "remote"] {
        walk(&case[side], "", &rule, &mut found);
    }
    found
        .into_iter()
        .fold(Policy::new(), |policy, (at, rule)| policy.field(at, rule))
}

/// The policy that the semantics of a case name.
fn policy(case: &Value) -> Policy {
    let expect = &case["expect"];
    match case["corpus"].as_str().unwrap() {
        "dolt-json-merge" => Policy::new().default_rule(Rule::Atomic),
        "irmin-merge" => match expect["type"].as_str().unwrap() {
            "counter" => Policy::new().field("", Rule::Counter),
            "multiset" => Policy::new().field("/*", Rule::Counter),
            _ => Policy::new(),
        },
        "k8s-jsonmergepatch" => Policy::new().default_rule(Rule::Atomic).prefer(Side::Local),
        "k8s-strategicpatch" => by_key(case, |key, _| {
            let rule = expect["schema"][key].as_str()?;
            match rule.split([':', ',']).collect::<Vec<_>>()[..] {
                ["keyed", member, ..] => Some(Rule::keyed(member)),
                ["set", ..] => Some(Rule::Set),
                ["atomic", ..] => Some(Rule::Atomic),
                _ => None,
            }
        })
        .prefer(Side::Local),
        // The kinds whose schema kustomize knows name their keys, and `infer` guesses them.
        "kustomize-merge3" => by_key(case, |key, elements| {
            let has = |key: &str| elements.iter().all(|e| e.get(key).is_some());
            match key {
                _ if elements.is_empty() => None,
                "ports" if has("containerPort") && has("protocol") => {
                    Some(Rule::keyed_by(["containerPort", "protocol"]))
                }
                "ports" if has("containerPort") => Some(Rule::keyed("containerPort")),
                _ => ["name", "mountPath", "ip", "port"]
                    .into_iter()
                    .find(|key| has(key))
                    .map_or(Some(Rule::Remote), |member| Some(Rule::keyed(member))),
            }
        })
        .prefer(Side::Remote),
        _ => Policy::new(),
    }
}

const OVERWRITE: &str =
    "theirs is two-way: local wins even where only remote changed, which loses that change";
const SET_ORDER: &str = "the order of a set does not count; ours keeps the remote one";
const NEIGHBOURS: &str = "the same elements; additions stand behind another neighbour";
const RETAIN_KEYS: &str = "`retainKeys` removes what only remote has; no change of local says so";
const STRATEGY: &str =
    "a strategy of nbdime that throws away or glues together what the sides wrote";
const NOTEBOOK: &str = "a strategy for notebook cells; ours reports the conflict";
const BENEATH: &str = "a removed object: theirs removes what it knew beneath it; ours settles removal against change as a whole";
const NULL_DELETES: &str = "kustomize takes `null` for absent; ours keeps them apart";

/// Cases in which ours differs: corpus, what the names contain, and why.
type Reasons = &'static [(&'static str, &'static str, &'static str)];

/// Runs the cases of a table and prints the figures. A case that does not hold is shown, unless it has a reason.
fn table_holds(table: &str, reasons: Reasons, run: impl Fn(&Value, &str) -> Result<(), String>) {
    let Some(cases) = cases(&format!("{table}.jsonl")) else {
        return;
    };
    let mut figures: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    let mut open = Vec::new();
    for case in &cases {
        let (corpus, name) = (
            case["corpus"].as_str().unwrap(),
            case["name"].as_str().unwrap(),
        );
        let outcome = run(case, corpus);
        let excused = reasons
            .iter()
            .any(|(c, n, _)| *c == corpus && name.contains(n));
        let figure = figures.entry(corpus).or_default();
        figure[0] += 1;
        figure[1] += usize::from(outcome.is_ok());
        figure[2] += usize::from(outcome.is_err() && excused);
        if let Err(shown) = outcome
            && !excused
        {
            open.push(format!("{corpus} | {name} | {} | {shown}", case["id"]));
        }
    }
    for (corpus, [all, hold, excused]) in figures {
        println!("{table}: {corpus}: {hold} of {all} hold, {excused} differ with a reason");
    }
    assert!(
        open.is_empty(),
        "{} cases without a reason:\n{}",
        open.len(),
        open.join("\n")
    );
}

/// What is shown of a case that does not hold.
fn told(holds: bool, shown: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(shown()) }
}

const JSON_REASONS: Reasons = &[
    (
        "irmin-merge",
        "not idempotent",
        "Irmin's default refuses even equal changes; ours takes them as agreed",
    ),
    (
        "irmin-merge",
        "double delete goes negative",
        "the hazard that it documents does not arise here",
    ),
    (
        "k8s-jsonmergepatch",
        "add field to map with conflict",
        OVERWRITE,
    ),
    (
        "k8s-strategicpatch",
        "add field to map with conflict",
        OVERWRITE,
    ),
    (
        "k8s-strategicpatch",
        "add map to merging list by pointer with conflict",
        OVERWRITE,
    ),
    (
        "k8s-strategicpatch",
        "merge lists of maps with conflict",
        OVERWRITE,
    ),
    (
        "k8s-strategicpatch",
        "add field to map in merging list with conflict",
        OVERWRITE,
    ),
    ("k8s-strategicpatch", "int list", SET_ORDER),
    (
        "k8s-strategicpatch",
        "delete an item in a list of primitives",
        SET_ORDER,
    ),
    (
        "k8s-strategicpatch",
        "set elements order in a list with server-only items 3",
        NEIGHBOURS,
    ),
    (
        "k8s-strategicpatch",
        "add map and delete map from merging list",
        NEIGHBOURS,
    ),
    (
        "k8s-strategicpatch",
        "merging list with duplicate",
        "two elements with one key: ours takes the list as a whole",
    ),
    (
        "k8s-strategicpatch",
        "nested patch merge with empty list",
        "a directive (`$patch`) inside a document is data to ours",
    ),
    ("k8s-strategicpatch", "retainKeys", RETAIN_KEYS),
    ("kustomize-merge3", "Specify a field as empty", NULL_DELETES),
    ("kustomize-merge3", "empty containers", NULL_DELETES),
    ("kustomize-merge3", "Remove an annotation", BENEATH),
    ("kustomize-merge3", "Remove annotations", BENEATH),
    ("nbdime", "_strategy", STRATEGY),
    ("nbdime", "_strategies", STRATEGY),
    ("nbdime", "insert_conflict_resolution", STRATEGY),
    ("nbdime", "conflicting_insertions_separate_chunks", STRATEGY),
    ("nbdime", "transients", STRATEGY),
    ("nbdime", "neighbouring_inserts_union", STRATEGY),
    ("nbdime", "autoresolve", NOTEBOOK),
    ("nbdime", "source_cell_deletions", NOTEBOOK),
    (
        "nbdime",
        "test_deep_merge_lists_delete_no_conflict#13",
        "one side's removal agrees with, the other's joins: both hold in the result",
    ),
    (
        "vscode-sync",
        "moved forwareded with conflicts",
        "keybindings have rules of their own, by key and command",
    ),
    (
        "vscode-sync",
        "similar when contexts",
        "equal only to who can read `when` clauses",
    ),
    (
        "vscode-sync",
        "different order",
        "theirs compares keybindings as a set",
    ),
    (
        "vscode-sync",
        "different base content",
        "theirs conflicts over the order of keys alone",
    ),
    (
        "vscode-sync",
        "local is empty",
        "an empty side is taken for a fresh installation and not for a removal",
    ),
    (
        "mergiraf-structured",
        "project_table",
        "theirs knows that these lists are sets; declared as such ours merges them",
    ),
    (
        "mergiraf-structured",
        "inline_optional_deps",
        "theirs knows that these lists are sets; declared as such ours merges them",
    ),
    (
        "mergiraf-structured",
        "adapt_indentation",
        "theirs finds the moved subtree; ours sees a removal against a change",
    ),
];

#[test]
fn json_tables_hold() {
    table_holds("json-unit", JSON_REASONS, |case, corpus| {
        // The first synchronisation has no base.
        let base =
            Some(case["base"].clone()).filter(|base| corpus != "vscode-sync" || !base.is_null());
        let merged =
            ThreeWay::new(policy(case)).merge_json(base.as_ref(), &case["local"], &case["remote"]);
        let (expect, clean) = (&case["expect"], merged.conflicts.is_empty());
        let holds = if expect["conflict"].as_bool() == Some(true) {
            !clean
        } else {
            clean && Document::from_value(&merged.value) == Document::from_value(&expect["merged"])
        };
        told(holds, || {
            format!("clean {clean} | {} | {:?}", merged.value, merged.conflicts)
        })
    });
}

const UNION: &str = "no rule for texts glues together what both sides wrote";
const OPTION: &str = "an option of the command line that ours does not have";

const TEXT_REASONS: Reasons = &[
    ("git-t6403", "--union", UNION),
    ("gix-merge-baseline", "--union", UNION),
    ("git-t6403", "--marker-size", OPTION),
    ("git-t6403", "-L 1 -L 2", OPTION),
    (
        "node-diff3",
        "false conflicts",
        "the same change on both sides, shown as a conflict on request",
    ),
    (
        "svn-diff3",
        "zig",
        "adjacent changes that Subversion merges; git conflicts there, and so does ours",
    ),
];

#[test]
fn text_tables_hold() {
    table_holds("text-unit", TEXT_REASONS, |case, corpus| {
        let as_text = |side: &str| match &case[side] {
            Value::Array(lines) => lines
                .iter()
                .map(|l| {
                    format!(
                        "{}\n",
                        l.as_str().unwrap_or_default().trim_end_matches('\n')
                    )
                })
                .collect::<Vec<_>>()
                .concat(),
            other => other.as_str().unwrap().to_owned(),
        };
        let [base, local, remote] = ["base", "local", "remote"].map(as_text);
        let merged = text(&base, &local, &remote);
        let expect = &case["expect"];
        let clean = merged.conflicts.is_empty();
        let holds = match expect["favor"].as_str() {
            Some("theirs") => merged.text == expect["merged"].as_str().unwrap(),
            Some("ours") => text(&base, &remote, &local).text == expect["merged"].as_str().unwrap(),
            Some(_) => clean,
            None if expect["conflict"].as_bool() == Some(true) => {
                let style = match expect["style"].as_str() {
                    Some("merge") => Some(MarkerStyle::Merge),
                    Some("diff3") => Some(MarkerStyle::Diff3),
                    Some("zdiff3") => Some(MarkerStyle::Zdiff3),
                    _ => None,
                };
                let marked = style.is_none_or(|style| {
                    let label = |at: usize| expect["labels"][at].as_str().unwrap_or_default();
                    let git = corpus.starts_with("gi");
                    !git || merged.with_markers(style, [label(0), label(1), label(2)])
                        == expect["conflicted_text"].as_str().unwrap()
                });
                !clean && marked
            }
            None => {
                clean
                    && expect["merged"]
                        .as_str()
                        .is_none_or(|text| text == merged.text)
            }
        };
        told(holds, || {
            format!("{:?} {:?} clean {clean}", expect["style"], expect["favor"])
        })
    });
}

#[test]
fn patches_lead_to_the_target() {
    let Some(cases) = cases("patch-unit.jsonl") else {
        return;
    };
    let (mut operations, mut merges, mut inexpressible) = (0, 0, 0);
    for case in &cases {
        // The tables are about applying patches; the states before and after are what ours is tried on.
        let (base, Some(target)) = (&case["base"], case["expect"].get("merged")) else {
            continue;
        };
        let (from, to) = (Document::from_value(base), Document::from_value(target));
        let patch = json_patch(&from, &to).to_value();
        assert_eq!(
            Document::from_value(&patched(base, &patch)),
            to,
            "{}",
            case["id"]
        );
        operations += 1;
        match merge_patch(&from, &to) {
            Ok(patch) => {
                assert_eq!(
                    Document::from_value(&merge_patched(base, &patch.to_value())),
                    to,
                    "{}",
                    case["id"]
                );
                merges += 1;
            }
            Err(_) => inexpressible += 1,
        }
    }
    println!(
        "patch-unit: {operations} pairs by JSON Patch, {merges} by merge patch, {inexpressible} not expressible as one"
    );
}

#[test]
fn patches_are_applied_or_refused_as_the_tables_say() {
    let Some(cases) = cases("patch-unit.jsonl") else {
        return;
    };
    let (mut applied, mut refused, mut merged) = (0, 0, 0);
    for case in &cases {
        let [base, patch] = [&case["base"], &case["local"]].map(Document::from_value);
        let expect = &case["expect"];
        let expected = expect.get("merged").map(Document::from_value);
        let is_ours = |operation: &Value| {
            let op = operation["op"].as_str();
            op.is_some_and(|op| op != "move" && op != "copy")
        };
        let operations = case["local"].as_array();
        if case["kind"] == "merge-patch" {
            if let Some(expected) = expected {
                assert_eq!(apply_merge_patch(&base, &patch), expected, "{case}");
                merged += 1;
            }
        } else if expect.get("disabled").is_none()
            && operations.is_some_and(|it| it.iter().all(is_ours))
        {
            let found = apply_json_patch(&base, &patch).ok();
            assert_eq!(found, expected, "{case}");
            applied += usize::from(found.is_some());
            refused += usize::from(found.is_none());
        }
    }
    println!(
        "patch-unit: {applied} JSON Patches applied, {refused} refused, {merged} merge patches applied"
    );
    assert!(applied > 20 && refused > 10 && merged > 4);
}

/// Applies a JSON Patch of `test`, `add`, `remove` and `replace` (RFC 6902 section 4).
fn patched(document: &Value, patch: &Value) -> Value {
    let mut document = document.clone();
    for operation in patch.as_array().unwrap() {
        let place = operation["path"].as_str().unwrap();
        let Some((parent, token)) = place.rsplit_once('/') else {
            if operation["op"] == "replace" {
                document = operation["value"].clone();
            }
            continue;
        };
        let token = token.replace("~1", "/").replace("~0", "~");
        let parent = document.pointer_mut(parent).unwrap();
        match (operation["op"].as_str().unwrap(), parent) {
            ("test", _) => assert_eq!(document.pointer(place), operation.get("value")),
            ("remove", Value::Array(elements)) => drop(elements.remove(token.parse().unwrap())),
            ("remove", parent) => drop(parent.as_object_mut().unwrap().remove(&token)),
            ("add", Value::Array(elements)) => {
                elements.insert(token.parse().unwrap(), operation["value"].clone());
            }
            ("replace", Value::Array(elements)) => {
                elements[token.parse::<usize>().unwrap()] = operation["value"].clone();
            }
            (_, parent) => drop(
                parent
                    .as_object_mut()
                    .unwrap()
                    .insert(token, operation["value"].clone()),
            ),
        }
    }
    document
}

/// Applies a merge patch (RFC 7396 section 2).
fn merge_patched(document: &Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else {
        return patch.clone();
    };
    let mut members = document.as_object().cloned().unwrap_or_default();
    for (key, change) in changes {
        if change.is_null() {
            members.remove(key);
        } else {
            let merged = merge_patched(members.get(key).unwrap_or(&Value::Null), change);
            members.insert(key.clone(), merged);
        }
    }
    Value::Object(members)
}
