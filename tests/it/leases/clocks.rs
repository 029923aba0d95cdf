//! No clock of another machine is believed. Of its own two clocks, a program believes the safe one.

use std::time::Duration;

use ifmatch::ErrorKind;

use super::{TTL, rename, two_programs};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_writes_nothing_under_its_lease() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    one.clocks.sleep(HOUR);
    let lost = rename(&one.under(&held), "late").await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::LeaseLost);
    assert!(
        lost.edit_error::<ifmatch::lease::LeaseLost>().is_some(),
        "{lost}"
    );
    assert_eq!(server.value(crate::support::AT)["title"], "old");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_changes_nothing() {
    let (_, one, other) = two_programs();
    let held = one.acquired().await;
    for program in [&one, &other] {
        program.clocks.set_back(HOUR);
    }
    rename(&one.under(&held), "mine").await.unwrap();
    let refused = other.leases.acquire("nightly").wait(TTL * 2);
    assert_eq!(refused.await.unwrap_err().kind(), ErrorKind::Locked);
    rename(&one.under(&held), "still mine").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_contender_whose_clock_is_set_forward_robs_nobody() {
    let (_, one, other) = two_programs();
    let held = one.acquired().await;
    let leases = other.leases.clone();
    let waiting = tokio::spawn(async move { leases.acquire("nightly").wait(TTL / 2).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    other.clocks.set_forward(HOUR);
    assert_eq!(
        waiting.await.unwrap().unwrap_err().kind(),
        ErrorKind::Locked
    );
    rename(&one.under(&held), "mine").await.unwrap();
}
