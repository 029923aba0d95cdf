//! Responses to writes that are not successes, although their status says so.

use ifmatch::{LocalWins, Policy, Rule, ThreeWay};
use serde_json::{Value, json};

use super::server::{Maker, reply, shown};
use crate::support::{ARTICLE, AT, Event, Server, articles, counters, draft, edit, foreign};

const OLD: &str = r#"{"title":"old","body":"text","views":1}"#;

/// Each of them says that the version is the one before.
fn unmoved() -> Vec<Event> {
    const TAG: &[(&str, &str)] = &[("etag", "\"1\"")];
    vec![
        Event::Answer(204, TAG, ""),
        Event::Answer(200, TAG, ""),
        Event::Answer(200, TAG, OLD),
        Event::Answer(200, TAG, r#"{"ok":true}"#),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_version_that_has_not_moved_is_no_success() {
    for event in unmoved() {
        let server = Server::with(AT, ARTICLE);
        server.script([Event::Plain, event]);
        let articles = articles(&server);
        let error = articles.update(1, edit).await.unwrap_err();
        assert!(error.is_refused(), "{error:?}");
        assert!(error.to_string().contains("not stored"), "{error}");
        let remote = error
            .into_sides::<crate::support::Article>()
            .unwrap()
            .remote;
        assert_eq!(remote.unwrap().title, "old");
        assert_eq!(articles.get(1).await.unwrap().title, "old");
        // It is not sent again, and the next write is made on what is there.
        assert_eq!(server.methods(), ["GET", "PUT", "GET", "GET"]);
        let saved = articles.update(1, |article| article.views += 1).await;
        assert_eq!(
            (saved.unwrap().views, server.value(AT)["title"].clone()),
            (2, "old".into())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_count_of_another_writer_is_no_proof_of_ours() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::Answer(204, &[("etag", "\"1\"")], ""),
        foreign(|theirs| theirs["views"] = 2.into()),
    ]);
    let counted = counters(&server).update(1, |article| article.views += 1);
    let error = counted.await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_is_answered_with_what_was_there_is_no_success() {
    const THEIRS: &str = r#"{"title":"theirs","body":"theirs","tags":[],"views":0,"comments":[]}"#;
    const TAG: &[(&str, &str)] = &[("etag", "\"1\"")];
    let server = Server::with(AT, THEIRS);
    server.script([Event::Answer(200, TAG, THEIRS)]);
    let error = articles(&server).create(1, &draft()).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!(server.methods(), ["PUT", "GET"]);
    let remote = error
        .into_sides::<crate::support::Article>()
        .unwrap()
        .remote;
    assert_eq!(remote.unwrap().title, "theirs");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_stored_under_a_version_told_wrongly_is_seen() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::AnswerAfter(204, &[("etag", "\"1\"")])]);
    let saved = articles(&server).update(1, edit).await.unwrap();
    assert!(saved.report().settled && saved.title == "mine");
    assert_eq!(saved.snapshot().validator().unwrap().to_string(), "\"2\"");
    assert_eq!(
        (server.applied(), server.value(AT)["title"].clone()),
        (1, "mine".into())
    );
}

#[tokio::test(start_paused = true)]
async fn the_state_before_is_read_again_and_never_filed() {
    for rule in [Rule::Auto, Rule::Counter] {
        let things =
            Maker::with(json!({"n": 1})).answers(|written| shown(&written.before, &written.tag));
        let strategy = ThreeWay::new(Policy::new().field("/n", rule));
        let client = things.builder().build().unwrap();
        let all = client.collection_with::<Value>("things", strategy);
        for n in [2, 3] {
            let saved = all.update(1, |it| it["n"] = (it["n"].as_u64().unwrap() + 1).into());
            assert_eq!(saved.await.unwrap()["n"], n);
            assert_eq!(things.stored()["n"], n);
        }
        assert_eq!(things.methods(), "GET PUT GET PUT GET");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ignores_a_change_and_says_200_is_told_as_one() {
    // Under a new version, so that each round would be lost like the one before.
    let things = Maker::with(json!({"n": 1, "at": 1}))
        .makes(|before, _| json!({"n": 1, "at": before["at"].as_u64().unwrap() + 1}))
        .answers(|written| shown(&written.stored, &written.tag));
    let error = things
        .things()
        .update(1, |it| it["n"] = 2.into())
        .await
        .unwrap_err();
    // A look that shows nothing of the write is no proof.
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!(things.methods(), "GET PUT GET");
}

#[tokio::test(start_paused = true)]
async fn another_resource_in_the_answer_is_no_success() {
    let things = Maker::with(json!({"id": 1, "title": "old"}))
        .answers(|written| shown(&json!({"id": 2, "title": "theirs"}), &written.tag));
    let saved = things
        .things()
        .update(1, |it| it["title"] = "mine".into())
        .await
        .unwrap();
    assert_eq!(
        (saved["id"].clone(), saved["title"].clone()),
        (1.into(), "mine".into())
    );
    assert_eq!(things.methods(), "GET PUT GET");
}

const PAGE: &str = "<!doctype html><html><body>Log in</body></html>";
const PROBLEM: &str = r#"{"type":"about:blank","title":"Not yours","status":403}"#;

#[tokio::test(start_paused = true)]
async fn a_page_is_no_success_whatever_comes_with_it() {
    const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");
    let headers: [&[(&str, &str)]; 5] = [
        &[HTML],
        &[HTML, ("etag", "\"page\"")],
        &[HTML, ("etag", "W/\"page\"")],
        &[HTML, ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")],
        &[("etag", "\"page\"")], // under the name of JSON
    ];
    for headers in headers {
        let server = Server::with(AT, ARTICLE);
        server.script([Event::Plain, Event::Answer(200, headers, PAGE)]);
        let saved = articles(&server).update(1, edit);
        assert!(saved.await.is_ok());
        assert_eq!(server.value(AT)["title"], "mine", "{headers:?}");
        assert_eq!(server.methods(), ["GET", "PUT", "GET", "PUT"]);
        // A removal, and a draft, of which nothing can be read.
        let server = Server::with(AT, ARTICLE);
        server.script([Event::Plain, Event::Answer(200, headers, PAGE)]);
        articles(&server).delete(1).await.unwrap();
        assert!(server.text(AT).is_none());
        server.script([Event::Answer(201, headers, PAGE)]);
        let error = articles(&server).post(&draft()).await.unwrap_err();
        assert!(error.is_outcome_unknown(), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn problem_details_are_a_refusal_at_any_status() {
    let labels: [&[(&str, &str)]; 2] = [
        &[
            ("content-type", "application/problem+json"),
            ("etag", "\"p\""),
        ],
        &[("etag", "\"p\"")],
    ];
    for label in labels {
        let server = Server::with(AT, ARTICLE);
        let articles = articles(&server);
        let article = articles.get(1).await.unwrap();
        server.script([Event::Answer(200, label, PROBLEM)]);
        let mut mine = article.clone();
        mine.title = "mine".into();
        let told = articles.save(&mine).await.unwrap_err();
        server.script([Event::Answer(200, label, PROBLEM)]);
        let removed = articles.delete(&article).await.unwrap_err();
        server.script([Event::Answer(201, label, PROBLEM)]);
        let posted = articles.post(&draft()).await.unwrap_err();
        for error in [told, removed, posted] {
            assert!(error.is_refused(), "{error:?}");
            assert_eq!(error.problem().unwrap().title(), Some("Not yours"));
        }
        assert_eq!(server.applied(), 0);
    }
    // To a read as well, where the label says so.
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Answer(200, labels[0], PROBLEM)]);
    let error = articles(&server)
        .strategy(LocalWins)
        .get(1)
        .await
        .unwrap_err();
    assert!(error.is_decode(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_called_html_and_is_none_is_a_success() {
    const HTML: &[(&str, &str)] = &[("content-type", "text/html; charset=utf-8")];
    for body in ["", "OK", "{\"n\":2}"] {
        let things = Maker::with(json!({"n": 1})).answers(move |_| reply(200, HTML, body));
        things
            .things()
            .update(1, |it| it["n"] = 2.into())
            .await
            .unwrap();
        assert_eq!(things.methods(), "GET PUT", "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_resource_made_anew_by_a_save_is_told() {
    // The server ignores `If-Match` where nothing is.
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let mut article = articles.get(1).await.unwrap();
    article.title = "mine".into();
    server.script([Event::Answer(201, &[("etag", "\"9\"")], "")]);
    let saved = articles.save(&article).await.unwrap();
    assert!(saved.report().recreated);
    assert_eq!(saved.snapshot().validator().unwrap().to_string(), "\"9\"");
    let made = articles.create(2, &draft()).await.unwrap();
    assert!(!made.report().recreated);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_a_proxy_changed_still_names_the_version_before() {
    // DESIGN promise 10: an unchanged version contradicts a success. A suffix of a compressing proxy, or the
    // mark of a weak tag, makes no other version of it (RFC 9110 8.8.3.2, 8.8.3.3).
    let replies: [&[(&str, &str)]; 2] = [&[("etag", "\"1-gzip\"")], &[("etag", "W/\"1\"")]];
    for headers in replies {
        let server = Server::with(AT, ARTICLE);
        let articles = articles(&server);
        articles.get(1).await.unwrap();
        server.script([Event::Answer(200, headers, r#"{"ok":true}"#)]);
        let update = articles.update(1, edit);
        let error = update.await.unwrap_err();
        assert!(error.is_refused(), "{headers:?}: {error:?}");
        assert_eq!(articles.get(1).await.unwrap().title, "old");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_is_known_whatever_stands_before_its_first_element() {
    // DESIGN promise 10: a login page in a 200 is no success. Comments and declarations before its first
    // element, and a label of another type, make it no less a page.
    const TAG: (&str, &str) = ("etag", "\"page\"");
    let pages = [
        (
            "application/json",
            "<!-- x -->\n<!DOCTYPE html><html></html>",
        ),
        (
            "text/plain",
            "<?xml version=\"1.0\"?><!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0\"><html/>",
        ),
        (
            "application/octet-stream",
            "\n<head><title>Log in</title></head>",
        ),
    ];
    for (label, page) in pages {
        let server = Server::with(AT, ARTICLE);
        let headers: &'static [_] =
            Box::leak(vec![("content-type", label), TAG].into_boxed_slice());
        server.script([Event::Plain, Event::Answer(200, headers, page)]);
        let saved = articles(&server).update(1, edit);
        assert!(saved.await.is_ok());
        assert_eq!(server.value(AT)["title"], "mine", "{page}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_null_that_the_server_does_not_store_is_no_contradiction() {
    // Where tags are made of the content, a `null` for a missing member leaves document and tag as they are.
    // RFC 9110 8.8.1 wants another validator for another representation only.
    let things = Maker::with(json!({"n": 1})).answers(|_| reply(204, &[("etag", "\"1\"")], ""));
    let all = things.things();
    let saved = all.update(1, |it| it["note"] = Value::Null).await;
    assert!(saved.is_ok(), "{:?}", saved.err());
    assert_eq!(things.methods(), "GET PUT");
}

#[tokio::test(start_paused = true)]
async fn a_removal_answered_with_what_was_removed_is_done() {
    // RFC 9110 9.3.5 lets a removal be answered with a representation. A resource whose members look like
    // Problem Details is no refusal of its own removal, and `unchanged` would say that another client did it.
    let record = json!({"type": "about:blank", "title": "x", "status": 404, "detail": "y"});
    let things = Maker::with(record)
        .makes(|_, _| Value::Null)
        .answers(|written| reply(200, &[], &written.before));
    let all = things.things();
    let seen = all.get(1).await.unwrap();
    assert!(!all.delete(&seen).await.unwrap().unchanged);
    assert_eq!(things.methods(), "GET DELETE");
}

#[tokio::test(start_paused = true)]
async fn a_new_resource_that_is_called_html_and_is_json_is_a_success() {
    const HTML: &[(&str, &str)] = &[("content-type", "text/html; charset=utf-8")];
    const MADE: &str = r#"{"id":7,"title":"mine","body":"text","views":3}"#;
    for status in [200, 201] {
        let server = Server::default();
        server.script([Event::Answer(status, HTML, MADE)]);
        let made = articles(&server).post(&draft()).await.unwrap();
        assert_eq!((made.title.as_str(), made.views), ("mine", 3), "{status}");
        assert_eq!(server.methods(), ["POST"], "{status}");
    }
}
