//! The version of an API: set once, sent with every request, and reported if the server does not support it.

use http::HeaderName;
use ifmatch::{ApiVersion, Client, Collection, RefusalKind, ThreeWay, WriteMode};
use serde_json::Value;

use crate::support::{ARTICLE, AT, Article, Event, Server, draft};

fn articles(server: &Server, version: ApiVersion) -> Collection<Article> {
    let client = server.builder().api_version(version).build().unwrap();
    client.collection_with("articles", ThreeWay::default())
}

/// A read, a write, a removal, a listing of two pages, a new resource, and its removal.
async fn all_operations(server: &Server, articles: &Collection<Article>, at: &str) {
    server.put(at, ARTICLE);
    let mut article = articles.get(1).await.unwrap();
    article.views = 2;
    let saved = articles.save(article).await.unwrap();
    articles.delete(saved).await.unwrap();
    server.put(at.strip_suffix("/1").unwrap(), "[]");
    server.script([Event::Answer(200, &[("link", "<?page=2>; rel=next")], "[]")]);
    let page = articles.list().await.unwrap();
    page.next().unwrap().await.unwrap();
    let made = articles.post(&draft()).await.unwrap();
    articles.delete(made).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_version_in_the_query_is_said_once_in_every_request() {
    let server = Server::default();
    let articles = articles(&server, ApiVersion::query("api-version", "2024-05-01"));
    all_operations(&server, &articles, AT).await;
    let seen = server.seen();
    assert_eq!(seen.len(), 7);
    for request in seen {
        let query = request.query.unwrap_or_default();
        assert_eq!(
            query.matches("api-version=2024-05-01").count(),
            1,
            "{query}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_in_a_header_is_said_in_every_request() {
    let server = Server::default();
    let name = HeaderName::from_static("x-api-version");
    let articles = articles(&server, ApiVersion::header(name, "2022-11-28"));
    all_operations(&server, &articles, AT).await;
    for request in server.seen() {
        assert_eq!(request.header("x-api-version"), Some("2022-11-28"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_in_the_path_lies_behind_the_base() {
    let server = Server::default();
    let articles = articles(&server, ApiVersion::path("2.1/beta"));
    all_operations(&server, &articles, "/v1/2.1/beta/articles/1").await;
    for request in server.seen() {
        assert!(
            request.path.starts_with("/v1/2.1/beta/articles"),
            "{}",
            request.path
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_in_the_media_type_is_asked_for_and_sent() {
    let server = Server::default();
    let vendor = "application/vnd.example.v2+json";
    let articles = articles(&server, ApiVersion::media_type(vendor));
    all_operations(&server, &articles, AT).await;
    for request in server.seen() {
        let asked = request.header("accept").unwrap();
        assert!(
            asked.starts_with(vendor) && asked.contains("problem+json"),
            "{asked}"
        );
        let sent = (!request.body.is_empty()).then_some(vendor);
        assert_eq!(request.header("content-type"), sent);
    }
    // A patch is of its own media type.
    server.put(AT, ARTICLE);
    let patched = articles.write_mode(WriteMode::MergePatch);
    patched
        .update(1, |article| article.views = 3)
        .await
        .unwrap();
    let sent = server.seen().pop().unwrap();
    assert_eq!(
        sent.header("content-type"),
        Some("application/merge-patch+json")
    );
}

#[tokio::test(start_paused = true)]
async fn a_default_header_of_the_client_says_what_is_asked_for() {
    let server = Server::with(AT, ARTICLE);
    let json = || http::HeaderValue::from_static("application/hal+json");
    let builder = server
        .builder()
        .default_header(http::header::ACCEPT, json());
    let client = builder
        .default_header(http::header::CONTENT_TYPE, json())
        .build()
        .unwrap();
    let articles = client.collection_with::<Value>("articles", ThreeWay::default());
    articles.update(1, |v| v["views"] = 2.into()).await.unwrap();
    for request in server.seen() {
        assert_eq!(request.header("accept"), Some("application/hal+json"));
    }
    let sent = server.seen().pop().unwrap();
    assert_eq!(sent.header("content-type"), Some("application/hal+json"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_speak_it_is_told_by_its_kind() {
    let vendor = || ApiVersion::media_type("application/vnd.example.v9+json");
    let asked = || ApiVersion::query("api-version", "9");
    for (version, status, body) in [
        (vendor(), 406, ""),
        (vendor(), 415, ""),
        (
            asked(),
            400,
            r#"{"error":{"code":"UnsupportedApiVersion","message":"m"}}"#,
        ),
        (
            asked(),
            404,
            r#"{"type":"https://example.com/problems#unsupported-api-version"}"#,
        ),
        (
            asked(),
            400,
            r#"{"error":{"code":"InvalidApiVersionParameter","message":"m"}}"#,
        ),
    ] {
        let server = Server::with(AT, ARTICLE);
        let articles = articles(&server, version);
        server.script([Event::Answer(status, &[], body)]);
        let error = articles.get(1).await.unwrap_err();
        assert!(
            error.is_unsupported_api_version(),
            "{status} {body}: {error:?}"
        );
        server.script([Event::Plain, Event::Answer(status, &[], body)]);
        let error = articles
            .update(1, |article| article.views = 2)
            .await
            .unwrap_err();
        assert!(
            error.is_unsupported_api_version(),
            "{status} {body}: {error:?}"
        );
        assert_eq!(error.refusal(), Some(RefusalKind::UnsupportedApiVersion));
        assert_eq!(server.methods(), ["GET", "GET", "PUT"]);
        assert_eq!(
            error.into_sides::<Article>().unwrap().local.unwrap().views,
            2
        );
    }
    // Without a version in the media type a 406 says something else.
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Answer(406, &[], "")]);
    let error = articles(&server, asked()).get(1).await.unwrap_err();
    assert!(error.is_status(), "{error:?}");
}

#[test]
fn a_version_that_cannot_be_said_is_an_error_of_the_builder() {
    for version in [
        ApiVersion::media_type("a\nb"),
        ApiVersion::header(HeaderName::from_static("x-v"), "a\r\nb: c"),
        ApiVersion::path(".."),
        ApiVersion::path(""),
    ] {
        let text = format!("{version:?}");
        let built = Client::builder("https://api.example.com/v1")
            .api_version(version)
            .build();
        assert!(built.unwrap_err().is_config(), "{text}");
    }
}
