//! A server that responds to four of five requests with 503 for a while, and then recovers.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::{Article, Server};

const STRUGGLES: Duration = Duration::from_secs(5);
const TASKS: u32 = 500;

pub async fn run() {
    let server = Server::start(Duration::ZERO, STRUGGLES).await;
    let begun = Instant::now();
    let client = server.client();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let articles = client.collection::<Article>("articles");
        tasks.spawn(async move {
            // Each has its own document, which is there once somebody has created it.
            loop {
                let made = articles
                    .update(task, |_| ())
                    .if_absent(Article::new())
                    .await;
                match made {
                    Ok(saved) => break saved.report().requests,
                    Err(error) => {
                        assert!(!error.is_config() && !error.is_conflict(), "{error:?}");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
        });
    }
    tokio::time::sleep_until((begun + STRUGGLES).into()).await;
    let while_struggling = server.requests().await;
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    println!(
        "{TASKS} edits at a server that answers 80 % with 503 for {} s:",
        STRUGGLES.as_secs()
    );
    println!(
        "{while_struggling} requests while it struggles: {:.2} for each edit; all edits in after {:.1?}\n",
        while_struggling as f64 / f64::from(TASKS),
        begun.elapsed()
    );
}
