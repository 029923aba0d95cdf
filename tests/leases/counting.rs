//! Eight processes count together. Each section reads the counter, waits, and writes it.

use std::time::{Duration, Instant};

use ifmatch::{Collection, Error, ErrorKind, Leases};
use serde_json::Value;

use crate::Site;
use crate::program::{
    client, create, document_of, documents, leases, name, new_name, start, stored,
};

const PROCESSES: usize = 8;
/// The tasks of each process, which pass the lease on to each other.
const TASKS: usize = 4;
/// How many sections each process has, unless `LEASE_SECTIONS` says something else.
const SECTIONS: usize = 40;
const TTL: Duration = Duration::from_secs(2);

fn sections() -> usize {
    std::env::var("LEASE_SECTIONS").map_or(SECTIONS, |sections| sections.parse().unwrap())
}

pub(crate) async fn is_exact(site: &Site) {
    let name = new_name(site, "count");
    create(site, &name).await.unwrap();
    let began = Instant::now();
    let (of, lease) = (site.clone(), name.clone());
    let counted = tokio::task::spawn_blocking(move || {
        let programs: Vec<_> = (0..PROCESSES)
            .map(|_| start(&of, "counting::counts", &lease))
            .collect();
        let ended = programs.into_iter().map(|program| {
            let output = program.wait_with_output().unwrap();
            assert!(output.status.success());
            told(&String::from_utf8_lossy(&output.stdout))
        });
        ended.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    });
    let (done, doubtful) = counted.await.unwrap();
    let stored = stored(site, &name).await;
    let counted = stored["n"].as_u64().unwrap();
    println!(
        "{}: {done} sections of {PROCESSES} processes, {doubtful} doubtful, counted {counted}, {} holders, in {:.1?}",
        site.kind,
        stored["fence"],
        began.elapsed()
    );
    let sections = u64::try_from(PROCESSES * sections()).unwrap();
    assert_eq!(done, sections);
    assert!((done..=done + doubtful).contains(&counted));
}

/// Reads the figures of a program.
fn told(output: &str) -> (u64, u64) {
    let line = output.lines().find_map(|line| line.split_once("counted "));
    let (done, doubtful) = line.unwrap().1.split_once(' ').unwrap();
    (done.parse().unwrap(), doubtful.parse().unwrap())
}

async fn section(
    leases: &Leases,
    lease: &str,
    documents: Collection<Value>,
    id: &str,
) -> Result<(), Error> {
    let held = leases.acquire(lease).wait(Duration::from_secs(300)).await?;
    let guarded = documents.under(&held).fenced("/fence");
    held.run(async {
        let mut read = guarded.get(id).await?;
        tokio::time::sleep(Duration::from_millis(fastrand::u64(..3))).await;
        read["n"] = (read["n"].as_u64().unwrap_or_default() + 1).into();
        guarded.save(&read).await
    })
    .await??;
    Ok(())
}

#[tokio::test]
#[ignore = "the program, which the test starts"]
async fn counts() {
    let Some(site) = Site::from_env() else { return };
    let (client, lease) = (client(&site), name());
    let leases = leases(&site, &client, TTL);
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let (leases, lease) = (leases.clone(), lease.clone());
        let (documents, id) = (documents(&site, &client), document_of(&site, &lease));
        let own = sections() / TASKS + usize::from(task < sections() % TASKS);
        tasks.spawn(async move {
            let (mut done, mut doubtful) = (0, 0);
            while done < own {
                match section(&leases, &lease, documents.clone(), &id).await {
                    Ok(()) => done += 1,
                    // Its write may have been applied before the lease was lost.
                    Err(error)
                        if matches!(
                            error.kind(),
                            ErrorKind::LeaseLost | ErrorKind::OutcomeUnknown
                        ) =>
                    {
                        doubtful += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            (done, doubtful)
        });
    }
    let ended = tasks.join_all().await;
    let done: usize = ended.iter().map(|(done, _)| done).sum();
    let doubtful: usize = ended.iter().map(|(_, doubtful)| doubtful).sum();
    println!("\ncounted {done} {doubtful}");
}
