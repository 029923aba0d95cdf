//! A decision holds for the state that was shown, and keeps what belongs to that state.

use ifmatch::testing::{Reply, ResourceServer, Step};
use ifmatch::{
    ErrorKind, Generic, Leases, Merge, ReportedConflict, Resolution, Resolved, Versioning,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{clash, found, found_by};

fn stored(server: &ResourceServer) -> Value {
    let text = server.text("/articles/42");
    text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_decision_about_an_absent_resource_holds_only_while_it_is_absent() {
    for decision in [|| Resolution::Delete, || Resolution::KeepRemote] {
        for appears in [false, true] {
            let (server, desk) = clash().await;
            server.remove("/articles/42");
            let conflict = found(&server).await;
            if appears {
                server.put("/articles/42", r#"{"title": "new"}"#);
            }
            let outcome = conflict.resolve(decision()).await.unwrap();
            let sent = server.requests().post().assert_one();
            assert_eq!(sent.header("if-none-match"), "*");
            let body: Value = serde_json::from_str(&sent.body).unwrap();
            assert_eq!(body.get("version"), Some(&Value::Null));
            if appears {
                let Resolved::Changed(again) = outcome else {
                    unreachable!("{outcome:?}");
                };
                assert_eq!(again.conflict().remote, Some(json!({"title": "new"})));
                assert_eq!(stored(&server)["title"], "new");
                assert_eq!(desk.open(), ["c1"]);
            } else {
                assert!(matches!(outcome, Resolved::Done(_)), "{outcome:?}");
                assert!(desk.open().is_empty());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_not_about_the_absent_resource_is_an_error() {
    let (server, _) = clash().await;
    server.remove("/articles/42");
    let conflict = found(&server).await;
    server.next_write(Step::new().answer(Reply::new(409)));
    let error = conflict.resolve(Resolution::Delete).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[tokio::test(start_paused = true)]
async fn a_state_is_kept_only_if_it_was_shown_also_where_nothing_has_to_be_written() {
    for is_absent in [false, true] {
        for decision in [|| Resolution::Delete, || Resolution::KeepRemote] {
            for changes in [false, true] {
                let (server, desk) = clash().await;
                desk.without_resolutions();
                if is_absent {
                    server.remove("/articles/42");
                }
                let conflict = found(&server).await;
                if changes {
                    server.put("/articles/42", r#"{"title": "newest"}"#);
                }
                let outcome = conflict.resolve(decision()).await.unwrap();
                let of = format!("{:?}, absent: {is_absent}: {outcome:?}", decision());
                if changes {
                    assert!(matches!(outcome, Resolved::Changed(_)), "{of}");
                    assert_eq!(stored(&server)["title"], "newest");
                } else {
                    assert!(matches!(outcome, Resolved::Done(_)), "{of}");
                }
            }
        }
    }
}

#[derive(Debug, Serialize, Deserialize, Merge)]
struct Counted {
    title: String,
    #[merge(counter)]
    n: i64,
    #[merge(max)]
    top: i64,
}

fn counted(n: i64, top: i64) -> Value {
    json!({"title": "t", "n": n, "top": top})
}

/// A conflict about `counted(1, 5)`.
async fn clash_of_counts(local: &Value) -> (ResourceServer, ReportedConflict<Counted>) {
    let server = ResourceServer::start().await;
    server.put("/articles/42", &counted(1, 5).to_string());
    let desk = server.conflicts();
    desk.report("/articles/42", Some(&counted(1, 5)), local);
    let client = server.in_process().build().unwrap();
    let articles = client.collection::<Counted>("articles");
    let mut notices = client.watch_conflicts(&articles).await.unwrap();
    match notices.next().await.unwrap() {
        Some(ifmatch::ConflictNotice::Reported(found)) => (server, found),
        other => unreachable!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_decided_count_is_not_taken_for_stored_because_another_client_counted() {
    let (server, conflict) = clash_of_counts(&counted(2, 5)).await;
    server.put("/articles/42", &counted(2, 5).to_string());
    let outcome = conflict.resolve(Resolution::KeepLocal).await.unwrap();
    assert!(matches!(outcome, Resolved::Changed(_)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_decided_value_is_not_taken_for_stored_because_a_rule_prefers_another_one() {
    let (server, conflict) = clash_of_counts(&counted(1, 9)).await;
    server.put("/articles/42", &counted(1, 8).to_string());
    let decided = Counted {
        title: "t".into(),
        n: 1,
        top: 3,
    };
    let outcome = conflict.resolve(Resolution::Merged(decided)).await.unwrap();
    assert!(matches!(outcome, Resolved::Changed(_)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn the_fence_of_a_decided_document_is_the_token_of_the_lease() {
    for takes_resolutions in [true, false] {
        let server = ResourceServer::start().await;
        server.put("/articles/42", r#"{"title": "theirs", "fence": 1}"#);
        let desk = server.conflicts();
        desk.report("/articles/42", None, &json!({"title": "mine", "fence": 0}));
        if !takes_resolutions {
            desk.without_resolutions();
        }
        let client = server.in_process().build().unwrap();
        let leases = Leases::documents(&client, "leases");
        for _ in 0..2 {
            leases.acquire("x").await.unwrap().release().await.unwrap();
        }
        let held = leases.acquire("x").await.unwrap();
        let articles = client.collection::<Value>("articles");
        let articles = articles.under(&held).fenced("/fence");
        let conflict = found_by(&client, &articles).await;
        let outcome = conflict.resolve(Resolution::KeepLocal).await.unwrap();
        assert!(matches!(outcome, Resolved::Done(_)), "{outcome:?}");
        let expected = json!({"title": "mine", "fence": held.token()});
        assert_eq!(stored(&server), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_version_in_a_decided_document_is_that_of_the_state_that_was_shown() {
    for versioning in [
        Versioning::body_field("/rev"),
        Versioning::body_field("/rev").sent_as_tag(),
    ] {
        let server = ResourceServer::start().await;
        server.put("/articles/42", r#"{"title": "theirs", "rev": 7}"#);
        let desk = server.conflicts();
        desk.report("/articles/42", None, &json!({"title": "mine", "rev": 3}));
        let profile = Generic::new().versioning(versioning);
        let client = server.in_process().profile(profile).build().unwrap();
        let conflict = found_by(&client, &client.collection::<Value>("articles")).await;
        server.next_write(Step::new().answer(Reply::new(204)));
        let outcome = conflict.resolve(Resolution::KeepLocal).await.unwrap();
        assert!(matches!(outcome, Resolved::Done(_)), "{outcome:?}");
        let sent = server.requests().post().assert_one();
        let body: Value = serde_json::from_str(&sent.body).unwrap();
        assert_eq!(body["document"], json!({"title": "mine", "rev": 7}));
        assert_eq!(
            (&body["resolution"], &body["version"]),
            (&json!("local"), &json!("7"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_decision_that_was_overwritten_is_not_told_as_one_of_someone_else() {
    let (server, desk) = clash().await;
    let conflict = found(&server).await;
    server.next_write(Step::new().lose_reply());
    server.next_read(Step::new().edit(|now| now["title"] = "later".into()));
    let decision = Resolution::Merged(json!({"title": "both", "n": 1}));
    let error = conflict.resolve(decision).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(desk.resolved().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_answer_to_a_resolution_is_not_taken_for_one() {
    let problem = r#"{"type": "about:blank", "title": "no", "status": 409}"#;
    for reply in [
        Reply::new(200).body("application/problem+json", problem),
        Reply::new(303).header("location", "/login"),
        Reply::new(202),
    ] {
        for decision in [|| Resolution::KeepLocal, || Resolution::KeepRemote] {
            let (server, desk) = clash().await;
            let conflict = found(&server).await;
            server.next_write(Step::new().answer(reply.clone()));
            assert!(conflict.resolve(decision()).await.is_err());
            assert_eq!(desk.open(), ["c1"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_decision_without_a_trace_is_not_sent_again_if_proof_is_required() {
    for requires_proof in [false, true] {
        let (server, desk) = clash().await;
        let client = server.in_process().build().unwrap();
        let mut articles = client.collection::<Value>("articles");
        if requires_proof {
            articles = articles.require_proof();
        }
        let conflict = found_by(&client, &articles).await;
        server.next_write(Step::new().lose_request());
        let outcome = conflict.resolve(Resolution::KeepLocal).await;
        if requires_proof {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
            assert_eq!(desk.open(), ["c1"]);
        } else {
            assert!(matches!(outcome, Ok(Resolved::Done(_))), "{outcome:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_names_one_document_also_under_another_lease() {
    let mut sent = Vec::new();
    for turn in 0..2 {
        let server = ResourceServer::start().await;
        server.put("/articles/42", r#"{"title": "theirs"}"#);
        server
            .conflicts()
            .report("/articles/42", None, &json!({"title": "mine"}));
        let client = server.in_process().build().unwrap();
        let leases = Leases::documents(&client, "leases");
        for _ in 0..turn {
            leases.acquire("x").await.unwrap().release().await.unwrap();
        }
        let held = leases.acquire("x").await.unwrap();
        let articles = client.collection::<Value>("articles");
        let articles = articles.under(&held).fenced("/fence");
        let conflict = found_by(&client, &articles).await;
        let outcome = conflict.resolve(Resolution::KeepLocal).await.unwrap();
        assert!(matches!(outcome, Resolved::Done(_)), "{outcome:?}");
        let request = server.requests().post().to("/resolve-conflict");
        let request = request.assert_one();
        sent.push((request.header("idempotency-key").to_owned(), request.body));
    }
    assert_ne!(sent[0].1, sent[1].1, "the tokens differ");
    assert_ne!(sent[0].0, sent[1].0, "so do the keys");
}
