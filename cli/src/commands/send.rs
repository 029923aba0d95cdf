//! `send`: sends what is queued.

use std::collections::{BTreeMap, BTreeSet};

use ifmatch::{Client, QueuedState, QueuedWrite};
use serde::Serialize;

use crate::args::Send;
use crate::connect::{Context, Queue};
use crate::exit::{CONFLICT, Failure, LEFT};
use crate::interrupt;
use crate::target::Target;

/// The result for programs.
#[derive(Debug, Default, Serialize)]
struct Counts {
    sent: usize,
    open: usize,
    left: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

pub(crate) async fn run(context: &Context, arguments: &Send) -> Result<(), Failure> {
    let queue = Queue::named(&arguments.journal)?;
    let only = arguments.url.as_deref().map(Target::parse).transpose()?;
    let only = only.map(|target| target.origin());
    let is_meant = |target: &Target| only.as_ref().is_none_or(|only| *only == target.origin());
    let mut targets: BTreeMap<String, Vec<Target>> = BTreeMap::new();
    let mut servers = BTreeSet::new();
    for write in writes(context, &queue)? {
        let target = Target::parse(write.url())?;
        if is_meant(&target) {
            servers.insert(target.origin());
            targets
                .entry(target.document_base()?)
                .or_default()
                .push(target);
        }
    }
    if servers.len() > 1 && context.has_credentials()? {
        let why = "there are edits for several servers, and the credentials are those of one";
        let advice = "Name the server, as in `ifmatch send https://api.example.com`.";
        return Err(Failure::usage(why).advise(advice));
    }
    if context.global.dry_run {
        return would_send(context, targets.into_values().flatten());
    }
    let mut result = Counts::default();
    for (base, targets) in targets {
        let client = context.client(&base, Some(&queue))?;
        let sending = send_with(&client, arguments, &targets, &mut result);
        interrupt::or(context.progress.during(sending)).await??;
    }
    for write in writes(context, &queue)? {
        match write.state() {
            _ if !is_meant(&Target::parse(write.url())?) => {}
            QueuedState::Open => result.open += 1,
            _ => result.left += 1,
        }
    }
    let Counts {
        sent, open, left, ..
    } = result;
    let text = format!("Sent: {sent}, open: {open}, left: {left}\n");
    context.output.result(&result, &text)?;
    let mut failure = match (open, left) {
        (0, 0) => return Ok(()),
        (0, _) => Failure::new(LEFT, "left", "some edits could not be sent yet")
            .advise("Run `ifmatch send` again later."),
        _ => Failure::new(CONFLICT, "conflict", "some edits wait for your decision")
            .advise("List them with `ifmatch conflicts`."),
    };
    if let Some(why) = result.why {
        failure = failure.advise(format!("The last try failed: {why}"));
    }
    Err(failure)
}

/// Sends the writes to documents with one base.
async fn send_with(
    client: &Client,
    arguments: &Send,
    targets: &[Target],
    result: &mut Counts,
) -> Result<(), Failure> {
    let mut outbox = client.outbox();
    for target in targets {
        outbox = outbox.of(&target.document(client, arguments.rules.merge()?)?);
    }
    let drained = outbox.drain().await?;
    result.sent += drained.sent;
    result.why = result.why.take().or(drained.why);
    Ok(())
}

/// Returns the queued writes of this user, the oldest first.
pub(crate) fn writes(context: &Context, queue: &Queue) -> Result<Vec<QueuedWrite>, Failure> {
    for damage in queue.damage() {
        context
            .output
            .note(&format!("The queue is damaged: {damage}"));
    }
    // Nothing is sent, so any base will do.
    let client = context.client("http://localhost", Some(queue))?;
    Ok(client.outbox().writes()?)
}

fn would_send(context: &Context, targets: impl Iterator<Item = Target>) -> Result<(), Failure> {
    let urls: Vec<String> = targets.map(|target| target.url().to_string()).collect();
    let text = urls
        .iter()
        .map(|url| format!("would send the edit of {url}\n"));
    let text: String = text.collect();
    context.output.result(
        &serde_json::json!({"outcome": "dry_run", "urls": urls}),
        &text,
    )
}
