//! Promise 2: no phantom success and no double apply.

use crate::support::{
    ARTICLE, AT, Article, Event, Server, articles, counters, draft, edit, foreign, given_back,
};
use ifmatch::{LocalWins, MergeStrategy, ThreeWay};
use serde_json::Value;

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_settled_as_ours() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::LoseReply]);
    let saved = articles(&server).update(1, edit).await.unwrap();
    assert!(saved.report().settled);
    assert_eq!(server.applied(), 1);
    assert_eq!(server.methods(), ["GET", "PUT", "GET"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_request_is_sent_again_with_the_same_bytes_and_condition() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::LoseRequest]);
    let saved = articles(&server).update(1, edit).await.unwrap();
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
        articles(&server).update(1, edit).await.unwrap();
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
    let saved = articles(&server).update(1, edit).await.unwrap();
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
    let saved = articles(&server).update(1, edit).await.unwrap();
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
    let saved = counters(&server).update(1, edit).await.unwrap();
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
        let saved = articles(&server).update(1, edit).await.unwrap();
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
    let error = articles(&server).update(1, edit).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!(given_back(&error), "mine");
}

#[tokio::test(start_paused = true)]
async fn a_creation_whose_reply_was_lost_finds_its_own_document() {
    let draft = draft();
    for events in [
        vec![Event::LoseReply],
        vec![Event::LoseRequest, Event::Plain, Event::LoseReply],
    ] {
        let server = Server::default();
        server.script(events);
        let saved = articles(&server).create(1, &draft).await.unwrap();
        assert!(saved.report().settled);
    }
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
async fn a_look_that_fails_is_repeated_before_a_write_is_called_unknown() {
    for status in [303, 507] {
        let server = Server::with(AT, ARTICLE);
        server.script([
            Event::Plain,
            Event::AnswerAfter(status, &[]),
            Event::LoseRequest,
            Event::Answer(503, &[], ""),
        ]);
        let saved = articles(&server).update(1, edit).await.unwrap();
        assert!(saved.report().settled, "{status}");
        assert_eq!(server.methods(), ["GET", "PUT", "GET", "GET", "GET"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_resend_that_is_refused_for_another_reason_is_settled_first() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::Delay, Event::Plain]);
    server.script([Event::Answer(403, &[], r#"{"title":"no more"}"#)]);
    let outcome = articles(&server).update(1, edit).await;
    let saved = outcome.unwrap();
    assert!(saved.report().settled);
    let _: Value = server.value(AT);
}
