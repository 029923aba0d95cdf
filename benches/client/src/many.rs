//! Many documents and many tasks over some time: throughput against plain requests, and growth of memory.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::{Article, Server, by_hand};

const DOCUMENTS: u32 = 10_000;
const TASKS: u32 = 64;

pub async fn run(time: Duration) {
    let server = Server::start(Duration::ZERO, Duration::ZERO).await;
    let hand = reqwest::Client::new();
    for document in 0..DOCUMENTS {
        server
            .seed(&hand, &format!("articles/{document}"), &Article::new())
            .await;
    }
    let client = server.client();
    // Warm on both sides: each task knows the tags of its documents.
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let articles = client.collection::<Article>("articles");
        tasks.spawn(async move {
            for document in (task..DOCUMENTS).step_by(TASKS as usize) {
                articles.get(document).await.unwrap();
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    println!(
        "{DOCUMENTS} documents, {TASKS} tasks, {} s each, in turns:",
        time.as_secs()
    );
    let turn = time / 10;
    let (mut ours, mut theirs, mut memory) = (0, 0, Vec::new());
    for _ in 0..10 {
        ours += updates(&client, turn).await;
        memory.push(resident());
        theirs += puts(&hand, &server.base, turn).await;
    }
    let each = |count: u64| count as f64 / time.as_secs_f64();
    println!("{:<28}{:>10.0} a second", "update", each(ours));
    println!(
        "{:<28}{:>10.0} a second",
        "PUT by hand, same bytes",
        each(theirs)
    );
    println!("update does {:.2} of the PUTs", each(ours) / each(theirs));
    println!(
        "memory in use after the first tenth {:.1} MB, after the fifth {:.1} MB, at the end {:.1} MB\n",
        memory[0], memory[4], memory[9]
    );
}

async fn updates(client: &ifmatch::Client, time: Duration) -> u64 {
    let end = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let articles = client.collection::<Article>("articles");
        tasks.spawn(async move {
            let mut count = 0;
            for document in (task..DOCUMENTS).step_by(TASKS as usize).cycle() {
                if Instant::now() > end {
                    break;
                }
                articles
                    .update(document, |article| article.views += 1)
                    .await
                    .unwrap();
                count += 1;
            }
            count
        });
    }
    sum(tasks).await
}

/// The same with plain requests. The tag comes with each reply, so it is a `PUT` without condition here:
/// nothing but the request itself is measured.
async fn puts(hand: &reqwest::Client, base: &str, time: Duration) -> u64 {
    let end = Instant::now() + time;
    let body = Bytes::from(serde_json::to_vec(&Article::new()).unwrap());
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (hand, base, body) = (hand.clone(), base.to_owned(), body.clone());
        tasks.spawn(async move {
            let mut count = 0;
            for document in (task..DOCUMENTS).step_by(TASKS as usize).cycle() {
                if Instant::now() > end {
                    break;
                }
                // Beside the updates' documents, whose tags it would change.
                let url = format!("{base}/plain/{document}");
                by_hand::overwrite(&hand, &url, body.clone()).await.unwrap();
                count += 1;
            }
            count
        });
    }
    sum(tasks).await
}

async fn sum(mut tasks: JoinSet<u64>) -> u64 {
    let mut sum = 0;
    while let Some(count) = tasks.join_next().await {
        sum += count.unwrap();
    }
    sum
}

/// Memory of this process in megabytes, as the system counts it.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kilobytes.unwrap_or(f64::NAN) / 1024.0
}
