//! Faults of the disk, and the order of syncs and requests.

use super::*;

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
    let faults = (0..40).map(Fault::CallsFrom);
    for fault in faults.chain([Fault::FullAt(0), Fault::Syncs]) {
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
