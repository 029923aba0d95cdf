//! What was reported durable is there after every fault of the disk, and a fault is told before anything is sent.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use http::HeaderMap;

use super::*;
use crate::durable::faulty_disk::{Fault, FaultyDisk};
use crate::durable::{DatabaseFile, open_backend};
use crate::journal::{
    Fold, Intent, IntentGoal, IntentId, Journal, MarkDocuments, Open, Sent, State,
};
use crate::json::Document;
use crate::store::{Secret, StoredSnapshot};
use crate::support::ids;

mod faults;
mod files;

/// A directory that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("ifmatch-{}", ids::uuid())))
    }

    fn open(&self) -> Journal {
        Journal::open(&self.0).build().unwrap()
    }

    fn files(&self, ending: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let has = |path: &PathBuf| path.extension().is_some_and(|own| own == ending);
        paths.filter(has).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn intent(id: IntentId) -> Box<Intent> {
    Box::new(Intent {
        id,
        goal: IntentGoal::Replace,
        owner: [1; 16],
        handle: [2; 16],
        address: [3; 16],
        url: "http://h/1".into(),
        resource: Some("1".into()),
        schema: 0,
        is_pinned: false,
        idempotency_key: None,
        is_edit: false,
        honours_key: false,
        queued_at: 0,
        place: 0,
        group: None,
    })
}

/// As [`intent`], for a resource of its own.
fn intent_for(resource: u8) -> Box<Intent> {
    Box::new(Intent {
        address: [resource; 16],
        ..*intent(IntentId::random())
    })
}

fn documents(text: &str) -> MarkDocuments {
    let document = Document::parse(text.as_bytes()).unwrap();
    let validator = Some("\"1\"".parse().unwrap());
    MarkDocuments {
        base: Some(StoredSnapshot::new(
            document.clone(),
            validator,
            HeaderMap::new(),
        )),
        local: Some(document),
        ..MarkDocuments::default()
    }
}

async fn intend(journal: &Journal) -> Result<IntentId, JournalError> {
    let id = IntentId::random();
    let kept = journal.intend(intent(id), documents("{\"price\": 1.10}"), |_| false);
    kept.await.map(|_| id)
}

fn ids(journal: &Journal) -> Vec<IntentId> {
    let mut ids: Vec<_> = journal.read(|fold| fold.all().map(|it| it.intent.id).collect());
    ids.sort_unstable();
    ids
}

/// A journal on a disk in memory. Its directory stays empty, and all tests share it.
fn on(disk: &FaultyDisk) -> Result<Journal, JournalError> {
    let folder = std::env::temp_dir().join("ifmatch-disks-in-memory");
    let dir = DatabaseDir::open(&folder, KIND, SETTINGS).unwrap();
    let database = open_backend(disk.clone(), SETTINGS).map_err(JournalError::damaged)?;
    let path = folder.join("1.journal");
    let mut state = State::default();
    let file = DatabaseFile { path, database };
    let over = DiskHome::over(dir, file, |at, mark, size| state.take(at, mark, size));
    let (home, adopted) = over?;
    let suspects = state.take_over(adopted);
    let secret = Secret::of(b"tests");
    Ok(Journal::new(Arc::new(home), state, suspects, secret))
}
