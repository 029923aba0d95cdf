//! One writer that never pauses, and others that have one edit each.
//!
//! The hot writer is a client that updates the document again as soon as its last update is stored, so it commits once
//! per round trip. An attempt of the others is a read and a write. It meets a commit unless the hot writer's request
//! takes longer than theirs, so the distance of the hot writer matters. The baseline is the number of attempts without
//! any wait, because no wait makes such a writer slower.
//!
//! Tokio's clock counts milliseconds, which is too coarse for round trips of one millisecond. All times, including
//! those of the client, are therefore multiplied by `SCALE`.

use std::time::Duration;

use ifmatch::{Client, Limits, RetryPolicy};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::network::{Ledger, Network, Weather};
use crate::writer::Writer;

/// By how much all times are longer.
const SCALE: u32 = 100;
/// The entry of the hot writer.
const HOT: &str = "hot";
/// The other edits begin after so many round trips, and within one.
const LATER: f64 = 20.0;
const ROUND_TRIPS_MS: [u64; 3] = [1, 20, 50];
const OTHERS: [u32; 4] = [1, 2, 4, 8];
/// The distances of the hot writer from the server, as multiples of that of the others. The round trips of
/// `ROUND_TRIPS_MS` are tried at the first one, the others at the round trip of `FARTHER_MS`.
const DISTANCES: [f64; 4] = [1.0, 1.05, 1.1, 1.3];
const FARTHER_MS: u64 = 20;

/// The means over several runs.
struct Figures {
    /// The time of the slowest of the other edits, in round trips; one that was given up counts as its time.
    slowest: f64,
    /// Requests of the others for each of their edits.
    requests: f64,
    /// The part of the other edits that was given up.
    given_up: f64,
}

/// A hot writer, and the others.
#[derive(Clone, Copy)]
struct Setting {
    weather: Weather,
    /// Whether versions are numbers.
    numbered: bool,
    others: u32,
    /// The distance of the hot writer.
    distance: f64,
}

pub fn table(weather: Weather, runs: u32) {
    println!("\nBeside one writer that never pauses; times in round trips, {runs} runs\n");
    println!(
        "| versions | round trip | hot writer at | others | slowest, at once | slowest, ifmatch | ratio | requests per edit | given up |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let near = ROUND_TRIPS_MS.map(|trip| (trip, DISTANCES[0]));
    let far = DISTANCES[1..]
        .iter()
        .map(|distance| (FARTHER_MS, *distance));
    let places: Vec<(u64, f64)> = near.into_iter().chain(far).collect();
    for (writer, versions) in [
        (Writer::Ifmatch, "count"),
        (Writer::IfmatchOpaque, "tell nothing"),
    ] {
        for (trip, distance) in &places {
            for others in OTHERS {
                let setting = Setting {
                    weather: Weather {
                        round_trip: Duration::from_millis(*trip) * SCALE,
                        ..weather
                    },
                    numbered: writer == Writer::Ifmatch,
                    others,
                    distance: *distance,
                };
                let at_once = races(Writer::AtOnce, setting, runs);
                let ours = races(writer, setting, runs);
                println!(
                    "| {versions} | {trip} ms | {distance} | {others} | {:.0} | {:.0} | {:.1} | {:.0} | {:.1} % |",
                    at_once.slowest,
                    ours.slowest,
                    ours.slowest / at_once.slowest,
                    ours.requests,
                    100.0 * ours.given_up
                );
            }
        }
    }
}

fn races(writer: Writer, setting: Setting, runs: u32) -> Figures {
    let mut sum = Figures {
        slowest: 0.0,
        requests: 0.0,
        given_up: 0.0,
    };
    for seed in 0..runs {
        fastrand::seed(u64::from(seed));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let race = runtime.block_on(race(writer, setting));
        let round_trip = setting.weather.round_trip;
        sum.slowest += race.slowest.div_duration_f64(round_trip);
        sum.requests += f64::from(race.requests) / f64::from(setting.others);
        sum.given_up += f64::from(race.given_up) / f64::from(setting.others);
    }
    let runs = f64::from(runs);
    Figures {
        slowest: sum.slowest / runs,
        requests: sum.requests / runs,
        given_up: sum.given_up / runs,
    }
}

struct Race {
    slowest: Duration,
    requests: u32,
    given_up: u32,
}

/// A process of its own, whose limits are as much longer as all times are.
pub fn client(network: &Network) -> Client {
    let limits = Limits::default()
        .time(Duration::from_secs(30) * SCALE)
        .request(Duration::from_secs(10) * SCALE);
    let retry = RetryPolicy::default().cap(Duration::from_secs(5) * SCALE);
    let client = Client::builder("http://ledger.test")
        .transport(network.clone())
        .limits(limits)
        .retry(retry);
    client.build().expect("the address is good")
}

async fn race(writer: Writer, setting: Setting) -> Race {
    let network = Network::new(setting.weather, setting.numbered);
    let others = setting.others;
    let hot = tokio::spawn(write_without_pause(network.at(setting.distance)));
    let mut edits = JoinSet::new();
    for name in 0..others {
        let network = network.counted();
        edits.spawn(async move {
            let after = network.round_trip().mul_f64(LATER + fastrand::f64());
            tokio::time::sleep(after).await;
            let begun = Instant::now();
            let committed = match writer {
                Writer::AtOnce => writer.commit(&network, name.to_string()).await,
                _ => writer.commit_by(&client(&network), name.to_string()).await,
            };
            (committed, begun.elapsed(), network.own_requests())
        });
    }
    let edits = edits.join_all().await;
    hot.abort();
    let ledger = network.ledger();
    let stored = ledger.entries.iter().filter(|(name, _)| *name != HOT);
    let committed = edits.iter().filter(|(committed, ..)| *committed).count();
    assert!(
        stored.count() >= committed,
        "an edit that succeeded is not there"
    );
    Race {
        slowest: edits
            .iter()
            .map(|(_, time, _)| *time)
            .max()
            .unwrap_or_default(),
        requests: edits.iter().map(|(.., requests)| requests).sum(),
        given_up: others - u32::try_from(committed).unwrap_or(others),
    }
}

async fn write_without_pause(network: Network) {
    let client = client(&network);
    let ledger = client.resource::<Ledger>("ledger");
    loop {
        // It goes on, whatever becomes of one edit.
        let _ = ledger
            .update(|ledger: &mut Ledger| *ledger.entries.entry(HOT.to_owned()).or_default() += 1)
            .await;
    }
}
