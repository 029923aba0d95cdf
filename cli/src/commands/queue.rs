//! `edit --queue`: an edit that `send` sends later.

use ifmatch::{BoxError, Document};

use super::edit::MEND;
use super::edited::Edited;
use super::get::content;
use crate::args::Edit;
use crate::connect::{Context, Queue};
use crate::content::{Content, Shape};
use crate::diff;
use crate::editor::EditedFile;
use crate::exit::{Failure, LOCAL};
use crate::interrupt;
use crate::target::Target;

pub(crate) async fn run(
    context: &Context,
    arguments: &Edit,
    target: &Target,
) -> Result<(), Failure> {
    let queue = Queue::named(&arguments.journal)?;
    let client = context.client(&target.document_base()?, Some(&queue))?;
    let document = target.document(&client, arguments.rules.merge()?)?;
    interrupt::hold().await;
    let read = interrupt::or(context.progress.during(document.get())).await?;
    // What is queued already is shown too. Without the server, the last state that was read is below it.
    let local = document.local().await?;
    let shown = match (local, read) {
        (Some(local), read) => {
            if let Err(error) = read {
                context
                    .output
                    .note(&format!("This is the last state that was read: {error}"));
            }
            local.into_inner()
        }
        (None, Ok(read)) => read.into_inner(),
        (None, Err(error)) => return Err(error.into()),
    };
    let shown = document_of(&shown)?;
    let Some((edited, file)) = edited(target, &shown).await? else {
        let url = target.url().as_str();
        let edited = Edited {
            outcome: "unchanged",
            url,
            ..Edited::default()
        };
        let text = "Unchanged or cancelled. Nothing was queued.\n";
        return context.output.result(&edited, text);
    };
    let text = Shape::Json.show(&edited);
    if context.global.dry_run {
        let diff = diff::unified(&Shape::Json.show(&shown), &text, ["before", "queued"]);
        let edited = Edited {
            outcome: "dry_run",
            url: target.url().as_str(),
            ..Edited::default()
        };
        return context.output.result(&edited, &context.output.diff(&diff));
    }
    let wanted = content(&edited)?;
    let update = document.try_update(move |value: &mut Content| {
        if value.document()? != shown {
            return Err(BoxError::from("another edit was queued meanwhile"));
        }
        *value = wanted.clone();
        Ok(())
    });
    let id = match update.queue().await {
        Ok(queued) => queued.id().to_string(),
        Err(error) => return Err(left(file, error.into())),
    };
    let text = format!("Queued as {id}. `ifmatch send` sends it.\n");
    let edited = Edited {
        outcome: "queued",
        url: target.url().as_str(),
        id: Some(id),
        ..Edited::default()
    };
    context.output.result(&edited, &text)
}

fn document_of(content: &Content) -> Result<Document, Failure> {
    content
        .document()
        .map_err(|error| Failure::new(12, "decode", error.to_string()))
}

/// Leaves the text of an edit that cannot be queued where it is.
fn left(file: EditedFile, failure: Failure) -> Failure {
    let path = file.leave();
    let advice = format!("Your text is still in {}.", path.display());
    failure.advise(advice).saved_to(path)
}

/// Opens the editor until its text is a document. Returns `None` if nothing is to be written.
async fn edited(
    target: &Target,
    shown: &Document,
) -> Result<Option<(Document, EditedFile)>, Failure> {
    let shape = Shape::Json;
    let file = EditedFile::new(&target.file_name(), shape.suffix())?;
    let (mut text, mut messages) = (shape.show(shown), Vec::new());
    loop {
        let before = text;
        text = file.edit(&messages, &before).await?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        match shape.read(&text) {
            Ok(document) if document == *shown => return Ok(None),
            Ok(document) => return Ok(Some((document, file))),
            Err(error) => {
                let problem = Shape::problem(&text, MEND.len(), &error);
                if text == before {
                    let why = format!("the edit was given up: {problem}");
                    return Err(left(file, Failure::new(LOCAL, "given_up", why)));
                }
                messages = MEND.map(|line| line.replace("{}", &problem)).to_vec();
            }
        }
    }
}
