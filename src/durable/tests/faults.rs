//! Disks that fail at any call, fill up, or lose their power within a write.

use std::error::Error as _;
use std::sync::Arc;

use super::faulty_disk::{Fault, FaultyDisk};
use super::*;

fn filled() -> FaultyDisk {
    let disk = FaultyDisk::default();
    let database = open_backend(disk.clone(), settings()).unwrap();
    write(&database, "kept", 1).unwrap();
    drop(database);
    disk
}

async fn send(writer: &Writer, name: &'static str) -> Result<(), WriteError> {
    writer.send(move |it| insert(it, name, 2)).await
}

#[tokio::test]
async fn after_a_failed_sync_nothing_more_is_accepted_and_reading_still_works() {
    let disk = filled();
    let database = Arc::new(open_backend(disk.clone(), settings()).unwrap());
    let writer = Writer::start(Arc::clone(&database)).unwrap();
    disk.fault(Fault::Syncs);
    let error = send(&writer, "a").await.unwrap_err();
    assert!(matches!(error, WriteError::Commit(_)), "{error:?}");
    disk.fault(None);
    // The disk works again, but what the failed sync left on it is unknown.
    let later = send(&writer, "b").await.unwrap_err();
    let first = error.source().unwrap().to_string();
    assert_eq!(later.source().unwrap().to_string(), first);
    assert_eq!(read(&database, "kept"), Some(1));
    drop(database);
    drop(writer);
    let again = open_backend(disk, settings()).unwrap();
    assert_eq!((read(&again, "kept"), read(&again, "b")), (Some(1), None));
    write(&again, "c", 3).unwrap();
}

#[tokio::test]
async fn a_full_disk_fails_the_write_and_keeps_what_was_stored() {
    let disk = filled();
    let database = Arc::new(open_backend(disk.clone(), settings()).unwrap());
    let writer = Writer::start(Arc::clone(&database)).unwrap();
    disk.fault(Fault::FullAt(disk.bytes().len()));
    let long = "long".repeat(100_000);
    let error = writer
        .send(move |it| insert(it, &long, 1))
        .await
        .unwrap_err();
    assert!(matches!(error, WriteError::Job(_) | WriteError::Commit(_)));
    disk.fault(None);
    drop(database);
    drop(writer);
    let again = open_backend(disk, settings()).unwrap();
    assert_eq!(read(&again, "kept"), Some(1));
}

#[tokio::test]
async fn a_fault_at_any_call_loses_nothing_that_was_answered() {
    for first in 0.. {
        let disk = filled();
        let database = Arc::new(open_backend(disk.clone(), settings()).unwrap());
        let writer = Writer::start(Arc::clone(&database)).unwrap();
        disk.fault(Fault::CallsFrom(first));
        let mut answered = Vec::new();
        for name in ["a", "b", "c"] {
            if send(&writer, name).await.is_ok() {
                answered.push(name);
            }
        }
        let met = disk.calls() > first;
        disk.fault(None);
        drop(database);
        drop(writer);
        for disk in [disk.clone(), disk.after_power_loss(0)] {
            let again = open_backend(disk, settings()).unwrap();
            assert_eq!(read(&again, "kept"), Some(1), "call {first}");
            for name in &answered {
                assert_eq!(read(&again, name), Some(2), "call {first}, {name}");
            }
        }
        if !met {
            assert_eq!(answered.len(), 3);
            break;
        }
    }
}

#[test]
fn a_loss_of_power_at_any_byte_of_a_commit_leaves_the_state_before_or_after() {
    let disk = filled();
    let database = open_backend(disk.clone(), settings()).unwrap();
    // The commit is written, and its sync never happens.
    disk.fault(Fault::Syncs);
    assert!(write(&database, "new", 2).is_err());
    let written = disk.unsynced_bytes();
    assert!(written > 4096, "{written}");
    for survived in (0..=written).step_by(61) {
        let after = disk.after_power_loss(survived);
        let again = open_backend(after, settings()).unwrap();
        assert_eq!(read(&again, "kept"), Some(1), "{survived} of {written}");
        assert!(matches!(read(&again, "new"), None | Some(2)), "{survived}");
    }
}

#[test]
fn a_fault_while_opening_is_an_error_that_changes_nothing() {
    let disk = filled();
    let before = disk.bytes();
    disk.fault(Fault::ShortReads);
    let error = open_backend(disk.clone(), settings()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged(_)), "{error:?}");
    disk.fault(Fault::Syncs);
    let error = open_backend(disk.clone(), settings()).unwrap_err();
    assert!(matches!(error, OpenError::Engine(_)), "{error:?}");
    disk.fault(Fault::CallsFrom(1));
    let error = open_backend(disk.clone(), settings()).unwrap_err();
    assert!(matches!(error, OpenError::Engine(_)), "{error:?}");
    disk.fault(None);
    let again = open_backend(disk.clone(), settings()).unwrap();
    assert_eq!(read(&again, "kept"), Some(1));
    drop(again);
    assert_eq!(before.len(), disk.bytes().len());
}
