//! Over many runs a sound server is never accused, and an unsound one is detected.

use std::collections::HashSet;

use http::HeaderName;
use ifmatch::{ProbeCheck, Verdict};
use serde_json::json;

use super::fault::Fault;
use super::server::Server;

/// How often each server is probed; its requests come in another order each time.
const RUNS: u64 = 60;

#[tokio::test(start_paused = true)]
async fn a_sound_server_is_never_accused_however_its_requests_race() {
    for fault in [
        Fault::None,
        Fault::HashTags,
        Fault::TagsOfChanges,
        Fault::Silent,
    ] {
        for seed in 0..RUNS {
            fastrand::seed(seed);
            let server = Server::with(fault);
            let report = server.client().probe("things").races(4).await.unwrap();
            assert!(
                report.enforces_preconditions(),
                "{fault:?} {seed}\n{report}"
            );
            assert_eq!(report.failed().count(), 0, "{fault:?} {seed}\n{report}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_unsound_server_is_found_in_every_run() {
    use ProbeCheck as C;
    for (fault, check) in [
        (Fault::IgnoresIfMatch, C::StaleWrite),
        (Fault::IgnoresIfNoneMatch, C::Creation),
        (Fault::IgnoresIfNoneMatch, C::RacingCreations),
        (Fault::ChecksThenWrites, C::RacingWrites),
        (Fault::HashTagsInTwoSteps, C::RacingWrites),
        (Fault::ChecksThenCreates, C::RacingCreations),
        (Fault::MakesAgain, C::WriteToRemoved),
    ] {
        for seed in 0..RUNS / 4 {
            fastrand::seed(seed);
            let server = Server::with(fault);
            let report = server.client().probe("things").await.unwrap();
            let verdict = report.verdict(check);
            assert_eq!(verdict, Verdict::Fails, "{fault:?} {seed}\n{report}");
            assert!(!report.enforces_preconditions(), "{fault:?} {seed}");
            assert_eq!(server.left(), 0, "{fault:?} {seed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_document_is_ever_sent_twice() {
    let server = Server::with(Fault::None);
    let report = server.client().probe("things").races(20).await.unwrap();
    let bodies = server.bodies();
    assert!(bodies.len() > 20 * 16, "{report}");
    let different: HashSet<_> = bodies.iter().collect();
    assert_eq!(different.len(), bodies.len());
}

#[tokio::test(start_paused = true)]
async fn documents_that_repeat_late_end_the_checks_with_the_reason() {
    let server = Server::with(Fault::None);
    let probe = server.client().probe("things");
    let report = probe
        .document(|name, n| json!({"name": name, "n": n % 18}))
        .await;
    let report = report.unwrap();
    let why = report.stopped.as_deref().unwrap();
    assert!(why.contains("draft number 18 is the same"), "{why}");
    assert_eq!((server.left(), report.left_behind), (0, None));
}

#[tokio::test(start_paused = true)]
async fn a_header_can_be_made_from_the_name_and_the_number_of_each_document() {
    let server = Server::with(Fault::None);
    let title = HeaderName::from_static("title");
    let probe = server.client().probe("things");
    let report = probe
        .document_header(title, |name, n| format!("{name} {n}"))
        .await
        .unwrap();
    assert!(report.enforces_preconditions(), "{report}");
    let titles = server.values("title");
    let name = report.path.rsplit('/').next().unwrap();
    assert!(titles.len() > 30 && titles.iter().all(|title| title.starts_with(name)));
    assert_eq!(titles.len(), server.bodies().len());
    assert_eq!(titles.iter().collect::<HashSet<_>>().len(), titles.len());

    let title = HeaderName::from_static("title");
    let probe = server.client().probe("things");
    let error = probe.document_header(title, |_, _| "a\nb".into()).await;
    let error = error.unwrap_err();
    assert!(
        error.is_config() && error.to_string().contains("title"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_version_of_something_the_server_made_is_told_with_what_to_do() {
    let server = Server::with(Fault::AddsSilently);
    let report = server.client().probe("things").await.unwrap();
    let found = report.failed().next().unwrap();
    assert_eq!(found.check, ProbeCheck::StoredAsSent);
    assert!(
        found
            .to_string()
            .contains("read again after its own writes"),
        "{found}"
    );
}
