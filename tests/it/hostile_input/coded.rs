//! Compressed responses: none is requested, and none is decompressed without a bound.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use ifmatch::{Client, ErrorKind, Limits, ThreeWay};
use serde_json::Value;
use wiremock::matchers::{any, header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

const UNPACKED: usize = 64 * 1024 * 1024;
const LIMIT: usize = 1024 * 1024;

/// A JSON string of 64 MiB in 64 KiB.
fn bomb() -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(b"\"").unwrap();
    packed.write_all(&vec![b'a'; UNPACKED]).unwrap();
    packed.write_all(b"\"").unwrap();
    packed.finish().unwrap()
}

/// A server whose every reply is the bomb, whatever coding was asked for; and it must be none.
async fn server(status: u16) -> MockServer {
    let server = MockServer::start().await;
    let bomb = bomb();
    assert!(bomb.len() < LIMIT / 8, "{}", bomb.len());
    let reply = ResponseTemplate::new(status)
        .insert_header("content-encoding", "gzip")
        .insert_header("etag", "\"1\"")
        .set_body_raw(bomb, "application/json");
    Mock::given(any())
        .and(header("accept-encoding", "identity"))
        .respond_with(reply)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn a_compressed_reply_is_refused_unpacked_by_nobody() {
    let server = server(200).await;
    let limits = Limits::default().body(LIMIT);
    let client = Client::builder(server.uri()).limits(limits).build();
    let things = client.unwrap();
    let things = things.collection_with::<Value>("things", ThreeWay::default());
    let error = things.get(1).await.unwrap_err();
    // Unpacked it would be too large. The tests have decompression switched on in reqwest.
    assert!(error.is_decode(), "{error:?}");
    assert!(error.to_string().contains("coding"), "{error}");
    let error = things.list().await.unwrap_err();
    assert!(error.is_decode(), "{error:?}");
}

#[tokio::test]
async fn a_client_of_ones_own_that_unpacks_is_left_at_the_limit() {
    let server = server(200).await;
    let limits = Limits::default().body(LIMIT);
    let http = reqwest::Client::builder()
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        .gzip(true)
        .build()
        .unwrap();
    let client = Client::builder(server.uri()).limits(limits);
    let client = client.http_client(http).build().unwrap();
    let things = client.collection_with::<Value>("things", ThreeWay::default());
    let error = things.get(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error:?}");
}

#[tokio::test]
async fn a_compressed_refusal_and_a_compressed_reply_to_a_write_are_data() {
    let refusing = server(403).await;
    let client = Client::new(refusing.uri()).unwrap();
    let things = client.collection_with::<Value>("things", ThreeWay::default());
    let error = things.get(1).await.unwrap_err();
    assert!(error.is_status(), "{error:?}");
    assert!(error.problem().unwrap().raw().len() < LIMIT);

    let server = MockServer::start().await;
    let read = ResponseTemplate::new(200)
        .insert_header("etag", "\"1\"")
        .set_body_raw("{\"n\":1}", "application/json");
    let written = ResponseTemplate::new(200)
        .insert_header("etag", "\"2\"")
        .insert_header("content-encoding", "gzip")
        .set_body_raw(bomb(), "application/json");
    let when = |name| Mock::given(method(name));
    when("GET").respond_with(read).mount(&server).await;
    when("PUT").respond_with(written).mount(&server).await;
    let client = Client::new(server.uri()).unwrap();
    let things = client.collection_with::<Value>("things", ThreeWay::default());
    let saved = things.update(1, |thing| thing["n"] = 2.into()).await;
    assert_eq!(saved.unwrap()["n"], 2);
}
