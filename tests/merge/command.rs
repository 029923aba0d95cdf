//! The example `merge_json` as git runs it. `cargo test` builds the example. With `--test merge` alone, these tests are
//! skipped unless the example was built before.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failing test may panic, a skipped one says so"
)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

const BASE: &str = "{\n  \"name\": \"x\",\n  \"version\": 1,\n  \"deps\": {\"a\": \"1\"}\n}\n";

/// The exit code, what local holds afterwards, and the standard output; `None` without the command.
fn run(name: &str, local: &str, remote: &str, option: &str) -> Option<(i32, String, String)> {
    let tests = std::env::current_exe().unwrap();
    let command = tests.parent()?.parent()?.join("examples/merge_json");
    if !command.exists() {
        println!("skipped, {} is not built", command.display());
        return None;
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    for (file, text) in [("base", BASE), ("local", local), ("remote", remote)] {
        fs::write(folder.join(file), text).unwrap();
    }
    let mut command = Command::new(command);
    let files = command
        .current_dir(&folder)
        .args(["base", "local", "remote"]);
    let output = files.arg(option).output().unwrap();
    let written = fs::read_to_string(folder.join("local")).unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    Some((output.status.code().unwrap(), written, printed))
}

#[test]
fn neighbouring_lines_do_not_conflict_and_the_text_stays() {
    let local = BASE.replace("1,", "2,");
    let remote = BASE.replace("\"1\"}", "\"1\", \"b\": \"1\"}");
    let Some((code, written, _)) = run("clean", &local, &remote, "--write") else {
        return;
    };
    let expected = BASE
        .replace("1,", "2,")
        .replace("\"1\"}", "\"1\", \"b\": \"1\"}");
    assert_eq!((code, written), (0, expected));
}

#[test]
fn a_conflict_ends_with_the_code_1_and_markers_around_what_is_open() {
    let local = BASE.replace("1,", "2,").replace("\"x\"", "\"y\"");
    let remote = BASE.replace("1,", "3,");
    let Some((code, written, _)) = run("conflict", &local, &remote, "--write") else {
        return;
    };
    let open = "<<<<<<< local\n  \"version\": 2,\n=======\n  \"version\": 3,\n>>>>>>> remote\n";
    let expected = format!("{{\n  \"name\": \"y\",\n{open}  \"deps\": {{\"a\": \"1\"}}\n}}\n");
    assert_eq!((code, written), (1, expected));
}

#[test]
fn conflicts_are_printed_for_programs() {
    let (local, remote) = (BASE.replace("1,", "2,"), BASE.replace("1,", "3,"));
    let Some((code, written, printed)) = run("json", &local, &remote, "--json") else {
        return;
    };
    let told: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let expected = serde_json::json!([
        {"pointer": "/version", "kind": "both_changed", "base": 1, "local": 2, "remote": 3}
    ]);
    assert_eq!((code, told), (1, expected));
    assert_eq!(written, local);
}

#[test]
fn a_file_that_is_no_json_ends_with_the_code_2() {
    let Some((code, written, _)) = run("broken", "{", BASE, "--write") else {
        return;
    };
    assert_eq!((code, written), (2, "{".to_owned()));
}
