//! Promise 2 with write stamps, which determine the outcome exactly.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::support::{ARTICLE, AT, Event, Server, articles, counters, foreign, values};
use ifmatch::{ErrorKind, Generic, LocalWins, Policy, Rule, ThreeWay};
use serde_json::Value;
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_stamp_is_believed_after_a_read_from_an_older_replica() {
    let server = Server::with(AT, r#"{"title":"old","body":"text","views":0}"#);
    server.put(AT, ARTICLE);
    let stamped = counters(&server).write_stamp("/meta/writes");
    server.script([
        Event::Plain,     // GET: version 2
        Event::LoseReply, // PUT, applied
        Event::Answer(
            200,
            &[("etag", "\"1\"")],
            r#"{"title":"old","body":"text","views":0}"#,
        ), // a replica that lags
    ]);
    let outcome = stamped.update(1, |a| a.views += 1).await;
    assert_eq!(server.value(AT)["views"], 2, "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stamped_save_repeated_after_a_drop_is_settled_though_another_wrote_since() {
    let server = Server::with(AT, ARTICLE);
    let stamped = articles(&server).write_stamp("/w");
    let mut read = stamped.get(1).await.unwrap();
    read.title = "mine".into();
    server.script([Event::Hang]);
    assert!(timeout(SECOND, stamped.save(&read)).await.is_err());
    // another client of ours writes, with its stamp
    let other = articles(&server).write_stamp("/w");
    other.update(1, |a| a.body = "theirs".into()).await.unwrap();
    let outcome = stamped.save(&read).await;
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stamped_counter_repeated_after_a_drop_is_settled() {
    let server = Server::with(AT, ARTICLE);
    let stamped = counters(&server).write_stamp("/w");
    let mut read = stamped.get(1).await.unwrap();
    read.views += 1;
    server.script([Event::Hang]);
    assert!(timeout(SECOND, stamped.save(&read)).await.is_err());
    let outcome = stamped.save(&read).await;
    assert_eq!(server.value(AT)["views"], 2);
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn an_update_beside_another_in_doubt_that_made_the_same_change_counts_too() {
    for has_strategy in [false, true] {
        let server = Server::with(AT, ARTICLE);
        let stamped = counters(&server).write_stamp("/w");
        stamped.get(1).await.unwrap();
        server.script([Event::Hang]);
        let dropped = timeout(SECOND, stamped.update(1, |a| a.views += 1));
        assert!(dropped.await.is_err());
        let mut update = stamped.update(1, |a| a.views += 1);
        if has_strategy {
            update = update.strategy(ThreeWay::new(Policy::new().field("/views", Rule::Counter)));
        }
        let outcome = update.await;
        assert_eq!(server.value(AT)["views"], 3, "{has_strategy}: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_stamp_settles_a_counter_either_way() {
    let server = Server::with(AT, ARTICLE);
    let stamped = counters(&server).write_stamp("/meta/writes");
    server.script([
        Event::Plain,
        Event::LoseReply,
        foreign(|theirs| theirs["views"] = 50.into()),
    ]);
    let saved = stamped
        .update(1, |article| article.views += 1)
        .await
        .unwrap();
    assert!(saved.report().settled);
    assert_eq!(server.value(AT)["views"], 50);
    server.script([
        Event::LoseRequest,
        foreign(|theirs| theirs["views"] = 60.into()),
    ]);
    let saved = stamped
        .update(1, |article| article.views += 1)
        .await
        .unwrap();
    assert!(!saved.report().settled);
    assert_eq!(server.value(AT)["views"], 61);
    assert_eq!(
        server.value(AT)["meta"]["writes"].as_array().unwrap().len(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_write_whose_place_another_stamp_took_ends_as_a_conflict() {
    for (stamps, is_known) in [(&["a", "b"][..], true), (&["a"], false)] {
        let server = Server::with(AT, r#"{"title":"old","views":1,"w":["a"]}"#);
        let documents = values(&server, Generic::new()).write_stamp("/w");
        let mut read = documents.get(1).await.unwrap();
        read["title"] = "mine".into();
        server.script([
            Event::LoseRequest,
            foreign(move |theirs| {
                theirs["title"] = "theirs".into();
                theirs["w"] = serde_json::json!(stamps);
            }),
        ]);
        let error = documents.save(&read).await.unwrap_err();
        let expected = if is_known {
            ErrorKind::Conflict
        } else {
            // The other client left no stamp, so the state may be one from before the write.
            ErrorKind::OutcomeUnknown
        };
        assert_eq!(error.kind(), expected, "{stamps:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_save_repeated_after_a_drop_ends_as_a_conflict_if_another_stamp_took_its_place() {
    let server = Server::with(AT, r#"{"title":"old","views":1,"w":["a"]}"#);
    let documents = values(&server, Generic::new()).write_stamp("/w");
    let mut read = documents.get(1).await.unwrap();
    read["title"] = "mine".into();
    server.script([Event::Hang]);
    assert!(timeout(SECOND, documents.save(&read)).await.is_err());
    // As if the request had never arrived.
    server.put(AT, r#"{"title":"theirs","views":1,"w":["a","b"]}"#);
    let error = documents.save(&read).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_list_of_stamps_is_never_shortened_by_a_strategy() {
    let server = Server::with(AT, r#"{"n":1,"meta":{"writes":["a"]}}"#);
    let documents = server
        .client()
        .collection_with::<Value>("articles", LocalWins);
    let documents = documents.write_stamp("/meta/writes");
    server.script([
        Event::Plain,
        foreign(|theirs| theirs["meta"]["writes"] = serde_json::json!(["a", "b"])),
    ]);
    documents
        .update(1, |document| document["n"] = 2.into())
        .await
        .unwrap();
    let stored = server.value(AT);
    let stamps = stored["meta"]["writes"].as_array().unwrap();
    assert_eq!((stamps.len(), &stamps[1]), (3, &"b".into()));
}

#[tokio::test(start_paused = true)]
async fn a_value_that_was_there_before_the_edit_is_no_stamp_of_it() {
    // DESIGN 6 takes values of the moment for a stamp because nothing else writes the same. An edit that draws
    // the value that is there already writes nothing new, so promise 2 forbids to be told by it.
    let server = Server::with(AT, r#"{"title":"old","drawn":1,"other":0}"#);
    server.script([
        Event::Plain,
        Event::LoseRequest,
        foreign(|theirs| theirs["other"] = 1.into()),
    ]);
    let draws = AtomicU32::new(0);
    let edit = move |it: &mut Value| {
        it["title"] = "mine".into();
        it["drawn"] = (draws.fetch_add(1, Ordering::SeqCst) + 1).into();
    };
    let saved = values(&server, Generic::new())
        .update(1, edit)
        .await
        .unwrap();
    assert!(!saved.report().settled);
    assert_eq!(server.value(AT)["title"], "mine");
    assert_eq!(server.value(AT)["other"], 1);
}
