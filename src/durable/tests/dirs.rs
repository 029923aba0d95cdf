//! Which files a process opens, and how it treats those that it cannot use.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};

use super::*;

#[test]
fn each_process_has_its_own_file_and_takes_over_those_of_ended_ones() {
    let dir = TempDir::new();
    let first = dir.open().take_free().unwrap();
    write(&first.own.database, "first", 1).unwrap();
    // Another open of the same directory stands for another process: the lock belongs to the open file.
    let second = dir.open().take_free().unwrap();
    write(&second.own.database, "second", 2).unwrap();
    assert!(first.own.path != second.own.path && second.orphans.is_empty());
    drop(first);
    let taken = dir.open().take_orphans().unwrap();
    let (orphans, damaged) = (taken.opened, taken.damaged);
    assert!(orphans.len() == 1 && damaged.is_empty());
    assert_eq!(read(&orphans[0].database, "first"), Some(1));
    drop((orphans, second));
    let taken = dir.open().take_free().unwrap();
    assert_eq!(taken.orphans.len(), 1);
    // The file that was changed last becomes the own one.
    assert!(
        dir.open().take_one().unwrap().path != taken.own.path,
        "all files are in use"
    );
}

#[test]
fn an_emptied_file_is_removed_and_never_taken_over_afterwards() {
    let dir = TempDir::new();
    let opened = dir.open();
    drop((opened.take_one().unwrap(), opened.take_one().unwrap()));
    let mut taken = opened.take_free().unwrap();
    let emptied = taken.orphans.remove(0);
    let path = emptied.path.clone();
    opened.remove(emptied).unwrap();
    assert!(!path.exists() && taken.own.path.exists());
    assert!(opened.take_orphans().unwrap().opened.is_empty());
}

#[test]
fn a_damaged_file_is_renamed_and_keeps_its_bytes() {
    let dir = TempDir::new();
    let file = dir.open().take_free().unwrap().own;
    for number in 0..200 {
        write(&file.database, &format!("thing {number}"), number).unwrap();
    }
    let path = file.path.clone();
    drop(file);
    // Every page but the header is overwritten.
    let mut damaged = bytes(&path);
    damaged[4096..].fill(0xa5);
    fs::write(&path, &damaged).unwrap();
    let taken = dir.open().take_free().unwrap();
    let [set_aside] = &taken.damaged[..] else {
        panic!("{:?}", taken.damaged)
    };
    assert!(
        set_aside
            .path
            .to_string_lossy()
            .ends_with(".things.damaged")
            && !path.exists(),
        "{set_aside:?}"
    );
    assert!(bytes(&set_aside.path) == damaged, "the bytes have changed");
    assert!(
        dir.open().take_orphans().unwrap().damaged.is_empty(),
        "told twice"
    );
}

#[test]
fn each_damaged_page_is_noticed_or_unused_and_no_byte_of_it_changes() {
    let dir = TempDir::new();
    let file = dir.open().take_free().unwrap().own;
    for number in 0..200 {
        write(&file.database, &format!("thing {number}"), number).unwrap();
    }
    let path = file.path.clone();
    drop(file);
    let whole = bytes(&path);
    let mut noticed = 0;
    for at in (0..whole.len()).step_by(509) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, &damaged).unwrap();
        let taken = dir.open().take_orphans().unwrap();
        if let Some(error) = taken.left.first() {
            let DirError::Database { source, .. } = error else {
                panic!("{error}")
            };
            assert!(matches!(source, OpenError::UnknownFormat(_)), "{source}");
            assert!(bytes(&path) == damaged);
            continue;
        }
        let (orphans, set_aside) = (taken.opened, taken.damaged);
        if let Some(file) = set_aside.first() {
            noticed += 1;
            assert!(bytes(&file.path) == damaged, "byte {at}");
            fs::rename(&file.path, &path).unwrap();
        } else {
            for number in 0..200 {
                let found = read(&orphans[0].database, &format!("thing {number}"));
                assert_eq!(found, Some(number), "byte {at}");
            }
        }
    }
    assert!(noticed > 5, "{noticed}");
}

#[test]
fn a_file_of_a_newer_format_is_an_error_and_keeps_its_bytes() {
    let dir = TempDir::new();
    let newer = OpenSettings {
        format: Format(2),
        ..settings()
    };
    let newer = DatabaseDir::open(&dir.0, KIND, newer).unwrap();
    let file = newer.take_free().unwrap().own;
    assert_eq!(stored_format(&file.database).unwrap(), Some(Format(2)));
    let path = file.path.clone();
    drop(file);
    let before = bytes(&path);
    let error = dir.open().take_free().unwrap_err();
    assert!(
        matches!(
            &error,
            DirError::Database {
                source: OpenError::UnknownFormat(_),
                ..
            }
        ),
        "{error:?}"
    );
    assert!(bytes(&path) == before);
    // A cache can do without the file.
    let own = dir.open().take_one().unwrap();
    assert!(own.path != path && bytes(&path) == before);
    drop(own);
    // The newer program reads what the older one has written.
    assert_eq!(newer.take_free().unwrap().orphans.len(), 1);
}

#[test]
fn a_newer_format_of_the_engine_is_an_error_and_keeps_its_bytes() {
    let dir = TempDir::new();
    let path = dir.open().take_one().unwrap().path;
    let mut file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    for slot in [64, 192] {
        let mut version = [0];
        file.seek(SeekFrom::Start(slot)).unwrap();
        file.read_exact(&mut version).unwrap();
        assert_eq!(version, [3], "the engine has another format now");
        file.seek(SeekFrom::Start(slot)).unwrap();
        file.write_all(&[4]).unwrap();
    }
    let before = bytes(&path);
    let error = dir.open().take_free().unwrap_err();
    assert!(
        matches!(
            &error,
            DirError::Database {
                source: OpenError::UnknownFormat(_),
                ..
            }
        ),
        "{error:?}"
    );
    assert!(bytes(&path) == before);
}

#[test]
fn a_file_whose_creation_was_interrupted_is_not_called_damaged() {
    let dir = TempDir::new();
    let path = dir.open().take_one().unwrap().path;
    let whole = bytes(&path);
    // The engine writes its first bytes last.
    let mut unfinished = whole[..4096].to_vec();
    unfinished[..9].fill(0);
    for content in [&[][..], &whole[..4], &[0; 5][..], &unfinished] {
        fs::write(&path, content).unwrap();
        let taken = dir.open().take_orphans().unwrap();
        let (orphans, damaged) = (taken.opened, taken.damaged);
        let is_started = content == &whole[..4];
        assert_eq!(damaged.len(), usize::from(is_started), "{damaged:?}");
        assert_eq!(orphans.len(), usize::from(content.is_empty()));
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_and_no_link_is_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let dir = TempDir::new();
    let file = dir.open().take_one().unwrap();
    assert_eq!((mode(&dir.0), mode(&file.path)), (0o700, 0o600));

    let link = TempDir::new();
    symlink(&dir.0, &link.0).unwrap();
    for path in [link.0.clone(), link.0.join(""), file.path.clone()] {
        let error = DatabaseDir::open(&path, KIND, settings()).unwrap_err();
        assert!(matches!(error, DirError::Directory { .. }), "{error:?}");
    }
    fs::remove_file(&link.0).unwrap();

    let other = TempDir::new();
    let opened = other.open();
    let planted = other.0.join("planted.things");
    symlink(&file.path, &planted).unwrap();
    let error = opened.take_free().unwrap_err();
    assert!(matches!(error, DirError::File { .. }), "{error:?}");
    fs::remove_file(&planted).unwrap();
    fs::create_dir(&planted).unwrap();
    let error = opened.take_free().unwrap_err();
    assert!(matches!(error, DirError::File { .. }), "{error:?}");
}
