//! What is told of conflicts.

use std::time::Duration;

use ifmatch::testing::{FeedStep, Reply, ResourceServer, Step};
use ifmatch::{ConflictNotice, ErrorKind, Merge};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{articles, clash, next, opened, short, within};
use crate::support::feeds::troubles;

const MINUTES: Duration = Duration::from_secs(300);

#[tokio::test(start_paused = true)]
async fn all_open_conflicts_are_told_first_with_their_sides() {
    let (server, _) = clash().await;
    let (client, articles) = articles(&server);
    let mut notices = opened(&client, &articles).await;
    let ConflictNotice::Reported(found) = next(&mut notices).await else {
        unreachable!("the conflict comes first");
    };
    let conflict = found.conflict();
    assert_eq!(conflict.base, Some(json!({"title": "old", "n": 1})));
    assert_eq!(conflict.local, Some(json!({"title": "mine", "n": 1})));
    assert_eq!(conflict.remote, Some(json!({"title": "theirs", "n": 1})));
    assert_eq!(conflict.fields().len(), 1);
    let problem = conflict.problem.as_ref().unwrap();
    assert_eq!(found.type_name(), Some(problem.problem_type()));
    assert_eq!(found.time(), Some("2026-11-27T12:00:00Z"));
    assert_eq!(short(&next(&mut notices).await), "caught up");
}

#[tokio::test(start_paused = true)]
async fn later_conflicts_and_resolutions_are_told() {
    let (server, desk) = clash().await;
    server.put("/articles/a%2Fb", r#"{"title": "x"}"#);
    let (client, articles) = articles(&server);
    let mut notices = opened(&client, &articles).await;
    assert_eq!(
        within(&mut notices, MINUTES).await,
        ["c1 of 42", "caught up"]
    );
    desk.report("/articles/a%2Fb", None, &Value::Null);
    desk.close("c1");
    assert_eq!(
        within(&mut notices, MINUTES).await,
        ["c2 of a/b", "c1 of 42 is resolved"]
    );
}

#[tokio::test(start_paused = true)]
async fn whatever_a_stream_does_what_is_open_in_the_end_is_told() {
    let mut steps = troubles();
    steps.push(FeedStep::new().answer(Reply::new(406)));
    for (nth, step) in steps.into_iter().enumerate() {
        let (server, desk) = clash().await;
        let feed = desk.feed().history(2);
        let (client, articles) = articles(&server);
        let mut notices = opened(&client, &articles).await;
        within(&mut notices, MINUTES).await;
        feed.next_stream(step);
        feed.cut();
        for id in ["1", "2", "3"] {
            server.put(&format!("/articles/{id}"), "{}");
            desk.report(&format!("/articles/{id}"), None, &json!({"n": 1}));
        }
        desk.close("c1");
        desk.close("c3");
        let mut open = vec!["c1".to_owned()];
        for notice in within(&mut notices, MINUTES).await {
            let id = notice.split(' ').next().unwrap().to_owned();
            if notice.ends_with("is resolved") {
                open.retain(|known| *known != id);
            } else if id.starts_with('c') && !open.contains(&id) && id != "caught" {
                open.push(id);
            }
        }
        open.sort_unstable();
        assert_eq!(open, ["c2", "c4"], "step {nth}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_stream_is_polled_and_asked_only_for_changes() {
    let (server, desk) = clash().await;
    desk.without_stream();
    let (client, articles) = articles(&server);
    let mut notices = opened(&client, &articles).await;
    assert_eq!(
        within(&mut notices, MINUTES).await,
        ["c1 of 42", "caught up"]
    );
    desk.close("c1");
    desk.report("/articles/42", None, &json!({"title": "again"}));
    let mut seen = within(&mut notices, MINUTES).await;
    seen.sort_unstable();
    assert_eq!(seen, ["c1 of 42 is resolved", "c2 of 42"]);
    let lists = server.requests().to("/conflict-notifications");
    let unchanged = lists.answered(304).count();
    assert!(unchanged > 5, "{unchanged}");
}

#[tokio::test(start_paused = true)]
async fn only_the_resources_that_were_asked_for_are_told() {
    let (server, desk) = clash().await;
    server.put("/articles/7", "{}");
    desk.report("/articles/7", None, &json!({}));
    desk.report("/pages/42", None, &json!({}));
    let (client, articles) = articles(&server);
    let mut all = opened(&client, &articles).await;
    assert_eq!(
        within(&mut all, MINUTES).await,
        ["c1 of 42", "c2 of 7", "caught up"]
    );
    let mut some = client.watch_conflicts(&articles).of([7]).await.unwrap();
    assert_eq!(within(&mut some, MINUTES).await, ["c2 of 7", "caught up"]);
    desk.report("/pages/7", None, &json!({}));
    desk.report("/articles/42", None, &json!({}));
    desk.report("/articles/7/pages/7", None, &json!({}));
    assert_eq!(within(&mut some, MINUTES).await, [""; 0]);
    let too_many = client.watch_conflicts(&articles).of(0..101).await;
    assert_eq!(too_many.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test(start_paused = true)]
async fn a_resource_is_known_by_its_path_its_address_and_its_id() {
    let server = ResourceServer::start().await;
    server.put("/articles/a%2Fb", "{}");
    let desk = server.conflicts();
    let address = format!("{}/articles/a%2fb", server.uri());
    for resource in [
        "articles/a%2Fb",
        "/articles/a%2Fb",
        &address,
        "articles/a%2Fb/",
    ] {
        desk.tell(json!({"resource": resource}));
    }
    desk.tell(json!({"resource": "x"}));
    for elsewhere in [
        "http://other/articles/a",
        "//other/articles/a",
        "articles/../pages/a",
        "articles/",
    ] {
        desk.tell(json!({"resource": elsewhere}));
    }
    desk.tell(json!({"no": "resource"}));
    let (client, articles) = articles(&server);
    // Not every service filters what it tells.
    let service = ifmatch::ConflictService::new().resource_query("only");
    let mut notices = client
        .watch_conflicts(&articles)
        .service(service)
        .await
        .unwrap();
    let seen = within(&mut notices, MINUTES).await;
    let expected = [
        "c1 of a/b",
        "c2 of a/b",
        "c3 of a/b",
        "c4 of a/b",
        "c5 of x",
        "caught up",
    ];
    assert_eq!(seen, expected);
}

#[derive(Debug, Serialize, Deserialize, Merge)]
struct Article {
    title: String,
}

#[tokio::test(start_paused = true)]
async fn a_conflict_that_does_not_fit_the_type_is_told_once_and_hides_no_other() {
    let (server, desk) = clash().await;
    desk.report("/articles/42", None, &json!({"title": 7}));
    desk.report("/articles/42", None, &json!({"title": "fine"}));
    let client = server.in_process().build().unwrap();
    let articles = client.collection::<Article>("articles");
    let mut notices = client.watch_conflicts(&articles).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(match notices.next().await {
            Ok(Some(ConflictNotice::Reported(found))) => found.id().to_owned(),
            Ok(other) => format!("{other:?}"),
            Err(error) => {
                assert!(error.to_string().contains("\"c2\""), "{error}");
                format!("{:?}", error.kind())
            }
        });
    }
    assert_eq!(seen, ["c1", "Decode", "c3", "Some(CaughtUp)"]);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_whose_resource_cannot_be_read_now_is_told_later() {
    let (server, _) = clash().await;
    let (client, articles) = articles(&server);
    let mut notices = opened(&client, &articles).await;
    // The first read is the list.
    server.next_read(Step::new());
    for _ in 0..20 {
        server.next_read(Step::new().lose_request());
    }
    let error = notices.next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    let mut seen = Vec::new();
    while seen.is_empty() {
        seen.extend(notices.next().await.ok().flatten().as_ref().map(short));
    }
    assert_eq!(seen, ["c1 of 42"]);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_call_at_any_point_loses_no_conflict() {
    for steps in 0..40_u32 {
        let (server, _) = clash().await;
        for _ in 0..3 {
            server.next_read(Step::new().delay(Duration::from_millis(50)));
        }
        let (client, articles) = articles(&server);
        let mut notices = opened(&client, &articles).await;
        let time = Duration::from_millis(10) * steps;
        let first = tokio::time::timeout(time, notices.next()).await;
        let mut seen: Vec<String> = first
            .into_iter()
            .map(|it| short(&it.unwrap().unwrap()))
            .collect();
        seen.extend(within(&mut notices, MINUTES).await);
        assert_eq!(seen, ["c1 of 42", "caught up"], "dropped after {time:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_without_the_service_says_so() {
    let server = ResourceServer::start().await;
    let (client, articles) = articles(&server);
    let mut notices = opened(&client, &articles).await;
    let error = notices.next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("no conflict service"), "{error}");
    assert!(!notices.has_service());
    assert!(notices.next().await.unwrap().is_none());
}
