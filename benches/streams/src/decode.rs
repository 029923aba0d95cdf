//! The throughput of the decoder and of its peer, on the same bytes in the same chunks.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use eventsource_stream::Eventsource;
use futures_util::{StreamExt, stream};
use ifmatch::event_stream::EventStream;
use ifmatch::transport::Bytes;

use crate::Outcome;

/// The length of each stream, in bytes.
const LENGTH: usize = 8 * 1024 * 1024;
/// What a packet carries, and what a large read returns.
const CHUNKS: [usize; 2] = [1_400, 64 * 1024];
/// The runs of each decoder, which take turns. The fastest one counts, because it was disturbed least.
const RUNS: usize = 9;

/// What was decoded: events and bytes of data.
type Seen = (usize, usize);

/// Prints the table, and returns the number of targets that were missed.
pub fn measure() -> Outcome<usize> {
    println!("| stream | chunks | eventsource-stream | ifmatch | ratio | target |");
    println!("|---|---|---|---|---|---|");
    let mut missed = 0;
    for (name, text) in streams() {
        for size in CHUNKS {
            let chunks: Vec<Bytes> = text
                .as_bytes()
                .chunks(size)
                .map(Bytes::copy_from_slice)
                .collect();
            let (mut peer, mut ours) = (Duration::MAX, Duration::MAX);
            for _ in 0..RUNS {
                let (time, expected) = timed(|| by_peer(&chunks))?;
                peer = peer.min(time);
                let (time, seen) = timed(|| by_us(&chunks))?;
                ours = ours.min(time);
                if seen != expected {
                    return Err(format!("{name}: {seen:?} instead of {expected:?}").into());
                }
            }
            let ratio = peer.as_secs_f64() / ours.as_secs_f64();
            missed += usize::from(ratio < 1.0);
            println!(
                "| {name} | {size} | {:.0} MB/s | {:.0} MB/s | {ratio:.2} | ≥ 1.00{} |",
                speed(text.len(), peer),
                speed(text.len(), ours),
                if ratio < 1.0 { ", MISSED" } else { "" }
            );
        }
    }
    Ok(missed)
}

fn timed(run: impl FnOnce() -> Outcome<Seen>) -> Outcome<(Duration, Seen)> {
    let begun = Instant::now();
    let seen = run()?;
    Ok((begun.elapsed(), seen))
}

#[expect(clippy::cast_precision_loss, reason = "shown without digits")]
fn speed(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64()
}

fn by_us(chunks: &[Bytes]) -> Outcome<Seen> {
    let (mut stream, mut seen) = (EventStream::new(), (0, 0));
    for chunk in chunks {
        let mut rest = &chunk[..];
        while let Some(event) = stream.decode(&mut rest)? {
            seen = (seen.0 + 1, seen.1 + event.into_data().len());
        }
    }
    Ok(seen)
}

fn by_peer(chunks: &[Bytes]) -> Outcome<Seen> {
    futures_executor::block_on(async {
        let chunks = stream::iter(chunks.iter().cloned().map(Ok::<_, Infallible>));
        let (mut events, mut seen) = (chunks.eventsource(), (0, 0));
        while let Some(event) = events.next().await {
            seen = (seen.0 + 1, seen.1 + event?.data.len());
        }
        Ok(seen)
    })
}

/// Streams as servers send them.
fn streams() -> Vec<(&'static str, String)> {
    let document = |bytes: usize| format!(r#"{{"title":"{}"}}"#, "lorem ipsum ".repeat(bytes / 12));
    let (short, medium, long) = (document(120), document(2_000), document(200_000));
    let mut streams = Vec::new();
    for (name, write) in [
        (
            "changes of 150 bytes with ids",
            &(|text: &mut String, at: usize| {
                write!(text, "id: {at}\nevent: put\ndata: {short}\n\n")
            }) as &dyn Fn(&mut String, usize) -> std::fmt::Result,
        ),
        ("documents of 2 kB", &|text, at| {
            write!(text, "id: {at}\ndata: {medium}\n\n")
        }),
        ("documents of 200 kB", &|text, at| {
            write!(text, "id: {at}\ndata: {long}\n\n")
        }),
        ("documents in 20 lines", &|text, at| {
            let lines = format!("data: {short}\n").repeat(20);
            write!(text, "id: {at}\n{lines}\n")
        }),
        ("heartbeats between CRLF events", &|text, at| {
            write!(
                text,
                ": still here\r\n\r\nid: {at}\r\ndata: {short}\r\n\r\n"
            )
        }),
    ] {
        let (mut text, mut at) = (String::new(), 0);
        while text.len() < LENGTH && write(&mut text, at).is_ok() {
            at += 1;
        }
        streams.push((name, text));
    }
    streams
}
