//! `conflicts show`, `resolve`, `retry` and `discard`.

use std::fs;
use std::path::Path;

use ifmatch::{LocalWins, MergeStrategy as _, OpenWrite, Resolution};
use serde::Serialize;
use serde_json::value::RawValue;

use super::conflicts::open;
use super::get::{content, raw};
use crate::args::{ConflictAction, ResolveBy};
use crate::connect::Context;
use crate::content::{Content, Shape};
use crate::exit::{Failure, name_of};

/// An open edit with its sides, for programs.
#[derive(Serialize)]
struct Shown<'o> {
    id: String,
    kind: String,
    message: &'o str,
    conflicts: &'o [ifmatch::FieldConflict],
    base: Option<Box<RawValue>>,
    local: Option<Box<RawValue>>,
    remote: Option<Box<RawValue>>,
}

pub(crate) async fn run(context: &Context, action: &ConflictAction) -> Result<(), Failure> {
    match action {
        ConflictAction::Show { id, rules, journal } => {
            show(context, &open(context, id, rules, journal).await?)
        }
        ConflictAction::Resolve {
            id,
            by,
            rules,
            journal,
        } => {
            let open = open(context, id, rules, journal).await?;
            let decision = decision(&open, by).await?;
            if would(context, "resolve", id)? {
                return Ok(());
            }
            open.resolve(decision).await?;
            done(context, "resolved", id, "Decided. `ifmatch send` sends it.")
        }
        ConflictAction::Retry { id, journal } => {
            let open = open(context, id, &crate::args::RuleArgs::default(), journal).await?;
            if would(context, "retry", id)? {
                return Ok(());
            }
            open.retry().await?;
            done(
                context,
                "queued",
                id,
                "Queued again. `ifmatch send` sends it.",
            )
        }
        ConflictAction::Discard { id, journal } => {
            let open = open(context, id, &crate::args::RuleArgs::default(), journal).await?;
            if would(context, "discard", id)? {
                return Ok(());
            }
            open.discard().await?;
            done(
                context,
                "discarded",
                id,
                "Discarded. The document on the server stays as it is.",
            )
        }
    }
}

fn show(context: &Context, open: &OpenWrite<Content>) -> Result<(), Failure> {
    let conflict = open.conflict();
    let side = |side: &Option<Content>| -> Result<Option<Box<RawValue>>, Failure> {
        let document = side.as_ref().map(Content::document).transpose();
        let document = document.map_err(|error| Failure::new(12, "decode", error.to_string()))?;
        document.as_ref().map(raw).transpose()
    };
    let shown = Shown {
        id: open.id().to_string(),
        kind: name_of(open.kind()),
        message: open.message(),
        conflicts: conflict.fields(),
        base: side(&conflict.base)?,
        local: side(&conflict.local)?,
        remote: side(&conflict.remote)?,
    };
    let mut text = format!("{}: {}\n", shown.kind, shown.message);
    for field in conflict.fields() {
        text += &field.to_string();
    }
    text += &context.output.diff(&conflict.diff());
    context.output.result(&shown, &text)
}

async fn decision(
    open: &OpenWrite<Content>,
    by: &ResolveBy,
) -> Result<Resolution<Content>, Failure> {
    if let Some(file) = &by.file {
        return Ok(Resolution::Merged(read(file)?));
    }
    if by.remote {
        return Ok(Resolution::KeepRemote);
    }
    let resolved = LocalWins.resolve(open.conflict()).await;
    resolved.map_err(|error| Failure::new(1, "conflict", error.to_string()))
}

fn read(file: &Path) -> Result<Content, Failure> {
    let text = fs::read_to_string(file).map_err(|error| Failure::file(file, &error))?;
    let document = Shape::Json.read(&text);
    let document = document
        .map_err(|error| Failure::new(12, "decode", format!("{}: {error}", file.display())))?;
    content(&document)
}

/// Tells what a dry run leaves out. Returns whether this is one.
fn would(context: &Context, what: &str, id: &str) -> Result<bool, Failure> {
    if context.global.dry_run {
        let told = serde_json::json!({"outcome": "dry_run", "would": what, "id": id});
        context
            .output
            .result(&told, &format!("would {what} {id}\n"))?;
    }
    Ok(context.global.dry_run)
}

fn done(context: &Context, outcome: &str, id: &str, text: &str) -> Result<(), Failure> {
    let told = serde_json::json!({"outcome": outcome, "id": id});
    context.output.result(&told, &format!("{text}\n"))
}
