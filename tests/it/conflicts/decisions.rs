//! What becomes of a decision: it is stored once, over the state that was shown, or it is not stored.

use ifmatch::testing::{Reply, ResourceServer, Step};
use ifmatch::{Client, ErrorKind, Resolution, Resolved};
use serde_json::{Value, json};

use super::{articles, clash, found, found_by};

fn merged() -> Resolution<Value> {
    Resolution::Merged(json!({"title": "both", "n": 1}))
}

fn stored(server: &ResourceServer) -> Value {
    server
        .text("/articles/42")
        .map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_decision_is_stored_over_the_state_that_was_shown() {
    let (server, desk) = clash().await;
    let outcome = found(&server).await.resolve(merged()).await.unwrap();
    assert!(matches!(outcome, Resolved::Done(_)), "{outcome:?}");
    assert_eq!(stored(&server)["title"], "both");
    assert_eq!(desk.resolved(), [("c1".to_owned(), "merged".to_owned())]);
    let sent = server.requests().post().assert_one();
    assert_eq!(sent.path, "/resolve-conflict");
    assert_eq!(sent.header("if-match"), "\"v2\"");
    assert_eq!(sent.header("idempotency-key").len(), 34, "a quoted key");
    let body: Value = serde_json::from_str(&sent.body).unwrap();
    let expected = json!({
        "conflict": "c1", "resource": "articles/42", "resolution": "merged", "version": "\"v2\"",
        "document": {"title": "both", "n": 1},
    });
    assert_eq!(body, expected);
}

#[tokio::test(start_paused = true)]
async fn each_decision_has_its_word() {
    for (resolution, word, title) in [
        (Resolution::KeepLocal, "local", json!("mine")),
        (Resolution::KeepRemote, "remote", json!("theirs")),
        (
            Resolution::Merged(json!({"title": "theirs", "n": 1})),
            "remote",
            json!("theirs"),
        ),
        (Resolution::Delete, "delete", Value::Null),
    ] {
        let (server, desk) = clash().await;
        let outcome = found(&server).await.resolve(resolution).await.unwrap();
        assert!(matches!(outcome, Resolved::Done(_)), "{word}: {outcome:?}");
        assert_eq!(desk.resolved(), [("c1".to_owned(), word.to_owned())]);
        assert_eq!(stored(&server)["title"], title, "{word}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_has_changed_is_shown_again_and_nothing_is_overwritten() {
    for resolution in [
        merged(),
        Resolution::KeepLocal,
        Resolution::KeepRemote,
        Resolution::Delete,
    ] {
        let (server, desk) = clash().await;
        let conflict = found(&server).await;
        server.put("/articles/42", r#"{"title": "newest", "n": 1}"#);
        let Resolved::Changed(again) = conflict.resolve(resolution).await.unwrap() else {
            unreachable!("the resource has changed");
        };
        assert_eq!(stored(&server)["title"], "newest");
        assert_eq!(desk.open(), ["c1"]);
        assert_eq!(
            again.conflict().remote,
            Some(json!({"title": "newest", "n": 1}))
        );
        assert_eq!(
            again.conflict().local,
            Some(json!({"title": "mine", "n": 1}))
        );
        let outcome = again.resolve(Resolution::KeepLocal).await.unwrap();
        assert!(matches!(outcome, Resolved::Done(_)), "{outcome:?}");
        assert_eq!(stored(&server)["title"], "mine");
    }
}

#[tokio::test(start_paused = true)]
async fn the_second_resolver_is_told_and_overwrites_nothing() {
    let (server, desk) = clash().await;
    let (first, second, third) = (
        found(&server).await,
        found(&server).await,
        found(&server).await,
    );
    let done = first.resolve(Resolution::KeepLocal).await.unwrap();
    assert!(matches!(done, Resolved::Done(_)));
    let late = second.resolve(merged()).await.unwrap();
    assert!(matches!(late, Resolved::Already), "{late:?}");
    assert_eq!(stored(&server)["title"], "mine");
    // The same decision stands, although another person made it.
    let same = third.resolve(Resolution::KeepLocal).await.unwrap();
    assert!(matches!(same, Resolved::Done(_)), "{same:?}");
    assert_eq!(desk.resolved().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_that_was_closed_by_another_write_is_not_shown_as_open() {
    let (server, desk) = clash().await;
    let conflict = found(&server).await;
    server.put("/articles/42", r#"{"title": "decided", "n": 1}"#);
    desk.close("c1");
    // Some services compare the version before they look for the conflict.
    server.next_write(Step::new().answer(Reply::new(409)));
    let outcome = conflict.resolve(merged()).await.unwrap();
    assert!(matches!(outcome, Resolved::Already), "{outcome:?}");
    assert_eq!(stored(&server)["title"], "decided");
}

#[tokio::test(start_paused = true)]
async fn a_lost_message_is_settled_and_the_decision_is_stored_once() {
    let decisions: [fn() -> Resolution<Value>; 4] = [
        merged,
        || Resolution::KeepLocal,
        || Resolution::KeepRemote,
        || Resolution::Delete,
    ];
    for stamps in [false, true] {
        for decision in decisions {
            for request in [false, true] {
                let (server, desk) = clash().await;
                let (client, articles) = articles(&server);
                let articles = if stamps {
                    articles.write_stamp("/writes")
                } else {
                    articles
                };
                let conflict = found_by(&client, &articles).await;
                let lost = Step::new();
                server.next_write(if request {
                    lost.lose_request()
                } else {
                    lost.lose_reply()
                });
                let outcome = conflict.resolve(decision()).await.unwrap();
                let of = format!(
                    "{:?}, stamps: {stamps}, request lost: {request}",
                    decision()
                );
                assert!(
                    matches!(outcome, Resolved::Done(_) | Resolved::Already),
                    "{of}: {outcome:?}"
                );
                if !matches!(decision(), Resolution::KeepRemote) {
                    assert!(matches!(outcome, Resolved::Done(_)), "{of}: {outcome:?}");
                }
                assert_eq!(desk.resolved().len(), 1, "{of}");
                assert!(desk.open().is_empty(), "{of}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stamp_settles_a_lost_response_although_another_client_wrote_after_it() {
    let (server, desk) = clash().await;
    let (client, articles) = articles(&server);
    let conflict = found_by(&client, &articles.write_stamp("/writes")).await;
    server.next_write(Step::new().lose_reply());
    server.nth_write(2, Step::new());
    let resolving = conflict.resolve(merged());
    let overwriting = async {
        while desk.open() == ["c1"] {
            tokio::task::yield_now().await;
        }
        let mut now = stored(&server);
        now["title"] = "later".into();
        server.put("/articles/42", &now.to_string());
    };
    let (outcome, ()) = tokio::join!(resolving, overwriting);
    assert!(matches!(outcome.unwrap(), Resolved::Done(_)));
    assert_eq!(stored(&server)["title"], "later");
    assert_eq!(desk.resolved().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_same_decision_has_the_same_key_in_every_process_and_another_one_has_not() {
    let mut keys = Vec::new();
    for resolution in [
        merged(),
        merged(),
        Resolution::KeepLocal,
        Resolution::KeepRemote,
    ] {
        let (server, _) = clash().await;
        let _ = found(&server).await.resolve(resolution).await.unwrap();
        let sent = server.requests().post().assert_one();
        keys.push(sent.header("idempotency-key").to_owned());
    }
    assert_eq!(keys[0], keys[1]);
    keys.dedup();
    assert_eq!(keys.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_api_that_takes_no_resolutions_gets_an_ordinary_conditional_write() {
    for is_elsewhere in [false, true] {
        for (resolution, title) in [
            (merged(), json!("both")),
            (Resolution::KeepLocal, json!("mine")),
            (Resolution::KeepRemote, json!("theirs")),
            (Resolution::Delete, Value::Null),
        ] {
            let (server, desk) = clash().await;
            let (client, articles) = articles(&server);
            let mut service = ifmatch::ConflictService::new();
            if is_elsewhere {
                server.next_write(Step::new().answer(Reply::new(404)));
                service = service.resolutions_at("nowhere");
            } else {
                desk.without_resolutions();
            }
            let notices = client.watch_conflicts(&articles).service(service);
            let mut notices = notices.await.unwrap();
            let Some(ifmatch::ConflictNotice::Reported(conflict)) = notices.next().await.unwrap()
            else {
                unreachable!("the conflict is told first");
            };
            let outcome = conflict.resolve(resolution).await.unwrap();
            assert!(matches!(outcome, Resolved::Done(_)), "{outcome:?}");
            assert_eq!(stored(&server)["title"], title);
            let unconditional = server.requests().writes().unconditional();
            unconditional.assert_none();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_ordinary_write_of_a_decision_merges_with_nothing_that_was_not_shown() {
    let (server, desk) = clash().await;
    desk.without_resolutions();
    let conflict = found(&server).await;
    server.put("/articles/42", r#"{"title": "theirs", "n": 5}"#);
    let Resolved::Changed(again) = conflict.resolve(Resolution::KeepLocal).await.unwrap() else {
        unreachable!("the resource has changed");
    };
    assert_eq!(stored(&server), json!({"title": "theirs", "n": 5}));
    assert_eq!(
        again.conflict().remote,
        Some(json!({"title": "theirs", "n": 5}))
    );
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_is_gone_is_created_again_only_if_it_is_still_gone() {
    for another in [false, true] {
        let (server, _) = clash().await;
        server.remove("/articles/42");
        let conflict = found(&server).await;
        assert_eq!(conflict.conflict().remote, None);
        if another {
            server.put("/articles/42", r#"{"title": "another"}"#);
        }
        let outcome = conflict.resolve(Resolution::KeepLocal).await.unwrap();
        if another {
            let Resolved::Changed(again) = outcome else {
                unreachable!("{outcome:?}");
            };
            assert_eq!(again.conflict().remote, Some(json!({"title": "another"})));
            assert_eq!(stored(&server)["title"], "another");
        } else {
            assert!(matches!(outcome, Resolved::Done(_)), "{outcome:?}");
            assert_eq!(stored(&server)["title"], "mine");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_side_that_is_not_told_is_not_taken_for_a_removal() {
    let server = ResourceServer::start().await;
    server.put("/articles/42", r#"{"title": "theirs"}"#);
    let desk = server.conflicts();
    desk.tell(json!({"resource": "articles/42"}));
    let conflict = found(&server).await;
    assert!(!conflict.tells_local());
    let error = conflict.resolve(Resolution::KeepLocal).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    server.requests().writes().assert_none();

    desk.tell(json!({"resource": "articles/42", "id": "c1", "local": null}));
    let conflict = found(&server).await;
    assert!(conflict.tells_local());
    let outcome = conflict.resolve(Resolution::KeepLocal).await.unwrap();
    assert!(matches!(outcome, Resolved::Done(_)), "{outcome:?}");
    assert_eq!(server.text("/articles/42"), None);
}

#[tokio::test(start_paused = true)]
async fn a_refused_decision_is_an_error_and_can_be_made_again() {
    let (server, desk) = clash().await;
    let conflict = found(&server).await;
    server.next_write(Step::new().answer(Reply::problem(403, "not-yours", "You may not decide")));
    let error = conflict.resolve(merged()).await.unwrap_err();
    assert_eq!(error.problem().unwrap().status().as_u16(), 403);
    assert_eq!(desk.open(), ["c1"]);
    let outcome = conflict.resolve(merged()).await.unwrap();
    assert!(matches!(outcome, Resolved::Done(_)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_404_that_cannot_be_explained_is_never_taken_for_success() {
    let (server, desk) = clash().await;
    let conflict = found(&server).await;
    server.next_write(Step::new().answer(Reply::new(410)));
    let error = conflict.resolve(merged()).await.unwrap_err();
    assert_eq!(error.problem().unwrap().status().as_u16(), 410);
    assert_eq!(desk.open(), ["c1"]);
    assert_eq!(stored(&server)["title"], "theirs");
}

#[tokio::test(start_paused = true)]
async fn a_resource_without_a_version_is_not_decided_on() {
    let server = ResourceServer::start().await;
    server
        .conflicts()
        .report("/articles/42", None, &json!({"n": 1}));
    let body = Reply::new(200).body("application/json", r#"{"n": 0}"#);
    server.next_read(Step::new());
    for _ in 0..3 {
        server.next_read(Step::new().answer(body.clone()));
    }
    let conflict = found(&server).await;
    let error = conflict.resolve(Resolution::KeepLocal).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnusableValidator);
    server.requests().writes().assert_none();
}

#[tokio::test]
async fn a_collection_of_another_client_is_refused() {
    let server = ResourceServer::start().await;
    let (_, articles) = articles(&server);
    let other = Client::new(server.uri()).unwrap();
    let error = other.watch_conflicts(&articles).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}
