//! Services with other paths, members and subscriptions.

use ifmatch::testing::{Reply, ResourceServer, Step};
use ifmatch::{Client, ConflictNotice, ConflictService, Generic, Resolution, Resolved};
use serde_json::{Value, json};

use super::{clash, within};

#[tokio::test]
async fn every_path_and_member_of_a_service_can_be_set_also_by_the_profile() {
    let server = ResourceServer::start().await;
    server.put("/v1/articles/42", r#"{"title": "theirs"}"#);
    let conflict = json!({
        "key": 7, "kind": "stale", "at": "today", "doc": {"path": "articles/42", "was": {"title": "old"}, "mine": {"title": "mine"}},
    });
    let list = Reply::new(200).json(&json!({"open": [conflict]}));
    server.next_read(Step::new().answer(Reply::new(406)));
    server.next_read(Step::new().answer(list));
    let service = ConflictService::new()
        .notifications_at("sync/conflicts")
        .resolutions_at("sync/decisions")
        .resource_query("of")
        .items_at("/open")
        .id_at("/key")
        .type_at("/kind")
        .time_at("/at")
        .resource_at("/doc/path")
        .base_at("/doc/was")
        .local_at("/doc/mine")
        .conflict_member("key")
        .resource_member("path")
        .resolution_member("decision")
        .version_member("tag")
        .document_member("a/b~c");
    let base = format!("{}/v1", server.uri());
    let profile = Generic::over(Generic::new().conflict_service(service));
    let client = Client::builder(base).profile(profile).build().unwrap();
    let articles = client.collection::<Value>("articles");
    let mut notices = client.watch_conflicts(&articles).of(["42"]).await.unwrap();
    let Some(ConflictNotice::Reported(found)) = notices.next().await.unwrap() else {
        unreachable!("the conflict is told first");
    };
    assert_eq!(
        (found.id(), found.type_name(), found.time()),
        ("7", Some("stale"), Some("today"))
    );
    assert_eq!(found.conflict().base, Some(json!({"title": "old"})));
    server.next_write(Step::new().answer(Reply::new(200)));
    let outcome = found.resolve(Resolution::KeepLocal).await.unwrap();
    assert!(matches!(outcome, Resolved::Done(_)), "{outcome:?}");
    let lists = server.requests().to("/v1/sync/conflicts");
    assert!(
        lists
            .iter()
            .all(|list| list.query.as_deref() == Some("of=articles%2F42"))
    );
    let sent = server.requests().to("/v1/sync/decisions").assert_one();
    let body: Value = serde_json::from_str(&sent.body).unwrap();
    let expected = json!({
        "key": "7", "path": "articles/42", "decision": "local", "tag": "\"v1\"", "a/b~c": {"title": "mine"},
    });
    assert_eq!(body, expected);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_by_post_is_followed_where_the_service_says() {
    let (server, _) = clash().await;
    let there = "/conflict-notifications?resource=articles%2F42";
    server.next_write(Step::new().answer(Reply::new(201).header("location", there)));
    let client = server.in_process().build().unwrap();
    let articles = client.collection::<Value>("articles");
    let service = ConflictService::new().subscribe_by_post();
    let open = client.watch_conflicts(&articles).service(service.clone());
    let mut notices = open.of(100..300).await.unwrap();
    let minutes = std::time::Duration::from_secs(300);
    assert_eq!(within(&mut notices, minutes).await, ["caught up"]);
    let sent = server.requests().post().assert_one();
    let body: Value = serde_json::from_str(&sent.body).unwrap();
    assert_eq!(body["resources"][199], "articles/299");

    server.next_write(Step::new().answer(Reply::new(201).header("location", there)));
    let open = client.watch_conflicts(&articles).service(service.clone());
    let mut notices = open.of([42]).await.unwrap();
    assert_eq!(
        within(&mut notices, minutes).await,
        ["c1 of 42", "caught up"]
    );

    for wrong in [
        Reply::new(201),
        Reply::new(201).header("location", "http://other/x"),
        Reply::new(403),
    ] {
        server.next_write(Step::new().answer(wrong));
        let open = client.watch_conflicts(&articles).service(service.clone());
        assert!(open.await.is_err());
    }
}
