//! Clients, as the options set them up.

use ifmatch::{Client, ClientBuilder, FileStore, Journal, Limits, Resource};

use crate::args::{BodyFormat, Global, JournalArgs};
use crate::content::Content;
use crate::credentials::Credentials;
use crate::dry_run::HeldBack;
use crate::exit::Failure;
use crate::format::SeenFormat;
use crate::output::Output;
use crate::places;
use crate::profile;
use crate::progress::Progress;

/// What every command has.
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) output: Output,
    pub(crate) progress: Progress,
    pub(crate) held_back: HeldBack,
}

/// The queue, and the cache that it needs.
#[derive(Clone)]
pub(crate) struct Queue {
    journal: Journal,
    store: FileStore,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        let output = Output::new(global.json);
        Self {
            global,
            output,
            progress: Progress::default(),
            held_back: HeldBack::default(),
        }
    }

    pub(crate) fn profile(&self) -> &str {
        self.global.profile.as_deref().unwrap_or("generic")
    }

    /// Returns a client of this base.
    pub(crate) fn client(&self, base: &str, queue: Option<&Queue>) -> Result<Client, Failure> {
        let time = self.global.timeout;
        let limits = Limits::default().time(time);
        let builder = Client::builder(base).limits(limits);
        let builder = profile::set(builder, self.profile());
        let builder = Credentials::read(&self.global)?.add_to(builder);
        let builder = builder.observer(self.progress.clone());
        let builder = match queue {
            Some(queue) => queue.used_by(builder),
            None => builder,
        };
        let held_back = self.held_back.clone();
        let builder = if self.global.dry_run {
            builder.layer(move |next| held_back.before(next))
        } else {
            builder
        };
        Ok(builder.build()?)
    }

    /// Whether requests have credentials.
    pub(crate) fn has_credentials(&self) -> Result<bool, Failure> {
        Ok(!Credentials::read(&self.global)?.is_empty())
    }

    /// Sets how the body of a document is read and written.
    pub(crate) fn formatted(
        &self,
        document: Resource<Content>,
        format: BodyFormat,
        seen: &SeenFormat,
    ) -> Resource<Content> {
        match format {
            BodyFormat::Auto if !profile::has_files(self.profile()) => document,
            BodyFormat::Json => document,
            BodyFormat::Auto | BodyFormat::Text => document.format(seen.clone()),
        }
    }
}

impl Queue {
    /// Opens the queue in the folder that the arguments name, or in that of the user.
    pub(crate) fn named(arguments: &JournalArgs) -> Result<Self, Failure> {
        let folder = match &arguments.journal {
            Some(folder) => folder.clone(),
            None => places::queue()?,
        };
        let store = FileStore::open(places::cache()?).map_err(ifmatch::Error::from)?;
        let journal = Journal::open(folder)
            .build()
            .map_err(ifmatch::Error::from)?;
        Ok(Self { journal, store })
    }

    fn used_by(&self, builder: ClientBuilder) -> ClientBuilder {
        let queue = self.clone();
        // Awaited edits are kept in files of their own, so that a person can go on with them.
        let builder = builder.journal(queue.journal).journal_awaited(false);
        builder.store(queue.store)
    }

    /// Returns what cannot be read of the queue.
    pub(crate) fn damage(&self) -> Vec<String> {
        self.journal.damage()
    }
}
