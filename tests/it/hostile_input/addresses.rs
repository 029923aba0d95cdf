//! No id and no path leaves its place in the address.

use ifmatch::ThreeWay;
use serde_json::Value;

use crate::support::{ARTICLE, AT, Event, Server, articles, draft};

const CLIMBERS: [&str; 14] = [
    "../admin",
    "..\\admin",
    "%2e%2e",
    "%2E%2E%2Fadmin",
    "..%2fadmin",
    ".%2e",
    "//evil.test/",
    "\\\\evil.test\\",
    "https://evil.test/",
    "1?role=admin",
    "1#x",
    "\t..",
    "..\n",
    "𝄞\u{202E}é",
];

#[tokio::test(start_paused = true)]
async fn an_id_is_one_segment_for_every_operation() {
    for id in CLIMBERS {
        let server = Server::default();
        let articles = articles(&server);
        let _ = articles.get(id).await;
        let _ = articles.head(id).await;
        let _ = articles.delete(id).await;
        articles.create(id, &draft()).await.unwrap();
        articles.update(id, |it| it.views = 9).await.unwrap();
        let of_one_resource = server.seen().pop().unwrap().path;
        for seen in server.seen() {
            assert_eq!(seen.path, of_one_resource, "{id:?}");
            assert!(seen.path.starts_with("/v1/articles/"), "{}", seen.path);
            assert_eq!(seen.path.matches('/').count(), 3, "{}", seen.path);
            assert_eq!(seen.query, None, "{id:?}");
            // A server that decodes gets the very id, and no other one the same address.
            let encoded = seen.path.strip_prefix("/v1/articles/").unwrap();
            let bytes = percent_decoded(encoded);
            assert_eq!(bytes, id.as_bytes(), "{}", seen.path);
        }
    }
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let hex = [bytes.next().unwrap(), bytes.next().unwrap()];
            let hex = std::str::from_utf8(&hex).unwrap();
            decoded.push(u8::from_str_radix(hex, 16).unwrap());
        } else {
            decoded.push(byte);
        }
    }
    decoded
}

#[tokio::test(start_paused = true)]
async fn a_path_stays_beneath_the_base_or_is_refused() {
    for (path, sent) in [
        ("//evil.test/x", Some("/v1/evil.test/x")),
        ("/things/", Some("/v1/things/")),
        ("/", Some("/v1/")),
        ("\\\\evil.test", Some("/v1/%5C%5Cevil.test")),
        ("%2e%2e/x", Some("/v1/%252e%252e/x")),
        ("a?b#c", Some("/v1/a%3Fb%23c")),
        ("https://evil.test", None),
        ("a/../../x", None),
        ("..", None),
        ("a//b", None),
        ("", None),
    ] {
        let server = Server::default();
        let one = server.client().resource::<Value>(path);
        let error = one.get().await.unwrap_err();
        let seen = server.seen().pop().map(|seen| seen.path);
        assert_eq!(seen.as_deref(), sent, "{path:?}");
        assert_eq!(error.is_config(), sent.is_none(), "{error:?}");
    }
    let server = Server::default();
    let segments = server.client().resource::<Value>(["users", "a/../b", "x"]);
    assert!(segments.get().await.unwrap_err().is_not_found());
    assert_eq!(server.seen()[0].path, "/v1/users/a%2F..%2Fb/x");
}

#[tokio::test(start_paused = true)]
async fn an_id_that_the_server_names_stays_in_its_collection() {
    let server = Server::with(AT, ARTICLE);
    let things = server.client();
    let things = things.collection_with::<Value>("articles", ThreeWay::default());
    server.script([Event::Answer(200, &[], r#"[{"id":"../../admin"}]"#)]);
    let page = things.list().await.unwrap();
    let at = page.items[0].snapshot().url().path();
    assert_eq!(at, "/v1/articles/..%2F..%2Fadmin");
    server.script([Event::Answer(200, &[], r#"[{"id":".."}]"#)]);
    assert!(things.list().await.unwrap_err().is_config());
    server.script([Event::Answer(201, &[], r#"{"id":"../../admin","n":1}"#)]);
    let made = things.post(&serde_json::json!({"n":1})).await.unwrap();
    assert_eq!(made.snapshot().url().path(), "/v1/articles/..%2F..%2Fadmin");
}
