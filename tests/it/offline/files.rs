//! The journal in files, with a program that really lets go of everything.

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use ifmatch::{
    Client, Collection, FileStore, Journal, Limits, Policy, QueuedState, Rule, ThreeWay,
};
use serde_json::Value;

use super::TempFolder;
use crate::support::{ARTICLE, AT, Event, Server};

/// The directory of a program.
struct Folder(TempFolder);

impl Folder {
    fn new(name: &str) -> Self {
        Self(TempFolder::new(name))
    }

    fn client(&self, server: &Server) -> (Client, Collection<Value>) {
        let client = server
            .builder()
            .journal(
                Journal::open(self.0.path().join("journal"))
                    .build()
                    .unwrap(),
            )
            .store(FileStore::open(self.0.path().join("cache")).unwrap())
            .limits(Limits::default().time(Duration::from_secs(5)))
            .build()
            .unwrap();
        let articles = client.collection("articles");
        (client, articles)
    }

    fn journals(&self) -> usize {
        let entries = std::fs::read_dir(self.0.path().join("journal")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.extension().is_some_and(|it| it == "journal"))
            .count()
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

/// Copies the files of a journal that no process has open.
fn copied(from: &Folder, to: &Folder) {
    let target = to.0.path().join("journal");
    std::fs::create_dir_all(&target).unwrap();
    for entry in std::fs::read_dir(from.0.path().join("journal")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, target.join(path.file_name().unwrap())).unwrap();
    }
}

#[tokio::test]
async fn a_journal_that_is_restored_from_a_backup_doubles_nothing() {
    for is_stamped in [true, false] {
        let (folder, backup) = (Folder::new("original"), Folder::new("backup"));
        let server = Server::with(AT, ARTICLE);
        let counted = |articles: &Collection<Value>| {
            let policy = Policy::new().field("/views", Rule::Counter);
            let articles = articles.clone().strategy(ThreeWay::new(policy));
            if is_stamped {
                articles.write_stamp("/writes")
            } else {
                articles
            }
        };
        let (client, plain) = folder.client(&server);
        let articles = counted(&plain);
        articles.get(1).await.unwrap();
        let update = articles.update(1, |article| article["views"] = 2.into());
        update.queue().await.unwrap();
        drop((client, plain, articles));
        copied(&folder, &backup);
        let (client, articles) = folder.client(&server);
        let drained = client
            .outbox()
            .of(&counted(&articles))
            .drain()
            .await
            .unwrap();
        assert_eq!((drained.sent, &server.value(AT)["views"]), (1, &2.into()));

        let (client, articles) = backup.client(&server);
        let drained = client
            .outbox()
            .of(&counted(&articles))
            .drain()
            .await
            .unwrap();
        // Without a stamp, nothing tells a count that was never sent from this journal.
        let views = if is_stamped { 2 } else { 3 };
        assert_eq!(
            (drained.sent, &server.value(AT)["views"]),
            (1, &views.into())
        );
    }
}

#[tokio::test]
async fn a_removal_in_doubt_never_looks_as_if_it_had_not_been_sent() {
    let folder = Folder::new("removal-in-doubt");
    let server = Server::with(AT, ARTICLE);
    let (client, articles) = folder.client(&server);
    let read = articles.get(1).await.unwrap();
    let id = articles.delete(&read).queue().await.unwrap().id();
    // It is carried out, and another client creates the same document again.
    let again = Event::ForeignText(ARTICLE.to_owned());
    server.script([Event::LoseReply, again]);
    let mut drain = Box::pin(client.outbox().of(&articles).drain());
    let mut was_sent = false;
    loop {
        let ended = poll_fn(|context| Poll::Ready(drain.as_mut().poll(context))).await;
        let state = client.outbox().state(id);
        was_sent |= state == Some(QueuedState::Sent);
        assert!(!was_sent || state != Some(QueuedState::Waiting));
        if ended.is_ready() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(was_sent);
    assert_eq!(client.outbox().state(id), Some(QueuedState::Open));
    assert!(server.text(AT).is_some());
}
