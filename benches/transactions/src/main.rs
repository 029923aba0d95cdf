//! Measures transfers between accounts as transactions, against the same transfers written by hand and against one lease
//! around each of them, on one server over loopback, within one run:
//!
//! ```text
//! cargo run --release
//! ```
//!
//! Each request takes 2 ms more, as on a network, and one response of twenty is lost. A transfer by hand reads, writes
//! conditionally, tries again after a race, and gives back what it took if the second account cannot be written.

mod bank;
mod by_hand;
mod leased;
mod sagas;

use std::time::{Duration, Instant};

use bank::{Bank, Transfer};
use tokio::task::JoinSet;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const CLIENTS: usize = 16;
const TRANSFERS: usize = 2_000;
const RUNS: usize = 5;

/// Makes all transfers of a run, 16 at a time. Returns the time that they took.
async fn all<F>(transfers: Vec<Transfer>, make: impl Fn(Transfer) -> F) -> Outcome<Duration>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (begun, mut running) = (Instant::now(), JoinSet::new());
    for transfer in transfers {
        running.spawn(make(transfer));
        while running.len() >= CLIENTS {
            running.join_next().await.ok_or("no transfer runs")??;
        }
    }
    while let Some(made) = running.join_next().await {
        made?;
    }
    Ok(begun.elapsed())
}

/// The runs of one way.
#[derive(Default)]
struct Runs {
    times: Vec<Duration>,
    /// Runs after which the sum of the accounts was another one.
    wrong: usize,
}

impl Runs {
    fn add(&mut self, took: Duration, bank: &Bank) -> Outcome {
        self.times.push(took);
        self.wrong += usize::from(bank.sum()? != bank::SUM);
        Ok(())
    }

    fn median(&mut self) -> f64 {
        self.times.sort_unstable();
        self.times[self.times.len() / 2].as_secs_f64()
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let (mut by_hand, mut sagas, mut leased) = (Runs::default(), Runs::default(), Runs::default());
    for run in 0..RUNS {
        let transfers = bank::transfers(TRANSFERS);
        let bank = Bank::start().await?;
        by_hand.add(by_hand::make(&bank, transfers.clone()).await?, &bank)?;
        let bank = Bank::start().await?;
        sagas.add(sagas::make(&bank, transfers.clone()).await?, &bank)?;
        let bank = Bank::start().await?;
        // Two hundred of them are enough for a rate.
        let some = transfers[..TRANSFERS / 10].to_vec();
        leased.add(leased::make(&bank, some).await?, &bank)?;
        eprintln!("run {} of {RUNS}", run + 1);
    }
    let (hand, saga, lease) = (by_hand.median(), sagas.median(), leased.median() * 10.0);
    println!(
        "{TRANSFERS} transfers among 64 accounts, {CLIENTS} at a time, median of {RUNS} runs\n"
    );
    println!("| | seconds | runs with a wrong sum |");
    println!("|---|---|---|");
    println!("| by hand | {hand:.2} | {} |", by_hand.wrong);
    println!("| transactions | {saga:.2} | {} |", sagas.wrong);
    println!(
        "| one lease around each (a tenth of them, times ten) | {lease:.2} | {} |",
        leased.wrong
    );
    println!();
    let mut missed = sagas.wrong;
    for (what, ratio, target) in [
        ("throughput against by hand", hand / saga, 1.0),
        ("throughput against one lease", lease / saga, 3.0),
    ] {
        let is_met = ratio >= target;
        missed += usize::from(!is_met);
        println!(
            "{what}: {ratio:.2} (target ≥ {target:.1}{})",
            if is_met { "" } else { ", MISSED" }
        );
    }
    if missed > 0 {
        return Err("a sum is wrong or a target was missed".into());
    }
    Ok(())
}
