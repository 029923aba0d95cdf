//! Measures the merge engine against its peers, in one run, as ratios.
//!
//! ```text
//! cargo run --release --manifest-path benches/merge/Cargo.toml [json|keyed|text|hostile|time]
//! ```
//!
//! `time` fails if anything takes longer than its limit per MB of document. `time deep merge` measures only the shapes
//! and the work whose names contain these words.
//!
//! Times are those of the fastest of many runs, which was disturbed least. "peak" is the largest allocation of a run,
//! beyond its inputs.

mod json;
mod text;
mod time;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What a run costs.
#[derive(Clone, Copy)]
struct Cost {
    time: Duration,
    /// Bytes.
    peak: usize,
}

impl Cost {
    fn against(self, other: Cost) -> f64 {
        self.time.as_secs_f64() / other.time.as_secs_f64()
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = self.time.as_secs_f64() * 1e3;
        #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
        let mb = self.peak as f64 / 1e6;
        write!(f, "{ms:>10.3} ms, peak {mb:>8.2} MB")
    }
}

/// The cost of the fastest of many runs.
fn measure<R>(mut run: impl FnMut() -> R) -> Cost {
    let (mut times, mut peak) = (Vec::new(), 0);
    let begin = Instant::now();
    while times.len() < 5 || (begin.elapsed() < Duration::from_millis(600) && times.len() < 2000) {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let start = Instant::now();
        let result = run();
        times.push(start.elapsed());
        peak = peak.max(MEMORY.peak_usage().saturating_sub(before));
        drop(result);
        if begin.elapsed() > Duration::from_secs(20) {
            break;
        }
    }
    Cost { time: times.into_iter().min().unwrap_or_default(), peak }
}

fn main() -> ExitCode {
    let [which, shape, work] = [1, 2, 3].map(|at| std::env::args().nth(at));
    let wants = |name: &str| which.as_deref().is_none_or(|w| w == name);
    if wants("json") {
        json::against_parsing();
    }
    if wants("keyed") {
        json::keyed_lists();
    }
    if wants("text") {
        text::against_peers();
    }
    let over = if wants("time") { time::by_size(&shape.unwrap_or_default(), &work.unwrap_or_default()) } else { Vec::new() };
    if wants("hostile") {
        text::hostile();
        json::hostile();
    }
    if over.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("Over the bound:\n{}", over.join("\n"));
    ExitCode::FAILURE
}
