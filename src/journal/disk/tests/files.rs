//! Which files a journal opens and takes over, and how it treats damage.

use super::*;

#[tokio::test]
async fn a_process_finds_what_the_last_one_left_byte_for_byte() {
    let folder = Folder::new();
    let journal = folder.open();
    let id = intend(&journal).await.unwrap();
    let sent = Sent {
        intent: Some(id),
        address: [3; 16],
        onto: Some("\"1\"".into()),
        idempotency_key: None,
        removes: false,
        schema: 0,
    };
    journal
        .sent(sent, documents("[12345678901234567890123]"))
        .await
        .unwrap();
    let open = Open {
        intent: id,
        schema: 0,
        kind: "Conflict".into(),
        message: "a, b".into(),
        problem: None,
    };
    journal
        .leave_open(open, documents("[\"\u{e9}\"]"))
        .await
        .unwrap();
    let ended = intend(&journal).await.unwrap();
    journal.ended(ended).await.unwrap();
    let before = journal.read(|fold| fold.get(id).cloned());
    let size = journal.read(Fold::size);
    drop(journal);

    let journal = folder.open();
    let standing = journal.read(|fold| fold.get(id).cloned()).unwrap();
    assert_eq!(Some(&standing), before.as_ref());
    assert_eq!((ids(&journal), journal.read(Fold::size)), (vec![id], size));
    let own = journal.documents(standing.at).await.unwrap();
    assert_eq!(own.local.unwrap().as_str(), "{\"price\": 1.10}");
    assert_eq!(own.base.unwrap().validator, Some("\"1\"".parse().unwrap()));
    let request = journal.documents(standing.sent[0].0).await.unwrap();
    assert_eq!(request.local.unwrap().as_str(), "[12345678901234567890123]");
    // New marks do not take the places of old ones.
    let next = intend(&journal).await.unwrap();
    let next = journal.read(|fold| fold.get(next).map(|it| it.at)).unwrap();
    assert!(next > standing.open.unwrap().0);
    assert!(journal.damage().is_empty());
}

#[tokio::test]
async fn processes_have_files_of_their_own_and_what_one_leaves_is_taken_over_once() {
    let folder = Folder::new();
    let (one, other, third) = (folder.open(), folder.open(), folder.open());
    assert_eq!(folder.files(KIND).len(), 3);
    let left = intend(&one).await.unwrap();
    let own = intend(&other).await.unwrap();
    other.adopt().await.unwrap();
    assert_eq!(ids(&other), [own], "the first process still has its file");

    drop(one);
    let mut all = vec![left, own];
    all.sort_unstable();
    other.adopt().await.unwrap();
    third.adopt().await.unwrap();
    assert_eq!(ids(&other), all);
    assert!(ids(&third).is_empty());
    assert_eq!((other.adoptions(), third.adoptions()), (1, 0));

    // It ends where it is kept, also for the next process.
    other.ended(left).await.unwrap();
    drop((other, third));
    let next = folder.open();
    assert_eq!(ids(&next), [own]);
    assert_eq!(folder.files(KIND).len(), 1, "empty files are removed");
}

#[tokio::test]
async fn a_journal_of_a_newer_version_is_refused_and_unchanged() {
    let folder = Folder::new();
    let journal = folder.open();
    intend(&journal).await.unwrap();
    drop(journal);
    let [path] = &folder.files(KIND)[..] else {
        unreachable!("one process had one file")
    };
    let database = Database::open(path).unwrap();
    crate::durable::write_format(&database, Format(2)).unwrap();
    drop(database);
    let before = std::fs::read(path).unwrap();
    let error = Journal::open(&folder.0).build().unwrap_err();
    assert!(matches!(error, JournalError::Newer { .. }), "{error}");
    assert_eq!(std::fs::read(path).unwrap(), before);
}

#[tokio::test]
async fn a_file_that_is_no_journal_is_set_aside_with_its_bytes_and_told() {
    let folder = Folder::new();
    drop(folder.open());
    let path = folder.0.join("x.journal");
    std::fs::write(&path, vec![7; 10_000]).unwrap();
    let journal = folder.open();
    let [damage] = &journal.damage()[..] else {
        unreachable!("one file is damaged")
    };
    assert!(damage.contains("x.journal.damaged"), "{damage}");
    let aside = std::fs::read(folder.0.join("x.journal.damaged")).unwrap();
    assert_eq!(aside, vec![7; 10_000]);
    intend(&journal).await.unwrap();
}

#[tokio::test]
async fn another_secret_is_refused_before_anything_is_lost() {
    let folder = Folder::new();
    let of = |secret: &[u8]| {
        let client = crate::Client::builder("http://h/").journal(folder.open());
        client.store_secret(secret).build()
    };
    of(b"one").unwrap();
    let error = of(b"other").unwrap_err();
    assert!(
        error.is_journal() && error.to_string().contains("store_secret"),
        "{error}"
    );
    of(b"one").unwrap();
}

#[tokio::test]
async fn a_client_with_another_secret_does_not_disturb_the_first_one() {
    let folder = Folder::new();
    let (left, journal) = (folder.open(), folder.open());
    let build = |secret: &[u8]| {
        let client = crate::Client::builder("http://h/").journal(journal.clone());
        client.store_secret(secret).build()
    };
    build(b"one").unwrap();
    build(b"other").unwrap_err();
    intend(&left).await.unwrap();
    drop(left);
    journal.adopt().await.unwrap();
    assert_eq!(ids(&journal).len(), 1);
}

#[tokio::test]
async fn a_write_behind_one_of_another_process_is_sent_after_it() {
    let folder = Folder::new();
    let (left, journal) = (folder.open(), folder.open());
    let own = intent_for(9);
    journal
        .intend(own, documents("1"), |_| false)
        .await
        .unwrap();
    let first = intend(&left).await.unwrap();
    drop(left);
    journal.adopt().await.unwrap();
    let second = intend(&journal).await.unwrap();
    let chain = |journal: &Journal| -> Vec<_> {
        journal.read(|fold| {
            let chain = fold.chain(&([1; 16], [3; 16]));
            chain.map(|standing| standing.intent.id).collect()
        })
    };
    assert_eq!(chain(&journal), [first, second]);
    drop(journal);
    assert_eq!(chain(&folder.open()), [first, second]);
}

#[tokio::test]
async fn a_damaged_mark_makes_its_file_suspect_until_its_writes_are_open() {
    let disk = FaultyDisk::default();
    let journal = on(&disk).unwrap();
    let id = intend(&journal).await.unwrap();
    let sent = Sent {
        intent: Some(id),
        address: [3; 16],
        onto: Some("\"damaged-tag\"".into()),
        idempotency_key: None,
        removes: false,
        schema: 0,
    };
    journal.sent(sent, documents("1")).await.unwrap();
    drop(journal);
    let text = b"damaged-tag";
    let bytes = disk.bytes();
    let places = bytes.windows(text.len()).enumerate();
    for (place, _) in places.filter(|(_, window)| window == text) {
        disk.damage(place);
    }
    // The process ends right after it has opened the file.
    let database = open_backend(disk.clone(), SETTINGS).unwrap();
    let path = std::env::temp_dir().join("ifmatch-disks-in-memory/1.journal");
    let dir = DatabaseDir::open(path.parent().unwrap(), KIND, SETTINGS).unwrap();
    let file = DatabaseFile { path, database };
    let (home, adopted) = DiskHome::over(dir, file, |_, _, _| {}).unwrap();
    assert_eq!(adopted.suspects.len(), 1);
    drop(home);
    let journal = on(&disk).unwrap();
    let is_open = journal.read(|fold| fold.get(id).map(|standing| standing.open.is_some()));
    assert_eq!(is_open, Some(true));
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_a_journal_and_no_link_leads_to_it() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = Folder::new();
    drop(folder.open());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.0), 0o700);
    for file in folder.files(KIND).iter().chain([&folder.0.join(SECRET)]) {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    let link = Folder::new();
    symlink(&folder.0, &link.0).unwrap();
    let error = Journal::open(&link.0).build().unwrap_err();
    assert!(matches!(error, JournalError::Open(_)), "{error}");
    std::fs::remove_file(&link.0).unwrap();
    symlink("/dev/null", folder.0.join("x.journal")).unwrap();
    assert!(Journal::open(&folder.0).build().is_err());
}

#[tokio::test]
async fn a_damaged_value_leaves_the_others_readable() {
    let disk = FaultyDisk::default();
    let journal = on(&disk).unwrap();
    let (first, second) = (
        intend(&journal).await.unwrap(),
        intend(&journal).await.unwrap(),
    );
    let at = |id| journal.read(|fold| fold.get(id).map(|it| it.at)).unwrap();
    let (first, second) = (at(first), at(second));
    drop(journal);
    // The text of the first document stands twice: in its base and as its local document.
    let bytes = disk.bytes();
    let text = b"\"price\"";
    let places = bytes.windows(text.len()).enumerate();
    let place = places
        .filter(|(_, window)| *window == text)
        .map(|(at, _)| at)
        .next();
    disk.damage(place.unwrap() + 2);
    let journal = on(&disk).unwrap();
    assert_eq!(ids(&journal).len(), 2);
    let read = [
        journal.documents(first).await,
        journal.documents(second).await,
    ];
    assert_eq!(read.iter().filter(|read| read.is_ok()).count(), 1);
    let error = read.into_iter().find_map(Result::err).unwrap();
    assert!(matches!(error, JournalError::Damaged(_)), "{error}");
}
