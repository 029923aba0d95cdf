//! Promise 1 for versions inside documents or from other sources.

use crate::support::{ARTICLE, AT, Server, articles, values};
use ifmatch::{Generic, Versioning, WriteMode};

#[tokio::test(start_paused = true)]
async fn a_patch_carries_the_version_inside_as_the_document_does() {
    for mode in [WriteMode::MergePatch, WriteMode::JsonPatch] {
        let server = Server::with(AT, r#"{"title":"old","version":7}"#);
        values(
            &server,
            Generic::new().versioning(Versioning::body_field("/version")),
        )
        .write_mode(mode)
        .update(1, |v| v["title"] = "mine".into())
        .await
        .unwrap();
        let write = server.seen().pop().unwrap();
        let body = String::from_utf8(write.body).unwrap();
        assert!(
            body.contains("version"),
            "no condition at all: {body}, {:?}",
            write.headers
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_has_no_place_for_its_version_is_not_sent() {
    let server = Server::with(AT, r#"{"title":"old","version":7}"#);
    let outcome = values(
        &server,
        Generic::new().versioning(Versioning::body_field("/version")),
    )
    .delete(1)
    .await;
    let write = server.seen().pop().unwrap();
    assert!(
        write.method != "DELETE" || write.query.is_some() || write.header("if-match").is_some(),
        "unconditional DELETE went out: {outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_kept_version_of_another_kind_never_drops_the_condition() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    server.put(AT, r#"{"title":"theirs","body":"theirs","views":9}"#);
    if let Ok(mut form) = articles.restore(1, ARTICLE, "version:1") {
        form.views = 2;
        let _ = articles.save(form).await;
    }
    for seen in server.seen() {
        assert!(
            seen.method != "PUT" || seen.header("if-match").is_some(),
            "PUT without a condition"
        );
    }
    assert_eq!(server.value(AT)["title"], "theirs");
}

#[tokio::test(start_paused = true)]
async fn a_kept_weak_tag_is_never_sent() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    if let Ok(mut form) = articles.restore(1, ARTICLE, "W/\"1\"") {
        form.views = 2;
        let _ = articles.save(form).await;
    }
    for seen in server.seen() {
        assert!(
            !seen.header("if-match").is_some_and(|m| m.starts_with("W/")),
            "weak tag in If-Match"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_of_a_listing_is_read_before_it_is_saved() {
    let server = Server::with(
        AT,
        r#"{"id":1,"title":"old","body":"long text","version":7}"#,
    );
    server.put("/v1/articles", r#"[{"id":1,"title":"old","version":7}]"#);
    let articles = values(
        &server,
        Generic::new().versioning(Versioning::body_field("/version")),
    );
    let mut page = articles.list().await.unwrap();
    let mut item = page.items.remove(0);
    item["title"] = "mine".into();
    articles.save(item).await.unwrap();
    assert_eq!(server.value(AT)["body"], "long text");
}
