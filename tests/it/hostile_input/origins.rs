//! Credentials, validators and bodies stay with the origin of the base URL.

use std::sync::{Arc, Mutex};

use http::Method;
use ifmatch::transport::{Request, Response, TransportError};
use ifmatch::{Client, Collection, ErrorKind, ThreeWay, Transport, async_trait};
use wiremock::matchers::{any, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{ARTICLE, AT, Article, Event, Server, draft, edit};

/// The server in memory, whatever origin is asked, and which ones were.
#[derive(Clone)]
struct Everywhere(Server, Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Transport for Everywhere {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let origin = request.url.origin().ascii_serialization();
        self.1.lock().unwrap().push(origin);
        self.0.send(request).await
    }
}

impl Everywhere {
    fn new() -> Self {
        Self(Server::with(AT, ARTICLE), Arc::default())
    }

    fn articles(&self) -> Collection<Article> {
        let builder = Client::builder("https://server.test/v1").transport(self.clone());
        let client = builder.bearer_token("t").build().unwrap();
        client.collection_with("articles", ThreeWay::default())
    }

    fn asked_nobody_else(&self) -> bool {
        let asked = self.1.lock().unwrap();
        !asked.is_empty() && asked.iter().all(|origin| origin == "https://server.test")
    }
}

/// Spellings of other origins: another host, scheme or port, and what only looks like a path.
const ELSEWHERE: [&[(&str, &str)]; 10] = [
    &[("location", "https://evil.test/v1/articles/1")],
    &[("location", "http://server.test/v1/articles/1")],
    &[("location", "https://server.test:8443/v1/articles/1")],
    &[("location", "https://server.test.evil.test/v1/articles/1")],
    &[("location", "https://server.test@evil.test/v1/articles/1")],
    &[("location", "//evil.test/v1/articles/1")],
    &[("location", "\\\\evil.test/v1/articles/1")],
    &[("location", "/\\evil.test/v1/articles/1")],
    &[("location", "https:\\\\evil.test\\v1\\articles\\1")],
    &[("location", "data:application/json,{}")],
];

#[tokio::test(start_paused = true)]
async fn no_operation_follows_a_redirect_to_another_origin() {
    for elsewhere in ELSEWHERE {
        for status in [301, 302, 303, 307, 308] {
            let at_home = Everywhere::new();
            let articles = at_home.articles();
            let read = articles.get(1).await.unwrap();
            let redirect = || Event::Answer(status, elsewhere, "");
            let script = |events: Vec<Event>| at_home.0.script(events);
            script(vec![redirect()]);
            assert!(articles.get(1).await.is_err());
            script(vec![redirect()]);
            assert!(articles.head(1).await.is_err());
            script(vec![redirect()]);
            assert!(articles.list().await.is_err());
            script(vec![redirect()]);
            assert!(articles.post(&draft()).await.is_err());
            let mut mine = read.clone();
            mine.title = "mine".into();
            script(vec![redirect()]);
            assert!(articles.save(&mine).await.is_err());
            script(vec![redirect()]);
            assert!(articles.create(2, &draft()).await.is_err());
            script(vec![redirect()]);
            assert!(articles.delete(read).await.is_err());
            assert!(at_home.asked_nobody_else(), "{status} {elsewhere:?}");
            assert_eq!(at_home.0.applied(), 0, "{status} {elsewhere:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_redirected_at_home_keeps_its_method_body_and_condition() {
    let server = Server::with("/v1/moved/1", ARTICLE);
    let moved: &[_] = &[("location", "https://user:word@server.test/v1/moved/1")];
    let redirects = || [Event::Answer(307, moved, ""), Event::Answer(308, moved, "")];
    server.script(redirects());
    let at_home = Everywhere(server.clone(), Arc::default());
    let articles = at_home.articles();
    articles.get(1).await.unwrap();
    server.script(redirects());
    let update = articles.update(1, |article| article.views = 5);
    update.await.unwrap();
    assert!(at_home.asked_nobody_else());
    let put = server.seen().pop().unwrap();
    assert_eq!(
        (&put.method, put.path.as_str(), put.header("if-match")),
        (&Method::PUT, "/v1/moved/1", Some("\"1\""))
    );
    assert_eq!(server.value("/v1/moved/1")["views"], 5);
}

#[tokio::test(start_paused = true)]
async fn a_next_page_on_another_origin_is_an_error_and_not_asked() {
    for link in [
        "<https://evil.test/?page=2>; rel=next",
        "<//evil.test/?page=2>; rel=next",
        "<http://server.test/v1/articles?page=2>; rel=next",
    ] {
        let at_home = Everywhere::new();
        let headers: &[_] = Box::leak(Box::new([("link", link)]));
        at_home.0.script([Event::Answer(200, headers, "[]")]);
        let error = at_home.articles().list().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Status, "{error:?}");
        assert!(error.to_string().contains("another origin"), "{error}");
        assert!(at_home.asked_nobody_else());
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_resource_on_another_origin_is_neither_read_nor_saved_there() {
    for elsewhere in ELSEWHERE {
        let at_home = Everywhere::new();
        let articles = at_home.articles();
        at_home.0.script([Event::AnswerAfter(201, elsewhere)]);
        let mut made = articles.post(&draft()).await.unwrap().into_versioned();
        made.title = "mine".into();
        // A server behind a proxy tells another name than the one it is reached by, so the path counts.
        let is_path = !elsewhere[0].1.starts_with("data:");
        let saved = articles.save(&made).await;
        assert_eq!(saved.is_ok(), is_path, "{elsewhere:?}: {saved:?}");
        match saved {
            Ok(saved) => {
                assert_eq!(
                    saved.snapshot().url().as_str(),
                    "https://server.test/v1/articles/1"
                );
                articles.delete(saved).await.unwrap();
            }
            Err(error) => {
                assert!(error.is_config(), "{error:?}");
                assert!(articles.delete(made).await.unwrap_err().is_config());
            }
        }
        assert!(at_home.asked_nobody_else(), "{elsewhere:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_of_another_origin_is_not_written_with_these_credentials() {
    let theirs = Client::builder("https://other.test/v1")
        .transport(Server::with(AT, ARTICLE))
        .build()
        .unwrap();
    let theirs = theirs.collection_with::<Article>("articles", ThreeWay::default());
    let foreign = theirs.get(1).await.unwrap();
    let at_home = Everywhere::new();
    let articles = at_home.articles();
    assert!(articles.save(&foreign).await.unwrap_err().is_config());
    assert!(articles.delete(&foreign).await.unwrap_err().is_config());
    assert!(at_home.1.lock().unwrap().is_empty());
}

/// A server that sends everything to another one, which would answer.
async fn two_servers() -> (MockServer, MockServer) {
    let (here, there) = (MockServer::start().await, MockServer::start().await);
    let away = format!("{}/articles/1", there.uri());
    let redirect = ResponseTemplate::new(307).insert_header("location", away.as_str());
    let document = || {
        let reply = ResponseTemplate::new(200).insert_header("etag", "\"1\"");
        reply.set_body_raw(ARTICLE, "application/json")
    };
    Mock::given(method("GET"))
        .respond_with(document())
        .up_to_n_times(1)
        .mount(&here)
        .await;
    Mock::given(any()).respond_with(redirect).mount(&here).await;
    Mock::given(any())
        .respond_with(document())
        .mount(&there)
        .await;
    (here, there)
}

#[tokio::test]
async fn over_sockets_nothing_reaches_the_server_that_a_redirect_names() {
    let (here, there) = two_servers().await;
    let client = Client::builder(here.uri())
        .bearer_token("t")
        .build()
        .unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    articles.get(1).await.unwrap();
    assert!(articles.update(1, edit).await.unwrap_err().is_status());
    assert!(articles.refresh(1).await.unwrap_err().is_status());
    assert!(here.received_requests().await.unwrap().len() > 2);
    assert!(there.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_client_of_ones_own_fetched_from_another_origin_is_not_believed() {
    let (here, _there) = two_servers().await;
    let http = reqwest::Client::builder()
        .retry(reqwest::retry::never())
        .build();
    let client = Client::builder(here.uri()).http_client(http.unwrap());
    let client = client.build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    articles.get(1).await.unwrap();
    let error = articles.refresh(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport, "{error:?}");
    assert!(error.to_string().contains("another origin"), "{error}");
}
