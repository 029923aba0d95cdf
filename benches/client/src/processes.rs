//! Independent processes that share only a real server, and commit one edit each to one document.
//!
//! The server is Kinto, with a bucket `b` and a collection `c` that any user may write to, as `tests/interop/run` sets
//! it up.

use std::process::Stdio;
use std::time::{Duration, Instant};

use ifmatch::{Client, Collection, Limits, Policy, Rule, ThreeWay};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use crate::median;

const COUNTER: &str = "/data/count";

fn records(root: &str) -> Collection<Value> {
    let address = root.replacen("://", "://any:pw@", 1);
    let limits = Limits::default().time(Duration::from_secs(120));
    let client = Client::builder(address).limits(limits).build().unwrap();
    let strategy = ThreeWay::new(Policy::new().field(COUNTER, Rule::Counter));
    client.collection_with("buckets/b/collections/c/records", strategy)
}

fn count(document: &mut Value) {
    let count = document.pointer_mut(COUNTER).unwrap();
    *count = (count.as_u64().unwrap() + 1).into();
}

/// One of the processes: makes itself ready, waits for the word, edits, and tells.
pub async fn one(root: &str, id: &str) {
    let records = records(root);
    records.get(id).await.unwrap();
    println!("ready");
    let mut word = String::new();
    BufReader::new(tokio::io::stdin())
        .read_line(&mut word)
        .await
        .unwrap();
    let begun = Instant::now();
    match records.update(id, count).await {
        Ok(saved) => println!(
            "{} {}",
            saved.report().requests,
            begun.elapsed().as_micros()
        ),
        Err(error) => println!("failed: {error}; {}", error.report()),
    }
}

pub async fn run(root: &str, processes: u32) {
    let (records, id) = (records(root), format!("crowd-{}", fastrand::u32(..)));
    records
        .create(&id, &json!({"data": {"count": 0}}))
        .await
        .unwrap();
    // One after the other, for comparison, each by a client of its own.
    let begun = Instant::now();
    for _ in 0..processes {
        self::records(root).update(&id, count).await.unwrap();
    }
    let serial = begun.elapsed();

    let mut children = Vec::new();
    for _ in 0..processes {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["process", root, &id])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("ready"));
        children.push((child, lines));
    }
    let begun = Instant::now();
    for (child, _) in &mut children {
        child
            .stdin
            .take()
            .unwrap()
            .write_all(b"go\n")
            .await
            .unwrap();
    }
    let (mut requests, mut times, mut failed) = (0_u32, Vec::new(), 0);
    for (_, lines) in &mut children {
        let told = lines.next_line().await.unwrap().unwrap_or_default();
        match told
            .split_once(' ')
            .map(|(requests, time)| (requests.parse::<u32>(), time.parse::<f64>()))
        {
            Some((Ok(sent), Ok(time))) => {
                requests += sent;
                times.push(time / 1e6);
            }
            _ => {
                println!("{told}");
                failed += 1;
            }
        }
    }
    let together = begun.elapsed();
    let document = records.refresh(&id).await.unwrap().value;
    let committed = u64::from(processes) - failed;
    let counted = document.pointer(COUNTER).unwrap().as_u64().unwrap();
    assert_eq!(
        counted,
        u64::from(processes) + committed,
        "every edit is in exactly once"
    );
    let slowest = times.iter().copied().fold(0.0, f64::max);
    println!("{processes} processes, one document on Kinto, an edit each: {failed} given up");
    println!(
        "{:.1} requests for each commit; {together:.2?}, against {serial:.2?} one after the other: {:.2}",
        f64::from(requests) / committed as f64,
        together.as_secs_f64() / serial.as_secs_f64(),
    );
    println!(
        "the slowest took {slowest:.2} s, the middle one {:.2} s\n",
        median(times)
    );
}
