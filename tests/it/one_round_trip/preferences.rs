//! Promise 6: a write asks for the new representation, unless the user says otherwise or there is none.

use http::{HeaderName, HeaderValue};
use ifmatch::ThreeWay;

use crate::support::{ARTICLE, AT, Article, Server, articles};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const MINIMAL: HeaderValue = HeaderValue::from_static("return=minimal");

#[tokio::test]
async fn a_removal_asks_for_no_representation() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    articles
        .update(1, |article| article.views += 1)
        .await
        .unwrap();
    articles.delete(1).await.unwrap();
    let seen = server.seen();
    assert_eq!(server.methods(), ["GET", "PUT", "GET", "DELETE"]);
    assert_eq!(seen[1].header("prefer"), Some("return=representation"));
    assert_eq!(seen[3].header("prefer"), None);
}

#[tokio::test]
async fn a_preference_of_the_handle_or_of_the_client_is_kept() {
    let server = Server::with(AT, ARTICLE);
    let by_client = server
        .builder()
        .default_header(PREFER, MINIMAL)
        .build()
        .unwrap();
    let by_client = by_client.collection_with::<Article>("articles", ThreeWay::default());
    let by_handle = articles(&server).header(PREFER, MINIMAL);
    for articles in [by_client, by_handle] {
        articles
            .update(1, |article| article.views += 1)
            .await
            .unwrap();
    }
    let seen = server.seen();
    let writes = seen.iter().filter(|one| one.method == "PUT");
    let preferences: Vec<_> = writes.map(|one| one.header("prefer")).collect();
    assert_eq!(preferences, [Some("return=minimal"); 2]);
}
