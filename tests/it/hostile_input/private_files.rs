//! Files hold documents in clear, so only their owner may read them, and no link may lead elsewhere.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use ifmatch::{Error, ErrorKind, FileStore};

use crate::one_round_trip::file_store::TempDir;

#[tokio::test]
async fn the_files_of_a_store_are_only_for_their_owner() {
    let dir = TempDir::new("modes");
    let store = FileStore::open(&dir.0).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir.0), 0o700);
    let files: Vec<_> = fs::read_dir(&dir.0).unwrap().collect();
    assert_eq!(files.len(), 1);
    for file in files {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
    drop(store);
}

#[tokio::test]
async fn a_store_is_not_opened_through_a_link_and_follows_none() {
    let (dir, link, other) = (
        TempDir::new("target"),
        TempDir::new("link"),
        TempDir::new("other"),
    );
    drop(FileStore::open(&dir.0).unwrap());
    let file = fs::read_dir(&dir.0)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let before = fs::read(&file).unwrap();
    symlink(&dir.0, &link.0).unwrap();
    for path in [&link.0, &link.0.join("."), &file] {
        let error: Error = FileStore::open(path).unwrap_err().into();
        assert_eq!(error.kind(), ErrorKind::Config, "{path:?}");
    }
    fs::remove_file(&link.0).unwrap();
    // A link among the files is left alone.
    drop(FileStore::open(&other.0).unwrap());
    let planted = other
        .0
        .join("ffffffff-ffff-4fff-bfff-ffffffffffff.snapshots");
    symlink(&file, &planted).unwrap();
    drop(FileStore::open(&other.0).unwrap());
    assert!(fs::symlink_metadata(&planted).unwrap().is_symlink());
    assert!(fs::read(&file).unwrap() == before);
}
