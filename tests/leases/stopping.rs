//! A holder is stopped by SIGSTOP for three times its ttl, and goes on when another process has taken over.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command};
use std::time::Duration;

use ifmatch::{Collection, Error, ErrorKind};
use serde_json::Value;

use crate::Site;
use crate::program::{
    client, create, document_of, documents, leases, name, new_name, start, stored,
};

/// How often a holder is stopped, each time at another moment.
const ROUNDS: u32 = 3;
const TTL: Duration = Duration::from_millis(300);

fn signal(program: &Child, name: &str) {
    let id = program.id().to_string();
    let sent = Command::new("kill").args([name, &id]).status();
    assert!(sent.unwrap().success());
}

async fn write(documents: &Collection<Value>, id: &str, by: String) -> Result<(), Error> {
    let update = documents.update(id, move |document| document["by"] = by.clone().into());
    update.await.map(drop)
}

pub(crate) async fn leaves_the_next_holder_alone(site: &Site) {
    for round in 0..ROUNDS {
        stopped_once(site, round).await;
    }
}

async fn stopped_once(site: &Site, round: u32) {
    let name = new_name(site, "stop");
    create(site, &name).await.unwrap();
    let mut program = start(site, "stopping::writes_until_its_lease_is_lost", &name);
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let mut told = move |what: &'static str| {
        lines.find_map(|line| Some(line.unwrap().split_once(what)?.1.to_owned()))
    };
    let begun = tokio::task::spawn_blocking(move || (told("begun "), told));
    let (begun, mut told) = begun.await.unwrap();
    assert_eq!(begun.as_deref(), Some("1"));
    // It writes all the time, and is stopped somewhere in between.
    tokio::time::sleep(Duration::from_millis(fastrand::u64(50..250))).await;
    signal(&program, "-STOP");
    tokio::time::sleep(TTL * 3).await;
    let client = client(site);
    let next = leases(site, &client, TTL * 20);
    let next = next.acquire(&name).wait(Duration::from_secs(20)).await;
    let next = next.unwrap();
    let guarded = documents(site, &client).under(&next).fenced("/fence");
    let id = document_of(site, &name);
    write(&guarded, &id, "the next holder".to_owned())
        .await
        .unwrap();
    signal(&program, "-CONT");
    // Its output is open until it has ended, because it prints more.
    let ended = tokio::task::spawn_blocking(move || (told("ended "), told));
    let (ended, _output) = ended.await.unwrap();
    assert!(program.wait().unwrap().success());
    let stored = stored(site, &name).await;
    println!(
        "{}, stop {round}: the first holder ended as {ended:?}: {stored}",
        site.kind
    );
    assert_eq!(stored["by"], "the next holder");
    assert_eq!(stored["fence"], next.token());
    assert_eq!(ended.as_deref(), Some("LeaseLost"));
    next.release().await.unwrap();
}

#[tokio::test]
#[ignore = "the program, which the test starts"]
async fn writes_until_its_lease_is_lost() {
    let Some(site) = Site::from_env() else { return };
    let (client, lease) = (client(&site), name());
    let leases = leases(&site, &client, TTL);
    let held = leases.acquire(&lease).await.unwrap();
    let guarded = documents(&site, &client).under(&held).fenced("/fence");
    let id = document_of(&site, &lease);
    println!("\nbegun {}", held.token());
    let mut count = 0;
    let first = loop {
        count += 1;
        if let Err(error) = write(&guarded, &id, format!("write {count}")).await {
            break error.kind();
        }
    };
    // The write that was under way when it was stopped may be in doubt. The next one is not.
    assert!(
        matches!(first, ErrorKind::LeaseLost | ErrorKind::OutcomeUnknown),
        "{first:?}"
    );
    let next = write(&guarded, &id, "late".to_owned()).await.unwrap_err();
    println!("\nended {:?}", next.kind());
}
