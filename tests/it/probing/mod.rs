//! A probe reports the faults of a server, and leaves nothing behind.

mod batches;
mod existing;
mod fault;
mod server;
mod truth;

use std::time::Duration;

use http::Method;
use ifmatch::testing::{Dialect, Reply, ResourceServer, Step};
use ifmatch::{ProbeCheck, ProbeReport, Verdict};
use serde_json::{Value, json};

use fault::Fault;
use server::Server;

async fn probed(fault: Fault) -> (Server, ProbeReport) {
    let server = Server::with(fault);
    let report = server.client().probe("things").await.unwrap();
    (server, report)
}

/// The checks that fail, and whether the server is good enough.
async fn failing(fault: Fault) -> (Vec<ProbeCheck>, bool) {
    let (server, report) = probed(fault).await;
    assert_eq!(server.left(), 0, "{fault:?} {report}");
    assert_eq!(report.left_behind, None, "{fault:?} {report}");
    let failed = report.failed().map(|found| found.check).collect();
    (failed, report.enforces_preconditions())
}

#[tokio::test(start_paused = true)]
async fn a_server_without_fault_passes_every_check() {
    let (server, report) = probed(Fault::None).await;
    for check in ProbeCheck::ALL {
        assert_eq!(report.verdict(check), Verdict::Holds, "{check}\n{report}");
    }
    assert_eq!(report.not_asked, []);
    assert!(report.enforces_preconditions());
    assert_eq!((server.left(), report.stopped), (0, None));
}

#[tokio::test(start_paused = true)]
async fn writes_race_as_often_as_is_said() {
    let probed = async |races| {
        let server = Server::with(Fault::None);
        let report = server.client().probe("things").races(races).await.unwrap();
        (report.requests, report.verdict(ProbeCheck::RacingWrites))
    };
    let (requests, verdict) = probed(3).await;
    assert_eq!(verdict, Verdict::Holds);
    // A read and eight writes, and eight creations, a read, a removal and a read.
    let each = 9 + 11;
    assert_eq!(probed(5).await, (requests + 2 * each, Verdict::Holds));
    assert_eq!(probed(0).await, (requests - 3 * each, Verdict::Unknown));
}

#[tokio::test(start_paused = true)]
async fn each_fault_is_told_by_its_check() {
    use ProbeCheck as C;
    let cases: [(Fault, &[C], bool); 26] = [
        (
            Fault::IgnoresIfMatch,
            &[
                C::StaleWrite,
                C::RacingWrites,
                C::StaleRemoval,
                C::WriteToRemoved,
            ],
            false,
        ),
        (
            Fault::IgnoresIfNoneMatch,
            &[C::Creation, C::RacingCreations],
            false,
        ),
        (Fault::RemovesWhatIsStale, &[C::StaleRemoval], false),
        (Fault::NoVersions, &[C::Version], false),
        (Fault::WeakTags, &[C::OwnVersion], true),
        (Fault::WeakenedTags, &[C::OwnVersion], true),
        (Fault::SuffixedTags, &[C::OwnVersion], true),
        (Fault::SuffixedUnderGzip, &[C::CodedVersion], true),
        (Fault::AcceptsNoTag, &[C::OwnVersion], false),
        (
            Fault::TagsOfSeconds,
            &[C::VersionWithinASecond, C::RacingWrites],
            false,
        ),
        (
            Fault::OneTag,
            &[C::NewVersion, C::VersionWithinASecond, C::RacingWrites],
            false,
        ),
        (Fault::TagOfTheReply, &[C::ReplyVersion], true),
        (
            Fault::HidesRefusals,
            &[
                C::StaleWrite,
                C::Creation,
                C::RacingWrites,
                C::WriteToRemoved,
                C::RacingCreations,
            ],
            false,
        ),
        (Fault::ChecksThenWrites, &[C::RacingWrites], false),
        (Fault::RefusesOddly, &[C::StaleRefusal], true),
        (Fault::Forgets, &[C::Done], false),
        (Fault::PutsOff, &[C::Done], false),
        (Fault::PostsOnly, &[], true),
        (
            Fault::RefusesAndDoes,
            &[C::StaleWrite, C::StaleRemoval, C::WriteToRemoved],
            false,
        ),
        (Fault::HashTags, &[], true),
        (Fault::TagsOfChanges, &[], true),
        (Fault::HashTagsInTwoSteps, &[C::RacingWrites], false),
        (Fault::MakesAgain, &[C::WriteToRemoved], false),
        (Fault::ChecksThenCreates, &[C::RacingCreations], false),
        (Fault::AddsSilently, &[C::StoredAsSent], true),
        (Fault::Silent, &[], true),
    ];
    for (fault, checks, enforces) in cases {
        let found = failing(fault).await;
        assert_eq!(found, (checks.to_vec(), enforces), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn versions_that_change_by_themselves_are_told() {
    let (failed, enforces) = failing(Fault::RestlessTags).await;
    assert!(failed.contains(&ProbeCheck::StableVersion), "{failed:?}");
    assert!(
        enforces,
        "such a server refuses too much, and loses nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn the_report_says_which_setting_gets_through() {
    for (fault, setting) in [
        (Fault::WeakTags, "`WeakTags::Verbatim`"),
        (Fault::WeakenedTags, "`WeakTags::Strengthen`"),
        (Fault::SuffixedTags, "`Versioning::without_gzip_suffix`"),
    ] {
        let (_, report) = probed(fault).await;
        assert!(report.to_string().contains(setting), "{fault:?}\n{report}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_report_for_people_is_one_line_for_each_check_and_one_more_for_each_that_fails() {
    let (_, report) = probed(Fault::IgnoresIfMatch).await;
    let text = report.to_string();
    let lines: Vec<&str> = text.lines().collect();
    let failed = report.failed().count();
    assert_eq!(lines.len(), ProbeCheck::ALL.len() + failed + 2);
    // What was asked, what came, what it means, what to do.
    assert!(
        lines.contains(
            &"  Is a write with an old version refused without any change? no: answered 200, and carried out. A \
              write that is out of date overwrites the changes of other clients. Ask whether a proxy drops \
              `If-Match`. Without a server that checks it, let one client write at a time."
        ),
        "{text}"
    );
    assert_eq!(lines[0], format!("{}: LOSES UPDATES", report.path));
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("  NO   a stale write is refused")
                && line.ends_with("answered 200, and carried out")),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_removed_is_told() {
    let (server, report) = probed(Fault::KeepsForever).await;
    assert_eq!(server.left(), 1);
    let left = report.left_behind.as_deref().unwrap();
    assert!(left.contains("405"), "{left}");
    assert!(report.to_string().contains("LEFT BEHIND"), "{report}");
    assert_eq!(report.verdict(ProbeCheck::StaleRemoval), Verdict::Unknown);

    let server = Server::with(Fault::PostsNamelessly);
    let error = server.client().probe("things").await.unwrap_err();
    assert!(error.to_string().contains("left behind"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_behind_wherever_the_connection_is_cut() {
    for first in 1..64 {
        let server = Server::with(Fault::CutsFrom(first));
        let outcome = server.client().probe("things").await;
        assert_eq!(server.left(), 0, "cut from request {first}: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_cleans_up_all_the_same() {
    let server = Server::with(Fault::None);
    let probe = server.client().probe("things");
    let soon = tokio::time::timeout(Duration::from_millis(500), probe).await;
    assert!(soon.is_err());
    assert_eq!(server.left(), 1);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(server.left(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_time_that_is_too_short_is_told_and_cleaned_up_after() {
    let server = Server::with(Fault::None);
    let probe = server.client().probe("things");
    let report = probe.timeout(Duration::from_millis(500)).await.unwrap();
    assert!(report.stopped.is_some());
    assert!(!report.enforces_preconditions());
    assert_eq!((server.left(), report.left_behind), (0, None));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_lets_nothing_be_made_is_an_error_with_its_refusal() {
    let server = Server::with(Fault::Forbids);
    let error = server.client().probe("things").await.unwrap_err();
    assert!(error.is_status(), "{error:?}");
    assert_eq!(error.problem().unwrap().status(), 403);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_the_resource_of_a_random_name_is_touched() {
    let (server, report) = probed(Fault::None).await;
    assert!(report.path.starts_with("/v1/things/ifmatch-probe-"));
    assert!(server.seen().iter().all(|(_, path)| *path == report.path));
    let (_, other) = probed(Fault::None).await;
    assert_ne!(report.path, other.path);
}

#[tokio::test(start_paused = true)]
async fn the_place_may_be_a_whole_address_of_the_same_server() {
    let server = Server::with(Fault::None);
    let at = "http://server.test/v2/things";
    let report = server.client().probe(at).await.unwrap();
    assert!(report.path.starts_with("/v2/things/"), "{}", report.path);
    let error = server.client().probe("http://other.test/things").await;
    assert!(error.unwrap_err().is_config());
}

#[tokio::test(start_paused = true)]
async fn documents_of_ones_own_keep_what_the_server_adds() {
    let server = ResourceServer::start().await;
    let client = server.in_process().build().unwrap();
    // The server adds a member of its own to what was created.
    server.next_read(Step::new().edit(|order| order["id"] = 7.into()));
    let probe = client
        .probe("orders")
        .document(|name, n| json!({"customer": name, "quantity": n + 1}));
    let report = probe.await.unwrap();
    assert!(report.enforces_preconditions(), "{report}");
    let requests = server.requests().writes();
    let puts = requests.iter().filter(|one| {
        one.method == Method::PUT && one.headers.contains_key(http::header::IF_MATCH)
    });
    let bodies = puts.map(|one| serde_json::from_str::<Value>(&one.body).unwrap());
    let changes: Vec<Value> = bodies.collect();
    assert!(changes.len() > 4, "{report}");
    for change in changes {
        assert_eq!(change["id"], 7);
    }
    let same = client
        .probe("orders")
        .document(|_, _| json!({"quantity": 1}));
    assert!(same.await.unwrap_err().is_config());
}

#[tokio::test(start_paused = true)]
async fn the_refusals_of_every_dialect_are_understood() {
    for dialect in Dialect::all() {
        let server = ResourceServer::start().await;
        server.dialect(dialect.clone());
        let client = server.in_process().build().unwrap();
        let report = client.probe("notes").await.unwrap();
        assert!(report.enforces_preconditions(), "{dialect:?}\n{report}");
        assert_eq!(report.failed().count(), 0, "{dialect:?}\n{report}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_is_waited_for() {
    let server = ResourceServer::start().await;
    let busy = || Reply::new(503).retry_after(Duration::from_secs(2));
    server.next_write(Step::new().answer(busy()));
    server.next_read(Step::new().answer(busy()));
    server.next_read(Step::new().lose_reply());
    let client = server.in_process().build().unwrap();
    let report = client.probe("notes").await.unwrap();
    assert!(report.enforces_preconditions(), "{report}");
    let removals = server.requests();
    let removed = removals.iter().filter(|one| one.method == Method::DELETE);
    assert!(removed.count() >= 2);
}
