//! No outside input adds a header, or a second value to one.

use http::header::ACCEPT_ENCODING;
use http::{HeaderName, HeaderValue};
use ifmatch::{Generic, ThreeWay, Versioning};
use serde_json::{Value, json};

use crate::support::{ARTICLE, AT, Server, articles, draft, values};

#[tokio::test(start_paused = true)]
async fn a_validator_out_of_a_form_is_one_version_or_an_error() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    for forged in [
        "*",
        "\"1\", \"2\"",
        "1, 2",
        "\"1\"\r\nx-evil: 1",
        "etag:*",
        "etag:%2A",
        "etag:%221%22%0D%0Ax-evil: 1",
        "version:1",
        "",
    ] {
        let error = articles.restore(1, ARTICLE, forged).unwrap_err();
        assert!(error.is_config(), "{forged:?}: {error:?}");
    }
    assert!(server.seen().is_empty());
}

fn revision() -> HeaderName {
    HeaderName::from_static("x-revision")
}

#[tokio::test(start_paused = true)]
async fn a_version_that_no_header_can_carry_sends_no_write() {
    for evil in ["1\r\nx-evil: 1", "1\", \"2", "1\u{0}", "\"", "\n"] {
        let document = json!({"rev": evil, "n": 1}).to_string();
        let mut places = vec![Versioning::body_field("/rev").sent_as_tag()];
        if !evil.contains('"') {
            places.push(Versioning::body_field("/rev").sent_in_header(revision()));
        }
        for place in places {
            let server = Server::with(AT, &document);
            let things = values(&server, Generic::new().versioning(place));
            let edit = |thing: &mut Value| thing["n"] = 2.into();
            let error = things.update(1, edit).await.unwrap_err();
            assert!(error.is_unusable_validator(), "{evil:?}: {error:?}");
            assert!(things.delete(1).await.is_err());
            let form = format!("version:{}", evil.replace('\r', "%0D").replace('\n', "%0A"));
            if let Ok(mut restored) = things.restore(1, document.as_str(), form) {
                restored["n"] = 3.into();
                assert!(things.save(restored).await.is_err());
            }
            let reads = server.methods();
            assert!(reads.iter().all(|method| method == "GET"), "{reads:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_in_the_query_is_one_parameter() {
    let evil = "1&admin=true#x\r\n";
    let server = Server::with(AT, &json!({"rev": evil, "n": 1}).to_string());
    let place = Versioning::body_field("/rev").sent_in_query("rev");
    let things = values(&server, Generic::new().versioning(place));
    let edit = |thing: &mut Value| thing["n"] = 2.into();
    things.update(1, edit).await.unwrap();
    let put = server.seen().pop().unwrap();
    let query = put.query.unwrap();
    let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
    assert_eq!(pairs, [("rev".into(), evil.into())]);
}

#[tokio::test(start_paused = true)]
async fn an_idempotency_key_that_would_leave_its_quotes_is_refused() {
    let server = Server::default();
    for key in ["a\"; b", "a\\", "a\r\nx-evil: 1", "é", "\u{7f}"] {
        let post = articles(&server).post(&draft()).idempotency_key(key);
        let error = post.await.unwrap_err();
        assert!(error.is_config(), "{key:?}: {error:?}");
    }
    assert!(server.seen().is_empty());
    let post = articles(&server).post(&draft()).idempotency_key("a;b=1, c");
    post.await.unwrap();
    let sent = server.seen().pop().unwrap();
    assert_eq!(sent.header("idempotency-key"), Some("\"a;b=1, c\""));
}

#[test]
fn a_token_that_no_header_can_carry_is_an_error_that_does_not_show_it() {
    for token in ["hunter2\r\nx-evil: 1", "hunter2\u{0}", "hunter2\n"] {
        let builder = Server::default().builder().bearer_token(token);
        let error = builder.build().unwrap_err();
        assert!(error.is_config(), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn headers_of_ones_own_do_not_replace_the_coding() {
    let server = Server::with(AT, ARTICLE);
    let client = server
        .builder()
        .default_header(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))
        .build()
        .unwrap();
    let articles = client
        .collection_with::<crate::support::Article>("articles", ThreeWay::default())
        .header(ACCEPT_ENCODING, HeaderValue::from_static("br"));
    articles.update(1, |it| it.views = 9).await.unwrap();
    let read = articles.get(1).await.unwrap();
    articles.delete(read).await.unwrap();
    articles.post(&draft()).await.unwrap();
    for seen in server.seen() {
        assert_eq!(seen.header("accept-encoding"), Some("identity"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_precondition_for_all_calls_is_refused_before_anything_is_sent() {
    let server = Server::with(AT, ARTICLE);
    let names = [
        http::header::IF_MATCH,
        http::header::IF_NONE_MATCH,
        http::header::IF_MODIFIED_SINCE,
        http::header::IF_UNMODIFIED_SINCE,
        http::header::IF_RANGE,
    ];
    for name in names {
        let value = || HeaderValue::from_static("*");
        let error = server
            .builder()
            .default_header(name.clone(), value())
            .build()
            .unwrap_err();
        assert!(
            error.is_config() && error.to_string().contains(name.as_str()),
            "{error}"
        );
        let client = server.client();
        let articles = client
            .collection_with::<crate::support::Article>("articles", ThreeWay::default())
            .header(name.clone(), value());
        let ship = client
            .resource::<serde_json::Value>("articles/1/ship")
            .header(name.clone(), value());
        let outcomes = [
            articles.get(1).await.map(drop),
            articles.update(1, |it| it.views = 9).await.map(drop),
            articles.delete(1).await.map(drop),
            articles.list().await.map(drop),
            articles.post(&draft()).await.map(drop),
            ship.post(&draft()).await.map(drop),
        ];
        for outcome in outcomes {
            let error = outcome.unwrap_err();
            assert!(
                error.is_config() && error.to_string().contains(name.as_str()),
                "{error}"
            );
        }
    }
    assert!(server.seen().is_empty());
}
