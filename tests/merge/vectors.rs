//! Runs the merge vectors in `../shared/vectors`, if they exist.
//!
//! `cargo test --release --test merge vectors -- --nocapture` prints the figures.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failing test may panic, figures are printed"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use ifmatch::json::Document;
use ifmatch::merge::{ThreeWay, text};
use serde_json::Value;

/// The cases of one file; `None`, with a line that says so, where the folder is absent.
pub(crate) fn cases(name: &str) -> Option<Vec<Value>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/vectors")
        .join(name);
    let Ok(file) = File::open(&path) else {
        println!("{name}: skipped, ../shared/vectors is not there");
        return None;
    };
    let zipped = path.extension().is_some_and(|e| e == "gz");
    let reader: Box<dyn Read> = if zipped {
        Box::new(GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let lines = BufReader::new(reader).lines();
    Some(
        lines
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect(),
    )
}

/// Whether to print every case that counts against us.
fn verbose() -> bool {
    std::env::var_os("MERGE_VECTORS_VERBOSE").is_some()
}

#[test]
fn texts_merge_as_git_merges_them() {
    let Some(cases) = cases("text-git.jsonl.gz") else {
        return;
    };
    let lines = |case: &Value, side: &str| {
        let numbers = case[side].as_array().unwrap();
        numbers
            .iter()
            .map(|n| format!("L{n}\n"))
            .collect::<Vec<_>>()
            .concat()
    };
    let (mut same, mut different, mut too_clean, mut too_careful, mut both) = (0, 0, 0, 0, 0);
    for case in &cases {
        let merged = text(
            &lines(case, "base"),
            &lines(case, "ours"),
            &lines(case, "theirs"),
        );
        let id = &case["id"];
        match (
            case["conflicts"].as_u64().unwrap() == 0,
            merged.conflicts.is_empty(),
        ) {
            (true, true) if merged.text == lines(case, "merged") => same += 1,
            (true, true) => {
                different += 1;
                println!("text-git: another text, {id}");
            }
            (false, true) => {
                too_clean += 1;
                println!("text-git: clean where git conflicts, {id}");
            }
            (true, false) => {
                too_careful += 1;
                println!("text-git: conflict where git is clean, {id}");
            }
            (false, false) => both += 1,
        }
    }
    println!(
        "text-git: {} cases, {same} clean as git's, {both} in conflict as in git, {different} different, {too_clean} clean where git conflicts, {too_careful} in conflict where git is clean",
        cases.len()
    );
    assert_eq!(different, 0, "a clean merge differs from git's");
    assert!(
        too_clean <= 3,
        "too many merges are clean where git sees a conflict"
    );
}

#[test]
fn real_json_merges_as_people_merged_it() {
    let Some(cases) = cases("json-real.jsonl.gz") else {
        return;
    };
    let (mut equal, mut different, mut against_git, mut open) = (0, 0, 0, 0);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for case in &cases {
        let side = |name: &str| Document::from_value(&case[name]);
        let (base, local, remote) = (side("base"), side("local"), side("remote"));
        let merged = ThreeWay::default().merge_documents(Some(&base), &local, &remote);
        let as_values =
            ThreeWay::default().merge_json(Some(&case["base"]), &case["local"], &case["remote"]);
        assert_eq!(
            Document::from_value(&as_values.value),
            merged.document,
            "values and documents merge alike"
        );
        assert_eq!(as_values.conflicts, merged.conflicts);
        let right = merged.document == side("final");
        let git_right = case["git_equals_final"].as_bool() == Some(true);
        match (merged.conflicts.is_empty(), right) {
            (true, true) => equal += 1,
            (true, false) => {
                different += 1;
                if git_right {
                    against_git += 1;
                }
                if git_right || verbose() {
                    println!(
                        "json-real: clean but different{}, {} {}",
                        if git_right { " AND GIT WAS RIGHT" } else { "" },
                        case["id"],
                        case["source"]
                    );
                }
            }
            (false, _) => {
                open += 1;
                for conflict in &merged.conflicts {
                    *kinds.entry(format!("{:?}", conflict.kind)).or_default() += 1;
                }
            }
        }
    }
    println!(
        "json-real: {} cases, {equal} equal, {different} different ({against_git} where git's result was kept), {open} in conflict {kinds:?}",
        cases.len()
    );
    assert_eq!(against_git, 0);
    assert!(equal >= 536, "{equal} of {}", cases.len());
    assert!(different <= 28, "{different}");
}
