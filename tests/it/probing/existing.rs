//! An existing resource is probed without being created or deleted, and is unchanged afterwards.

use http::Method;
use ifmatch::{ProbeCheck, Verdict};
use serde_json::json;

use super::fault::Fault;
use super::server::Server;

const PATH: &str = "/v1/settings";
const SETTINGS: &str = r#"{"theme":"dark","limit":1.10,"comment":null}"#;

#[tokio::test(start_paused = true)]
async fn what_exists_is_neither_made_nor_removed_and_is_put_back() {
    let server = Server::holding(Fault::None, PATH, SETTINGS);
    let report = server.client().probe("settings").existing().await.unwrap();
    assert!(report.enforces_preconditions(), "{report}");
    assert_eq!(report.path, PATH);
    assert_eq!((&report.stopped, &report.left_behind), (&None, &None));
    assert_eq!(server.text(PATH).as_deref(), Some(SETTINGS));
    let seen = server.seen();
    assert!(
        seen.iter()
            .all(|(method, path)| *method != Method::DELETE && path == PATH)
    );
    assert_eq!(
        report.not_asked,
        [
            ProbeCheck::StaleRemoval,
            ProbeCheck::WriteToRemoved,
            ProbeCheck::RacingCreations
        ]
    );
    for check in [
        ProbeCheck::StaleWrite,
        ProbeCheck::Creation,
        ProbeCheck::RacingWrites,
    ] {
        assert_eq!(report.verdict(check), Verdict::Holds, "{check}");
    }
}

#[tokio::test(start_paused = true)]
async fn documents_of_ones_own_touch_their_members_alone() {
    let server = Server::holding(Fault::None, PATH, SETTINGS);
    let probe = server.client().probe("settings").existing();
    let report = probe.document(|name, n| json!({"comment": format!("{name} {n}")}));
    assert!(report.await.unwrap().enforces_preconditions());
    assert_eq!(server.text(PATH).as_deref(), Some(SETTINGS));
    for body in server.bodies() {
        assert!(
            body.starts_with(r#"{"theme":"dark","limit":1.10,"comment":"#),
            "{body}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_found_and_the_document_put_back_all_the_same() {
    for (fault, check) in [
        (Fault::IgnoresIfMatch, ProbeCheck::StaleWrite),
        (Fault::IgnoresIfNoneMatch, ProbeCheck::Creation),
        (Fault::ChecksThenWrites, ProbeCheck::RacingWrites),
        (Fault::RefusesAndDoes, ProbeCheck::StaleWrite),
    ] {
        let server = Server::holding(fault, PATH, SETTINGS);
        let report = server.client().probe("settings").existing().await.unwrap();
        assert_eq!(report.verdict(check), Verdict::Fails, "{fault:?}\n{report}");
        assert_eq!(report.left_behind, None, "{fault:?}");
        assert_eq!(server.text(PATH).as_deref(), Some(SETTINGS), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_put_back_wherever_the_connection_is_cut() {
    for first in 1..50 {
        let server = Server::holding(Fault::CutsFrom(first), PATH, SETTINGS);
        let outcome = server.client().probe("settings").existing().await;
        assert_eq!(
            server.text(PATH).as_deref(),
            Some(SETTINGS),
            "{first}: {outcome:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_an_error_and_is_not_made() {
    let server = Server::with(Fault::None);
    let error = server
        .client()
        .probe("settings")
        .existing()
        .await
        .unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
    assert_eq!((server.left(), server.seen().len()), (0, 1));
}
