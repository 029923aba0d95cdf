//! `conflicts`: the queued edits that wait for a person.

use std::fmt::Write as _;

use ifmatch::{IntentId, OpenWrite, QueuedState, QueuedWrite};
use serde::Serialize;

use super::decide;
use super::send::writes;
use crate::args::{Conflicts, JournalArgs, RuleArgs};
use crate::connect::{Context, Queue};
use crate::content::Content;
use crate::exit::{Failure, USAGE, name_of};
use crate::target::Target;

/// A queued edit, for programs.
#[derive(Serialize)]
struct Listed {
    id: String,
    url: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

pub(crate) async fn run(context: &Context, arguments: &Conflicts) -> Result<(), Failure> {
    match &arguments.action {
        None => list(context, arguments).await,
        Some(action) => decide::run(context, action).await,
    }
}

async fn list(context: &Context, arguments: &Conflicts) -> Result<(), Failure> {
    let queue = Queue::named(&arguments.journal)?;
    let mut listed = Vec::new();
    for write in writes(context, &queue)? {
        let state = match write.state() {
            QueuedState::Open => "open",
            QueuedState::Sent => "sent",
            _ => "waiting",
        };
        if state != "open" && !arguments.all {
            continue;
        }
        let open = match state {
            "open" => find(context, &queue, &RuleArgs::default(), &write).await?,
            _ => None,
        };
        listed.push(Listed {
            id: write.id().to_string(),
            url: write.url().to_owned(),
            state,
            kind: open.as_ref().map(|open| name_of(open.kind())),
            message: open.as_ref().map(|open| open.message().to_owned()),
        });
    }
    let mut text = String::new();
    for write in &listed {
        let message = write.message.as_deref().unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}  {:<7}  {}  {message}",
            write.id, write.state, write.url
        );
    }
    if listed.is_empty() {
        context.output.note("Nothing waits for you.");
    }
    context.output.result(&listed, &text)
}

/// Returns the open write of this id.
pub(crate) async fn open(
    context: &Context,
    id: &str,
    rules: &RuleArgs,
    journal: &JournalArgs,
) -> Result<OpenWrite<Content>, Failure> {
    let wanted: IntentId = id
        .parse()
        .map_err(|error| Failure::usage(format!("{id:?}: {error}")))?;
    let queue = Queue::named(journal)?;
    let mut writes = writes(context, &queue)?.into_iter();
    let write = writes.find(|write| write.id() == wanted);
    let open = match &write {
        Some(write) => find(context, &queue, rules, write).await?,
        None => None,
    };
    open.ok_or_else(|| {
        let failure = Failure::new(USAGE, "unknown_id", format!("no open edit has the id {id}"));
        failure.advise("List them with `ifmatch conflicts`.")
    })
}

async fn find(
    context: &Context,
    queue: &Queue,
    rules: &RuleArgs,
    write: &QueuedWrite,
) -> Result<Option<OpenWrite<Content>>, Failure> {
    let target = Target::parse(write.url())?;
    let client = context.client(&target.document_base()?, Some(queue))?;
    let mut conflicts = target.document(&client, rules.merge()?)?.conflicts();
    while let Some(open) = conflicts.next().await? {
        if open.id() == write.id() {
            return Ok(Some(open));
        }
    }
    Ok(None)
}
