//! The metrics have the names, labels and values that the guide lists, and no id, body or secret.

use std::collections::BTreeMap;
use std::time::Duration;

use ifmatch::ThreeWay;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use crate::support::{Article, Event, Server, edit, foreign};

const BODY: &str = r#"{"title":"confidential","body":"confidential","views":1}"#;

/// The metrics so far: a counter or a gauge as it is, a histogram as the sum of its values.
fn metrics(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let metric = |(key, _, _, value): (metrics_util::CompositeKey, _, _, _)| {
        let labels = key
            .key()
            .labels()
            .map(|it| format!("{}={}", it.key(), it.value()));
        let name = format!(
            "{} {}",
            key.key().name(),
            labels.collect::<Vec<_>>().join(" ")
        );
        let value = match value {
            DebugValue::Counter(count) => u32::try_from(count).unwrap().into(),
            DebugValue::Gauge(value) => value.into_inner(),
            DebugValue::Histogram(values) => values.iter().map(|it| it.into_inner()).sum(),
        };
        (name, value)
    };
    snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .map(metric)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn conflicts_merges_rounds_waits_and_lost_replies_are_counted_by_collection() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let server = Server::with("/v1/articles/order-4711", BODY);
    let client = server.builder().bearer_token("hunter2").build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    server.script([Event::Plain, foreign(|it| it["title"] = "theirs".into())]);
    articles.update("order-4711", edit).await.unwrap();
    server.script([Event::Answer(429, &[("retry-after", "2")], "")]);
    articles
        .update("order-4711", |it| it.views = 5)
        .await
        .unwrap();
    server.script([Event::LoseReply]);
    articles
        .update("order-4711", |it| it.views = 6)
        .await
        .unwrap();
    server.script([Event::LoseReply]);
    server.script((0..40).map(|_| Event::Answer(500, &[], "")));
    let unknown = articles.update("order-4711", |it| it.views += 1).await;
    assert!(unknown.unwrap_err().is_outcome_unknown());
    let metrics = metrics(&snapshotter);
    for (name, value) in [
        (
            "ifmatch_conflicts_total collection=/v1/articles/{id} kind=StaleVersion",
            1.0,
        ),
        ("ifmatch_merges_total collection=/v1/articles/{id}", 1.0),
        ("ifmatch_write_rounds collection=/v1/articles/{id}", 5.0),
        (
            "ifmatch_lost_replies_total collection=/v1/articles/{id} outcome=settled",
            1.0,
        ),
        (
            "ifmatch_lost_replies_total collection=/v1/articles/{id} outcome=unknown",
            1.0,
        ),
        (
            "ifmatch_wait_seconds collection=/v1/articles/{id} reason=retry_after",
            2.0,
        ),
    ] {
        assert_eq!(metrics.get(name), Some(&value), "{metrics:#?}");
    }
    assert!(
        metrics.contains_key("ifmatch_wait_seconds collection=/v1/articles/{id} reason=backoff")
    );
    let left = metrics["ifmatch_retry_budget_left server=server.test"];
    assert!((50.0..100.0).contains(&left), "{left}");
    for secret in ["4711", "hunter2", "confidential"] {
        assert!(
            metrics.keys().all(|name| !name.contains(secret)),
            "{metrics:#?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_length_of_a_queue_is_known_while_writes_wait_and_none_is_left() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let server = Server::with("/v1/articles/1", BODY);
    let articles = server
        .client()
        .collection_with::<Article>("articles", ThreeWay::default());
    articles.get(1).await.unwrap();
    server.script([Event::Answer(429, &[("retry-after", "3")], "")]);
    let calls: Vec<_> = (0..5)
        .map(|_| tokio::spawn(articles.update(1, |it| it.views += 1).into_future()))
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let length = || {
        let metrics = metrics(&snapshotter);
        metrics["ifmatch_queue_length collection=/v1/articles/{id}"].to_string()
    };
    assert_eq!(length(), "4");
    calls[4].abort();
    for call in calls.into_iter().take(4) {
        call.await.unwrap().unwrap();
    }
    // This recorder sets a gauge to zero when it is read, so this is the change since.
    assert_eq!(length(), "-4");
}

#[tokio::test(start_paused = true)]
async fn transactions_and_leases_are_counted_by_how_they_end() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let server = ifmatch::testing::ResourceServer::start().await;
    server.put("/articles/order-4711", BODY);
    let client = server.in_process().build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    let held = ifmatch::Leases::documents(&client, "leases")
        .acquire("4711")
        .await
        .unwrap();
    held.release().await.unwrap();
    let edits = client.transaction().update(&articles, "order-4711", edit);
    edits.commit().await.unwrap();
    let refused = client
        .transaction()
        .try_update(&articles, "order-4711", |_| Err("no".into()));
    refused.commit().await.unwrap_err();
    let metrics = metrics(&snapshotter);
    for name in [
        "ifmatch_leases_total event=acquired",
        "ifmatch_leases_total event=released",
        "ifmatch_transactions_total outcome=committed",
        "ifmatch_transactions_total outcome=Undone",
    ] {
        assert_eq!(metrics.get(name), Some(&1.0), "{name}: {metrics:#?}");
    }
    assert!(
        metrics.keys().all(|name| !name.contains("4711")),
        "{metrics:#?}"
    );
}
