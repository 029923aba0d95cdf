//! The memory that hostile streams take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ifmatch::event_stream::EventStream;
use ifmatch::json_lines::JsonLines;
use ifmatch::transport::{Request, Reqwest};
use ifmatch::{Method, Transport, Url};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::{MEMORY, Outcome};

const MIB: usize = 1024 * 1024;
/// The length of what is generated, in bytes. It is never in memory as a whole.
const LONG: usize = 1024 * MIB;
/// The decoder may keep a line and an event of 1 MiB each. A buffer doubles when it grows.
const DECODER: usize = 5 * MIB;
/// What a connection may keep beside that: the buffers of the HTTP client and those of this server.
const CONNECTION: usize = 8 * MIB;
/// The events that the server has ready before the first one is read.
const EVENTS: usize = 1_000_000;

/// Prints the table, and returns the number of bounds that were missed.
pub async fn measure() -> Outcome<usize> {
    println!("| stream | read | ended | peak | bound |");
    println!("|---|---|---|---|---|");
    let limit = LONG;
    let rows = [
        decoded("an endless line", "", "a", EventStream::new(), DECODER),
        decoded(
            "an event of 1 GiB in lines",
            "",
            "data: 0123456789\n",
            EventStream::new(),
            DECODER,
        ),
        decoded(
            "an event of 1 GiB that is allowed to 64 MiB",
            "",
            "data: 0123456789\n",
            EventStream::new().max_event(64 * MIB),
            64 * MIB * 2 + DECODER,
        ),
        decoded(
            "1 GiB of comments",
            "",
            ": still here\n",
            EventStream::new(),
            MIB,
        ),
        decoded(
            "1 GiB of ids without data",
            "",
            "id: 7\n\n",
            EventStream::new(),
            MIB,
        ),
        json_line(),
        ahead(limit).await?,
    ];
    Ok(rows.into_iter().map(usize::from).sum())
}

/// Prints a row, and returns whether the bound was missed.
fn row(name: &str, read: usize, ended: &str, peak: usize, bound: usize) -> bool {
    let is_missed = peak > bound;
    let mib = |bytes: usize| {
        let (whole, part) = (bytes / MIB, bytes % MIB * 100 / MIB);
        format!("{whole}.{part:02} MiB")
    };
    let miss = if is_missed { ", MISSED" } else { "" };
    println!(
        "| {name} | {} | {ended} | {} | {}{miss} |",
        mib(read),
        mib(peak),
        mib(bound)
    );
    is_missed
}

/// Runs, and returns the largest memory beyond that before.
fn peak<R>(run: impl FnOnce() -> R) -> (R, usize) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let result = run();
    (result, MEMORY.peak_usage().saturating_sub(before))
}

fn decoded(name: &str, first: &str, again: &str, mut stream: EventStream, bound: usize) -> bool {
    let chunk = again.repeat(8 * 1024 / again.len());
    let ((read, ended), peak) = peak(|| {
        let mut read = first.len();
        if let Err(error) = stream.decode(&mut first.as_bytes()) {
            return (read, error.to_string());
        }
        while read < LONG {
            if let Err(error) = stream.decode(&mut chunk.as_bytes()) {
                return (read, error.to_string());
            }
            read += chunk.len();
        }
        (read, "no".to_owned())
    });
    row(name, read, &ended, peak, bound)
}

fn json_line() -> bool {
    let (mut lines, chunk) = (JsonLines::new(), [b'['; 8 * 1024]);
    let ((read, ended), peak) = peak(|| {
        let mut read = 0;
        while read < LONG {
            if let Err(error) = lines.decode(&mut &chunk[..]) {
                return (read, error.to_string());
            }
            read += chunk.len();
        }
        (read, "no".to_owned())
    });
    row("an endless line of JSON", read, &ended, peak, DECODER)
}

/// A million events ahead of a reader that asks for one now and then, over a connection.
async fn ahead(limit: usize) -> Outcome<bool> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = Url::parse(&format!("http://{}/feed", listener.local_addr()?))?;
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await?;
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(socket.read_u8().await?);
        }
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        socket.write_all(head).await?;
        for at in 0..EVENTS {
            let event = format!("id: {at}\ndata: {:0100}\n\n", at);
            socket.write_all(event.as_bytes()).await?;
            count.fetch_add(event.len(), Ordering::Relaxed);
        }
        socket.shutdown().await
    });
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let transport = Reqwest::new()?;
    let mut stream = transport.open(Request::new(Method::GET, url)).await?;
    let (mut decoder, mut read, mut events, mut most_ahead) = (EventStream::new(), 0, 0, 0);
    while let Some(chunk) = stream.next().await? {
        read += chunk.len();
        let mut rest = &chunk[..];
        while decoder.decode(&mut rest)?.is_some() {
            events += 1;
            // The reader is slow, and the server fills all buffers meanwhile.
            if events % 100_000 == 1 {
                tokio::time::sleep(Duration::from_millis(200)).await;
                most_ahead = most_ahead.max(written.load(Ordering::Relaxed).saturating_sub(read));
            }
        }
        if read > limit {
            break;
        }
    }
    let peak = MEMORY.peak_usage().saturating_sub(before);
    server.await??;
    if events != EVENTS {
        return Err(format!("{events} events instead of {EVENTS}").into());
    }
    let name = format!(
        "a million events, at most {} kB ahead of the reader",
        most_ahead / 1000
    );
    Ok(row(&name, read, "at the end", peak, CONNECTION))
}
