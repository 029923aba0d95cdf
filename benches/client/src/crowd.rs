//! 256 tasks of one process that edit one document at once, on a server that takes 5 ms per request.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::{Article, Server, by_hand};

const TASKS: u64 = 256;
const DELAY: Duration = Duration::from_millis(5);

pub async fn run() {
    let hand = reqwest::Client::new();
    let ours = Server::start(DELAY, Duration::ZERO).await;
    ours.seed(&hand, "articles/1", &Article::new()).await;
    let (seeded, begun) = (ours.requests().await, Instant::now());
    let client = ours.client();
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let articles = client.collection::<Article>("articles");
        tasks.spawn(articles.update(1, |article| article.views += 1));
    }
    while let Some(saved) = tasks.join_next().await {
        saved.unwrap().unwrap();
    }
    let (our_time, our_requests) = (begun.elapsed(), ours.requests().await - seeded);
    let article = client
        .collection::<Article>("articles")
        .get(1)
        .await
        .unwrap();
    assert_eq!(article.views, TASKS, "every edit is in exactly once");

    let theirs = Server::start(DELAY, Duration::ZERO).await;
    theirs.seed(&hand, "articles/1", &Article::new()).await;
    let (seeded, begun) = (theirs.requests().await, Instant::now());
    let url = format!("{}/articles/1", theirs.base);
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let (hand, url) = (hand.clone(), url.clone());
        tasks.spawn(async move {
            by_hand::edit(&hand, &url, |article| {
                article["views"] = (article["views"].as_u64().unwrap() + 1).into();
            })
            .await
        });
    }
    while let Some(saved) = tasks.join_next().await {
        saved.unwrap().unwrap();
    }
    let (their_time, their_requests) = (begun.elapsed(), theirs.requests().await - seeded);
    println!(
        "{TASKS} tasks of one process, one document, {} ms for each answer:",
        DELAY.as_millis()
    );
    println!(
        "{:<28}{our_requests:>6} requests{our_time:>12.1?}",
        "update"
    );
    println!(
        "{:<28}{their_requests:>6} requests{their_time:>12.1?}",
        "loop by hand, at once again"
    );
    let faster = their_time.as_secs_f64() / our_time.as_secs_f64();
    println!("{faster:.0} times as fast\n");
}
