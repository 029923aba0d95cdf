//! Merges three JSON files, from the command line or as a git merge driver.
//!
//! ```text
//! merge_json BASE LOCAL REMOTE [--write] [--json] [--set POINTER]… [--key POINTER=MEMBER]… [--text POINTER]…
//! ```
//!
//! Try it on three small files:
//!
//! ```text
//! cargo run --example merge_json -- examples/data/base.json examples/data/local.json examples/data/remote.json
//! ```
//!
//! Prints the merge. If both sides changed the same places, it lists them on standard error (with `--json`, as
//! JSON on standard output) and exits with code 1. It exits with code 2 if a file cannot be read. Unknown
//! fields, the order of keys, the indentation and the text of numbers are kept.
//!
//! As a git merge driver, it prevents conflicts over neighbouring lines in files such as `package.json`:
//!
//! ```text
//! git config merge.json.driver "merge_json %O %A %B --write"
//! echo "*.json merge=json" >> .gitattributes
//! ```
//!
//! `--write` writes the result to LOCAL, where git expects it. On a conflict the file holds the merge, with the
//! open places between the usual markers, and is resolved like any other.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]

use std::fs;
use std::process::ExitCode;

use ifmatch::json::Document;
use ifmatch::merge::{BoxError, MarkerStyle, Policy, Rule, Side, ThreeWay, pick_side, text};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("merge_json: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool, BoxError> {
    let mut files = Vec::new();
    let (mut write, mut json, mut policy) = (false, false, Policy::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--write" => write = true,
            "--json" => json = true,
            "--set" => policy = policy.field(value()?, Rule::Set),
            "--text" => policy = policy.field(value()?, Rule::Text),
            "--key" => {
                let value = value()?;
                let (pointer, member) = value.split_once('=').ok_or("--key POINTER=MEMBER")?;
                policy = policy.field(pointer, Rule::keyed(member));
            }
            _ => files.push(argument),
        }
    }
    let merge = ThreeWay::checked(policy)?;
    let [base_file, local_file, remote_file] = &files[..] else {
        return Err("usage: merge_json BASE LOCAL REMOTE [--write] [--json]".into());
    };
    let base_text = fs::read_to_string(base_file)?;
    let (local_text, remote_text) = (
        fs::read_to_string(local_file)?,
        fs::read_to_string(remote_file)?,
    );
    let parse = |name: &str, text: &str| {
        Document::parse(text.as_bytes()).map_err(|e| format!("{name}: {e}"))
    };
    // git passes an empty file if both sides added the file.
    let base = if base_text.is_empty() {
        None
    } else {
        Some(parse(base_file, &base_text)?)
    };
    let (local, remote) = (
        parse(local_file, &local_text)?,
        parse(remote_file, &remote_text)?,
    );

    let merged = merge.merge_documents(base.as_ref(), &local, &remote);
    let clean = merged.conflicts.is_empty();
    for conflict in &merged.conflicts {
        eprint!("{conflict}");
    }
    if !clean && json {
        println!("{}", serde_json::to_string_pretty(&merged.conflicts)?);
    }
    if write {
        // Both contain everything that could be merged, and differ in the open places.
        let [mine, theirs] = [Side::Local, Side::Remote]
            .map(|side| pick_side(&merged.document, &merged.conflicts, side).to_string());
        let marked = text("", &mine, &theirs);
        let marked = marked.with_markers(MarkerStyle::Merge, ["local", "base", "remote"]);
        fs::write(local_file, marked)?;
    } else if clean || !json {
        print!("{}", merged.document);
    }
    Ok(clean)
}
