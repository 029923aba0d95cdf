//! Snapshots in files survive the process, so its successor needs no read either.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ifmatch::{Authenticator, BoxError, Collection, FileStore, HeaderMap, ThreeWay, async_trait};

use crate::support::{AT, Article, Server};

/// Numbers that no type of Rust holds, and spaces that a parser would drop.
const EXACT: &str =
    "{ \"title\":\"old\", \"body\":\"text\", \"views\":1, \"id\":12345678901234567890.10 }";

/// A user whose credentials differ in each process, and whose name does not.
struct Named(&'static str);

#[async_trait]
impl Authenticator for Named {
    fn identity(&self) -> Option<String> {
        Some(self.0.to_owned())
    }

    async fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), BoxError> {
        let token = format!("Bearer {:?}", std::time::Instant::now());
        headers.insert("authorization", token.parse()?);
        Ok(())
    }
}

/// A directory that is removed at the end of the test.
pub(crate) struct TempDir(pub(crate) PathBuf);

impl TempDir {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("ifmatch-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn articles(server: &Server, dir: &Path, user: &'static str) -> Collection<Article> {
    let client = server
        .builder()
        .auth(Named(user))
        .store(FileStore::open(dir).unwrap())
        .store_secret(b"a secret")
        .build()
        .unwrap();
    client.collection_with("articles", ThreeWay::default())
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_an_update_needs_one_request_and_keeps_every_byte() {
    let (server, dir) = (Server::with(AT, EXACT), TempDir::new("restart"));
    for run in 0..3_u64 {
        let before = server.seen().len();
        let articles = articles(&server, &dir.0, "ann");
        articles.update(1, |it| it.views += 1).await.unwrap();
        let requests = server.seen().len() - before;
        assert_eq!(requests, if run == 0 { 2 } else { 1 }, "run {run}");
    }
    let sent = server.seen().pop().unwrap();
    let sent = String::from_utf8(sent.body).unwrap();
    assert_eq!(sent, EXACT.replace("\"views\":1", "\"views\":4"));
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_a_user_does_not_find_the_snapshots_of_another() {
    let (server, dir) = (Server::with(AT, EXACT), TempDir::new("users"));
    for (user, requests) in [("ann", 2), ("bob", 2), ("ann", 2), ("ann", 1)] {
        let before = server.seen().len();
        // The user before has written since, so only the last of these snapshots is current.
        let articles = articles(&server, &dir.0, user);
        let report = articles.update(1, |it| it.views += 1).await.unwrap();
        let seen = server.seen();
        let reads = seen[before..].iter().filter(|it| it.method == "GET");
        assert_eq!(reads.count() + 1, requests, "{user}: {report:?}");
    }
}

const CHILD: &str = "IFMATCH_TEST_FILE_STORE";

/// Runs this test alone in another process, which fills the store and waits until it is killed.
#[tokio::test]
async fn a_killed_process_leaves_its_snapshots_to_the_next() {
    if let Some(dir) = std::env::var_os(CHILD) {
        let store = FileStore::open(&dir).unwrap();
        let server = Server::with(AT, EXACT);
        let client = server.builder().auth(Named("ann")).store(store.clone());
        let client = client.store_secret(b"a secret").build().unwrap();
        let articles = client.collection_with::<Article>("articles", ThreeWay::default());
        articles.get(1).await.unwrap();
        store.flush().await.unwrap();
        println!("stored");
        std::future::pending::<()>().await;
    }
    let dir = TempDir::new("killed");
    let name = "one_round_trip::file_store::a_killed_process_leaves_its_snapshots_to_the_next";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(CHILD, &dir.0)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let stored = lines
        .map_while(Result::ok)
        .any(|line| line.ends_with("stored"));
    let server = Server::with(AT, EXACT);
    // While the other process lives, its file is its own.
    let update = async || {
        let before = server.seen().len();
        let articles = articles(&server, &dir.0, "ann");
        articles.update(1, |it| it.views += 1).await.unwrap();
        server.seen().len() - before
    };
    let beside = std::fs::read_dir(&dir.0).unwrap().count();
    let living = FileStore::open(&dir.0).unwrap();
    assert!(living.is_empty());
    drop(living);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(stored && beside == 1, "{beside} files");
    // Of the two files that are free now, one is taken. Both processes saw the same version.
    std::fs::remove_file(newest(&dir.0)).unwrap();
    assert_eq!(update().await, 1);
}

fn newest(dir: &Path) -> PathBuf {
    let entries = std::fs::read_dir(dir).unwrap().map(|it| it.unwrap());
    let newest = entries.max_by_key(|it| it.metadata().unwrap().modified().unwrap());
    newest.unwrap().path()
}
