//! One race: a number of writers with one edit each, all at the same time.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::network::{Network, Weather};
use crate::writer::Writer;

/// The means over several races.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Requests in all, for each edit that was committed.
    pub requests: f64,
    /// The time until the last commit, as a multiple of making the edits one after the other.
    pub time: f64,
    /// The time of the slowest edit, as a multiple of the median.
    pub slowest: f64,
    /// The part of the edits that was given up.
    pub given_up: f64,
}

/// How often the time of one edit is measured.
const ALONE: u32 = 200;

/// The time of one edit that nobody interferes with.
pub fn alone(weather: Weather) -> Duration {
    fastrand::seed(0);
    let times = (0..ALONE).map(|_| race(Writer::AtOnce, 1, weather).last);
    times.sum::<Duration>() / ALONE
}

/// The means over several races; `alone` is the time of one edit without others.
pub fn races(
    writer: Writer,
    writers: u32,
    weather: Weather,
    alone: Duration,
    runs: u32,
) -> Figures {
    let mut sum = Figures::default();
    for seed in 0..runs {
        fastrand::seed(u64::from(seed));
        let race = race(writer, writers, weather);
        let committed = f64::from(race.committed);
        sum.requests += f64::from(race.requests) / committed;
        sum.time += race.last.div_duration_f64(alone) / committed;
        sum.slowest += race.last.div_duration_f64(race.median);
        sum.given_up += 1.0 - committed / f64::from(writers);
    }
    let runs = f64::from(runs);
    Figures {
        requests: sum.requests / runs,
        time: sum.time / runs,
        slowest: sum.slowest / runs,
        given_up: sum.given_up / runs,
    }
}

/// What one race came to.
struct Race {
    committed: u32,
    requests: u32,
    median: Duration,
    last: Duration,
}

fn race(writer: Writer, writers: u32, weather: Weather) -> Race {
    let network = Network::new(weather, writer != Writer::IfmatchOpaque);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let mut times = runtime.block_on(async {
        let begun = Instant::now();
        let mut edits = JoinSet::new();
        for name in 0..writers {
            let network = network.clone();
            edits.spawn(async move {
                let committed = writer.commit(&network, name.to_string()).await;
                committed.then(|| begun.elapsed())
            });
        }
        edits.join_all().await
    });
    times.sort_unstable();
    let times: Vec<Duration> = times.into_iter().flatten().collect();
    let committed = u32::try_from(times.len()).expect("no more than there are writers");
    let entries = network.ledger().entries;
    assert!(entries.values().all(|entry| *entry == 1));
    let stored = u32::try_from(entries.len()).expect("no more than there are writers");
    assert!(stored >= committed, "an edit that succeeded is not there");
    if weather.loss == 0.0 {
        assert_eq!(stored, committed, "an edit that failed is there");
    }
    Race {
        committed,
        requests: network.requests(),
        median: times.get(times.len() / 2).copied().unwrap_or_default(),
        last: times.last().copied().unwrap_or_default(),
    }
}
