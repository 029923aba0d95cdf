//! A write without any precondition is sent only if the caller asks for it and no version exists.

use crate::support::{ARTICLE, Event, Server};
use crate::support::{AT, articles};

/// The next read shows no version.
fn without_a_version(server: &Server) {
    server.script([Event::Answer(200, &[], ARTICLE)]);
}

#[tokio::test]
async fn without_a_version_a_write_is_an_error_unless_the_caller_says_otherwise() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    without_a_version(&server);
    let error = articles.update(1, |a| a.views = 2).await.unwrap_err();
    assert!(error.is_unusable_validator(), "{error:?}");
    assert_eq!(server.writes(), 0);

    without_a_version(&server);
    let saved = articles.update(1, |a| a.views = 2).unconditional().await;
    assert_eq!(saved.unwrap().views, 2);
    assert_eq!(server.value(AT)["views"], 2);
    let last = server.seen().pop().unwrap();
    assert_eq!(
        (last.method.as_str(), last.header("if-match")),
        ("PUT", None)
    );
}

#[tokio::test]
async fn what_was_read_without_a_version_can_be_saved_and_removed() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    without_a_version(&server);
    let mut article = articles.get(1).await.unwrap();
    article.title = "mine".into();
    without_a_version(&server);
    articles.save(article).unconditional().await.unwrap();
    assert_eq!(server.value(AT)["title"], "mine");

    without_a_version(&server);
    articles.delete(1).unconditional().await.unwrap();
    assert!(server.text(AT).is_none());
}

#[tokio::test]
async fn where_there_is_a_version_the_write_is_pinned_all_the_same() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    articles.get(1).await.unwrap();
    server.script([crate::support::foreign(|a| a["title"] = "theirs".into())]);
    articles
        .update(1, |a| a.views = 2)
        .unconditional()
        .await
        .unwrap();
    assert_eq!(server.value(AT)["title"], "theirs");
    let pinned = server
        .seen()
        .into_iter()
        .filter(|seen| seen.method == "PUT");
    assert!(
        pinned
            .into_iter()
            .all(|seen| seen.header("if-match").is_some())
    );
}

#[tokio::test]
async fn a_weak_tag_is_no_version_for_a_call_that_needs_none_and_the_error_names_the_way_out() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let weak = || Event::Answer(200, &[("etag", "W/\"1\"")], ARTICLE);
    server.script([weak()]);
    let error = articles.update(1, |a| a.views = 2).await.unwrap_err();
    assert!(error.is_unusable_validator(), "{error:?}");
    assert!(error.to_string().contains("WeakTags::Verbatim"), "{error}");
    server.script([weak()]);
    let update = articles.update(1, |a| a.views = 2).unconditional();
    update.await.unwrap();
    assert_eq!(server.value(AT)["views"], 2);
    assert_eq!(server.seen().pop().unwrap().header("if-match"), None);
}
