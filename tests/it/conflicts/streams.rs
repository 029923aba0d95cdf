//! Notifications whose ids, members and versions look like those of other feeds.

use std::time::Duration;

use ifmatch::testing::Step;
use ifmatch::testing::{Reply, ResourceServer};
use ifmatch::{Generic, Versioning};
use serde_json::{Value, json};

use super::{articles, clash, next, opened, short, within};

/// Shorter than the idle time, so that everything is told by one stream.
const A_MOMENT: Duration = Duration::from_secs(20);

#[tokio::test(start_paused = true)]
async fn conflicts_are_told_apart_by_their_whole_ids() {
    let (server, desk) = clash().await;
    let (client, articles) = articles(&server);
    let mut notices = opened(&client, &articles).await;
    assert_eq!(
        within(&mut notices, A_MOMENT).await,
        ["c1 of 42", "caught up"]
    );
    for id in ["a/1", "https://other/b/1", "a%2F1"] {
        desk.tell(json!({"id": id, "resource": "articles/42"}));
    }
    assert_eq!(
        within(&mut notices, A_MOMENT).await,
        ["a/1 of 42", "https://other/b/1 of 42", "a%2F1 of 42"]
    );
    desk.close("a/1");
    assert_eq!(
        within(&mut notices, A_MOMENT).await,
        ["a/1 of 42 is resolved"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_open_whatever_members_its_notification_has() {
    let (server, desk) = clash().await;
    let (client, articles) = articles(&server);
    let mut notices = opened(&client, &articles).await;
    within(&mut notices, A_MOMENT).await;
    desk.tell(json!({"resource": "articles/42", "deleted": true}));
    desk.tell(json!({"resource": "articles/42", "canceled": true}));
    assert_eq!(
        within(&mut notices, A_MOMENT).await,
        ["c2 of 42", "c3 of 42"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_told_again_if_only_its_refused_write_differs() {
    for streams in [true, false] {
        let server = ResourceServer::start().await;
        server.put("/articles/42", r#"{"title": "theirs", "version": 7}"#);
        let desk = server.conflicts();
        if !streams {
            desk.without_stream();
        }
        let profile = Generic::new().versioning(Versioning::body_field("/version"));
        let client = server.in_process().profile(profile).build().unwrap();
        let articles = client.collection::<Value>("articles");
        let mut notices = opened(&client, &articles).await;
        // The version is that of the resource.
        let told = |n: u64| json!({"id": "c1", "resource": "articles/42", "version": 7, "local": {"n": n}});
        desk.tell(told(1));
        let minute = Duration::from_secs(60);
        let first = within(&mut notices, minute).await;
        assert_eq!(first, ["c1 of 42", "caught up"], "streams: {streams}");
        desk.tell(told(2));
        let again = within(&mut notices, minute).await;
        assert_eq!(again, ["c1 of 42"], "streams: {streams}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_looks_like_an_older_one_is_read_if_the_stream_has_told_something_since() {
    let server = ResourceServer::start().await;
    server.put("/articles/42", "{}");
    let desk = server.conflicts();
    let list = json!([{"id": "c1", "resource": "articles/42"}]);
    let list = Reply::new(200).json(&list).header("etag", "\"a hash\"");
    server.next_read(Step::new().answer(list.clone()));
    let (client, articles) = articles(&server);
    let mut notices = opened(&client, &articles).await;
    assert_eq!(
        within(&mut notices, A_MOMENT).await,
        ["c1 of 42", "caught up"]
    );
    desk.close("c1");
    assert_eq!(
        within(&mut notices, A_MOMENT).await,
        ["c1 of 42 is resolved"]
    );
    // It is open again, and the event about it cannot be read.
    server.next_read(Step::new().answer(list));
    desk.tell(json!({"id": "", "resource": "articles/42"}));
    assert_eq!(within(&mut notices, A_MOMENT).await, ["c1 of 42"]);
    let lists = server.requests().to("/conflict-notifications");
    let conditions = lists
        .iter()
        .filter(|list| list.headers.contains_key("if-none-match"));
    assert_eq!(conditions.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_that_moved_to_a_page_that_was_read_already_is_told() {
    let (server, desk) = clash().await;
    desk.report("/articles/42", None, &json!({"title": "another"}));
    // The second page is read after the first conflict was resolved, so the second one is on neither.
    let first = json!([{"id": "c1", "resource": "articles/42"}]);
    let first = Reply::new(200).json(&first);
    let first = first.header("link", "</second>; rel=\"next\"");
    server.put("/second", "[]");
    server.next_read(Step::new().answer(first));
    let (client, articles) = articles(&server);
    let mut notices = opened(&client, &articles).await;
    assert_eq!(short(&next(&mut notices).await), "c1 of 42");
    desk.close("c1");
    assert_eq!(
        within(&mut notices, A_MOMENT).await,
        ["caught up", "c1 of 42 is resolved", "c2 of 42"]
    );
    desk.close("c2");
    assert_eq!(
        within(&mut notices, A_MOMENT).await,
        ["c2 of 42 is resolved"]
    );
    let lists = server.requests().to("/conflict-notifications");
    assert_eq!(lists.count(), 3, "the stream, and two lists");
}
