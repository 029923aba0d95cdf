//! What was reported durable is there after every fault of the disk, and a fault is told before anything is sent.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use http::HeaderMap;

use super::*;
use crate::durable::faulty_disk::{Fault, FaultyDisk};
use crate::durable::open_backend;
use crate::journal::{
    Fold, Intent, IntentGoal, IntentId, Journal, MarkDocuments, Open, Sent, State,
};
use crate::json::Document;
use crate::store::StoredSnapshot;
use crate::support::ids;

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
        honours_key: false,
        queued_at: 0,
        place: 0,
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
    Ok(Journal::new(Arc::new(home), state, &suspects, secret))
}

#[tokio::test]
async fn a_process_finds_what_the_last_one_left_byte_for_byte() {
    let folder = Folder::new();
    let journal = folder.open();
    let id = intend(&journal).await.unwrap();
    let sent = Sent {
        intent: Some(id),
        address: [3; 16],
        onto: Some("\"1\"".into()),
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

/// Every seventh byte, or each of them with `JOURNAL_EVERY_BYTE=1`.
#[tokio::test]
async fn what_was_durable_survives_a_loss_of_power_at_every_written_byte() {
    let disk = FaultyDisk::default();
    let journal = on(&disk).unwrap();
    let durable = intend(&journal).await.unwrap();
    disk.fault(Fault::Syncs);
    assert!(matches!(
        intend(&journal).await,
        Err(JournalError::Closed(_))
    ));
    let unsynced = disk.unsynced_bytes();
    assert!(unsynced > 100);
    let step = if std::env::var_os("JOURNAL_EVERY_BYTE").is_some() {
        1
    } else {
        7
    };
    for survived in (0..=unsynced).step_by(step) {
        let after = on(&disk.after_power_loss(survived)).unwrap();
        let left = ids(&after);
        assert!(
            left.contains(&durable) && left.len() <= 2,
            "after {survived} bytes: {left:?}"
        );
        let at = after
            .read(|fold| fold.get(durable).map(|it| it.at))
            .unwrap();
        assert!(after.documents(at).await.is_ok());
    }
}

#[tokio::test]
async fn after_a_fault_at_any_call_nothing_new_is_taken_and_nothing_durable_is_lost() {
    let faults = |call| [Fault::CallsFrom(call), Fault::FullAt(0), Fault::Syncs];
    for call in 0..40 {
        for fault in faults(call) {
            let disk = FaultyDisk::default();
            let journal = on(&disk).unwrap();
            let durable = intend(&journal).await.unwrap();
            disk.fault(fault);
            let (mut kept, mut failed) = (vec![durable], false);
            for _ in 0..3 {
                match intend(&journal).await {
                    Ok(id) => {
                        assert!(!failed, "{fault:?}: taken after a failure");
                        kept.push(id);
                    }
                    Err(error) => {
                        failed = true;
                        assert!(matches!(error, JournalError::Closed(_)), "{error}");
                    }
                }
            }
            drop(journal);
            disk.fault(None);
            let left = ids(&on(&disk).unwrap());
            assert!(kept.iter().all(|id| left.contains(id)), "{fault:?}: lost");
        }
    }
}

#[tokio::test]
async fn a_write_that_could_not_be_kept_is_not_sent_by_this_process() {
    let disk = FaultyDisk::default();
    let journal = on(&disk).unwrap();
    disk.fault(Fault::Syncs);
    intend(&journal).await.unwrap_err();
    assert!(ids(&journal).is_empty());
}

#[tokio::test]
async fn writes_that_wait_at_the_same_time_share_a_sync() {
    let disk = FaultyDisk::default();
    let journal = on(&disk).unwrap();
    let before = disk.syncs();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let journal = journal.clone();
        tasks.spawn(async move { intend(&journal).await });
    }
    while let Some(kept) = tasks.join_next().await {
        kept.unwrap().unwrap();
    }
    assert_eq!(ids(&journal).len(), 64);
    assert!(
        disk.syncs() - before < 64,
        "{} syncs",
        disk.syncs() - before
    );
}

#[tokio::test]
async fn short_reads_are_told() {
    let disk = FaultyDisk::default();
    let journal = on(&disk).unwrap();
    let id = intend(&journal).await.unwrap();
    let at = journal.read(|fold| fold.get(id).map(|it| it.at)).unwrap();
    drop(journal);
    let journal = on(&disk).unwrap();
    disk.fault(Fault::ShortReads);
    // The engine may still have the pages in its cache.
    if let Err(error) = journal.documents(at).await {
        assert!(matches!(error, JournalError::Damaged(_)), "{error}");
    }
    disk.fault(None);
    assert!(journal.documents(at).await.is_ok());
}

/// Checks at each write that everything before it is on the disk.
struct AfterItsMark {
    disk: FaultyDisk,
    /// The number of syncs at the write before.
    synced: std::sync::atomic::AtomicU64,
}

#[async_trait]
impl crate::Transport for AfterItsMark {
    async fn send(
        &self,
        request: crate::transport::Request,
    ) -> Result<crate::transport::Response, crate::transport::TransportError> {
        use std::sync::atomic::Ordering::SeqCst;
        let is_read = request.method == http::Method::GET;
        let syncs = self.disk.syncs();
        if !is_read {
            let before = self.synced.swap(syncs, SeqCst);
            assert!(syncs > before, "its mark is not synced");
        }
        let mut headers = HeaderMap::new();
        // Each write gets a version of its own.
        let version = format!("\"{}\"", if is_read { 0 } else { syncs });
        let version = http::HeaderValue::from_str(&version);
        headers.insert("etag", version.unwrap());
        let json = http::HeaderValue::from_static("application/json");
        headers.insert("content-type", json);
        let (status, body) = match request.method {
            http::Method::GET => (http::StatusCode::OK, "{\"n\": 1}".into()),
            http::Method::POST => (http::StatusCode::CREATED, request.body),
            _ => (http::StatusCode::NO_CONTENT, bytes::Bytes::new()),
        };
        Ok(crate::transport::Response::new(status, headers, body))
    }
}

#[tokio::test]
async fn no_write_leaves_before_its_mark_is_synced() {
    let disk = FaultyDisk::default();
    let transport = AfterItsMark {
        disk: disk.clone(),
        synced: disk.syncs().into(),
    };
    let client = crate::Client::builder("http://h/").transport(transport);
    let client = client.journal(on(&disk).unwrap()).build().unwrap();
    let things = client.collection::<serde_json::Value>("things");
    let edit = |n: u64| move |thing: &mut serde_json::Value| thing["n"] = n.into();
    things.update(1, edit(2)).await.unwrap();
    things.delete(2).await.unwrap();
    things.update(3, edit(3)).queue().await.unwrap();
    things
        .post(&serde_json::json!({"n": 4}))
        .queue()
        .await
        .unwrap();
    let drained = client.outbox().drain().await.unwrap();
    assert_eq!(drained.sent, 2);
    // With a journal that fails, nothing leaves at all.
    disk.fault(Fault::Syncs);
    let error = things.update(1, edit(9)).await.unwrap_err();
    assert!(error.is_journal(), "{error}");
}
