//! Queued writes: each of them is applied once, in its order, or waits for a person, whatever happens to the process.

#[cfg(feature = "durable")]
mod damage;
mod decisions;
mod doubt;
#[cfg(feature = "durable")]
mod files;
mod keeping;
mod open;
mod order;
mod queueing;
mod restarts;
mod running;
mod shared;
#[cfg(feature = "durable")]
mod takeover;
mod upgrades;
mod users;

use ifmatch::{
    Client, Collection, Drained, Journal, MemoryStore, OpenWrite, Policy, ResourceData, Rule,
    ThreeWay,
};

use crate::support::{ARTICLE, AT, Article, Event, Server};

/// A program with a journal. A restart loses everything but the journal and the server.
struct Program {
    server: Server,
    journal: Journal,
    client: Client,
    is_stamped: bool,
}

impl Program {
    fn new() -> Self {
        Self::of(Server::with(AT, ARTICLE))
    }

    fn of(server: Server) -> Self {
        let journal = Journal::in_memory();
        let client = client(&server, &journal);
        Self {
            server,
            journal,
            client,
            is_stamped: false,
        }
    }

    /// The same, with write stamps.
    fn stamped() -> Self {
        Self {
            is_stamped: true,
            ..Self::new()
        }
    }

    fn restarted(self) -> Self {
        Self {
            client: client(&self.server, &self.journal),
            ..self
        }
    }

    fn articles(&self) -> Collection<Article> {
        let strategy = ThreeWay::new(Policy::new().field("/views", Rule::Counter));
        let articles = self.client.collection_with("articles", strategy);
        if self.is_stamped {
            articles.write_stamp("/writes")
        } else {
            articles
        }
    }

    async fn drain(&self) -> Drained {
        let outbox = self.client.outbox().of(&self.articles());
        outbox.drain().await.unwrap()
    }

    /// Sends what is queued, but a request is lost, and then the network. So the first write may have been sent.
    async fn drain_in_vain(&self) {
        self.server.script([Event::LoseRequest]);
        self.server.script((0..20).map(|_| Event::NoConnection));
        self.drain().await;
        self.server.end_script();
    }

    fn views(&self) -> u64 {
        self.server.value(AT)["views"].as_u64().unwrap()
    }

    fn title(&self) -> String {
        self.server.value(AT)["title"].as_str().unwrap().to_owned()
    }
}

fn client(server: &Server, journal: &Journal) -> Client {
    let client = server.builder().journal(journal.clone());
    client.store(MemoryStore::default()).build().unwrap()
}

/// Queues one more view.
async fn queue_view(articles: &Collection<Article>) -> ifmatch::Queued<ifmatch::Saved<Article>> {
    let update = articles.update(1, |article| article.views += 1);
    update.queue().await.unwrap()
}

/// Returns the oldest write that waits for a person.
async fn first_open<T>(of: &Collection<T>) -> OpenWrite<T>
where
    T: ResourceData,
{
    of.conflicts().next().await.unwrap().unwrap()
}

/// A directory that is removed at the end.
#[cfg(feature = "durable")]
struct TempFolder(std::path::PathBuf);

#[cfg(feature = "durable")]
impl TempFolder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ifmatch-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Self(folder)
    }

    fn path(&self) -> &std::path::Path {
        &self.0
    }
}

#[cfg(feature = "durable")]
impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
