//! How an edit has ended, as it is printed.

use ifmatch::Saved;
use ifmatch::transport::Request;
use serde::Serialize;

use crate::content::Content;
use crate::diff;
use crate::exit::Failure;
use crate::output::Output;
use crate::target::Target;

/// The result for programs.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Edited<'e> {
    pub(super) outcome: &'e str,
    pub(super) url: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) requests: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) merged: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) settled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) if_match: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) diff: Option<String>,
}

/// Prints that nothing was sent.
pub(super) fn nothing_sent(output: Output, target: &Target, outcome: &str) -> Result<(), Failure> {
    let text = match outcome {
        "cancelled" => "Cancelled. Nothing was sent.\n",
        _ => "Unchanged. Nothing was sent.\n",
    };
    let edited = Edited {
        outcome,
        url: target.url().as_str(),
        ..Edited::default()
    };
    output.result(&edited, text)
}

/// Prints the new version, and what happened on the way.
pub(super) fn saved(output: Output, saved: &Saved<Content>) -> Result<(), Failure> {
    let report = saved.report();
    let version = saved.snapshot().validator().map(ToString::to_string);
    let mut text = match &version {
        Some(version) => format!("Saved as version {version}"),
        None => "Saved".to_owned(),
    };
    if report.merged > 0 {
        text += ", merged with what another client changed";
    }
    if report.settled {
        text += ", although a response was lost";
    }
    text += ".\n";
    let edited = Edited {
        outcome: "saved",
        url: saved.snapshot().url().as_str(),
        version,
        requests: Some(report.requests),
        merged: Some(report.merged),
        settled: Some(report.settled),
        ..Edited::default()
    };
    output.result(&edited, &text)
}

/// Prints the write that a dry run has held back, with the document before and after it.
pub(super) fn held_back(
    output: Output,
    [before, after]: &[String; 2],
    request: &Request,
) -> Result<(), Failure> {
    let diff = diff::unified(before, after, ["on the server", "yours"]);
    let header = request.headers.get("if-match");
    let if_match = header.map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned());
    let (method, url) = (request.method.to_string(), request.url.as_str());
    let mut text = format!("{method} {url}\n");
    if let Some(if_match) = &if_match {
        text.extend(["If-Match: ", if_match, "\n"]);
    }
    text += &output.diff(&diff);
    let edited = Edited {
        outcome: "dry_run",
        url,
        method: Some(method),
        if_match,
        diff: Some(diff),
        ..Edited::default()
    };
    output.result(&edited, &text)
}
