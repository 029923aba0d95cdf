//! `watch`: prints changes as they come.

use std::fs;
use std::io;
use std::path::Path;

use ifmatch::{Change, Feed, Position, ThreeWay};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::get::raw;
use crate::args::Watch;
use crate::connect::Context;
use crate::content::Content;
use crate::editor::write_private;
use crate::exit::Failure;
use crate::interrupt;
use crate::output;
use crate::target::Target;

/// A change, for programs.
#[derive(Serialize)]
struct Told<'t> {
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<Box<RawValue>>,
}

/// How far a watch was followed, in a file.
#[derive(Serialize, Deserialize)]
struct Followed {
    url: String,
    position: Position,
}

pub(crate) async fn run(context: &Context, arguments: &Watch) -> Result<(), Failure> {
    let target = Target::parse(&arguments.url)?;
    let file = arguments.from.as_deref();
    let position = file.map(|file| read(file, &target)).transpose()?.flatten();
    let merge = ThreeWay::default();
    let opening = if arguments.resource {
        let client = context.client(&target.document_base()?, None)?;
        target.document(&client, merge)?.watch().from(position)
    } else {
        let client = context.client(&target.collection_base()?, None)?;
        target.collection(&client, merge)?.watch().from(position)
    };
    let opening = match arguments.every {
        Some(time) => opening.feed(Feed::polling().interval(time)),
        None => opening,
    };
    let mut watch = opening.await?;
    let (mut kept, mut failed) = (None, None);
    loop {
        let next = interrupt::or(watch.next()).await;
        // Every change before this one was printed.
        let position = watch.position();
        if let (Some(file), Some(position)) =
            (file, position.filter(|it| kept.as_ref() != Some(it)))
        {
            write(file, &target, &position)?;
            kept = Some(position);
        }
        match next? {
            Ok(Some(change)) => {
                failed = None;
                print(context, &change)?;
            }
            // An error about one resource does not end the watch, so what follows tells.
            Err(error) => {
                let failure = Failure::from(error);
                context.output.failure(&failure);
                failed = Some(failure.told());
            }
            Ok(None) => return failed.map_or(Ok(()), Err),
        }
    }
}

fn print(context: &Context, change: &Change<Content>) -> Result<(), Failure> {
    let mut told = Told {
        change: "put",
        id: None,
        version: None,
        document: None,
    };
    match change {
        Change::Put(value) => {
            let snapshot = value.snapshot();
            told.id = snapshot.id();
            told.version = snapshot.validator().map(ToString::to_string);
            told.document = Some(raw(snapshot.document())?);
        }
        Change::Gone(id) => (told.change, told.id) = ("gone", Some(id.as_str())),
        Change::Reset => told.change = "reset",
        Change::CaughtUp => told.change = "caught_up",
    }
    if context.output.is_json() {
        return context.output.result(&told, "");
    }
    let document = told.document.as_deref().map(start);
    let words = [
        Some(told.change),
        told.id,
        told.version.as_deref(),
        document.as_deref(),
    ];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    output::print(&(words.join("  ") + "\n"))
}

/// Returns the start of a document on one line.
fn start(document: &RawValue) -> String {
    const LONGEST: usize = 200;
    let line = document.get();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => line[..end].to_owned() + "…",
        None => line.to_owned(),
    }
}

fn read(file: &Path, target: &Target) -> Result<Option<Position>, Failure> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file(file, &error)),
    };
    let wrong = |why: &str| Failure::usage(format!("{}: {why}", file.display()));
    let followed: Followed = serde_json::from_str(&text)
        .map_err(|error| wrong(&format!("no position of a watch: {error}")))?;
    if followed.url != target.url().as_str() {
        return Err(wrong(&format!(
            "the position of another watch, {}",
            followed.url
        )));
    }
    Ok(Some(followed.position))
}

/// Replaces the file as a whole, so that a killed process leaves the old position or the new one.
fn write(file: &Path, target: &Target, position: &Position) -> Result<(), Failure> {
    let url = target.url().to_string();
    let position = position.clone();
    let text = serde_json::to_string(&Followed { url, position }).map_err(io::Error::from);
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = file.with_file_name(name);
    let written = text.and_then(|text| {
        write_private(&new, &(text + "\n"))?;
        fs::rename(&new, file)
    });
    written.map_err(|error| Failure::file(file, &error))
}
