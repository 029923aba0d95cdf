//! A client of `reqwest-middleware` as the transport.

use std::time::Duration;

use http::{Extensions, HeaderValue};
use ifmatch::testing::{ResourceServer, Step};
use ifmatch::transport::{Fate, Middleware, Request};
use ifmatch::{
    Client, Collection, ErrorKind, Limits, Method, ThreeWay, Transport, Url, async_trait,
};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Next};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{ARTICLE, Article, edit};

fn plain() -> reqwest::Client {
    let builder = reqwest::Client::builder().retry(reqwest::retry::never());
    let builder = builder.redirect(reqwest::redirect::Policy::none());
    builder.build().unwrap()
}

/// A client that sends again what failed, at once.
fn retrying() -> ClientWithMiddleware {
    let policy = ExponentialBackoff::builder()
        .retry_bounds(Duration::ZERO, Duration::ZERO)
        .build_with_max_retries(3);
    let retry = RetryTransientMiddleware::new_with_policy(policy);
    ClientBuilder::new(plain()).with(retry).build()
}

fn articles(uri: String, http: ClientWithMiddleware) -> Collection<Article> {
    let client = Client::builder(uri).transport(Middleware::new(http));
    client
        .build()
        .unwrap()
        .collection_with("articles", ThreeWay::default())
}

async fn server() -> ResourceServer {
    let server = ResourceServer::start().await;
    server.put("/articles/1", ARTICLE);
    server
}

#[tokio::test]
async fn middleware_takes_part_in_every_request() {
    struct Header;

    #[async_trait]
    impl reqwest_middleware::Middleware for Header {
        async fn handle(
            &self,
            mut request: reqwest::Request,
            extensions: &mut Extensions,
            next: Next<'_>,
        ) -> reqwest_middleware::Result<reqwest::Response> {
            let value = HeaderValue::from_static("yes");
            request.headers_mut().insert("x-mine", value);
            next.run(request, extensions).await
        }
    }
    let server = server().await;
    let http = ClientBuilder::new(plain()).with(Header).build();
    let articles = articles(server.uri(), http);
    server.before_next_write(|theirs| theirs["views"] = 5.into());
    let saved = articles.update(1, edit).await.unwrap();
    assert_eq!((saved.views, saved.report().rounds), (5, 2));
    let seen = server.recorded();
    assert!(seen.len() > 3 && seen.iter().all(|seen| seen.header("x-mine") == "yes"));
}

#[tokio::test]
async fn a_write_whose_reply_is_lost_is_not_sent_again_by_a_retrying_middleware() {
    let server = server().await;
    let articles = articles(server.uri(), retrying());
    let mut article = articles.get(1).await.unwrap();
    article.title = "mine".into();
    server.next_write(Step::new().lose_reply());
    let saved = articles.save(&article).await.unwrap();
    assert!(saved.report().settled);
    assert_eq!(server.requests().put().count(), 1);
    assert_eq!(server.version("/articles/1"), Some(2));
}

#[tokio::test]
async fn one_more_is_unknown_rather_than_two_more() {
    let server = server().await;
    let articles = articles(server.uri(), retrying());
    server.next_write(Step::new().lose_reply());
    let error = articles.update(1, |it| it.views += 1).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!(server.requests().put().count(), 1);
}

#[tokio::test]
async fn a_refused_write_is_sent_again_by_the_client_alone() {
    let server = server().await;
    let articles = articles(server.uri(), retrying());
    articles.get(1).await.unwrap();
    server.refuse_next_write(503, &serde_json::json!({"title": "busy"}));
    let saved = articles.update(1, edit).await.unwrap();
    assert_eq!(server.requests().put().count(), 2);
    assert_eq!(server.version("/articles/1"), Some(2));
    assert!(!saved.report().settled);
}

#[tokio::test]
async fn a_write_that_was_not_carried_out_may_be_sent_again_by_middleware() {
    let server = server().await;
    let articles = articles(server.uri(), retrying());
    articles.get(1).await.unwrap();
    server.refuse_next_write(429, &serde_json::json!({"title": "slow down"}));
    let saved = articles.update(1, |it| it.views += 1).await.unwrap();
    assert_eq!((saved.views, saved.report().rounds), (2, 1));
    assert_eq!(server.requests().put().count(), 2);
}

#[tokio::test]
async fn reads_may_be_retried_by_middleware() {
    let server = server().await;
    let articles = articles(server.uri(), retrying());
    server.next_read(Step::new().lose_reply());
    articles.get(1).await.unwrap();
    assert_eq!(server.requests().get().count(), 2);
}

#[tokio::test]
async fn what_never_passed_the_middleware_or_had_no_connection_was_not_sent() {
    struct Fails;

    #[async_trait]
    impl reqwest_middleware::Middleware for Fails {
        async fn handle(
            &self,
            _: reqwest::Request,
            _: &mut Extensions,
            _: Next<'_>,
        ) -> reqwest_middleware::Result<reqwest::Response> {
            let error = std::io::Error::other("no token");
            Err(reqwest_middleware::Error::middleware(error))
        }
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/?key=secret", closed.local_addr().unwrap());
    drop(closed);
    let failing = ClientBuilder::new(plain()).with(Fails).build();
    for http in [failing, retrying()] {
        let request = Request::new(Method::PUT, Url::parse(&address).unwrap());
        let error = Middleware::new(http).send(request).await.unwrap_err();
        assert_eq!(error.fate, Fate::NotSent, "{error:?}");
        let mut shown = format!("{error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            shown += &error.to_string();
            source = error.source();
        }
        assert!(!shown.contains("secret"), "{shown}");
    }
}

#[tokio::test]
async fn a_redirect_that_the_client_followed_is_an_error_for_a_write() {
    let server = MockServer::start().await;
    let found = ResponseTemplate::new(200).insert_header("etag", "\"1\"");
    let found = found.set_body_raw(ARTICLE, "application/json");
    let at = |verb: &str, at: &str| Mock::given(method(verb)).and(path(at));
    at("GET", "/articles/1")
        .respond_with(found)
        .mount(&server)
        .await;
    let moved = ResponseTemplate::new(307).insert_header("location", "/other/1");
    at("PUT", "/articles/1")
        .respond_with(moved)
        .mount(&server)
        .await;
    let stored = ResponseTemplate::new(204).insert_header("etag", "\"2\"");
    at("PUT", "/other/1")
        .respond_with(stored)
        .mount(&server)
        .await;
    let limits = Limits::default().transient(1);
    let following = ClientBuilder::new(reqwest::Client::new()).build();
    let client = Client::builder(server.uri()).limits(limits);
    let client = client
        .transport(Middleware::new(following))
        .build()
        .unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    let error = articles.update(1, edit).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    let url = Url::parse(&format!("{}/articles/1", server.uri())).unwrap();
    let following = ClientBuilder::new(reqwest::Client::new()).build();
    let following = Middleware::new(following);
    let sent = following.send(Request::new(Method::PUT, url)).await;
    let error = sent.unwrap_err();
    assert!(
        error.to_string().contains("a redirect of a write"),
        "{error}"
    );
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let server = server().await;
    let http = ClientBuilder::new(plain()).build();
    let client = Client::builder(server.uri()).limits(Limits::default().body(10));
    let client = client.transport(Middleware::new(http)).build().unwrap();
    let error = client
        .collection_with::<Article>("articles", ThreeWay::default())
        .get(1)
        .await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::TooLarge);
}
