//! Durable appends from several tasks, against one commit of the bare engine and of SQLite for each record.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ifmatch::Journal;
use serde_json::Value;

use crate::Folder;
use crate::server::{Server, document};

/// Records of all tasks together.
const RECORDS: usize = 640;

pub async fn run() {
    println!("durable appends of documents of 1 kB, time for each, tasks at the same time:");
    println!(
        "{:>6} {:>12} {:>12} {:>12} {:>8} {:>8}",
        "tasks", "queue()", "redb", "SQLite FULL", "of redb", "of SQLite"
    );
    for tasks in [1, 8, 64] {
        let (ours, redb, sqlite) = (journal(tasks).await, redb(tasks).await, sqlite(tasks).await);
        let of = |rival: Duration| ours.as_secs_f64() / rival.as_secs_f64();
        println!(
            "{tasks:>6} {ours:>12.2?} {redb:>12.2?} {sqlite:>12.2?} {:>8.2} {:>8.2}",
            of(redb),
            of(sqlite)
        );
    }
}

/// Runs as many jobs at the same time, and returns the time for each record.
async fn timed(tasks: usize, job: impl Fn(usize) -> tokio::task::JoinHandle<()>) -> Duration {
    let since = Instant::now();
    let running: Vec<_> = (0..tasks).map(job).collect();
    for task in running {
        task.await.unwrap();
    }
    since.elapsed() / u32::try_from(RECORDS).unwrap()
}

async fn journal(tasks: usize) -> Duration {
    let folder = Folder::new("appends");
    let journal = Journal::open(&folder.0).build().unwrap();
    let client = Server::default()
        .builder()
        .journal(journal)
        .build()
        .unwrap();
    let things = client.collection::<Value>("things");
    for id in 0..RECORDS {
        things.get(id).await.unwrap();
    }
    timed(tasks, |task| {
        let things = things.clone();
        tokio::spawn(async move {
            for id in (task..RECORDS).step_by(tasks) {
                let update = things.update(id, |thing| thing["n"] = 1.into());
                update.queue().await.unwrap();
            }
        })
    })
    .await
}

const TABLE: redb::TableDefinition<'_, u64, &[u8]> = redb::TableDefinition::new("records");

async fn redb(tasks: usize) -> Duration {
    let folder = Folder::new("redb");
    let database = Arc::new(redb::Database::create(folder.0.join("bare")).unwrap());
    timed(tasks, |task| {
        let database = database.clone();
        tokio::task::spawn_blocking(move || {
            for number in (task..RECORDS).step_by(tasks) {
                let write = database.begin_write().unwrap();
                let record = document();
                write
                    .open_table(TABLE)
                    .unwrap()
                    .insert(number as u64, record.as_bytes())
                    .unwrap();
                write.commit().unwrap();
            }
        })
    })
    .await
}

async fn sqlite(tasks: usize) -> Duration {
    let folder = Folder::new("sqlite");
    let database = rusqlite::Connection::open(folder.0.join("bare")).unwrap();
    database.pragma_update(None, "journal_mode", "WAL").unwrap();
    database.pragma_update(None, "synchronous", "FULL").unwrap();
    database
        .execute(
            "CREATE TABLE records (number INTEGER PRIMARY KEY, record TEXT)",
            (),
        )
        .unwrap();
    let database = Arc::new(Mutex::new(database));
    timed(tasks, |task| {
        let database = database.clone();
        tokio::task::spawn_blocking(move || {
            for number in (task..RECORDS).step_by(tasks) {
                let database = database.lock().unwrap();
                let record = (number, document());
                database
                    .execute("INSERT INTO records VALUES (?1, ?2)", record)
                    .unwrap();
            }
        })
    })
    .await
}
