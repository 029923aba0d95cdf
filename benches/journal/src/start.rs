//! Opening a journal with 100 000 open writes, in a process of its own.

use std::process::Command;
use std::time::Instant;

use ifmatch::Journal;
use serde_json::{Value, json};

use crate::Folder;
use crate::server::Server;

const WRITES: usize = 100_000;
const AT_ONCE: usize = 512;

pub async fn run() {
    let folder = Folder::new("start");
    {
        let journal = Journal::open(&folder.0).quota(1 << 30).build().unwrap();
        let client = Server::default()
            .builder()
            .journal(journal)
            .build()
            .unwrap();
        let things = client.collection::<Value>("things");
        let since = Instant::now();
        let running: Vec<_> = (0..AT_ONCE)
            .map(|task| {
                let things = things.clone();
                tokio::spawn(async move {
                    for id in (task..WRITES).step_by(AT_ONCE) {
                        let thing = json!({"n": id, "text": "a short text"});
                        things.create(id, &thing).queue().await.unwrap();
                    }
                })
            })
            .collect();
        for task in running {
            task.await.unwrap();
        }
        println!("{WRITES} writes queued in {:.1?}", since.elapsed());
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .arg("open")
        .arg(&folder.0)
        .output()
        .unwrap();
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

pub fn open(path: &str) {
    let since = Instant::now();
    let journal = Journal::open(path).quota(1 << 30).build().unwrap();
    let took = since.elapsed();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or("VmHWM: unknown");
    println!("opened with {WRITES} open writes in {took:.2?}; {journal:?}; peak memory {peak}");
}
