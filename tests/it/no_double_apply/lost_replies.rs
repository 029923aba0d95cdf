//! Promise 2: no phantom success and no double apply.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::support::{
    ARTICLE, AT, Article, Event, Server, articles, counters, foreign, given_back, values,
};
use ifmatch::{Generic, Limits, LocalWins, MergeStrategy, ThreeWay};
use serde_json::Value;

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_settled_as_ours() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::LoseReply]);
    let saved = articles(&server)
        .update(1, |article| article.title = "mine".into())
        .await
        .unwrap();
    assert!(saved.report().settled);
    assert_eq!(server.applied(), 1);
    assert_eq!(server.methods(), ["GET", "PUT", "GET"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_request_is_sent_again_with_the_same_bytes_and_condition() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::LoseRequest]);
    let saved = articles(&server)
        .update(1, |article| article.title = "mine".into())
        .await
        .unwrap();
    assert!(!saved.report().settled);
    let puts: Vec<_> = server
        .seen()
        .into_iter()
        .filter(|seen| seen.method == "PUT")
        .collect();
    assert_eq!(puts.len(), 2);
    assert_eq!(
        (&puts[0].body, puts[0].header("if-match")),
        (&puts[1].body, puts[1].header("if-match"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_arrives_after_it_was_given_up_is_applied_once() {
    let server = Server::with(AT, ARTICLE);
    // It arrives just before the second read, or just before the resend.
    for events in [
        vec![Event::Plain, Event::Delay],
        vec![Event::Plain, Event::Delay, Event::Plain],
    ] {
        server.put(AT, ARTICLE);
        let before = server.applied();
        server.script(events);
        articles(&server)
            .update(1, |article| article.title = "mine".into())
            .await
            .unwrap();
        assert_eq!(server.applied(), before + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_under_somebody_elses_later_edit_is_still_ours() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::LoseReply,
        foreign(|theirs| theirs["body"] = "later".into()),
    ]);
    let saved = articles(&server)
        .update(1, |article| article.title = "mine".into())
        .await
        .unwrap();
    assert!(saved.report().settled);
    assert_eq!(
        (saved.title.as_str(), saved.body.as_str()),
        ("mine", "later")
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_request_behind_somebody_elses_edit_is_merged_and_written() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::LoseRequest,
        foreign(|theirs| theirs["body"] = "theirs".into()),
    ]);
    let saved = articles(&server)
        .update(1, |article| article.title = "mine".into())
        .await
        .unwrap();
    assert!(!saved.report().settled);
    let stored = server.value(AT);
    assert_eq!(
        (&stored["title"], &stored["body"]),
        (&"mine".into(), &"theirs".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_counter_whose_reply_was_lost_is_never_counted_twice() {
    let server = Server::with(AT, ARTICLE);
    for (events, applied) in [
        (vec![Event::Plain, Event::LoseReply], true),
        (
            vec![
                Event::Plain,
                Event::LoseRequest,
                foreign(|theirs| theirs["views"] = 5.into()),
            ],
            false,
        ),
    ] {
        server.put(AT, ARTICLE);
        let before = server.applied();
        server.script(events);
        let error = counters(&server)
            .update(1, |article| article.views += 1)
            .await
            .unwrap_err();
        assert!(error.is_outcome_unknown(), "{error:?}");
        assert_eq!(server.applied() - before, u32::from(applied));
        let sides = error.into_sides::<Article>().unwrap();
        assert_eq!(
            (sides.base.unwrap().views, sides.local.unwrap().views),
            (1, 2)
        );
        assert!(sides.remote.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn an_edit_beside_a_counter_is_settled_by_looking() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::LoseReply]);
    let saved = counters(&server)
        .update(1, |article| article.title = "mine".into())
        .await
        .unwrap();
    assert!(saved.report().settled);
}

#[tokio::test(start_paused = true)]
async fn an_operation_whose_reply_was_lost_is_unknown() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::LoseReply]);
    let error = articles(&server)
        .update(1, |article| article.views += 1)
        .await
        .unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!(server.value(AT)["views"], 2);
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
async fn half_of_a_lost_write_in_sight_is_unknown_and_names_the_open_fields() {
    let server = Server::with(AT, ARTICLE);
    let take_back = || foreign(|theirs| theirs["body"] = "taken back otherwise".into());
    let edit =
        |article: &mut Article| (article.title, article.body) = ("mine".into(), "mine".into());
    server.script([Event::Plain, Event::LoseReply, take_back()]);
    let update = articles(&server).update(1, edit);
    let error = update.strategy(ThreeWay::default()).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    let sides = error.into_sides::<Article>().unwrap();
    assert_eq!(
        sides
            .fields
            .iter()
            .map(|field| field.pointer.as_str())
            .collect::<Vec<_>>(),
        ["/body"]
    );
    server.put(AT, ARTICLE);
    server.script([Event::Plain, Event::LoseReply, take_back()]);
    let strategy = ThreeWay::default().or_else(LocalWins);
    let saved = articles(&server)
        .update(1, edit)
        .strategy(strategy)
        .await
        .unwrap();
    assert_eq!(
        (saved.title.as_str(), saved.body.as_str()),
        ("mine", "mine")
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_half_of_a_lost_write_was_seen_is_no_plain_failure() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::LoseReply,
        foreign(|theirs| theirs["body"] = "taken back otherwise".into()),
        Event::Answer(422, &[], ""),
    ]);
    let error = articles(&server)
        .update(1, |article| {
            (article.title, article.body) = ("mine".into(), "mine".into());
        })
        .strategy(LocalWins)
        .await
        .unwrap_err();
    assert_eq!(server.methods(), ["GET", "PUT", "GET", "PUT"]);
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!(server.applied(), 1);
}

#[tokio::test(start_paused = true)]
async fn require_proof_does_not_redo_what_may_have_been_taken_back() {
    let server = Server::with(AT, ARTICLE);
    let edit = |article: &mut Article| article.title = "mine".into();
    let events = || {
        [
            Event::Plain,
            Event::LoseReply,
            foreign(|theirs| theirs["title"] = "old".into()),
        ]
    };
    server.script(events());
    let error = articles(&server)
        .require_proof()
        .update(1, edit)
        .await
        .unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!(server.value(AT)["title"], "old");
    server.put(AT, ARTICLE);
    server.script(events());
    articles(&server).update(1, edit).await.unwrap();
    assert_eq!(server.value(AT)["title"], "mine");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_error_after_the_write_was_applied_is_no_race_with_oneself() {
    for status in [500, 502, 503, 504] {
        let server = Server::with(AT, ARTICLE);
        server.script([Event::Plain, Event::AnswerAfter(status, &[])]);
        let saved = articles(&server)
            .update(1, |article| article.title = "mine".into())
            .await
            .unwrap();
        assert!(saved.report().settled, "{status}");
        // A 503 that says when to come back is answered by the same request, which then clashes with itself.
        server.put(AT, ARTICLE);
        server.script([
            Event::Plain,
            Event::AnswerAfter(status, &[("retry-after", "1")]),
        ]);
        let error = counters(&server)
            .update(1, |article| article.views += 1)
            .await
            .unwrap_err();
        assert!(error.is_outcome_unknown(), "{status}: {error:?}");
        assert_eq!(server.value(AT)["views"], 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_settling_read_that_fails_is_no_conflict() {
    let server = Server::with(AT, ARTICLE);
    let down = || Event::Answer(503, &[], "");
    server.script([Event::Plain, Event::LoseReply]);
    server.script((0..40).map(|_| down()));
    let error = articles(&server)
        .update(1, |article| article.title = "mine".into())
        .await
        .unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!(given_back(&error), "mine");
}

#[tokio::test(start_paused = true)]
async fn a_creation_whose_reply_was_lost_finds_its_own_document() {
    let draft: Article = serde_json::from_str(ARTICLE).unwrap();
    let server = Server::default();
    server.script([Event::LoseReply]);
    assert!(
        articles(&server)
            .create(1, &draft)
            .await
            .unwrap()
            .report()
            .settled
    );
    let server = Server::default();
    server.script([Event::LoseRequest, Event::Plain, Event::LoseReply]);
    assert!(
        articles(&server)
            .create(1, &draft)
            .await
            .unwrap()
            .report()
            .settled
    );
    let server = Server::default();
    server.script([
        Event::LoseRequest,
        foreign(|theirs| *theirs = serde_json::json!({"title": "t", "body": "", "views": 0})),
    ]);
    let error = articles(&server).create(1, &draft).await.unwrap_err();
    assert!(error.is_already_exists(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_removal_whose_reply_was_lost_finds_nothing_and_is_done() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::LoseReply]);
    let report = articles(&server).delete(1).await.unwrap();
    assert!(report.settled);
    assert!(server.text(AT).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_post_whose_reply_was_lost_is_not_sent_twice_unless_keys_are_honoured() {
    let draft: Article = serde_json::from_str(ARTICLE).unwrap();
    let server = Server::default();
    server.script([Event::LoseReply]);
    let error = articles(&server).post(&draft).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!(server.applied(), 1);
    assert_eq!(
        error.sides::<Article>().unwrap().local.as_ref(),
        Some(&draft)
    );

    let server = Server::default();
    let profile = ifmatch::Generic::new().honours_idempotency_keys();
    let client = server.builder().profile(profile).build().unwrap();
    server.script([Event::LoseRequest]);
    let made = client
        .collection_with::<Article>("articles", ThreeWay::default())
        .post(&draft)
        .await
        .unwrap();
    assert_eq!(made.snapshot().url().path(), "/v1/articles/1");
    let keys: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| seen.header("idempotency-key").unwrap().to_owned())
        .collect();
    assert_eq!(keys[0], keys[1]);
    assert!(keys[0].starts_with('"') && keys[0].len() == 38);
}

#[tokio::test(start_paused = true)]
async fn what_never_reached_the_server_is_simply_sent_again() {
    let draft: Article = serde_json::from_str(ARTICLE).unwrap();
    let server = Server::default();
    server.script([
        Event::NoConnection,
        Event::Answer(429, &[("retry-after", "2")], ""),
    ]);
    let made = articles(&server).post(&draft).await.unwrap();
    assert_eq!(made.report().requests, 3);
    assert!(made.report().waited >= Duration::from_secs(2));
    assert_eq!(server.applied(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_still_pending_is_not_begun_twice() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::Answer(202, &[], ""),
        Event::Plain,
        foreign(|theirs| theirs["title"] = "mine".into()),
    ]);
    let saved = articles(&server)
        .update(1, |article| article.title = "mine".into())
        .await
        .unwrap();
    assert!(saved.report().settled);
    assert_eq!(server.methods(), ["GET", "PUT", "GET", "GET"]);
}

#[tokio::test(start_paused = true)]
async fn a_pending_job_that_somebody_outran_may_still_be_done() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::Answer(202, &[], ""),
        Event::Plain,
        foreign(|theirs| theirs["body"] = "theirs".into()),
    ]);
    let client = server.builder().limits(Limits::default().transient(1));
    let error = client
        .build()
        .unwrap()
        .collection_with::<Article>("articles", ThreeWay::default())
        .update(1, |article| article.title = "mine".into())
        .await
        .unwrap_err();
    // The server has accepted it, and may have checked its condition then.
    assert!(error.is_accepted(), "{error:?}");
    assert_eq!(error.monitor(), None);
    let writes = server
        .methods()
        .into_iter()
        .filter(|method| method == "PUT");
    assert_eq!(writes.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_is_repeated_before_a_write_is_called_unknown() {
    for status in [303, 507] {
        let server = Server::with(AT, ARTICLE);
        server.script([
            Event::Plain,
            Event::AnswerAfter(status, &[]),
            Event::LoseRequest,
            Event::Answer(503, &[], ""),
        ]);
        let saved = articles(&server)
            .update(1, |article| article.title = "mine".into())
            .await
            .unwrap();
        assert!(saved.report().settled, "{status}");
        assert_eq!(server.methods(), ["GET", "PUT", "GET", "GET", "GET"]);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_dropped_write_the_next_one_reads_first() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    articles.get(1).await.unwrap();
    server.script([Event::Hang]);
    let write = articles.update(1, |article| article.views += 1);
    assert!(
        tokio::time::timeout(Duration::from_secs(1), write)
            .await
            .is_err()
    );
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
    server.script([Event::Hang]);
    assert!(
        tokio::time::timeout(Duration::from_secs(1), articles.save(&article))
            .await
            .is_err()
    );
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
    server.script([Event::Hang]);
    assert!(
        tokio::time::timeout(Duration::from_secs(1), counters.save(&article))
            .await
            .is_err()
    );
    let error = counters.save(&article).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!(server.value(AT)["views"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_resend_that_is_refused_for_another_reason_is_settled_first() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::Delay, Event::Plain]);
    server.script([Event::Answer(403, &[], r#"{"title":"no more"}"#)]);
    let outcome = articles(&server)
        .update(1, |article| article.title = "mine".into())
        .await;
    let saved = outcome.unwrap();
    assert!(saved.report().settled);
    let _: Value = server.value(AT);
}

#[tokio::test(start_paused = true)]
async fn a_read_in_between_does_not_make_a_dropped_write_forgotten() {
    let server = Server::with(AT, ARTICLE);
    let counters = counters(&server);
    let mut article = counters.get(1).await.unwrap();
    article.views += 1;
    server.script([Event::Hang]);
    assert!(
        tokio::time::timeout(Duration::from_secs(1), counters.save(&article))
            .await
            .is_err()
    );
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
    let draft: Article = serde_json::from_str(ARTICLE).unwrap();
    server.script([Event::Hang]);
    let dropped = tokio::time::timeout(Duration::from_secs(1), articles.create(1, &draft)).await;
    assert!(dropped.is_err());
    assert!(articles.create(1, &draft).await.unwrap().report().settled);
    assert!(
        articles
            .create(1, &draft)
            .await
            .unwrap_err()
            .is_already_exists()
    );
}

#[tokio::test]
async fn two_saves_at_once_of_one_counter_are_both_counted() {
    let server = Server::with(AT, ARTICLE);
    let counters = counters(&server);
    let mut article = counters.get(1).await.unwrap();
    article.views += 1;
    let (one, two) = tokio::join!(counters.save(&article), counters.save(&article));
    one.unwrap();
    two.unwrap();
    assert_eq!(server.value(AT)["views"], 3);
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
