//! Many writers, one resource, and a count of every edit.

use std::time::{Duration, Instant};

use ifmatch::{Collection, Error};

use crate::Server;
use crate::document::Shape;

/// Each writer adds, in each edit, one to a field of its own and one to the shared counter. The even
/// ones merge, the odd ones run their edit again.
pub(crate) struct Race {
    pub(crate) writers: usize,
    /// Of each writer.
    pub(crate) edits: u64,
    /// One edit after the other, the writers by turns.
    pub(crate) in_turn: bool,
}

impl Default for Race {
    fn default() -> Self {
        Self {
            writers: 8,
            edits: 100,
            in_turn: false,
        }
    }
}

/// What became of the edits that were acknowledged.
pub(crate) struct Count {
    lost: u64,
    doubled: u64,
    failed: usize,
}

impl Count {
    pub(crate) fn is_exact(&self) {
        assert_eq!((self.lost, self.doubled, self.failed), (0, 0, 0));
    }
}

#[derive(Default)]
struct Tally {
    acknowledged: u64,
    requests: u32,
    rounds: u32,
    merged: u32,
    slowest: Duration,
    failures: Vec<Error>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.requests += other.requests;
        self.rounds += other.rounds;
        self.merged += other.merged;
        self.slowest = self.slowest.max(other.slowest);
        self.failures.extend(other.failures);
    }
}

impl Race {
    pub(crate) async fn run<S: Shape>(&self, server: &Server) -> Count {
        let how = if self.in_turn { "in turn" } else { "at once" };
        let id = server.id(if self.in_turn { "turns" } else { "race" });
        let mut first = S::new("counted");
        first.own = (0..self.writers).map(|writer| (name(writer), 0)).collect();
        server.docs::<S>().create(&id, &first).await.unwrap();
        let begun = Instant::now();
        let tallies = if self.in_turn {
            self.by_turns::<S>(server, &id).await
        } else {
            self.at_once::<S>(server, &id).await
        };
        let seconds = begun.elapsed().as_secs_f64();

        let stored = server.docs::<S>().get(&id).await.unwrap();
        let (mut lost, mut doubled) = (0, 0);
        let mut compare = |wanted: u64, found: u64| {
            lost += wanted.saturating_sub(found);
            doubled += found.saturating_sub(wanted);
        };
        let mut total = Tally::default();
        for (writer, tally) in tallies.into_iter().enumerate() {
            compare(tally.acknowledged, stored.own[&name(writer)]);
            total.add(tally);
        }
        compare(total.acknowledged, stored.shared);
        // They are mostly alike.
        for error in total.failures.iter().take(2) {
            println!("{}: {error:?}", server.name);
        }
        let failed = total.failures.len();
        println!(
            "{}: {} writers {how}, {} edits: {lost} lost, {doubled} doubled, {failed} failed; \
             {} requests, {} rounds, {} merged, {seconds:.2} s, the slowest edit {:.2} s",
            server.name,
            self.writers,
            total.acknowledged,
            total.requests,
            total.rounds,
            total.merged,
            total.slowest.as_secs_f64(),
        );
        Count {
            lost,
            doubled,
            failed,
        }
    }

    async fn at_once<S: Shape>(&self, server: &Server, id: &str) -> Vec<Tally> {
        let mut tasks = Vec::new();
        for writer in 0..self.writers {
            let (docs, id, edits) = (server.docs::<S>(), id.to_owned(), self.edits);
            tasks.push(tokio::spawn(async move {
                let mut tally = Tally::default();
                for _ in 0..edits {
                    tally.add(edit(&docs, &id, writer).await);
                }
                tally
            }));
        }
        let mut tallies = Vec::new();
        for task in tasks {
            tallies.push(task.await.unwrap());
        }
        tallies
    }

    async fn by_turns<S: Shape>(&self, server: &Server, id: &str) -> Vec<Tally> {
        let mut writers: Vec<_> = (0..self.writers)
            .map(|_| (server.docs::<S>(), Tally::default()))
            .collect();
        for _ in 0..self.edits {
            for (writer, (docs, tally)) in writers.iter_mut().enumerate() {
                tally.add(edit(docs, id, writer).await);
            }
        }
        writers.into_iter().map(|(_, tally)| tally).collect()
    }
}

fn name(writer: usize) -> String {
    format!("writer {writer}")
}

async fn edit<S: Shape>(docs: &Collection<S>, id: &str, writer: usize) -> Tally {
    let own = name(writer);
    let update = docs.update(id, move |doc| {
        doc.shared += 1;
        *doc.own.entry(own.clone()).or_default() += 1;
    });
    let begun = Instant::now();
    let mut tally = match update.await {
        Ok(saved) => Tally {
            acknowledged: 1,
            requests: saved.report().requests,
            rounds: saved.report().rounds,
            merged: saved.report().merged,
            ..Tally::default()
        },
        Err(error) => Tally {
            requests: error.report().requests,
            rounds: error.report().rounds,
            failures: vec![error],
            ..Tally::default()
        },
    };
    tally.slowest = begun.elapsed();
    tally
}
