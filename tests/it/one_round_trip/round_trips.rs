//! Promise 6: one round trip without contention.

use crate::support::{ARTICLE, AT, Server, articles, foreign};

#[tokio::test]
async fn a_warm_update_is_one_request_and_a_cold_one_two() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let cold = articles
        .update(1, |article| article.views += 1)
        .await
        .unwrap();
    assert_eq!(cold.report().requests, 2);
    let warm = articles
        .update(1, |article| article.views += 1)
        .await
        .unwrap();
    assert_eq!((warm.report().requests, warm.report().rounds), (1, 1));
    assert_eq!(server.methods(), ["GET", "PUT", "PUT"]);
    assert_eq!(server.value(AT)["views"], 3);
}

#[tokio::test]
async fn a_value_that_was_read_is_saved_by_one_request_pinned_to_its_version() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let mut article = articles.get(1).await.unwrap();
    article.title = "new".into();
    let saved = articles.save(&article).await.unwrap();
    assert_eq!(saved.report().requests, 1);
    assert_eq!(server.seen()[1].header("if-match"), Some("\"1\""));
    assert_eq!(saved.snapshot().validator().unwrap().to_string(), "\"2\"");
}

#[tokio::test]
async fn an_edit_that_changes_nothing_sends_nothing() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let same = articles
        .update(1, |article| article.title = "old".into())
        .await
        .unwrap();
    assert!(same.report().unchanged);
    assert_eq!(server.methods(), ["GET"]);
}

#[tokio::test]
async fn one_clash_costs_a_read_and_a_write_more() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let mut article = articles.get(1).await.unwrap();
    article.title = "mine".into();
    server.script([foreign(|theirs| theirs["body"] = "theirs".into())]);
    let saved = articles.save(article).await.unwrap();
    assert_eq!(
        (
            saved.report().requests,
            saved.report().rounds,
            saved.report().merged
        ),
        (3, 2, 1)
    );
    let stored = server.value(AT);
    assert_eq!(
        (&stored["title"], &stored["body"]),
        (&"mine".into(), &"theirs".into())
    );
    assert_eq!(saved.body, "theirs");
}

#[tokio::test]
async fn a_write_answered_without_a_tag_is_followed_by_a_read_before_the_next() {
    let server = Server::with(AT, ARTICLE);
    server.0.lock().unwrap().silent = true;
    let articles = articles(&server);
    let saved = articles
        .update(1, |article| article.views = 7)
        .await
        .unwrap();
    assert!(saved.snapshot().validator().is_none());
    articles
        .update(1, |article| article.views += 1)
        .await
        .unwrap();
    assert_eq!(server.methods(), ["GET", "PUT", "GET", "PUT"]);
    let mut saved = saved.into_versioned();
    saved.title = "from the saved value".into();
    articles.save(&saved).await.unwrap();
    let stored = server.value(AT);
    assert_eq!(
        (&stored["title"], &stored["views"]),
        (&"from the saved value".into(), &8.into())
    );
}
