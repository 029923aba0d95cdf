//! `https_only`: nothing is sent without TLS.

use ifmatch::{Client, ThreeWay};
use serde_json::Value;

use crate::support::{ARTICLE, AT, Event, Server};

#[test]
fn a_base_without_tls_is_refused_before_there_is_a_client() {
    for base in [
        "http://server.test/v1",
        "HTTP://server.test",
        "http://127.0.0.1:80",
    ] {
        let server = Server::default();
        let builder = Client::builder(base).transport(server.clone());
        let error = builder.https_only().build().unwrap_err();
        assert!(error.is_config(), "{error:?}");
        assert!(error.to_string().contains("https"), "{error}");
        assert!(server.seen().is_empty());
        let without = Client::builder(base).transport(server);
        assert!(without.build().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn neither_a_redirect_nor_a_page_nor_a_new_resource_leads_out_of_tls() {
    let server = Server::with(AT, ARTICLE);
    let client = Client::builder("https://server.test/v1").transport(server.clone());
    let client = client.https_only().build().unwrap();
    let articles = client.collection_with::<Value>("articles", ThreeWay::default());
    let down: &[_] = &[("location", "http://server.test/v1/articles/1")];
    server.script([Event::Answer(308, down, "")]);
    assert!(articles.get(1).await.unwrap_err().is_status());
    let next: &[_] = &[("link", "<http://server.test/v1/articles?page=2>; rel=next")];
    server.script([Event::Answer(200, next, "[]")]);
    assert!(articles.list().await.unwrap_err().is_status());
    server.script([Event::Answer(201, down, "{}")]);
    let made = articles.post(&Value::Null).await.unwrap();
    // The path counts, on the origin that the client was given.
    let at = "https://server.test/v1/articles/1";
    assert_eq!(made.snapshot().url().as_str(), at);
    assert_eq!(server.methods(), ["GET", "GET", "POST"]);
}
