//! Measures streams, in one run:
//!
//! ```text
//! cargo run --release [decode|bounds|fresh]
//! ```
//!
//! `decode` compares the decoder of event streams with `eventsource-stream`, as a ratio of their throughputs. It fails
//! below 1.0. `bounds` prints the memory that hostile streams take, and fails above a bound. `fresh` counts the writes that
//! are refused with and without fresh snapshots, and the bytes of a feed against those of polling, in virtual time.

mod bounds;
mod decode;
mod fresh;

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome {
    let part = std::env::args().nth(1);
    let wants = |name: &str| part.as_deref().is_none_or(|part| part == name);
    let mut missed = 0;
    if wants("decode") {
        missed += decode::measure()?;
    }
    if wants("bounds") {
        missed += bounds::measure().await?;
    }
    if wants("fresh") {
        missed += tokio::task::spawn_blocking(fresh::measure).await??;
    }
    if missed > 0 {
        return Err(format!("{missed} targets were missed").into());
    }
    Ok(())
}
