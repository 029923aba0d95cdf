//! Write queues under many schedules. A seed determines who edits when, who goes away, what arrives and what gets lost.
//! The schedule runs in virtual time and on one thread, so the same seed repeats it.
//!
//! ```sh
//! QUEUE_SCHEDULES=100000 cargo test --all-features --test it schedules
//! QUEUE_SEED=4711 cargo test --all-features --test it schedules
//! ```

mod net;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use ifmatch::{Client, Collection, Error, Merge, ThreeWay};
use net::{Applied, Mistake, Net};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

#[derive(Clone, Serialize, Deserialize, Merge)]
struct Page {
    #[merge(counter)]
    n: i64,
    #[merge(set)]
    ids: Vec<String>,
    title: String,
}

/// What an edit does besides leaving its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    /// Counts, which cannot always be settled.
    Count,
    /// The same, merged by a strategy of this call.
    Merged,
    /// Sets the title, over which there are conflicts.
    Title,
    /// The server refuses its mark.
    Bad,
    /// The edit itself fails.
    Fails,
    /// It panics.
    Panics,
    /// It has a limit of its own, so it goes alone.
    Alone,
    /// A save of what was read before.
    Save,
}

const KINDS: [Kind; 11] = [
    Kind::Plain,
    Kind::Plain,
    Kind::Count,
    Kind::Count,
    Kind::Merged,
    Kind::Title,
    Kind::Bad,
    Kind::Fails,
    Kind::Panics,
    Kind::Alone,
    Kind::Save,
];

impl Kind {
    fn counts(self) -> bool {
        matches!(self, Self::Count | Self::Merged)
    }
}

/// How long a caller stays.
#[derive(Clone, Copy, Debug)]
enum Patience {
    Endless,
    /// Then it drops its call.
    Until(Duration),
    /// It polls the call so often, looks away for so long, and comes back.
    LooksAway(u32, Duration),
}

/// One edit of a schedule.
#[derive(Clone, Debug)]
struct Planned {
    mark: String,
    kind: Kind,
    /// Which of two clients, and which of two documents.
    client: usize,
    document: u32,
    after: Duration,
    patience: Patience,
}

/// What a caller was told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    /// With so many others.
    Acknowledged(u32),
    Failed(String),
    /// That it cannot be known, or nothing, because it went away.
    Open,
}

/// A schedule of one seed.
fn plan(seed: u64) -> Vec<Planned> {
    let mut rng = fastrand::Rng::with_seed(!seed);
    let (edits, within) = (rng.u32(2..14), rng.u64(1..60));
    let edit = |number| {
        let kind = KINDS[rng.usize(..KINDS.len())];
        let prefix = if kind == Kind::Bad { "bad" } else { "e" };
        Planned {
            mark: format!("{prefix}-{number}"),
            kind,
            client: usize::from(rng.u32(..6) == 0),
            document: u32::from(rng.u32(..6) == 0),
            after: Duration::from_millis(rng.u64(..within)),
            patience: match rng.u32(..10) {
                0 => Patience::Until(Duration::from_millis(rng.u64(..80))),
                1 => Patience::LooksAway(rng.u32(1..8), Duration::from_millis(rng.u64(..200))),
                _ => Patience::Endless,
            },
        }
    };
    (0..edits).map(edit).collect()
}

async fn edit(pages: Collection<Page>, planned: Planned) -> Result<u32, Error> {
    let Planned {
        mark,
        kind,
        document,
        ..
    } = planned;
    if kind == Kind::Save {
        let mut page = pages.get(document).await?;
        page.ids.push(mark);
        let saved = pages.save(page).await?;
        return Ok(saved.report().coalesced_with);
    }
    let change = move |page: &mut Page| {
        page.ids.push(mark.clone());
        page.n += i64::from(kind.counts());
        if kind == Kind::Title {
            page.title.clone_from(&mark);
        }
        assert!(kind != Kind::Panics, "this one panics");
        if kind == Kind::Fails {
            return Err("not this one".into());
        }
        Ok(())
    };
    let update = pages.try_update(document, change);
    let saved = match kind {
        Kind::Merged => update.strategy(ThreeWay::of::<Page>()).await?,
        Kind::Alone => update.max_rounds(12).await?,
        _ => update.await?,
    };
    Ok(saved.report().coalesced_with)
}

/// Makes the edit as its caller does.
async fn call(clients: [Client; 2], planned: Planned) -> Told {
    sleep(planned.after).await;
    let pages = clients[planned.client].collection("pages");
    let patience = planned.patience;
    let mut edit = pin!(edit(pages, planned));
    match patience {
        Patience::Endless => {}
        Patience::Until(time) => match timeout(time, &mut edit).await {
            Ok(outcome) => return told(outcome),
            Err(_) => return Told::Open,
        },
        Patience::LooksAway(mut polls, time) => {
            let begun = poll_fn(|context| {
                polls -= 1;
                match edit.as_mut().poll(context) {
                    Poll::Pending if polls > 0 => Poll::Pending,
                    polled => Poll::Ready(polled),
                }
            });
            if let Poll::Ready(outcome) = begun.await {
                return told(outcome);
            }
            sleep(time).await;
        }
    }
    let outcome = timeout(Duration::from_secs(3_600), edit).await;
    told(outcome.expect("it waits for ever"))
}

fn told(outcome: Result<u32, Error>) -> Told {
    match outcome {
        Ok(others) => Told::Acknowledged(others),
        // Its runtime goes on, so a caller that hears nothing was forgotten.
        Err(error) if error.report().why.contains("runtime") => panic!("{error}"),
        Err(error) if error.is_outcome_unknown() => Told::Open,
        Err(error) => Told::Failed(error.to_string()),
    }
}

/// How a schedule went.
#[derive(Debug, PartialEq)]
struct Run {
    edits: Vec<(String, Kind, Told)>,
    log: Vec<Applied>,
    there: Vec<String>,
}

fn run(seed: u64, mistake: Mistake) -> Run {
    // The client's own dice, which are those of the thread.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(async {
        let net = Net::new(seed, mistake);
        let client = || {
            let builder = Client::builder("http://server.test/v1");
            builder.transport(net.clone()).build().unwrap()
        };
        let clients = [client(), client()];
        let begin = |planned: Planned| {
            let (mark, kind) = (planned.mark.clone(), planned.kind);
            (mark, kind, tokio::spawn(call(clients.clone(), planned)))
        };
        let calls: Vec<_> = plan(seed).into_iter().map(begin).collect();
        let mut edits = Vec::new();
        for (mark, kind, told) in calls {
            edits.push((mark, kind, told.await.unwrap()));
        }
        // What is still under way arrives.
        sleep(Duration::from_secs(10)).await;
        let (log, there) = net.close();
        Run { edits, log, there }
    })
}

impl Run {
    /// Every entry that does not balance, in words.
    fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (mark, _, told) in &self.edits {
            let marks = self.log.iter().flat_map(|applied| &applied.marks);
            let times = marks.filter(|applied| *applied == mark).count();
            let right = match told {
                Told::Acknowledged(_) => times == 1 && self.there.contains(mark),
                Told::Failed(_) => times == 0,
                Told::Open => times <= 1,
            };
            if !right {
                wrong.push(format!(
                    "{mark} was told {told:?} and applied {times} times"
                ));
            }
        }
        for applied in &self.log {
            let counts = |mark: &&String| {
                let mut edits = self.edits.iter();
                edits.any(|(own, kind, _)| own == *mark && kind.counts())
            };
            let due = applied.marks.iter().filter(counts).count();
            if i64::try_from(due) != Ok(applied.counted) {
                wrong.push(format!("{applied:?} should have counted {due}"));
            }
        }
        wrong
    }
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn every_edit_is_accounted_for_in_every_schedule() {
    let seeds = match from_environment("QUEUE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..from_environment("QUEUE_SCHEDULES").unwrap_or(1_000),
    };
    let several = seeds.end - seeds.start > 1;
    let (mut edits, mut together, mut open, mut failed, mut requests) = (0, 0, 0, 0, 0);
    for seed in seeds {
        let run = run(seed, Mistake::None);
        assert_eq!(run.wrong(), [""; 0], "QUEUE_SEED={seed}: {:#?}", run.edits);
        edits += run.edits.len();
        requests += run.log.len();
        for (.., told) in run.edits {
            together += usize::from(matches!(told, Told::Acknowledged(others) if others > 0));
            open += usize::from(told == Told::Open);
            failed += usize::from(matches!(told, Told::Failed(_)));
        }
    }
    println!(
        "{edits} edits, {requests} writes applied, {together} went together, {failed} failed, {open} open"
    );
    assert!(!several || together > 0 && open > 0 && failed > 0);
}

#[test]
fn a_seed_plays_its_schedule_again() {
    for seed in 0..20 {
        assert_eq!(run(seed, Mistake::None), run(seed, Mistake::None), "{seed}");
    }
}

/// The first schedule in which a mistake shows, and what is wrong there.
fn found(mistake: Mistake) -> Option<Vec<String>> {
    let mut runs = (0..200).map(|seed| run(seed, mistake).wrong());
    runs.find(|wrong| !wrong.is_empty())
}

#[test]
fn an_edit_that_is_left_out_of_several_is_found() {
    let found = found(Mistake::LeavesOneOut).unwrap_or_default();
    let left_out = |wrong: &String| wrong.contains("Acknowledged") && wrong.ends_with("0 times");
    assert!(found.iter().any(left_out), "{found:?}");
}

#[test]
fn an_edit_that_is_made_twice_with_others_is_found() {
    let found = found(Mistake::MakesOneTwice).unwrap_or_default();
    let twice = |wrong: &String| wrong.contains("should have counted");
    assert!(found.iter().any(twice), "{found:?}");
}
