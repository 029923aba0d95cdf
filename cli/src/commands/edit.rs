//! `edit`: a document in the editor of the user, merged with what others changed meanwhile.

use std::path::PathBuf;

use ifmatch::transport::Request;
use ifmatch::{Document, Policy, Resource, Rule, Saved, Sides, ThreeWay, Versioned};

use super::edited;
use super::get::content;
use super::queue;
use crate::args::Edit;
use crate::connect::Context;
use crate::content::{Content, Shape};
use crate::editor::EditedFile;
use crate::exit::{CONFLICT, Failure, LOCAL};
use crate::format::SeenFormat;
use crate::interrupt;
use crate::markers;
use crate::saved_edit::SavedEdit;
use crate::target::Target;

/// An edit under way.
struct Session<'s> {
    context: &'s Context,
    target: Target,
    document: Resource<Content>,
    merge: ThreeWay,
    seen: SeenFormat,
    /// The state that the user has seen last. The write is pinned to its version.
    base: Versioned<Content>,
    /// The text in the editor.
    text: String,
    /// The file in which the edit was kept.
    from: Option<PathBuf>,
}

pub(crate) async fn run(context: &Context, arguments: &Edit) -> Result<(), Failure> {
    let target = Target::parse(&arguments.url)?;
    if arguments.queue {
        return queue::run(context, arguments, &target).await;
    }
    interrupt::hold().await;
    let saved = arguments.from.as_deref();
    let saved = saved
        .map(|file| SavedEdit::read(file, &target))
        .transpose()?;
    let client = context.client(&target.document_base()?, None)?;
    let text_type = saved.as_ref().and_then(|saved| saved.text_type.clone());
    let seen = SeenFormat::new(arguments.format, text_type);
    let merge = arguments.rules.merge()?;
    let document = target.document(&client, merge.clone())?;
    let document = context.formatted(document, arguments.format, &seen);
    let (base, edited) = if let Some(saved) = saved {
        if saved.profile != context.profile() {
            let why = "the edit was made with another profile";
            let advice = format!("Repeat the command with --profile {}.", saved.profile);
            return Err(Failure::usage(why).advise(advice));
        }
        let base = document.restore(&saved.base, saved.version)?;
        (base, Some(saved.edited))
    } else {
        let base = interrupt::or(context.progress.during(document.get())).await??;
        (base, None)
    };
    // Texts have no places, so they have no rules of their own.
    let merge = match seen.shape() {
        Shape::Json => merge,
        Shape::Text => ThreeWay::new(Policy::new().field("", Rule::Text)),
    };
    let session = Session {
        document: document.strategy(merge.clone()),
        text: edited.unwrap_or_else(|| seen.shape().show(base.snapshot().document())),
        from: arguments.from.clone(),
        context,
        target,
        merge,
        seen,
        base,
    };
    session.run().await
}

/// What is above a text that cannot be written, and `{}` the reason.
pub(super) const MEND: [&str; 2] = [
    "{}.",
    "Mend it and leave the editor. Empty the file to cancel.",
];

/// What the user has decided in the editor.
enum Decision {
    /// The document to write.
    Write(Document),
    /// The document on the server stays as it is.
    Keep(&'static str),
}

/// How an edit has ended.
enum Ending {
    Saved(Saved<Content>),
    /// A dry run has held back the write of this document.
    HeldBack(Document, Request),
    /// Nothing was sent.
    Kept(&'static str),
}

impl Session<'_> {
    /// Lets the user edit until the result is stored, or keeps the edit in a file.
    async fn run(mut self) -> Result<(), Failure> {
        let file = EditedFile::new(&self.target.file_name(), self.shape().suffix())?;
        let output = self.context.output;
        let failure = match self.edit(&file).await {
            Ok(Ending::Saved(saved)) => {
                if let Some(file) = &self.from {
                    output.note(&format!("{} is no longer needed.", file.display()));
                }
                return edited::saved(output, &saved);
            }
            Ok(Ending::HeldBack(local, request)) => {
                let shapes =
                    [self.base.snapshot().document(), &local].map(|it| self.shape().show(it));
                return edited::held_back(output, &shapes, &request);
            }
            Ok(Ending::Kept(outcome)) => {
                return edited::nothing_sent(output, &self.target, outcome);
            }
            Err(failure) => failure,
        };
        if self.text == self.shape().show(self.base.snapshot().document()) {
            return Err(failure);
        }
        let (address, path) = (self.target.url(), self.kept().keep(&self.target));
        Err(match path {
            Ok(path) => {
                let shown = path.display();
                let [url, file] = [address.as_str(), &shown.to_string()].map(quoted);
                let next = format!("ifmatch edit {url} --from {file}");
                let advice = format!("Your edit is kept in {shown}. Go on with:\n  {next}");
                failure.advise(advice).saved_to(path)
            }
            Err(unkept) => {
                let path = file.leave();
                let advice = format!("Your text is still in {} ({unkept}).", path.display());
                failure.advise(advice).saved_to(path)
            }
        })
    }

    fn shape(&self) -> Shape {
        self.seen.shape()
    }

    async fn edit(&mut self, file: &EditedFile) -> Result<Ending, Failure> {
        let mut messages = Vec::new();
        loop {
            let decision = self.decide(file, std::mem::take(&mut messages)).await?;
            let document = match decision {
                Decision::Write(document) => document,
                Decision::Keep(outcome) => return Ok(Ending::Kept(outcome)),
            };
            *self.base = content(&document)?;
            let writing = self.context.progress.during(self.document.save(&self.base));
            match interrupt::or(writing).await? {
                Ok(saved) => return Ok(Ending::Saved(saved)),
                Err(error) if error.is_conflict() => {
                    messages = self.clashed(error.into_sides::<Content>()?, &document)?;
                }
                Err(error) => match self.context.held_back.take() {
                    Some(request) => return Ok(Ending::HeldBack(document, request)),
                    None => return Err(error.into()),
                },
            }
        }
    }

    /// Opens the editor until its text is a document, or the user gives up.
    async fn decide(
        &mut self,
        file: &EditedFile,
        mut messages: Vec<String>,
    ) -> Result<Decision, Failure> {
        let base = self.base.snapshot().document().clone();
        let has_own_markers = markers::has_markers(&self.shape().show(&base));
        loop {
            let before = self.text.clone();
            self.text = file.edit(&messages, &before).await?;
            if self.text.trim().is_empty() {
                return Ok(Decision::Keep("cancelled"));
            }
            // A document may have such lines of its own.
            let is_marked = markers::has_markers(&self.text) && !has_own_markers;
            let problem = match self.shape().read(&self.text) {
                _ if is_marked => "there are conflict markers left".to_owned(),
                Ok(document) if document == base => return Ok(Decision::Keep("unchanged")),
                Ok(document) => return Ok(Decision::Write(document)),
                Err(error) => Shape::problem(&self.text, MEND.len(), &error),
            };
            if self.text == before {
                let code = if is_marked { CONFLICT } else { LOCAL };
                let why = format!("the edit was given up: {problem}");
                return Err(Failure::new(code, "given_up", why));
            }
            messages = MEND.map(|line| line.replace("{}", &problem)).to_vec();
        }
    }

    /// Shows both sides in the editor. The next write is pinned to the state that is shown.
    fn clashed(&mut self, sides: Sides<Content>, local: &Document) -> Result<Vec<String>, Failure> {
        let Some(remote) = sides.remote else {
            return Err(Failure::new(
                CONFLICT,
                "conflict",
                "the state on the server is not known",
            ));
        };
        let base = self.base.snapshot().document();
        let theirs = remote.snapshot().document();
        let merged = self.merge.merge_documents(Some(base), local, theirs);
        self.text = markers::marked(&merged, |it| self.shape().show(it));
        let mut messages = vec![
            "Another client changed the document. Its other changes are merged with yours."
                .to_owned(),
            "Solve what is between the markers and leave the editor. Empty the file to cancel."
                .to_owned(),
        ];
        for field in &merged.conflicts {
            let place = if field.pointer.is_empty() {
                "the text"
            } else {
                &field.pointer
            };
            messages.push(format!("{place}: {}", field.kind));
        }
        self.base = remote;
        self.context
            .output
            .note("Another client changed the same place. The editor opens again.");
        Ok(messages)
    }

    /// Returns the edit in the form in which it is kept.
    fn kept(&self) -> SavedEdit {
        let snapshot = self.base.snapshot();
        SavedEdit {
            version: snapshot.validator().map(ToString::to_string),
            text_type: self.seen.text_type(),
            base: snapshot.document().as_str().to_owned(),
            edited: self.text.clone(),
            ..SavedEdit::new(&self.target, self.context.profile())
        }
    }
}

/// Returns a word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_./:@%+,=".contains(it);
    if word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
