//! One writer without contention: a warm `update` against a conditional `PUT` of the same bytes, and against `GET` and
//! `PUT`.

use std::time::{Duration, Instant};

use bytes::Bytes;
use cpu_time::ProcessTime;

use crate::{Article, Server, by_hand, median};

const BLOCKS: usize = 60;
const WRITES: u32 = 200;

/// Wall and processor time of one write, in microseconds, block by block.
#[derive(Default)]
struct Times {
    wall: Vec<f64>,
    processor: Vec<f64>,
}

impl Times {
    fn add(&mut self, (wall, processor): (Instant, ProcessTime)) {
        let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(WRITES);
        self.wall.push(each(wall.elapsed()));
        self.processor.push(each(processor.elapsed()));
    }

    /// The middle of the blocks' ratios: what disturbs one block disturbs its neighbour too.
    fn against(&self, other: &Self) -> f64 {
        let pairs = self.wall.iter().zip(&other.wall);
        median(pairs.map(|(own, other)| own / other).collect())
    }
}

pub async fn run() {
    let server = Server::start(Duration::ZERO, Duration::ZERO).await;
    let hand = reqwest::Client::new();
    let (update, put, get_put) = ("articles/1", "articles/2", "articles/3");
    for path in [update, put, get_put] {
        server.seed(&hand, path, &Article::new()).await;
    }
    let articles = server.client().collection::<Article>("articles");
    let url = |path: &str| format!("{}/{path}", server.base);
    let (_, mut tag) = by_hand::get(&hand, &url(put)).await.unwrap();
    let body = Bytes::from(serde_json::to_vec(&Article::new()).unwrap());
    let (mut ours, mut by_put, mut by_both) =
        (Times::default(), Times::default(), Times::default());
    for block in 0..=BLOCKS {
        let begun = (Instant::now(), ProcessTime::now());
        for _ in 0..WRITES {
            articles
                .update(1, |article| article.views += 1)
                .await
                .unwrap();
        }
        let after_update = (Instant::now(), ProcessTime::now());
        if block > 0 {
            ours.add(begun);
        }
        for _ in 0..WRITES {
            tag = by_hand::put(&hand, &url(put), body.clone(), &tag)
                .await
                .unwrap()
                .unwrap();
        }
        let after_put = (Instant::now(), ProcessTime::now());
        if block > 0 {
            by_put.add(after_update);
        }
        for _ in 0..WRITES {
            let edit = |article: &mut serde_json::Value| article["views"] = 1.into();
            by_hand::edit(&hand, &url(get_put), edit).await.unwrap();
        }
        if block > 0 {
            by_both.add(after_put);
        }
    }
    println!(
        "One writer, a document of {} bytes, {BLOCKS} blocks of {WRITES} writes each:",
        body.len()
    );
    println!("{:<28}{:>12}{:>16}", "", "wall, µs", "processor, µs");
    for (name, times) in [
        ("warm update", &ours),
        ("PUT by hand, same bytes", &by_put),
        ("GET and PUT by hand", &by_both),
    ] {
        let (wall, processor) = (median(times.wall.clone()), median(times.processor.clone()));
        println!("{name:<28}{wall:>12.1}{processor:>16.1}");
    }
    println!(
        "update against PUT: {:.2} of the wall time",
        ours.against(&by_put)
    );
    println!(
        "update against GET and PUT: {:.2} of the wall time\n",
        ours.against(&by_both)
    );
}
