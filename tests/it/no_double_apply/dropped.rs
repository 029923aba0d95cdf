//! Promise 2 for dropped futures: a request that was sent is remembered, and nothing else is.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::support::{ARTICLE, AT, Article, Event, Server, articles, counters, draft};
use ifmatch::{Authenticator, BoxError, Policy, Rule, ThreeWay, async_trait};
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);

/// Sends a write that the server carries out and never answers, and drops its future.
async fn drop_sent(server: &Server, write: impl IntoFuture) {
    server.script([Event::Hang]);
    assert!(timeout(SECOND, write).await.is_err());
}

struct Signing(AtomicU32);

#[async_trait]
impl Authenticator for Signing {
    async fn authenticate(&self, headers: &mut http::HeaderMap) -> Result<(), BoxError> {
        let nonce = self.0.fetch_add(1, Ordering::SeqCst);
        headers.insert("authorization", format!("Signature nonce={nonce}").parse()?);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_save_is_remembered_when_the_credentials_change() {
    let server = Server::with(AT, ARTICLE);
    let client = server
        .builder()
        .auth(Signing(AtomicU32::new(0)))
        .build()
        .unwrap();
    let strategy = ThreeWay::new(Policy::new().field("/views", Rule::Counter));
    let counters = client.collection_with::<Article>("articles", strategy);
    let mut read = counters.get(1).await.unwrap();
    read.views += 1;
    drop_sent(&server, counters.save(&read)).await;
    let outcome = counters.save(&read).await;
    assert_eq!(server.value(AT)["views"], 2, "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_save_dropped_before_anything_went_out_leaves_no_doubt() {
    let server = Server::with(AT, ARTICLE);
    let counters = counters(&server);
    let mut read = counters.get(1).await.unwrap();
    read.views += 1;
    // another request is told to come back; the gate closes
    server.script([Event::Answer(429, &[("retry-after", "20")], "")]);
    assert!(timeout(SECOND, counters.get(1)).await.is_err());
    assert!(timeout(SECOND, counters.save(&read)).await.is_err());
    assert!(!server.methods().contains(&"PUT".to_owned()));
    tokio::time::advance(60 * SECOND).await;
    server.put(AT, r#"{"title":"old","body":"text","views":5}"#);
    let outcome = counters.save(&read).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(server.value(AT)["views"], 6);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_creation_casts_no_doubt_on_a_save() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    drop_sent(&server, articles.create(1, &draft())).await; // refused, as it happens
    // a value that was read without a version, from a listing, say
    let mut item = articles.restore(1, ARTICLE, None::<&str>).unwrap();
    item.title = "mine".into();
    server.script([Event::Plain, Event::Answer(422, &[], r#"{"title":"no"}"#)]);
    let error = articles.save(item).await.unwrap_err();
    assert!(error.is_refused(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_creation_makes_no_failing_read_an_unknown_write() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    drop_sent(&server, articles.create(1, &draft())).await;
    let mut item = articles.restore(1, ARTICLE, None::<&str>).unwrap();
    item.title = "mine".into();
    server.script([Event::Answer(403, &[], "")]); // GET
    let error = articles.save(item).await.unwrap_err();
    assert!(error.is_status(), "nothing was sent: {error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_removal_does_not_remove_what_was_made_again() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let read = articles.get(1).await.unwrap();
    drop_sent(&server, articles.delete(&read)).await; // DELETE, applied
    server.put(AT, ARTICLE); // somebody makes it anew
    let outcome = articles.delete(&read).await;
    assert!(server.text(AT).is_some(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_dropped_counters_are_all_remembered() {
    let server = Server::default();
    let counters = counters(&server);
    let mut reads = Vec::new();
    for id in 0..1_100 {
        server.put(&format!("/v1/articles/{id}"), ARTICLE);
        let mut read = counters.get(id).await.unwrap();
        read.views += 1;
        reads.push(read);
    }
    for read in &reads {
        drop_sent(&server, counters.save(read)).await;
    }
    let mut doubled = 0;
    for (id, read) in reads.iter().enumerate() {
        let _ = counters.save(read).await;
        doubled += u32::from(server.value(&format!("/v1/articles/{id}"))["views"] != 2);
    }
    assert_eq!(doubled, 0);
}

#[tokio::test(start_paused = true)]
async fn after_a_dropped_write_the_next_one_reads_first() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    articles.get(1).await.unwrap();
    let write = articles.update(1, |article| article.views += 1);
    drop_sent(&server, write).await;
    assert_eq!(server.value(AT)["views"], 2);
    articles
        .update(1, |article| article.views += 1)
        .await
        .unwrap();
    assert_eq!(server.value(AT)["views"], 3);
    assert_eq!(server.methods(), ["GET", "PUT", "GET", "PUT"]);
}

#[tokio::test(start_paused = true)]
async fn a_save_that_is_repeated_after_it_was_dropped_is_applied_once() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let mut article = articles.get(1).await.unwrap();
    article.title = "mine".into();
    drop_sent(&server, articles.save(&article)).await;
    let saved = articles.save(&article).await.unwrap();
    assert!(saved.report().settled);
    assert_eq!(server.applied(), 1);
    // Another edit of the same snapshot is merged against what the dropped one left.
    let mut other = article.clone();
    other.views = 9;
    articles.save(&other).await.unwrap();
    assert_eq!(
        server.value(AT),
        serde_json::json!({"title": "mine", "body": "text", "views": 9})
    );
}

#[tokio::test(start_paused = true)]
async fn a_counter_saved_again_after_a_drop_is_unknown_not_doubled() {
    let server = Server::with(AT, ARTICLE);
    let counters = counters(&server);
    let mut article = counters.get(1).await.unwrap();
    article.views += 1;
    drop_sent(&server, counters.save(&article)).await;
    let error = counters.save(&article).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!(server.value(AT)["views"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_read_in_between_does_not_make_a_dropped_write_forgotten() {
    let server = Server::with(AT, ARTICLE);
    let counters = counters(&server);
    let mut article = counters.get(1).await.unwrap();
    article.views += 1;
    drop_sent(&server, counters.save(&article)).await;
    assert_eq!(counters.get(1).await.unwrap().views, 2);
    // The old form is sent once more.
    let error = counters.save(&article).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    // And once more: what could not be judged is not forgotten.
    assert!(
        counters
            .save(&article)
            .await
            .unwrap_err()
            .is_outcome_unknown()
    );
    assert_eq!(server.value(AT)["views"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_creation_repeated_after_it_was_dropped_is_ours() {
    let server = Server::default();
    let articles = articles(&server);
    let draft = draft();
    drop_sent(&server, articles.create(1, &draft)).await;
    assert!(articles.create(1, &draft).await.unwrap().report().settled);
    assert!(
        articles
            .create(1, &draft)
            .await
            .unwrap_err()
            .is_already_exists()
    );
}
