//! Collections without a feed, and hints of the application.

use std::time::Duration;

use ifmatch::testing::{Reply, ResourceServer, Step};
use ifmatch::{Client, Feed};
use serde_json::{Value, json};

use super::feed_server::FeedServer;
use super::{next, until, within};

fn articles(server: &ResourceServer) -> (Client, ifmatch::Collection<Value>) {
    let client = server.in_process().build().unwrap();
    let articles = client.collection("articles");
    (client, articles)
}

#[tokio::test(start_paused = true)]
async fn an_api_without_a_feed_is_polled() {
    let server = ResourceServer::start().await;
    server.put("/articles/a", r#"{"id": "a", "n": 1}"#);
    server.put("/articles/b", r#"{"id": "b", "n": 1}"#);
    let mut watch = articles(&server).1.watch().await.unwrap();
    assert_eq!(
        until(&mut watch, "caught up").await,
        ["a=1", "b=1", "caught up"]
    );
    server.put("/articles/a", r#"{"id": "a", "n": 2}"#);
    assert_eq!(next(&mut watch).await, "a=2");
    server.remove("/articles/b");
    assert_eq!(next(&mut watch).await, "b gone");
    assert_eq!(
        within(&mut watch, Duration::from_secs(300)).await,
        Vec::<String>::new()
    );
}

#[tokio::test(start_paused = true)]
async fn a_poll_waits_for_its_interval() {
    let server = ResourceServer::start().await;
    server.collection("/articles");
    let feed = Feed::polling().interval(Duration::from_secs(100));
    let mut watch = articles(&server).1.watch().feed(feed).await.unwrap();
    within(&mut watch, Duration::from_secs(350)).await;
    assert_eq!(server.requests().get().count(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_single_resource_without_a_feed_is_polled_by_conditional_reads() {
    let server = ResourceServer::start().await;
    server.put("/settings", r#"{"id": "s", "n": 1}"#);
    let client = server.in_process().build().unwrap();
    let mut watch = client.resource::<Value>("settings").watch().await.unwrap();
    until(&mut watch, "caught up").await;
    within(&mut watch, Duration::from_secs(100)).await;
    let statuses: Vec<_> = server.recorded().iter().map(|one| one.status).collect();
    assert!(
        statuses[1..].iter().all(|status| *status == 304),
        "{statuses:?}"
    );
    server.put("/settings", r#"{"id": "s", "n": 2}"#);
    assert_eq!(next(&mut watch).await, "s=2");
}

#[tokio::test(start_paused = true)]
async fn a_hint_of_the_application_reaches_the_watch_and_the_next_write() {
    let server = ResourceServer::start().await;
    server.put("/articles/a", r#"{"id": "a", "n": 1}"#);
    let (client, articles) = articles(&server);
    articles.get("a").await.unwrap();
    let mut watch = articles.watch().await.unwrap();
    until(&mut watch, "caught up").await;
    // The watch begins to wait for its next poll.
    within(&mut watch, Duration::from_secs(1)).await;
    server.put("/articles/a", r#"{"id": "a", "n": 2}"#);
    client.notify(&articles, "a");
    assert_eq!(within(&mut watch, Duration::from_secs(3)).await, ["a=2"]);
    let saved = articles
        .update("a", |article| article["n"] = 3.into())
        .await
        .unwrap();
    assert_eq!(saved.report().rounds, 1, "no write was refused");
}

#[tokio::test(start_paused = true)]
async fn a_feed_is_left_for_polling_if_the_transport_cannot_stream() {
    struct Plain(FeedServer);

    #[ifmatch::async_trait]
    impl ifmatch::Transport for Plain {
        async fn send(
            &self,
            request: ifmatch::transport::Request,
        ) -> Result<ifmatch::transport::Response, ifmatch::transport::TransportError> {
            self.0.send(request).await
        }
    }

    let server = FeedServer::new();
    server.put("a", 1);
    let client = Client::builder("http://api.test")
        .transport(Plain(server.clone()))
        .profile(ifmatch::Generic::new().feed(FeedServer::feed()))
        .build()
        .unwrap();
    let mut watch = client
        .collection::<Value>("articles")
        .watch()
        .await
        .unwrap();
    until(&mut watch, "caught up").await;
    assert!(watch.has_fallen_back());
    server.put("a", 2);
    assert_eq!(next(&mut watch).await, "a=2");
}

#[tokio::test(start_paused = true)]
async fn a_list_whose_next_page_is_one_that_was_read_ends_the_watch() {
    let server = ResourceServer::start().await;
    server.put("/notes/1", r#"{"id":"1","n":1}"#);
    let notes = server
        .in_process()
        .build()
        .unwrap()
        .collection::<Value>("notes");
    for (page, next) in [("1", "2"), ("2", "1")] {
        let page = Reply::new(200).json(&json!([{"id": page, "n": 1}]));
        let next = format!("</notes?page={next}>; rel=\"next\"");
        server.next_read(Step::new().answer(page.header("link", &next)));
    }
    let page = Reply::new(200).json(&json!([{"id": "1", "n": 1}]));
    let page = page.header("link", "</notes?page=2>; rel=\"next\"");
    server.next_read(Step::new().answer(page));
    let mut watch = notes.watch().await.unwrap();
    let error = loop {
        match watch.next().await {
            Ok(change) => assert!(change.is_some(), "the watch ended without an error"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("read already"), "{error}");
    assert_eq!(server.requests().count(), 3);
}
