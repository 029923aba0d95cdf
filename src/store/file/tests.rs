//! Restarts, bounds, damage and faults of the file store.
#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use std::fs;
use std::path::PathBuf;

use http::HeaderMap;
use redb::TableDefinition;

use super::*;
use crate::durable::faulty_disk::{Fault, FaultyDisk};
use crate::durable::open_backend;
use crate::json::Document;

/// A directory that is removed at the end of the test.
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Self {
        let name = format!("ifmatch-{}", crate::support::ids::uuid());
        Self(std::env::temp_dir().join(name))
    }

    fn store(&self) -> FileStore {
        FileStore::open(&self.0).unwrap()
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn key(name: impl std::fmt::Display) -> SnapshotKey {
    SnapshotKey::of(&format!("http://h/{name}"), "ann").unwrap()
}

fn snapshot(text: &str) -> StoredSnapshot {
    let document = Document::parse(text.as_bytes()).unwrap();
    let validator = Some("\"1\"".parse().unwrap());
    StoredSnapshot::new(document, validator, HeaderMap::new())
}

async fn text(store: &FileStore, name: impl std::fmt::Display) -> Option<String> {
    let found = store.get(&key(name)).await.unwrap();
    found.map(|it| it.document.as_str().to_owned())
}

#[tokio::test]
async fn snapshots_survive_a_restart_byte_for_byte() {
    let dir = TempDir::new();
    let long = format!("\"{}\"", "long ".repeat(100_000));
    for number in 0..3 {
        let store = dir.store();
        assert_eq!(store.len(), usize::from(number > 0) * 2);
        let exact = "{ \"id\": 12345678901234567890123,  \"price\": 1.10 }\n";
        if number == 0 {
            store.put(&key("a"), snapshot(exact)).await.unwrap();
            store.put(&key("long"), snapshot(&long)).await.unwrap();
        }
        for _ in 0..2 {
            assert_eq!(text(&store, "a").await.as_deref(), Some(exact));
            assert_eq!(text(&store, "long").await.as_ref(), Some(&long));
            store.flush().await.unwrap();
        }
    }
    assert_eq!(dir.files().len(), 1, "{:?}", dir.files());
}

#[tokio::test]
async fn the_next_get_sees_each_put_and_removal() {
    let dir = TempDir::new();
    let store = dir.store();
    for number in 0..500 {
        let new = number.to_string();
        store.put(&key("a"), snapshot(&new)).await.unwrap();
        assert_eq!(text(&store, "a").await, Some(new));
        if number % 7 == 0 {
            store.remove(&key("a")).await.unwrap();
            assert_eq!(text(&store, "a").await, None);
        }
    }
    drop(store);
    assert_eq!(text(&dir.store(), "a").await.as_deref(), Some("499"));
}

#[tokio::test]
async fn what_is_used_least_goes_first_also_from_the_file() {
    let dir = TempDir::new();
    let bounded = |entries, bytes| FileStore::bounded(&dir.0, entries, bytes).unwrap();
    let store = bounded(3, 10_000);
    for name in ["a", "b", "c"] {
        store.put(&key(name), snapshot("1")).await.unwrap();
    }
    assert!(text(&store, "a").await.is_some());
    store.put(&key("d"), snapshot("1")).await.unwrap();
    assert_eq!((store.len(), text(&store, "b").await), (3, None));
    let long = format!("\"{}\"", "long ".repeat(10_000));
    store.put(&key("c"), snapshot(&long)).await.unwrap();
    assert_eq!((store.len(), text(&store, "c").await), (2, None));
    drop(store);
    assert_eq!(bounded(3, 10_000).len(), 2);
    // With a lower limit, what was written first goes first.
    let store = bounded(1, 10_000);
    assert_eq!((store.len(), text(&store, "a").await), (1, None));
    drop(store);
    assert_eq!(bounded(3, 10_000).len(), 1);
}

#[tokio::test]
async fn a_process_takes_a_free_file_and_never_one_in_use() {
    let dir = TempDir::new();
    let (first, second) = (dir.store(), dir.store());
    first.put(&key("a"), snapshot("1")).await.unwrap();
    assert_eq!(text(&second, "a").await, None);
    assert_eq!(dir.files().len(), 2);
    drop(first);
    let third = dir.store();
    assert_eq!(text(&third, "a").await.as_deref(), Some("1"));
    assert_eq!(dir.files().len(), 2);
}

#[tokio::test]
async fn a_damaged_value_is_a_miss_and_is_removed() {
    let dir = TempDir::new();
    let store = dir.store();
    store.put(&key("a"), snapshot("1")).await.unwrap();
    store.put(&key("b"), snapshot("2")).await.unwrap();
    drop(store);
    let opened = DatabaseDir::open(&dir.0, KIND, SETTINGS).unwrap();
    let file = opened.take_one().unwrap();
    let values = TableDefinition::<'_, &[u8; 48], &[u8]>::new("values");
    let transaction = file.database.begin_write().unwrap();
    let wrong = encoded::encode(&key("b"), &snapshot("3")).unwrap();
    let mut table = transaction.open_table(values).unwrap();
    table.insert(&key("a").digests(), &*wrong).unwrap();
    drop(table);
    transaction.commit().unwrap();
    drop(file);
    let store = dir.store();
    assert_eq!((store.len(), text(&store, "a").await), (2, None));
    assert_eq!(store.len(), 1);
    assert_eq!(text(&store, "b").await.as_deref(), Some("2"));
    drop(store);
    assert_eq!(dir.store().len(), 1);
}

#[tokio::test]
async fn a_damaged_file_never_shows_another_document_and_never_panics() {
    let dir = TempDir::new();
    let store = dir.store();
    for number in 0..40 {
        let long = format!("\"{number} {}\"", "long ".repeat(100));
        store.put(&key(number), snapshot(&long)).await.unwrap();
    }
    drop(store);
    let path = dir.files().remove(0);
    let whole = fs::read(&path).unwrap();
    let mut lost = 0;
    for at in (0..whole.len()).step_by(997) {
        for left in dir.files() {
            fs::remove_file(left).unwrap();
        }
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, &damaged).unwrap();
        let store = dir.store();
        for number in 0..40 {
            let found = store.get(&key(number)).await;
            let Ok(Some(found)) = found else {
                lost += 1;
                continue;
            };
            let wanted = format!("\"{number} long");
            assert!(found.document.as_str().starts_with(&wanted), "byte {at}");
        }
        // It can be used all the same, unless the engine refuses to write.
        let put = store.put(&key("new"), snapshot("1")).await;
        if put.is_ok() && store.flush().await.is_ok() {
            assert_eq!(text(&store, "new").await.as_deref(), Some("1"), "byte {at}");
        }
    }
    assert!(lost > 0);
}

#[tokio::test]
async fn after_a_failed_write_nothing_old_is_shown() {
    for fault in [Fault::Syncs, Fault::FullAt(0), Fault::CallsFrom(3)] {
        let disk = FaultyDisk::default();
        let database = open_backend(disk.clone(), SETTINGS).unwrap();
        let store = FileStore::over(database, Index::new(Vec::new(), 10, 10_000)).unwrap();
        store.put(&key("a"), snapshot("1")).await.unwrap();
        store.flush().await.unwrap();
        disk.fault(fault);
        store.put(&key("a"), snapshot("2")).await.unwrap();
        store.flush().await.unwrap_err();
        assert_eq!(text(&store, "a").await, None, "{fault:?}");
        disk.fault(None);
        store.put(&key("a"), snapshot("3")).await.unwrap_err();
        assert!(store.is_empty());
    }
}

#[tokio::test]
async fn the_directory_may_be_deleted_at_any_time() {
    let dir = TempDir::new();
    let store = dir.store();
    store.put(&key("a"), snapshot("1")).await.unwrap();
    store.flush().await.unwrap();
    fs::remove_dir_all(&dir.0).unwrap();
    store.put(&key("b"), snapshot("2")).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(text(&store, "a").await.as_deref(), Some("1"));
    drop(store);
    let store = dir.store();
    assert!(store.is_empty());
    store.put(&key("a"), snapshot("1")).await.unwrap();
    drop(store);
    assert_eq!(dir.store().len(), 1);
}
