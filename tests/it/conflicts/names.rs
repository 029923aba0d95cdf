//! The addresses of resources and of the service.

use std::time::Duration;

use ifmatch::testing::{Reply, ResourceServer, Step};
use ifmatch::{ApiVersion, Client, ConflictNotice, Resolution, Resolved};
use serde_json::{Value, json};

use super::{clash, found_by, next, opened, within};

#[tokio::test]
async fn a_path_may_begin_with_a_slash_below_a_base_url_that_has_a_path() {
    let server = ResourceServer::start().await;
    server.put("/v1/articles/42", "{}");
    let told = ["articles/42", "/articles/42", "/v1/articles/42", "42"];
    let told = told.iter().enumerate();
    let list: Vec<Value> = told
        .map(|(nth, told)| json!({"id": nth.to_string(), "resource": told}))
        .collect();
    server.next_read(Step::new().answer(Reply::new(406)));
    server.next_read(Step::new().answer(Reply::new(200).json(&json!(list))));
    let client = Client::new(format!("{}/v1/", server.uri())).unwrap();
    let articles = client.collection::<Value>("articles");
    let mut notices = opened(&client, &articles).await;
    for nth in ["0", "1", "2", "3"] {
        let ConflictNotice::Reported(found) = next(&mut notices).await else {
            unreachable!("the conflicts are told first");
        };
        assert_eq!((found.id(), found.resource_id()), (nth, "42"));
    }
}

#[tokio::test(start_paused = true)]
async fn conflicts_of_a_collection_that_ends_in_a_slash_are_told_and_resolved() {
    let server = ResourceServer::start().await;
    server.put("/articles/42/", r#"{"title": "theirs"}"#);
    let desk = server.conflicts();
    desk.report("/articles/42/", None, &json!({"title": "mine"}));
    let client = server.in_process().build().unwrap();
    let articles = client.collection::<Value>("articles/");
    let mut notices = opened(&client, &articles).await;
    assert_eq!(
        within(&mut notices, Duration::from_secs(20)).await,
        ["c1 of 42", "caught up"]
    );
    let conflict = found_by(&client, &articles).await;
    let outcome = conflict.resolve(Resolution::KeepLocal).await.unwrap();
    assert!(matches!(outcome, Resolved::Done(_)), "{outcome:?}");
    assert!(desk.open().is_empty());
}

#[tokio::test(start_paused = true)]
async fn each_request_to_the_service_has_the_version_of_the_api() {
    let (server, _) = clash().await;
    let version = ApiVersion::query("api-version", "7");
    let client = server.in_process().api_version(version).build().unwrap();
    let conflict = found_by(&client, &client.collection::<Value>("articles")).await;
    server.next_write(Step::new().answer(Reply::new(410)));
    assert!(conflict.resolve(Resolution::Delete).await.is_err());
    for path in ["/conflict-notifications", "/resolve-conflict"] {
        let requests = server.requests().to(path);
        assert!(requests.count() > 0, "{path}");
        for asked in requests.iter() {
            let query = asked.query.as_deref().unwrap_or_default();
            assert!(query.contains("api-version=7"), "{path}?{query}");
        }
    }
}
