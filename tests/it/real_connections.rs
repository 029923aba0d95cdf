//! The promises over sockets, with reqwest, wiremock and a lossy proxy.

use std::time::Duration;

use ifmatch::testing::{FeedStep, LossyProxy, ResourceServer};
use ifmatch::{Change, Client, Collection, Generic, Merge, Saved};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::Acceptor;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Merge)]
struct Article {
    title: String,
    #[merge(counter)]
    views: u64,
}

const ARTICLE: &str = r#"{"title":"old","views":1}"#;

/// Counts a view of the article while another client renames it. Both changes are in the result.
async fn views_one_renamed(articles: &Collection<Article>) -> Saved<Article> {
    let view = articles.update(1, |article| article.views += 1);
    let saved = view.await.unwrap();
    assert_eq!((saved.title.as_str(), saved.views), ("theirs", 2));
    saved
}

#[tokio::test]
async fn a_clash_is_merged_through_a_reqwest_client_of_ones_own() {
    let server = ResourceServer::start().await;
    server.put("/articles/1", ARTICLE);
    let http = reqwest::Client::builder()
        .retry(reqwest::retry::never())
        .build()
        .unwrap();
    let client = Client::builder(server.uri())
        .http_client(http)
        .bearer_token("t")
        .build()
        .unwrap();
    let articles = client.collection::<Article>("articles");
    server.before_next_write(|theirs| theirs["title"] = "theirs".into());
    views_one_renamed(&articles).await;
    assert!(
        server
            .recorded()
            .iter()
            .all(|seen| seen.header("authorization") == "Bearer t")
    );
}

#[tokio::test]
async fn a_cut_connection_is_settled_on_either_side_of_the_server() {
    let server = ResourceServer::start().await;
    server.put("/articles/1", ARTICLE);
    let proxy = LossyProxy::in_front_of(&server.uri()).await.unwrap();
    let articles = Client::new(proxy.uri())
        .unwrap()
        .collection::<Article>("articles");
    let mut article = articles.get(1).await.unwrap();
    article.title = "first".into();
    proxy.lose_next_reply();
    let saved = articles.save(&article).await.unwrap();
    assert!(saved.report().settled);
    let mut article = saved.into_versioned();
    article.title = "second".into();
    proxy.lose_next_request();
    let saved = articles.save(&article).await.unwrap();
    assert!(!saved.report().settled);
    let puts = server
        .recorded()
        .into_iter()
        .filter(|seen| seen.method == "PUT");
    assert_eq!(puts.map(|put| put.status).collect::<Vec<_>>(), [204, 204]);
}

#[tokio::test]
async fn a_stub_as_applications_write_them_sees_the_condition_and_answers_409() {
    let stub = MockServer::start().await;
    let answer = |etag: &str, title: &str| {
        let body = format!(r#"{{"title":"{title}","views":1,"added_later":true}}"#);
        ResponseTemplate::new(200)
            .insert_header("etag", etag)
            .set_body_raw(body, "application/json")
    };
    let get = || Mock::given(method("GET")).and(path("/articles/1"));
    let put = |tag: &str| {
        Mock::given(method("PUT"))
            .and(path("/articles/1"))
            .and(header("if-match", tag))
    };
    get()
        .respond_with(answer("\"1\"", "old"))
        .up_to_n_times(1)
        .mount(&stub)
        .await;
    get()
        .respond_with(answer("\"2\"", "theirs"))
        .mount(&stub)
        .await;
    let problem = r#"{"type":"https://api.test/stale","title":"Stale","status":409}"#;
    let refusal = ResponseTemplate::new(409).set_body_raw(problem, "application/problem+json");
    put("\"1\"")
        .respond_with(refusal)
        .expect(1)
        .mount(&stub)
        .await;
    let stored = ResponseTemplate::new(204).insert_header("etag", "\"3\"");
    put("\"2\"")
        .respond_with(stored)
        .expect(1)
        .mount(&stub)
        .await;
    let articles = Client::new(stub.uri())
        .unwrap()
        .collection::<Article>("articles");
    let saved = views_one_renamed(&articles).await;
    assert!(
        saved
            .snapshot()
            .document()
            .as_str()
            .contains(r#""added_later":true"#)
    );
}

#[tokio::test]
async fn an_address_that_names_a_user_is_written_to() {
    let server = ResourceServer::start().await;
    let base = server.uri().replacen("://", "://ann:secret@", 1);
    let articles = Client::new(base).unwrap().collection("articles");
    let article: Article = serde_json::from_str(ARTICLE).unwrap();
    let made = articles.create(1, &article).await.unwrap();
    assert_eq!(made.report().requests, 1);
    let saved = articles.update(1, |article: &mut Article| article.views += 1);
    assert_eq!(saved.await.unwrap().report().requests, 1);
}

#[tokio::test]
async fn http_2_is_offered_to_whoever_speaks_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let offers = tokio::spawn(async move {
        let (connection, _) = listener.accept().await.unwrap();
        let hello = LazyConfigAcceptor::new(Acceptor::default(), connection);
        let hello = hello.await.unwrap();
        let offered = hello.client_hello().alpn().into_iter().flatten();
        offered.map(<[u8]>::to_vec).collect::<Vec<_>>()
    });
    let client = Client::new(format!("https://127.0.0.1:{port}")).unwrap();
    let error = client.collection::<Article>("articles").get(1).await;
    assert!(error.unwrap_err().is_transport());
    assert_eq!(
        offers.await.unwrap(),
        [b"h2".to_vec(), b"http/1.1".to_vec()]
    );
}

/// Answers each connection by the next of these texts, and closes it.
async fn answers(replies: &'static [&'static str]) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for reply in replies {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            // Each body is an object, and the only one in its request.
            let is_whole = |request: &[u8]| {
                let is_read = request.starts_with(b"GET");
                request.ends_with(if is_read { &b"\r\n\r\n"[..] } else { b"}" })
            };
            while !is_whole(&request) {
                assert!(connection.read_buf(&mut request).await.unwrap() > 0);
            }
            connection.write_all(reply.as_bytes()).await.unwrap();
            connection.shutdown().await.unwrap();
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_refusal_whose_body_breaks_off_is_a_refusal_all_the_same() {
    // RFC 9110 15.5: the status says that the request was not carried out, however much of the explanation
    // arrives. Without it, one more of what cannot be told twice would end as `OutcomeUnknown`.
    let uri = answers(&[
        "HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 7\r\n\r\n{\"n\":1}",
        "HTTP/1.1 412 Precondition Failed\r\ncontent-length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\netag: \"2\"\r\ncontent-length: 7\r\n\r\n{\"n\":5}",
        "HTTP/1.1 103 Early Hints\r\netag: \"9\"\r\n\r\nHTTP/1.1 204 No Content\r\netag: \"3\"\r\n\r\n",
    ])
    .await;
    let all = Client::new(&uri)
        .unwrap()
        .collection::<serde_json::Value>("things");
    let update = all.update(1, |it| it["n"] = (it["n"].as_i64().unwrap() + 1).into());
    let saved = update.await.unwrap();
    assert_eq!(saved["n"], 6);
    assert_eq!(saved.snapshot().validator().unwrap().to_string(), "\"3\"");
}

#[tokio::test]
async fn a_connection_that_is_half_open_is_left_after_the_idle_time() {
    let server = ResourceServer::start().await;
    server.put("/notes/1", r#"{"id": "1", "n": 1}"#);
    let feed = server.feed("/notes/changes");
    // The server's side neither sends nor closes, as after a router has forgotten the connection.
    feed.next_stream(FeedStep::new().stall_after(0));
    let listener = server.listen().await.unwrap();
    let notes = Client::builder(listener.uri())
        .profile(Generic::new().feed(ifmatch::Feed::event_stream("changes").tag_at("/version")))
        .build()
        .unwrap()
        .collection::<serde_json::Value>("notes");
    let watch = notes.watch().idle_timeout(Duration::from_millis(200));
    let mut watch = watch.await.unwrap();
    while !matches!(watch.next().await.unwrap(), Some(Change::CaughtUp)) {}
    server.put("/notes/1", r#"{"id": "1", "n": 2}"#);
    let told = loop {
        if let Some(Change::Put(note)) = watch.next().await.unwrap() {
            break note;
        }
    };
    assert_eq!(told["n"], 2);
    let streams = server.requests().to("/notes/changes").count();
    assert!(streams >= 2, "it was opened again: {streams}");
}
