//! `merge`: three JSON files become one, as git asks a merge driver.

use std::fs;
use std::path::Path;

use ifmatch::Document;
use ifmatch::merge::MergedDocument;
use serde::Serialize;

use super::get::raw;
use crate::args::Merge;
use crate::connect::Context;
use crate::diff;
use crate::exit::{CONFLICT, Failure, GIT_STOPS};
use crate::markers;
use crate::output;

/// The result for programs.
#[derive(Serialize)]
struct Merged<'m> {
    clean: bool,
    conflicts: &'m [ifmatch::FieldConflict],
    document: Box<serde_json::value::RawValue>,
}

pub(crate) fn run(context: &Context, arguments: &Merge) -> Result<(), Failure> {
    merge(context, arguments).map_err(|failure| match failure.code() {
        CONFLICT => failure,
        // git takes anything up to 128 for a conflict.
        _ => failure.with_code(GIT_STOPS),
    })
}

fn merge(context: &Context, arguments: &Merge) -> Result<(), Failure> {
    let rules = arguments.rules.merge()?;
    let local_text = read(&arguments.local)?;
    let base = match read(&arguments.base)? {
        // git passes an empty file if both sides added the file.
        text if text.trim().is_empty() => None,
        text => Some(parse(&arguments.base, &text)?),
    };
    let local = parse(&arguments.local, &local_text)?;
    let remote = parse(&arguments.remote, &read(&arguments.remote)?)?;
    let merged = rules.merge_documents(base.as_ref(), &local, &remote);
    let text = text(&merged);
    let is_clean = merged.conflicts.is_empty();
    let target = arguments.output.as_deref().unwrap_or(&arguments.local);
    if context.global.dry_run {
        let diff = diff::unified(&local_text, &text, ["local", "merged"]);
        output::print(&context.output.diff(&diff))?;
    } else if !arguments.stdout {
        fs::write(target, &text).map_err(|error| Failure::file(target, &error))?;
    }
    if context.output.is_json() {
        let shown = Merged {
            clean: is_clean,
            conflicts: &merged.conflicts,
            document: raw(&merged.document)?,
        };
        context.output.result(&shown, "")?;
    } else if arguments.stdout && !context.global.dry_run {
        output::print(&text)?;
    }
    if is_clean {
        return Ok(());
    }
    for conflict in &merged.conflicts {
        context.output.note(conflict.to_string().trim_end());
    }
    let file = arguments.path.clone();
    let file = file.unwrap_or_else(|| target.display().to_string());
    let count = merged.conflicts.len();
    let places = if count == 1 { "place is" } else { "places are" };
    let why = format!("{file}: {count} {places} open");
    Err(Failure::new(CONFLICT, "conflict", why))
}

/// Returns the merged text as its files are written, with the open places between markers.
fn text(merged: &MergedDocument) -> String {
    if merged.conflicts.is_empty() {
        merged.document.as_str().to_owned()
    } else {
        markers::marked(merged, ToString::to_string)
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::file(path, &error))
}

fn parse(path: &Path, text: &str) -> Result<Document, Failure> {
    Document::parse(text.as_bytes())
        .map_err(|error| Failure::new(GIT_STOPS, "decode", format!("{}: {error}", path.display())))
}
