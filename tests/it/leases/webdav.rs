//! Leases that are locks of a `WebDAV` server.

use std::time::Duration;

use ifmatch::{ErrorKind, Leases};
use serde_json::json;

use super::dav_server::{ALL, APACHE, DavServer, Fault, LIGHTTPD, WSGIDAV};
use super::{TTL, rename};
use crate::support::{ARTICLE, AT, foreign};

/// The time of the server, in milliseconds since 1970.
const GRANTED_AT: u64 = 1_795_732_451_000;

#[tokio::test(start_paused = true)]
async fn a_lock_excludes_others_until_it_is_released() {
    for dialect in ALL {
        let server = DavServer::new(dialect);
        let (one, other) = (server.program(TTL), server.program(TTL));
        let held = one.acquired().await;
        assert_eq!((held.name(), held.token()), ("1", GRANTED_AT));

        let refused = other.leases.acquire(1).wait(TTL * 3).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Locked, "{refused}");
        let holder = other.leases.look(1).await.unwrap().unwrap();
        let shown = dialect.shows_owner.then_some("worker-7");
        assert_eq!(holder.owner.as_deref(), shown, "{}", dialect.name);
        let names = refused.to_string().contains("worker-7");
        assert_eq!(names, dialect.shows_owner, "{refused}");

        held.release().await.unwrap();
        assert_eq!(other.leases.look(1).await.unwrap(), None);
        other.acquired().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_refreshed_for_as_long_as_it_is_held() {
    for dialect in ALL {
        let server = DavServer::new(dialect);
        let (one, other) = (server.program(TTL), server.program(TTL));
        let held = one.acquired().await;
        for nth in 0..10 {
            tokio::time::sleep(TTL).await;
            let left = held.remaining();
            assert!(left > TTL / 4, "{}: {left:?}", dialect.name);
            rename(&one.under(&held), &format!("{nth}")).await.unwrap();
            let refused = rename(&other.articles, "not mine").await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Locked, "{refused}");
        }
        assert_eq!(server.files.value(AT)["title"], "9");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_under_a_lock_has_its_token_and_its_version() {
    let server = DavServer::new(APACHE);
    let program = server.program(TTL);
    let held = program.acquired().await;
    rename(&program.under(&held), "mine").await.unwrap();
    let seen = server.files.seen();
    let write = seen.iter().find(|seen| seen.method == "PUT").unwrap();
    assert_eq!(write.header("if-match"), Some("\"1\""));
    let condition = format!("(<{}>)", server.token());
    assert_eq!(write.header("if"), Some(&*condition));
    let reads = seen.iter().filter(|seen| seen.method == "GET");
    assert!(reads.into_iter().all(|read| read.header("if").is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_lock_whose_response_was_lost_is_found_by_its_owner() {
    for dialect in [APACHE, WSGIDAV] {
        let server = DavServer::new(dialect);
        let program = server.program(TTL);
        server.fault("LOCK", Fault::LoseReply);
        let held = program.acquired().await;
        // The second one refreshes it, so that its time is known.
        assert_eq!(server.count("LOCK"), 2, "{}", dialect.name);
        rename(&program.under(&held), "mine").await.unwrap();
        held.release().await.unwrap();
        assert!(!server.is_locked());

        // Reads are tried again, and so is the refresh that follows.
        server.fault("LOCK", Fault::LoseReply);
        server.fault("LOCK", Fault::LoseReply);
        for _ in 0..3 {
            server.fault("PROPFIND", Fault::Answer(502, ""));
        }
        let held = program.acquired().await;
        held.release().await.unwrap();
        assert!(!server.is_locked());
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_whose_response_was_lost_is_unknown_where_the_owner_is_hidden() {
    let server = DavServer::new(LIGHTTPD);
    let program = server.program(TTL);
    server.fault("LOCK", Fault::LoseReply);
    let unknown = program.leases.acquire(1).wait(TTL * 2).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::OutcomeUnknown, "{unknown}");
}

#[tokio::test(start_paused = true)]
async fn a_lock_request_that_was_lost_is_sent_again() {
    for dialect in ALL {
        let server = DavServer::new(dialect);
        let program = server.program(TTL);
        server.fault("LOCK", Fault::LoseRequest);
        server.fault("LOCK", Fault::Answer(504, ""));
        server.fault("LOCK", Fault::Answer(503, ""));
        let held = program.leases.acquire(1).wait(TTL * 4).await.unwrap();
        held.release().await.unwrap();
        assert!(!server.is_locked(), "{}", dialect.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_to_a_refresh_loses_no_lock() {
    for dialect in ALL {
        for fault in [Fault::LoseReply, Fault::LoseRequest, Fault::Answer(500, "")] {
            let server = DavServer::new(dialect);
            let program = server.program(TTL);
            let held = program.acquired().await;
            server.fault("LOCK", fault);
            tokio::time::sleep(TTL * 2).await;
            rename(&program.under(&held), "mine").await.unwrap();
            assert!(!held.remaining().is_zero(), "{} {fault:?}", dialect.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_to_a_release_is_settled() {
    for dialect in ALL {
        for fault in [Fault::LoseReply, Fault::LoseRequest] {
            let server = DavServer::new(dialect);
            let program = server.program(TTL);
            let held = program.acquired().await;
            server.fault("UNLOCK", fault);
            held.release().await.unwrap();
            assert!(!server.is_locked(), "{} {fault:?}", dialect.name);
        }
        let server = DavServer::new(dialect);
        let program = server.program(TTL);
        let held = program.acquired().await;
        for _ in 0..3 {
            server.fault("UNLOCK", Fault::LoseRequest);
        }
        let unknown = held.release().await.unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::OutcomeUnknown, "{unknown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_lock_was_stolen_is_lost_and_not_merged() {
    for dialect in ALL {
        for thief in [Some("admin [x]"), None] {
            let server = DavServer::new(dialect);
            let program = server.program(TTL);
            let held = program.acquired().await;
            let under = program.under(&held);
            rename(&under, "first").await.unwrap();
            server.give_lock_to(thief);
            let stored = r#"{"title":"theirs","body":"text","views":7}"#;
            server.files.put(AT, stored);
            let lost = rename(&under, "late").await.unwrap_err();
            assert_eq!(lost.kind(), ErrorKind::LeaseLost, "{lost}");
            assert_eq!(server.files.text(AT).as_deref(), Some(stored));
            let names = lost.to_string().contains("`admin`");
            assert_eq!(names, dialect.shows_owner && thief.is_some(), "{lost}");
            assert!(held.remaining().is_zero());
            let late = held.release().await.unwrap_err();
            assert_eq!(late.kind(), ErrorKind::LeaseLost);
            assert_eq!(server.is_locked(), thief.is_some());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stolen_lock_is_noticed_at_the_next_refresh() {
    for dialect in ALL {
        let server = DavServer::new(dialect);
        let program = server.program(TTL);
        let held = program.acquired().await;
        server.give_lock_to(Some("admin"));
        let lost = tokio::time::timeout(TTL / 2, held.lost()).await;
        assert!(lost.is_ok(), "{}", dialect.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_race_under_a_lock_is_merged_as_usual() {
    for dialect in ALL {
        let server = DavServer::new(dialect);
        let program = server.program(TTL);
        let held = program.acquired().await;
        let under = program.under(&held);
        rename(&under, "first").await.unwrap();
        // Some programs write past all locks.
        server
            .files
            .script([foreign(|article| article["views"] = json!(7))]);
        rename(&under, "second").await.unwrap();
        let stored = server.files.value(AT);
        assert_eq!(
            (&stored["title"], &stored["views"]),
            (&json!("second"), &json!(7))
        );
        assert!(!held.remaining().is_zero());
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_was_refused_for_another_reason_loses_no_lock() {
    for dialect in ALL {
        for status in [400, 404, 409, 412, 423, 403] {
            let server = DavServer::new(dialect);
            let program = server.program(TTL);
            let held = program.acquired().await;
            server.fault("LOCK", Fault::Answer(status, ""));
            tokio::time::sleep(TTL).await;
            assert!(!held.remaining().is_zero(), "{} {status}", dialect.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_that_was_granted_counts() {
    let three = Duration::from_secs(3);
    for (dialect, granted) in [(LIGHTTPD, 5), (APACHE, 3), (WSGIDAV, 2)] {
        let server = DavServer::new(dialect);
        let program = server.program(three);
        let held = program.acquired().await;
        let expected = Duration::from_secs(granted) / 3 * 2;
        assert_eq!(held.remaining(), expected, "{}", dialect.name);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(!held.remaining().is_zero(), "{}", dialect.name);
    }
    // No holder counts on a lock for ever.
    let server = DavServer::new(APACHE);
    server.grants_infinite();
    let held = server.program(three).acquired().await;
    assert_eq!(held.remaining(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn the_lock_of_a_program_that_has_ended_is_free_after_its_time() {
    let server = DavServer::new(APACHE);
    let (one, other) = (server.program(TTL), server.program(TTL));
    let held = one.acquired().await;
    for _ in 0..100 {
        server.fault("LOCK", Fault::Answer(503, ""));
    }
    held.lost().await;
    server.end_faults();
    other.leases.acquire(1).wait(TTL * 2).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_locked_or_created_where_no_resource_is() {
    for dialect in ALL {
        let server = DavServer::new(dialect);
        let program = server.program(TTL);
        let missing = program.leases.acquire(2).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound, "{missing}");
        assert_eq!(server.count("LOCK"), 0);
        assert_eq!(program.leases.look(2).await.unwrap(), None);
    }
    // It is removed after we have looked for it.
    for dialect in [LIGHTTPD, WSGIDAV] {
        let server = DavServer::new(dialect);
        let program = server.program(TTL);
        server.fault("LOCK", Fault::Removed);
        let missing = program.leases.acquire(1).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound, "{missing}");
        assert_eq!((server.files.text(AT), server.is_locked()), (None, false));
    }
}

#[tokio::test(start_paused = true)]
async fn a_resource_is_not_removed_by_a_server_that_calls_each_lock_new() {
    let server = DavServer::new(APACHE);
    let program = server.program(TTL);
    server.calls_each_lock_new();
    let held = program.acquired().await;
    rename(&program.under(&held), "mine").await.unwrap();
    assert_eq!(server.files.value(AT)["title"], "mine");
}

#[tokio::test(start_paused = true)]
async fn a_lock_ends_with_its_resource() {
    let server = DavServer::new(WSGIDAV);
    let program = server.program(TTL);
    let held = program.acquired().await;
    program.under(&held).delete(1).await.unwrap();
    assert!(!server.is_locked());
    let late = held.release().await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::LeaseLost);
}

#[tokio::test(start_paused = true)]
async fn a_lock_protects_only_its_resource() {
    let server = DavServer::new(APACHE);
    server.files.put("/v1/articles/2", ARTICLE);
    let program = server.program(TTL);
    let held = program.acquired().await;
    let under = program.under(&held);
    let other = under.update(2, |article| article["n"] = json!(1));
    assert_eq!(other.await.unwrap_err().kind(), ErrorKind::Config);
    let nowhere = Leases::webdav().acquire(1).await.unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::Config);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_locks_is_an_error_at_once() {
    for (method, status, body, kind) in [
        ("PROPFIND", 405, "", ErrorKind::Status),
        ("PROPFIND", 200, "<html/>", ErrorKind::Status),
        ("PROPFIND", 207, "<multistatus>", ErrorKind::Decode),
        (
            "PROPFIND",
            207,
            "<!DOCTYPE x><multistatus/>",
            ErrorKind::Decode,
        ),
        ("LOCK", 405, "", ErrorKind::Status),
        ("LOCK", 403, "", ErrorKind::Status),
        ("LOCK", 207, "<multistatus/>", ErrorKind::Status),
        ("LOCK", 200, "<prop/>", ErrorKind::Decode),
    ] {
        let server = DavServer::new(APACHE);
        let program = server.program(TTL);
        server.fault(method, Fault::Answer(status, body));
        let error = program.leases.acquire(1).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{method} {status}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_token_of_a_lock_is_not_shown() {
    let server = DavServer::new(APACHE);
    let program = server.program(TTL);
    let held = program.acquired().await;
    let under = program.under(&held);
    let shown = format!("{held:?} {:?} {:?}", program.leases, program.under(&held));
    server.give_lock_to(Some("admin"));
    let lost = rename(&under, "late").await.unwrap_err();
    let shown = format!("{shown} {lost} {lost:?} {:?}", held.release().await);
    assert!(!shown.contains("secret"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_person_can_break_a_lock_and_its_holder_is_told() {
    for dialect in ALL {
        let server = DavServer::new(dialect);
        let (one, other) = (server.program(TTL), server.program(TTL));
        let held = one.acquired().await;
        other.leases.break_lock(1).await.unwrap();
        assert_eq!(other.leases.look(1).await.unwrap(), None);
        other.acquired().await;
        let lost = rename(&one.under(&held), "not mine").await.unwrap_err();
        assert_eq!(
            lost.kind(),
            ErrorKind::LeaseLost,
            "{}: {lost}",
            dialect.name
        );
        // Nothing is left to be broken.
        other.leases.break_lock(1).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_a_document_is_not_broken() {
    let server = crate::support::Server::default();
    let client = server.builder().build().unwrap();
    let leases = Leases::documents(&client, "leases");
    let error = leases.break_lock("nightly").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
}
