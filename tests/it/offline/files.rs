//! The journal in files, with a program that really lets go of everything.

use std::path::PathBuf;
use std::time::Duration;

use ifmatch::{Client, Collection, FileStore, Journal, Limits};
use serde_json::Value;

use crate::support::{ARTICLE, AT, Server};

/// A directory that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ifmatch-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Self(folder)
    }

    fn client(&self, server: &Server) -> (Client, Collection<Value>) {
        let client = server
            .builder()
            .journal(Journal::open(self.0.join("journal")).build().unwrap())
            .store(FileStore::open(self.0.join("cache")).unwrap())
            .limits(Limits::default().time(Duration::from_secs(5)))
            .build()
            .unwrap();
        let articles = client.collection("articles");
        (client, articles)
    }

    fn journals(&self) -> usize {
        let entries = std::fs::read_dir(self.0.join("journal")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.extension().is_some_and(|it| it == "journal"))
            .count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_program_that_is_started_again_has_its_snapshots_and_its_queued_writes() {
    let folder = Folder::new("started-again");
    let server = Server::with(AT, ARTICLE);
    let (client, articles) = folder.client(&server);
    articles.get(1).await.unwrap();
    let update = articles.update(1, |article| article["title"] = "mine".into());
    let id = update.queue().await.unwrap().id();
    // The client keeps the handle that queued the write, and the handle does not keep the client.
    drop((client, articles));

    let (client, articles) = folder.client(&server);
    assert_eq!(folder.journals(), 1, "the file was free again");
    assert!(client.outbox().state(id).is_some());
    let local = articles.local(1).await.unwrap().unwrap();
    assert_eq!(
        (&local["title"], local.pending()),
        (&Value::from("mine"), 1)
    );
    let drained = client.outbox().of(&articles).drain().await.unwrap();
    assert_eq!(drained.sent, 1);
    assert_eq!(
        server.methods(),
        ["GET", "PUT"],
        "the snapshot was kept too"
    );
    assert_eq!(server.value(AT)["title"], "mine");
}

#[tokio::test]
async fn a_running_outbox_takes_over_what_an_ended_process_left() {
    let folder = Folder::new("taken-over");
    let server = Server::with(AT, ARTICLE);
    let (one, of_one) = folder.client(&server);
    let (other, of_other) = folder.client(&server);
    assert_eq!(folder.journals(), 2);
    let update = of_one.update(1, |article| article["title"] = "left".into());
    update.queue().await.unwrap();
    let nothing = other.outbox().of(&of_other).drain().await.unwrap();
    assert_eq!((nothing.sent, nothing.left), (0, 0), "its process is alive");
    drop((one, of_one));
    let running = tokio::spawn(other.outbox().of(&of_other).run());
    let stored = async {
        while server.value(AT)["title"] != "left" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), stored)
        .await
        .unwrap();
    assert!(!running.is_finished());
    running.abort();
}
