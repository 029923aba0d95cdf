//! Promises 4 and 7: no endless loop, and hostile input is data.

use std::time::Duration;

use crate::support::{ARTICLE, AT, Article, Event, Server, articles, draft, edit, foreign};
use http::Method;
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Client, ClientBuilder, Error, ErrorKind, Limits, ThreeWay, async_trait};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_refused_version_that_comes_back_stops_the_loop_and_says_why() {
    let server = Server::with(AT, ARTICLE);
    // A proxy that compresses hands out a tag that the server behind it does not know.
    server.script([Event::Plain, Event::Answer(412, &[], "")]);
    let begun = Instant::now();
    let error = articles(&server).update(1, edit).await.unwrap_err();
    assert!(error.is_unusable_validator(), "{error:?}");
    assert!(error.to_string().contains("-gzip"), "{error}");
    // A replica that lags behind is waited for, some seconds long.
    assert_eq!(server.methods()[..3], ["GET", "PUT", "GET"]);
    assert!(server.methods()[3..].iter().all(|method| method == "GET"));
    assert!(server.methods().len() <= 10, "{:?}", server.methods());
    assert!(begun.elapsed() < Duration::from_secs(15));
    let refetches: Vec<_> = server.seen().into_iter().skip(2).collect();
    assert!(
        refetches
            .iter()
            .all(|read| read.header("cache-control") == Some("no-cache"))
    );
    assert!(
        refetches
            .iter()
            .all(|read| read.header("accept-encoding") == Some("identity"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_stale_replica_is_asked_once_more() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        foreign(|theirs| theirs["body"] = "theirs".into()),
        // The replica has not heard of it yet.
        Event::Answer(200, &[("etag", "\"1\"")], ARTICLE),
    ]);
    articles(&server).update(1, edit).await.unwrap();
    assert_eq!(server.value(AT)["body"], "theirs");
    assert_eq!(server.methods(), ["GET", "PUT", "GET", "GET", "PUT"]);
}

#[tokio::test(start_paused = true)]
async fn a_weak_tag_is_told_at_once_and_never_sent() {
    let server = Server::with(AT, ARTICLE);
    server.0.lock().unwrap().tag = Some(|version| format!("W/\"{version}\""));
    let error = articles(&server).update(1, edit).await.unwrap_err();
    assert!(
        error.is_unusable_validator() && error.to_string().contains("weak"),
        "{error}"
    );
    assert_eq!(server.methods(), ["GET"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_always_finds_another_writer_ends_after_the_rounds() {
    let server = Server::with(AT, ARTICLE);
    server.script((0..200).map(|n| foreign(move |theirs| theirs["body"] = n.to_string().into())));
    let error = articles(&server)
        .update(1, edit)
        .max_rounds(20)
        .await
        .unwrap_err();
    assert!(error.is_exhausted(), "{error:?}");
    assert_eq!(error.report().rounds, 20);
    let why = &error.report().why;
    assert!(
        why.contains("20 rounds") && why.contains("new version with every read"),
        "{why}"
    );
    assert_eq!(
        error.into_sides::<Article>().unwrap().local.unwrap().title,
        "mine"
    );
}

#[tokio::test(start_paused = true)]
async fn a_409_for_ever_is_no_race_and_is_not_retried() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain]);
    for _ in 0..10 {
        server.script([Event::Answer(409, &[], r#"{"title":"no"}"#), Event::Plain]);
    }
    let error = articles(&server).update(1, edit).await.unwrap_err();
    assert!(error.is_refused(), "{error:?}");
    assert_eq!(server.methods(), ["GET", "PUT", "GET"]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_ten_years_is_told_not_waited() {
    for status in [429, 503] {
        let server = Server::with(AT, ARTICLE);
        let ten_years = &[("retry-after", "315360000")];
        server.script([Event::Plain, Event::Answer(status, ten_years, "")]);
        let error = articles(&server).update(1, edit).await.unwrap_err();
        // What the gate holds back cannot be settled either, so a 503 stays unknown.
        assert!(
            error.is_exhausted() || status == 503 && error.is_outcome_unknown(),
            "{error:?}"
        );
        assert_eq!(
            error.report().retry_after,
            Some(Duration::from_secs(315_360_000))
        );
        assert_eq!(server.applied(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_kept_in_both_forms_and_holds_every_request_back() {
    let server = Server::with(AT, ARTICLE);
    let client = server.client();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    let date = &[
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("retry-after", "Sun, 06 Nov 1994 08:49:42 GMT"),
    ];
    server.script([Event::Plain, Event::Answer(429, date, "")]);
    let first = articles.update(1, edit);
    let begun = tokio::time::Instant::now();
    let first = tokio::spawn(first);
    tokio::time::sleep(Duration::from_secs(1)).await;
    articles.get(1).await.unwrap();
    assert!(
        begun.elapsed() >= Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    let saved = first.await.unwrap().unwrap();
    assert!(saved.report().waited >= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_left_after_the_time() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    articles.get(1).await.unwrap();
    server.script((0..100).map(|_| Event::Hang));
    let begun = tokio::time::Instant::now();
    let error = articles
        .update(1, edit)
        .timeout(Duration::from_secs(7))
        .await
        .unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert!(
        begun.elapsed() <= Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn no_connection_is_told_after_some_tries() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    articles.get(1).await.unwrap();
    server.script((0..100).map(|_| Event::NoConnection));
    let error = articles.update(1, edit).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport, "{error:?}");
    assert!(
        error.report().requests <= 11 && error.to_string().contains("11 tries"),
        "{error}"
    );
    let error = articles.get(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
}

#[tokio::test]
async fn ids_and_paths_that_name_nothing_are_refused_before_anything_is_sent() {
    let server = Server::default();
    let articles = articles(&server);
    for id in ["", ".", ".."] {
        assert!(articles.get(id).await.unwrap_err().is_config());
        assert!(articles.update(id, edit).await.unwrap_err().is_config());
        assert!(articles.delete(id).await.unwrap_err().is_config());
    }
    let users = server
        .client()
        .collection_with::<Article>(["users", "..", "articles"], ThreeWay::default());
    assert!(users.get(1).await.unwrap_err().is_config());
    assert!(server.seen().is_empty());
    for id in ["a/b", "a?b", "a#b", "ä", "..%2f", "\n.."] {
        articles.get(id).await.unwrap_err();
        assert!(
            server
                .seen()
                .pop()
                .unwrap()
                .path
                .starts_with("/v1/articles/")
        );
        assert_eq!(server.seen().pop().unwrap().path.matches('/').count(), 3);
    }
    for base in ["", "nonsense", "ftp://h/", "http://h/?q"] {
        assert!(Client::new(base).unwrap_err().is_config(), "{base}");
    }
}

#[tokio::test]
async fn bodies_that_are_no_document_are_decode_errors() {
    let deep = "[".repeat(100_000);
    let deep: &'static str = Box::leak(deep.into_boxed_str());
    for body in [
        "",
        "nonsense",
        "{\"title\":",
        "<html>log in</html>",
        "{\"a\":1,\"a\":2}",
        "null",
        "[]",
        "{}",
        deep,
    ] {
        let server = Server::with(AT, ARTICLE);
        server.script([Event::Answer(200, &[("etag", "\"1\"")], body)]);
        let error = articles(&server).get(1).await.unwrap_err();
        assert!(error.is_decode(), "{error:?}");
    }
    for status in [202, 204, 205] {
        let server = Server::with(AT, ARTICLE);
        server.script([Event::Answer(status, &[("etag", "\"1\"")], "")]);
        assert!(
            articles(&server).get(1).await.unwrap_err().is_decode(),
            "{status}"
        );
    }
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Answer(
        200,
        &[("etag", "\"1\""), ("content-encoding", "gzip")],
        ARTICLE,
    )]);
    assert!(articles(&server).get(1).await.unwrap_err().is_decode());
    let server = Server::with(AT, &format!("\u{feff}{ARTICLE}"));
    assert_eq!(articles(&server).get(1).await.unwrap().title, "old");
}

#[tokio::test]
async fn odd_tags_come_back_byte_for_byte_or_are_told() {
    for tag in ["unquoted", "\"with space\"", "\"\"", "w/\"x\"", "\"a\\b\""] {
        let server = Server::with(AT, ARTICLE);
        let headers: &'static [(&str, &str)] = Box::leak(Box::new([("etag", tag)]));
        server.script([
            Event::Answer(200, headers, ARTICLE),
            Event::Answer(204, &[], ""),
        ]);
        articles(&server).update(1, edit).await.unwrap();
        assert_eq!(server.seen()[1].header("if-match"), Some(tag));
    }
    let long: &'static str = Box::leak(format!("\"{}\"", "x".repeat(9_000)).into_boxed_str());
    let headers: &'static [(&str, &str)] = Box::leak(Box::new([("etag", long)]));
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Answer(200, headers, ARTICLE)]);
    let error = articles(&server).update(1, edit).await.unwrap_err();
    assert!(error.is_unusable_validator(), "{error:?}");
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Answer(200, &[], ARTICLE)]);
    let error = articles(&server).update(1, edit).await.unwrap_err();
    assert!(error.is_unusable_validator(), "{error:?}");
    assert_eq!(
        error.into_sides::<Article>().unwrap().local.unwrap().title,
        "mine"
    );
}

#[tokio::test]
async fn redirects_stay_within_the_origin_and_never_turn_a_write_into_a_read() {
    let server = Server::with("/v1/moved/1", ARTICLE);
    server.script([Event::Answer(308, &[("location", "/v1/moved/1")], "")]);
    assert_eq!(articles(&server).get(1).await.unwrap().title, "old");
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Answer(302, &[("location", "http://evil.test/")], "")]);
    let error = articles(&server).get(1).await.unwrap_err();
    assert!(error.is_status(), "{error:?}");
    assert_eq!(server.seen().len(), 1);
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::Answer(301, &[("location", "/v1/other")], ""),
    ]);
    let error = articles(&server).update(1, edit).await.unwrap_err();
    assert!(error.is_status(), "{error:?}");
    let server = Server::with(AT, ARTICLE);
    server.script((0..50).map(|_| Event::Answer(307, &[("location", "/v1/articles/1")], "")));
    assert!(articles(&server).get(1).await.unwrap_err().is_status());
    assert_eq!(server.seen().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn limits_that_are_set_hold() {
    let with = |limits: Limits| {
        let server = Server::with(AT, ARTICLE);
        let client = server.builder().limits(limits).build().unwrap();
        let articles = client.collection_with::<Article>("articles", ThreeWay::default());
        (server, articles)
    };
    let (server, articles) = with(Limits::default().redirects(1));
    let loops: &[_] = &[("location", AT)];
    server.script((0..9).map(|_| Event::Answer(307, loops, "")));
    assert!(articles.get(1).await.unwrap_err().is_status());
    assert_eq!(server.seen().len(), 2);

    let (server, articles) = with(Limits::default().depth(2));
    let deep = r#"{"title":"old","body":"text","views":1,"more":[[1]]}"#;
    server.script([Event::Answer(200, &[("etag", "\"1\"")], deep)]);
    assert!(articles.get(1).await.unwrap_err().is_decode());
    articles.get(1).await.unwrap();

    let (server, articles) = with(Limits::default().retry_after(Duration::from_secs(2)));
    let wait = |seconds| Event::Answer(429, seconds, "");
    server.script([wait(&[("retry-after", "2")])]);
    articles.get(1).await.unwrap();
    server.script([wait(&[("retry-after", "3")])]);
    let error = articles.get(1).await.unwrap_err();
    assert_eq!(error.report().retry_after, Some(Duration::from_secs(3)));
}

/// A raw server on loopback that answers every connection with these bytes, and keeps sending the
/// tail if there is one.
async fn raw_server(head: &'static str, tail: Option<&'static [u8]>) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = connection.read(&mut request).await;
                let _ = connection.write_all(head.as_bytes()).await;
                if let Some(tail) = tail {
                    while connection.write_all(tail).await.is_ok() {}
                }
            });
        }
    });
    format!("http://{address}")
}

/// The error of a read by this client.
async fn read_fails(client: ClientBuilder) -> Error {
    let client = client.build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    articles.get(1).await.unwrap_err()
}

#[tokio::test]
async fn a_body_without_end_is_left_at_the_limit() {
    let uri = raw_server(
        "HTTP/1.1 200 OK\r\netag: \"1\"\r\n\r\n",
        Some(&[b' '; 4096]),
    )
    .await;
    let limits = Limits::default().body(100_000);
    let error = read_fails(Client::builder(uri).limits(limits)).await;
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error:?}");
}

#[tokio::test]
async fn a_refusal_without_end_is_read_to_the_limit_and_typed() {
    let uri = raw_server("HTTP/1.1 403 Forbidden\r\n\r\n", Some(&[b'x'; 4096])).await;
    let error = read_fails(Client::builder(uri)).await;
    assert!(error.is_status(), "{error:?}");
    assert_eq!(error.problem().unwrap().raw().len(), 1024 * 1024);
}

#[tokio::test]
async fn a_torn_reply_to_a_read_is_tried_again_and_told() {
    let uri = raw_server(
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"title\":",
        None,
    )
    .await;
    let limits = Limits::default().transient(2);
    let error = read_fails(Client::builder(uri).limits(limits)).await;
    assert_eq!(
        (error.kind(), error.report().requests),
        (ErrorKind::Transport, 3),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_refused_connection_and_a_name_that_does_not_resolve_are_told() {
    for uri in ["http://127.0.0.1:9", "http://no-such-host.invalid"] {
        let limits = Limits::default().transient(1);
        let client = Client::builder(uri).limits(limits).build().unwrap();
        let articles = client.collection_with::<Article>("articles", ThreeWay::default());
        let draft: Article = serde_json::from_str(ARTICLE).unwrap();
        let error = articles.post(&draft).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport, "{error:?}");
        assert_eq!(error.into_sides::<Article>().unwrap().local, Some(draft));
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_told_and_nothing_is_taken_for_applied() {
    let uri = raw_server("HTTP/1.1 400 Bad Request\r\n\r\n", None).await;
    let limits = Limits::default().transient(1);
    let client = Client::builder(uri.replace("http:", "https:"))
        .limits(limits)
        .build()
        .unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    let draft: Article = serde_json::from_str(ARTICLE).unwrap();
    let error = articles.create(1, &draft).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport, "{error:?}");
}

/// A way that says so of every request of this method.
struct Says(Server, Method, Fate);

#[async_trait]
impl Transport for Says {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let reply = self.0.send(request.clone()).await;
        if request.method == self.1 {
            return Err(TransportError::new(self.2, "so it is"));
        }
        reply
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_or_taken_in_is_not_tried_again() {
    for (method, fate, kind, methods) in [
        (
            Method::GET,
            Fate::Impossible,
            ErrorKind::Transport,
            &["GET"][..],
        ),
        (Method::GET, Fate::TooLarge, ErrorKind::TooLarge, &["GET"]),
        (
            Method::PUT,
            Fate::Impossible,
            ErrorKind::Transport,
            &["GET", "PUT"],
        ),
    ] {
        let server = Server::with(AT, ARTICLE);
        let says = Says(server.clone(), method, fate);
        let client = server.builder().transport(says).build().unwrap();
        let articles = client.collection_with::<Article>("articles", ThreeWay::default());
        let error = articles.update(1, edit).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{fate:?}");
        assert_eq!(server.methods(), methods, "{fate:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_beneath_what_is_not_there_says_whether_it_ever_was() {
    for (status, kind) in [(404, ErrorKind::NotFound), (410, ErrorKind::Gone)] {
        let server = Server::default();
        server.script([Event::Answer(status, &[], "")]);
        let error = articles(&server).create(1, &draft()).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(server.methods(), ["PUT"]);
    }
}
