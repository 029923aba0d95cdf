//! Promise 1: no write without a precondition, and none that overwrites a state that it has not seen.

use std::time::Duration;

use crate::support::{
    ARTICLE, AT, Always, Article, Event, Server, articles, draft, edit, foreign, given_back,
};
use ifmatch::{Answer, LocalWins, MergeStrategy, RemoteWins, ThreeWay, WriteMode, merge_fn};
use serde_json::json;

#[tokio::test]
async fn eight_writers_with_200_edits_lose_none() {
    let server = Server::with(AT, ARTICLE);
    let mut writers = Vec::new();
    for _ in 0..8 {
        let articles = articles(&server);
        writers.push(tokio::spawn(async move {
            for _ in 0..25 {
                articles
                    .update(1, |article| article.views += 1)
                    .max_rounds(1_000)
                    .await
                    .unwrap();
                tokio::task::yield_now().await;
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(server.value(AT)["views"], 201);
    let bare = server
        .seen()
        .into_iter()
        .filter(|seen| seen.method == "PUT" && seen.header("if-match").is_none());
    assert_eq!(bare.count(), 0);
}

#[tokio::test]
async fn mine_wins_stays_pinned_to_the_version_it_saw() {
    let server = Server::with(AT, ARTICLE);
    let articles = server
        .client()
        .collection_with::<Article>("articles", ThreeWay::default().or_else(LocalWins));
    let mut article = articles.get(1).await.unwrap();
    article.title = "mine".into();
    server.script([
        foreign(|theirs| theirs["title"] = "second".into()),
        Event::Plain,
        // A third writer comes between the read and the overwrite.
        foreign(|theirs| theirs["body"] = "third".into()),
    ]);
    let saved = articles.save(&article).await.unwrap();
    assert_eq!(saved.report().rounds, 3);
    let stored = server.value(AT);
    assert_eq!(
        (&stored["title"], &stored["body"]),
        (&"mine".into(), &"third".into())
    );
    assert!(
        server
            .seen()
            .iter()
            .filter(|seen| seen.method == "PUT")
            .all(|put| put.header("if-match").is_some())
    );
}

#[tokio::test]
async fn a_409_after_which_the_version_has_moved_is_merged_like_a_412() {
    let server = Server::with(AT, ARTICLE);
    server.0.lock().unwrap().stale = Some((409, r#"{"type":"about:blank","title":"Conflict"}"#));
    let articles = articles(&server);
    let mut article = articles.get(1).await.unwrap();
    article.views = 9;
    server.script([foreign(|theirs| theirs["title"] = "theirs".into())]);
    articles.save(&article).await.unwrap();
    let stored = server.value(AT);
    assert_eq!(
        (&stored["title"], &stored["views"]),
        (&"theirs".into(), &9.into())
    );
}

#[tokio::test]
async fn a_server_that_demands_a_condition_gets_one_after_a_read() {
    let server = Server::with(AT, ARTICLE);
    let profile = ifmatch::Generic::new().versioning(ifmatch::Versioning::unconditional());
    let client = server.builder().profile(profile).build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    server.script([Event::Plain, Event::Answer(428, &[], "")]);
    // Told to be unconditional, and refused for it: there is no version to pin the write to.
    let error = articles
        .update(1, |article| article.views = 5)
        .await
        .unwrap_err();
    assert!(error.is_unusable_validator(), "{error:?}");
    assert_eq!(server.value(AT)["views"], 1);
}

#[tokio::test]
async fn a_removal_meets_an_edit_as_a_conflict_and_never_removes_what_it_has_not_seen() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let article = articles.get(1).await.unwrap();
    server.script([foreign(|theirs| theirs["title"] = "theirs".into())]);
    let error = articles.delete(&article).await.unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    let sides = error.into_sides::<Article>().unwrap();
    assert!(sides.local.is_none());
    assert_eq!(sides.remote.unwrap().title, "theirs");
    server.script([foreign(|theirs| theirs["title"] = "again".into())]);
    articles
        .delete(&article)
        .strategy(RemoteWins)
        .await
        .unwrap();
    assert!(server.text(AT).is_some());
    articles.delete(&article).strategy(LocalWins).await.unwrap();
    assert!(server.text(AT).is_none());
    let deletes = server
        .seen()
        .into_iter()
        .filter(|seen| seen.method == "DELETE");
    assert!(
        deletes
            .into_iter()
            .all(|seen| seen.header("if-match").is_some())
    );
}

#[tokio::test]
async fn an_edit_meets_a_removal_and_the_strategy_decides() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    server.script([Event::Plain, Event::ForeignRemoval]);
    let error = articles.update(1, edit).await.unwrap_err();
    assert!(error.is_gone(), "{error:?}");
    assert_eq!(given_back(&error), "mine");
    server.put(AT, ARTICLE);
    server.script([Event::Plain, Event::ForeignRemoval]);
    let saved = articles.update(1, edit).strategy(LocalWins).await.unwrap();
    assert_eq!(saved.title, "mine");
    assert_eq!(
        server.seen().last().unwrap().header("if-none-match"),
        Some("*")
    );
}

#[tokio::test]
async fn two_creations_never_overwrite_each_other() {
    let server = Server::default();
    let articles = articles(&server);
    let draft: Article = serde_json::from_str(ARTICLE).unwrap();
    let made = articles.create(1, &draft).await.unwrap();
    assert_eq!(made.snapshot().id(), Some("1"));
    let second = Article {
        title: "second".into(),
        ..draft
    };
    let error = articles.create(1, &second).await.unwrap_err();
    assert!(error.is_already_exists(), "{error:?}");
    let sides = error.into_sides::<Article>().unwrap();
    assert_eq!(
        (
            sides.local.unwrap().title,
            sides.remote.unwrap().title.clone()
        ),
        ("second".into(), "old".into())
    );
    assert_eq!(server.value(AT)["title"], "old");
}

#[tokio::test]
async fn an_update_that_creates_meets_another_creation_with_its_edit() {
    let server = Server::default();
    let articles = articles(&server);
    let first: Article = serde_json::from_str(ARTICLE).unwrap();
    server.script([
        Event::Plain,
        foreign(|theirs| *theirs = serde_json::json!({"title": "t", "body": "b", "views": 10})),
    ]);
    let saved = articles
        .update(1, |article| article.views += 1)
        .if_absent(first)
        .await
        .unwrap();
    assert_eq!((saved.views, saved.title.as_str()), (11, "t"));
    assert_eq!(server.value(AT)["views"], 11);
}

#[tokio::test]
async fn every_write_mode_is_conditional_and_merges() {
    for mode in [WriteMode::Put, WriteMode::MergePatch] {
        let server = Server::with(AT, ARTICLE);
        let articles = articles(&server).write_mode(mode);
        server.script([
            Event::Plain,
            foreign(|theirs| theirs["body"] = "theirs".into()),
        ]);
        articles.update(1, edit).await.unwrap();
        let stored = server.value(AT);
        assert_eq!(
            (&stored["title"], &stored["body"]),
            (&"mine".into(), &"theirs".into()),
            "{mode:?}"
        );
        // The reply to a PATCH names a document that nobody sent: the next write reads first.
        articles
            .update(1, |article| article.views += 1)
            .await
            .unwrap();
        let reads = server
            .methods()
            .iter()
            .filter(|method| *method == "GET")
            .count();
        assert_eq!(
            reads,
            if mode == WriteMode::Put { 2 } else { 3 },
            "{mode:?}"
        );
    }
}

#[tokio::test]
async fn a_json_patch_tests_what_it_replaces() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server).write_mode(WriteMode::JsonPatch);
    server.script([Event::Plain, Event::Answer(204, &[("etag", "\"9\"")], "")]);
    articles
        .update(1, |article| article.views = 2)
        .await
        .unwrap();
    let patch = server.seen().pop().unwrap();
    assert_eq!(
        (patch.method.as_str(), patch.header("if-match")),
        ("PATCH", Some("\"1\""))
    );
    let body = String::from_utf8(patch.body).unwrap();
    assert_eq!(
        body,
        r#"[{"op":"test","path":"/views","value":1},{"op":"replace","path":"/views","value":2}]"#
    );
}

#[tokio::test]
async fn a_function_merges_with_all_three_sides() {
    let server = Server::with(AT, ARTICLE);
    let strategy = merge_fn(
        |base: Option<&Article>, local: &Article, remote: &Article| {
            let base = base.ok_or("no base")?;
            let views = remote.views + (local.views - base.views);
            Ok(Article {
                views,
                ..local.clone()
            })
        },
    );
    let articles = server.client().collection_with("articles", strategy);
    server.script([Event::Plain, foreign(|theirs| theirs["views"] = 10.into())]);
    let saved = articles
        .update(1, |article: &mut Article| article.views += 5)
        .await
        .unwrap();
    assert_eq!(saved.views, 15);
}

#[tokio::test]
async fn a_removal_of_a_version_without_a_tag_removes_only_what_was_seen() {
    let server = Server::with(AT, ARTICLE);
    server.0.lock().unwrap().silent = true;
    let articles = articles(&server);
    let saved = articles
        .update(1, |article| article.views = 7)
        .await
        .unwrap();
    server.put(AT, &ARTICLE.replace("text", "theirs"));
    let error = articles.delete(&saved).await.unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    let saved = articles
        .update(1, |article| article.views = 8)
        .await
        .unwrap();
    articles.delete(&saved).await.unwrap();
    assert!(server.text(AT).is_none());
    assert!(articles.save(&saved).await.unwrap_err().is_gone());
}

#[tokio::test(start_paused = true)]
async fn a_creation_meets_something_with_a_weak_tag_as_what_exists_already() {
    let server = Server::with(AT, ARTICLE);
    server.0.lock().unwrap().tag = Some(|version| format!("W/\"{version}\""));
    let articles = articles(&server);
    let draft: Article = serde_json::from_str(ARTICLE).unwrap();
    for stale in [412, 409] {
        server.0.lock().unwrap().stale = Some((stale, r#"{"error":"conflict"}"#));
        let error = articles.create(1, &draft).await.unwrap_err();
        assert!(error.is_already_exists(), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn trying_again_after_a_settled_doubt_merges_what_came_up_meanwhile() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,                                       // GET
        Event::LoseRequest,                                 // PUT
        Event::Plain,                                       // GET: unchanged
        Event::Answer(403, &[], r#"{"title":"not now"}"#),  // PUT again
        foreign(|theirs| theirs["body"] = "theirs".into()), // GET: another client wrote
    ]);
    articles(&server)
        .on_refusal(Always(|_| Answer::Again))
        .update(1, edit)
        .await
        .unwrap();
    assert_eq!(
        server.value(AT),
        json!({"title":"mine","body":"theirs","views":1})
    );
}

#[tokio::test(start_paused = true)]
async fn another_edit_of_the_same_snapshot_keeps_a_dropped_one_that_landed() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let read = articles.get(1).await.unwrap();
    let (mut one, mut two) = (read.clone(), read);
    one.title = "mine".into();
    two.body = "also mine".into();
    server.script([Event::Hang]);
    assert!(
        tokio::time::timeout(Duration::from_secs(1), articles.save(&one))
            .await
            .is_err()
    );
    articles.save(&two).await.unwrap();
    assert_eq!(
        server.value(AT),
        json!({"title":"mine","body":"also mine","views":1})
    );
}

#[tokio::test(start_paused = true)]
async fn a_tag_without_a_body_after_a_post_pins_nothing() {
    let server = Server::with(
        AT,
        r#"{"title":"old","body":"text","views":1,"owner":"ann"}"#,
    );
    server.script([Event::Answer(
        201,
        &[("location", "/v1/articles/1"), ("etag", "\"1\"")],
        "",
    )]);
    let articles = articles(&server);
    let mut made = articles.post(&draft()).await.unwrap();
    made.title = "mine".into();
    articles.save(made).await.unwrap();
    assert_eq!(server.value(AT)["owner"], "ann");
}

#[tokio::test(start_paused = true)]
async fn trying_again_does_not_make_a_removed_resource_anew() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::LoseRequest,
        Event::Plain,
        Event::Answer(403, &[], ""),
        Event::ForeignRemoval, // GET: 404
    ]);
    let outcome = articles(&server)
        .on_refusal(Always(|_| Answer::Again))
        .update(1, |a| a.title = "mine".into())
        .await;
    assert!(server.text(AT).is_none(), "{outcome:?}");
}

#[tokio::test]
async fn a_reply_with_what_was_replaced_is_not_taken_for_what_is_stored() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    server.script([
        Event::Plain,
        // As `findOneAndUpdate` without "return the new one" behind it.
        Event::AnswerReplaced,
    ]);
    let mut saved = articles.update(1, edit).await.unwrap();
    assert_eq!(saved.title, "mine");
    saved.body = "also mine".into();
    articles.save(saved).await.unwrap();
    assert_eq!(server.value(AT)["title"], "mine");
}

#[tokio::test]
async fn what_a_proxy_changed_on_the_way_pins_nothing() {
    let server = Server::with(AT, ARTICLE);
    let shortened = r#"{"title":"old","body":"t","views":1}"#;
    server.script([Event::Answer(203, &[("etag", "\"1\"")], shortened)]);
    let articles = articles(&server);
    let mut article = articles.get(1).await.unwrap();
    assert_eq!(article.snapshot().validator(), None);
    article.title = "mine".into();
    articles.save(article).await.unwrap();
    assert_eq!(
        server.value(AT),
        json!({"title": "mine", "body": "text", "views": 1})
    );
}
