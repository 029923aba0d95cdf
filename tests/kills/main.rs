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

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use ifmatch::testing::ResourceServer;

use books::Books;
use program::Mode;
pub(crate) use site::Site;

/// How often the program is killed, unless `KILLS` says something else.
const KILLS: u32 = 25;
/// The longest time that the program runs before it is killed, in milliseconds.
const LONGEST: u64 = 500;
/// As [`LONGEST`], for a machine on which nothing comes to an end in that time.
const LONGEST_BY_FAR: u64 = 60_000;
/// How often it is killed beyond that until it has reported what it should.
const MORE_KILLS: u32 = 20;

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

/// The program that is killed, while it runs.
struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
    /// What it has reported.
    told: String,
}

impl Program {
    /// Starts this program again, and returns once it runs. The time that a busy machine takes to load it does not count.
    fn start(site: &Site, folder: &std::path::Path, queue: Queue, mode: Mode) -> Self {
        let test = match queue {
            Queue::Outbox => "program::queues_and_sends",
            Queue::Plain => "plain::queues_and_sends",
            Queue::Transfers => "transfers::makes_transfers",
        };
        let mut child = Command::new(std::env::current_exe().unwrap())
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
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let told = String::new();
        let mut program = Self {
            child,
            output,
            told,
        };
        program.read_until(program::STARTED);
        program
    }

    /// Reads its reports until one of them contains this word.
    fn read_until(&mut self, word: &str) {
        loop {
            let known = self.told.len();
            let read = self.output.read_line(&mut self.told).unwrap();
            assert!(read > 0, "the program ended before it reported: {word}");
            if self.told[known..].contains(word) {
                return;
            }
        }
    }

    /// Kills it by SIGKILL, so that nothing of it runs any more, and returns what it has reported.
    fn killed(mut self) -> String {
        self.child.kill().unwrap();
        self.output.read_to_string(&mut self.told).unwrap();
        self.child.wait().unwrap();
        self.told
    }

    /// Waits until it ends, and returns what it has reported.
    fn ended(mut self) -> String {
        self.output.read_to_string(&mut self.told).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the program did not end by itself");
        self.told
    }
}

/// Kills the program as often as asked, lets it end, and returns what it reported.
fn killed_again_and_again(site: &Site, queue: Queue) -> Books {
    let mut books = Books::default();
    books.read(&reports_of(site, queue, &["queued "]));
    books
}

/// As [`killed_again_and_again`], as text. It goes on until each of these words was reported, and gives the program more
/// and more time for that.
fn reports_of(site: &Site, queue: Queue, words: &[&str]) -> String {
    let folder = std::env::temp_dir().join(format!(
        "ifmatch-kills-{}-{:?}",
        std::process::id(),
        Instant::now()
    ));
    let (mut reports, begun) = (String::new(), Instant::now());
    let (mut killed_times, mut longest) = (0, LONGEST);
    while killed_times < kills()
        || (killed_times < kills() + MORE_KILLS && !words.iter().all(|word| reports.contains(word)))
    {
        killed_times += 1;
        let program = Program::start(site, &folder, queue, Mode::Both);
        std::thread::sleep(Duration::from_millis(fastrand::u64(..longest)));
        let told = program.killed();
        // The last line may be cut off.
        reports += told.rfind('\n').map_or("", |end| &told[..=end]);
        let is_quick = killed_times < kills() && words.iter().any(|word| reports.contains(word));
        longest = if is_quick {
            LONGEST
        } else {
            LONGEST_BY_FAR.min(2 * longest)
        };
    }
    let took = begun.elapsed();
    reports += &Program::start(site, &folder, queue, Mode::Drains).ended();
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
    let sending = Program::start(&site, &folder, Queue::Outbox, Mode::Sends);
    let mut queueing = Program::start(&site, &folder, Queue::Outbox, Mode::Queues);
    let told = tokio::task::spawn_blocking(move || {
        queueing.read_until("queued ");
        std::thread::sleep(Duration::from_secs(1));
        queueing.killed()
    });
    let mut books = Books::default();
    books.read(&told.await.unwrap());
    assert!(books.queued() > 0);
    let since = Instant::now();
    while books.compared(&program::stored(&site).await).lost > 0 {
        assert!(since.elapsed() < Duration::from_secs(60), "not taken over");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    sending.killed();
    let last = Program::start(&site, &folder, Queue::Outbox, Mode::Drains);
    let last = tokio::task::spawn_blocking(|| last.ended());
    last.await.unwrap();
    let found = books.compared(&program::stored(&site).await);
    println!("taken over after {:.0?}: {found}", since.elapsed());
    assert_eq!((found.lost, found.doubled), (0, 0));
    let _ = std::fs::remove_dir_all(&folder);
}
