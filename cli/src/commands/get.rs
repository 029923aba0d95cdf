//! `get`: prints a document.

use ifmatch::{Document, ThreeWay};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::args::Get;
use crate::connect::Context;
use crate::content::{Content, Shape, compact};
use crate::exit::Failure;
use crate::format::SeenFormat;
use crate::output;
use crate::target::Target;

/// The result for programs.
#[derive(Serialize)]
struct Got<'g> {
    url: &'g str,
    version: Option<String>,
    document: &'g RawValue,
}

pub(crate) async fn run(context: &Context, arguments: &Get) -> Result<(), Failure> {
    let target = Target::parse(&arguments.url)?;
    let client = context.client(&target.document_base()?, None)?;
    let seen = SeenFormat::new(arguments.format, None);
    let document = target.document(&client, ThreeWay::default())?;
    let document = context.formatted(document, arguments.format, &seen);
    let found = context.progress.during(document.get()).await?;
    let snapshot = found.snapshot();
    let version = snapshot.validator().map(ToString::to_string);
    if context.output.is_json() {
        let document: Box<RawValue> = raw(snapshot.document())?;
        let url = snapshot.url().as_str();
        let got = Got {
            url,
            version,
            document: &document,
        };
        return context.output.result(&got, "");
    }
    match &version {
        Some(version) => context.output.note(&format!("version {version}")),
        None => context
            .output
            .note("The server gives no version that can be used in a write."),
    }
    output::print(&text(snapshot.document(), seen.shape(), arguments.raw))
}

fn text(document: &Document, shape: Shape, is_raw: bool) -> String {
    if is_raw && shape == Shape::Json {
        return document.as_str().to_owned();
    }
    shape.show(document)
}

/// Returns a document as a part of a result, which is on one line.
pub(crate) fn raw(document: &Document) -> Result<Box<RawValue>, Failure> {
    let raw = RawValue::from_string(compact(document.as_str()));
    raw.map_err(|error| Failure::new(12, "decode", error.to_string()))
}

/// Returns the content of a document that was just read, or written by the user.
pub(crate) fn content(document: &Document) -> Result<Content, Failure> {
    Content::of(document).map_err(|error| Failure::new(12, "decode", error.to_string()))
}
