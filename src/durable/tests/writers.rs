//! Jobs that share a transaction, and jobs that fail.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use super::faulty_disk::FaultyDisk;
use super::*;

fn on_disk() -> (FaultyDisk, Arc<Database>, Writer) {
    let disk = FaultyDisk::default();
    let database = Arc::new(open_backend(disk.clone(), settings()).unwrap());
    let writer = Writer::start(Arc::clone(&database)).unwrap();
    (disk, database, writer)
}

/// Keeps the thread of a writer busy until the sender is dropped, so that the next jobs wait together.
fn hold(writer: &Writer) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel::<()>();
    let (start, started) = mpsc::channel();
    drop(writer.send(move |_| {
        let _ = start.send(());
        let _ = released.recv();
        Ok(())
    }));
    started.recv().unwrap();
    release
}

#[tokio::test]
async fn jobs_that_wait_together_share_one_durable_transaction() {
    let (disk, database, writer) = on_disk();
    let held = hold(&writer);
    let before = disk.syncs();
    let jobs: Vec<_> = (0..500_u64)
        .map(|number| writer.send(move |it| insert(it, &format!("{number}"), number)))
        .collect();
    drop(held);
    for job in jobs {
        job.await.unwrap();
    }
    let syncs = disk.syncs() - before;
    assert!(syncs <= 4, "{syncs} syncs for two transactions");
    assert_eq!(read(&database, "499"), Some(499));
    // What was answered is on the disk.
    let disk = disk.after_power_loss(0);
    let database = open_backend(disk, settings()).unwrap();
    assert_eq!(read(&database, "0"), Some(0));
    assert_eq!(read(&database, "499"), Some(499));
}

#[tokio::test]
async fn a_job_that_fails_or_panics_leaves_nothing_and_the_others_succeed() {
    let (_, database, writer) = on_disk();
    let held = hold(&writer);
    let runs = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&runs);
    let before = writer.send(move |it| {
        counted.fetch_add(1, Ordering::Relaxed);
        insert(it, "before", 1)
    });
    let fails = writer.send(|it| -> Result<(), _> {
        insert(it, "fails", 1)?;
        Err(redb::Error::ValueTooLarge(1))
    });
    let panics = writer.send(|it| -> Result<(), _> {
        insert(it, "panics", 1)?;
        panic!("it is what is tested")
    });
    let refused = writer.send(|_| Ok(Err::<(), _>("beyond the quota")));
    let after = writer.send(|it| insert(it, "after", 2));
    drop(held);
    assert!(matches!(fails.await, Err(WriteError::Job(_))));
    assert!(matches!(panics.await, Err(WriteError::Panicked(_))));
    assert_eq!(refused.await.unwrap(), Err("beyond the quota"));
    before.await.unwrap();
    after.await.unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 3, "once for each transaction");
    let found = ["before", "fails", "panics", "after"].map(|name| read(&database, name));
    assert_eq!(found, [Some(1), None, None, Some(2)]);
}

#[tokio::test]
async fn jobs_are_done_in_the_order_of_the_calls_also_if_nobody_waits() {
    let (_, database, writer) = on_disk();
    for number in 0..100 {
        drop(writer.send(move |it| insert(it, "last", number)));
    }
    writer.send(|_| Ok(())).await.unwrap();
    assert_eq!(read(&database, "last"), Some(99));
}

#[tokio::test]
async fn a_writer_ends_after_the_jobs_that_were_sent_and_closes_the_database() {
    let dir = TempDir::new();
    let opened = dir.open();
    let file = opened.take_one().unwrap();
    let writer = Writer::start(Arc::new(file.database)).unwrap();
    for number in 0..100 {
        drop(writer.send(move |it| insert(it, "last", number)));
    }
    drop(writer);
    let again = opened.take_one().unwrap();
    assert_eq!(again.path, file.path, "the file is still in use");
    assert_eq!(read(&again.database, "last"), Some(99));
}
