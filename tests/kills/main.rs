//! A program that queues and sends edits is killed again and again, between any two instructions. In the end each edit
//! that it reported as queued was applied exactly once.
//!
//! The test starts itself as the program. It runs against the server of the test kit, or against a real one:
//!
//! ```sh
//! KILLS=1000 IFMATCH_TEST=kills tests/interop/run lighttpd kinto
//! ```
//!
//! `IFMATCH_LIGHTTPD` and `IFMATCH_KINTO` name the servers, as for the interop tests. With `KILLS_PLAIN=1`, a plain queue
//! ("append to a file, send, remove") runs beside it, and its figures are printed.
#![cfg(feature = "durable")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed test may panic, and the figures are for people to read"
)]

mod books;
mod plain;
mod program;
mod site;
mod transfers;

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ifmatch::testing::ResourceServer;

use books::Books;
use program::Mode;
pub(crate) use site::Site;

/// How often the program is killed, unless `KILLS` says something else.
const KILLS: u32 = 25;
/// The longest time that the program runs before it is killed.
const LONGEST: u64 = 500;

fn kills() -> u32 {
    std::env::var("KILLS").map_or(KILLS, |kills| kills.parse().unwrap())
}

/// Which program is killed.
#[derive(Clone, Copy, PartialEq)]
enum Queue {
    Outbox,
    Plain,
    Transfers,
}

/// Starts this program again, as the one that is killed.
fn start(site: &Site, folder: &std::path::Path, queue: Queue, mode: Mode) -> std::process::Child {
    let test = match queue {
        Queue::Outbox => "program::queues_and_sends",
        Queue::Plain => "plain::queues_and_sends",
        Queue::Transfers => "transfers::makes_transfers",
    };
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env("KILLED_BASE", &site.base)
        .env("KILLED_KIND", site.kind)
        .env("KILLED_FOLDER", folder)
        .env("KILLED_MODE", format!("{mode:?}"))
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(if mode == Mode::Drains {
            Stdio::inherit()
        } else {
            Stdio::null()
        })
        .spawn()
        .unwrap()
}

/// Kills a program by SIGKILL, so that nothing of it runs any more, and returns what it had printed.
fn killed(mut program: std::process::Child) -> String {
    program.kill().unwrap();
    program.wait().unwrap();
    let mut told = String::new();
    let output = program.stdout.take();
    output.unwrap().read_to_string(&mut told).unwrap();
    told
}

/// Kills the program as often as asked, lets it end, and returns what it reported.
fn killed_again_and_again(site: &Site, queue: Queue) -> Books {
    let mut books = Books::default();
    books.read(&reports_of(site, queue, &["queued "]));
    books
}

/// As [`killed_again_and_again`], as text.
///
/// A slow machine may kill it before it does anything. So it goes on until each of these words was told.
fn reports_of(site: &Site, queue: Queue, words: &[&str]) -> String {
    let folder = std::env::temp_dir().join(format!(
        "ifmatch-kills-{}-{:?}",
        std::process::id(),
        Instant::now()
    ));
    let (mut reports, begun) = (String::new(), Instant::now());
    let mut killed_times = 0;
    let is_silent = |reports: &str| words.iter().any(|word| !reports.contains(word));
    while killed_times < kills() || (is_silent(&reports) && killed_times < 20 * kills()) {
        killed_times += 1;
        let program = start(site, &folder, queue, Mode::Both);
        std::thread::sleep(Duration::from_millis(5 + fastrand::u64(..LONGEST)));
        let told = killed(program);
        // The last line may be cut off.
        reports += told.rfind('\n').map_or("", |end| &told[..=end]);
    }
    let took = begun.elapsed();
    let program = start(site, &folder, queue, Mode::Drains);
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "the program did not end by itself");
    reports += &String::from_utf8_lossy(&output.stdout);
    let _ = std::fs::remove_dir_all(&folder);
    println!("{}: killed {killed_times} times in {took:.0?}", site.kind);
    reports
}

async fn of_server(base: String, kind: &'static str) {
    let site = Site { base, kind };
    compared(site.clone()).await;
    transfers::balanced(site).await;
}

async fn compared(site: Site) {
    program::create(&site).await;
    let of = site.clone();
    let books = tokio::task::spawn_blocking(move || killed_again_and_again(&of, Queue::Outbox));
    let books = books.await.unwrap();
    let found = books.compared(&program::stored(&site).await);
    println!("{}: the outbox: {found}", site.kind);
    assert!(
        books.queued() > 0,
        "the program was killed before it could queue anything"
    );
    assert_eq!((found.lost, found.doubled), (0, 0));
    if std::env::var_os("KILLS_PLAIN").is_some() {
        program::create(&site).await;
        let of = site.clone();
        let books = tokio::task::spawn_blocking(move || killed_again_and_again(&of, Queue::Plain));
        let found = books.await.unwrap().compared(&program::stored(&site).await);
        println!("{}: a plain queue: {found}", site.kind);
    }
}

#[tokio::test]
async fn what_was_queued_is_applied_once_however_often_the_program_is_killed() {
    let server = ResourceServer::start().await;
    let (base, kind) = (server.uri(), "test kit");
    compared(Site { base, kind }).await;
}

#[tokio::test]
async fn no_transfer_is_half_made_however_often_the_program_is_killed() {
    let server = ResourceServer::start().await;
    let (base, kind) = (server.uri(), "test kit");
    transfers::balanced(Site { base, kind }).await;
}

#[tokio::test]
#[ignore = "needs the server that IFMATCH_LIGHTTPD names"]
async fn it_holds_on_lighttpd() {
    match std::env::var("IFMATCH_LIGHTTPD") {
        Ok(base) => of_server(base, "lighttpd").await,
        Err(_) => println!("skipped: IFMATCH_LIGHTTPD is not set"),
    }
}

#[tokio::test]
#[ignore = "needs the server that IFMATCH_KINTO names"]
async fn it_holds_on_kinto() {
    match std::env::var("IFMATCH_KINTO") {
        Ok(base) => of_server(base, "kinto").await,
        Err(_) => println!("skipped: IFMATCH_KINTO is not set"),
    }
}

#[tokio::test]
async fn a_live_process_takes_over_what_a_killed_one_left_once_and_within_a_minute() {
    let server = ResourceServer::start().await;
    let (base, kind) = (server.uri(), "test kit");
    let site = Site { base, kind };
    program::create(&site).await;
    let folder = std::env::temp_dir().join(format!("ifmatch-taken-{}", std::process::id()));
    let sending = start(&site, &folder, Queue::Outbox, Mode::Sends);
    let queueing = start(&site, &folder, Queue::Outbox, Mode::Queues);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut books = Books::default();
    books.read(&killed(queueing));
    assert!(books.queued() > 0);
    let since = Instant::now();
    while books.compared(&program::stored(&site).await).lost > 0 {
        assert!(since.elapsed() < Duration::from_secs(60), "not taken over");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    killed(sending);
    let last = start(&site, &folder, Queue::Outbox, Mode::Drains);
    assert!(last.wait_with_output().unwrap().status.success());
    let found = books.compared(&program::stored(&site).await);
    println!("taken over after {:.0?}: {found}", since.elapsed());
    assert_eq!((found.lost, found.doubled), (0, 0));
    let _ = std::fs::remove_dir_all(&folder);
}
