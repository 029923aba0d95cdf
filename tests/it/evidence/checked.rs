//! Tags that are trusted until a read shows otherwise, and the results that reads report.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ifmatch::{AlteredSeen, Generic, Observer, Versioning};
use serde_json::{Value, json};

use super::server::{Maker, shown};
use crate::support::{ARTICLE, AT, Event, Server, articles, values};

/// It adds to the history with each write, and answers 204 with the tag of that.
fn historian() -> Maker {
    Maker::with(json!({"title": "a", "history": []})).makes(|before, mut sent| {
        let mut history = sent["history"].as_array().unwrap().clone();
        history.push(before["title"].clone());
        sent["history"] = history.into();
        sent
    })
}

#[derive(Clone, Default)]
struct Told(Arc<AtomicU32>);

impl Observer for Told {
    fn altered(&self, seen: &AlteredSeen<'_>) {
        assert_eq!(seen.path, "/things/1");
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_read_after_a_write_shows_a_server_that_alters_what_it_stores() {
    for refreshes in [false, true] {
        let (things, told) = (historian(), Told::default());
        let client = things.builder().observer(told.clone()).build().unwrap();
        let all = client.collection::<Value>("things");
        let saved = all.update(1, |it| it["title"] = "b".into()).await.unwrap();
        let read = if refreshes {
            let refreshed = all.refresh(1).await.unwrap();
            assert!(refreshed.changed);
            refreshed.value
        } else {
            all.get(1).await.unwrap()
        };
        assert_eq!(read["history"], json!(["a"]));
        for (title, count) in [("c", 2), ("d", 3)] {
            all.update(1, move |it| it["title"] = title.into())
                .await
                .unwrap();
            assert_eq!(things.stored()["history"].as_array().unwrap().len(), count);
            all.get(1).await.unwrap();
        }
        // The read takes the place of the one that the next write would have made: each goes out once.
        assert_eq!(things.methods(), "GET PUT GET PUT GET PUT GET");
        assert_eq!(told.0.load(Ordering::Relaxed), 1);
        // A value of the time before is no base for a write any more.
        let mut old = saved.into_versioned();
        old["note"] = 1.into();
        all.save(&old).await.unwrap();
        assert_eq!(things.stored()["history"].as_array().unwrap().len(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn once_a_difference_was_seen_each_write_of_the_collection_reads_first() {
    let things = historian();
    let all = things.things();
    all.update(1, |it| it["title"] = "b".into()).await.unwrap();
    all.get(1).await.unwrap();
    all.update(2, |it| it["title"] = "c".into()).await.unwrap();
    all.update(2, |it| it["title"] = "d".into()).await.unwrap();
    assert_eq!(things.methods(), "GET PUT GET GET PUT GET PUT");
    assert_eq!(things.stored()["history"], json!(["a", "b", "c"]));
}

#[tokio::test(start_paused = true)]
async fn what_a_server_makes_of_writes_can_be_said_beforehand() {
    let by_handle = historian();
    let by_profile = historian();
    let profile = Generic::new().stores_as_sent(false);
    let client = by_profile.builder().profile(profile).build().unwrap();
    let handles = [
        (by_handle.things().stores_as_sent(false), &by_handle),
        (client.collection("things"), &by_profile),
    ];
    for (all, things) in handles {
        all.update(1, |it| it["title"] = "b".into()).await.unwrap();
        all.update(1, |it| it["title"] = "c".into()).await.unwrap();
        assert_eq!(things.stored()["history"], json!(["a", "b"]));
        assert_eq!(things.methods(), "GET PUT GET PUT");
    }
    let things = Maker::with(json!({"title": "a"}));
    let all = things.things().stores_as_sent(true);
    all.update(1, |it| it["title"] = "b".into()).await.unwrap();
    all.get(1).await.unwrap();
    assert_eq!(things.methods(), "GET PUT GET?");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stores_as_sent_keeps_its_one_request() {
    // `null` and a missing member are the same.
    let things = Maker::with(json!({"title": "a", "note": null})).makes(|_, mut sent| {
        sent.as_object_mut().unwrap().remove("note");
        sent
    });
    let all = things.things();
    for title in ["b", "c"] {
        all.update(1, move |it| it["title"] = title.into())
            .await
            .unwrap();
        all.get(1).await.unwrap();
    }
    all.get(1).await.unwrap();
    all.update(1, |it| it["title"] = "d".into()).await.unwrap();
    assert_eq!(things.methods(), "GET PUT GET PUT GET GET? PUT");
}

#[tokio::test(start_paused = true)]
async fn a_304_of_another_version_is_asked_again() {
    let about: [(&[(&str, &str)], bool); 4] = [
        (&[("etag", "\"7\"")], true),
        (&[("etag", "W/\"1\"")], false),
        (&[("etag", "\"1-gzip\"")], false),
        (&[], false),
    ];
    for (headers, again) in about {
        let server = Server::with(AT, ARTICLE);
        let articles = articles(&server);
        articles.get(1).await.unwrap();
        server.put(AT, r#"{"title":"new","body":"text","views":1}"#);
        server.script([Event::Answer(304, headers, "")]);
        let title = articles.get(1).await.unwrap().title.clone();
        assert_eq!(title, if again { "new" } else { "old" }, "{headers:?}");
        let last = server.seen().pop().unwrap();
        assert_eq!(last.header("if-none-match").is_none(), again);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_of_the_same_version_tells_no_change() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    assert!(articles.refresh(1).await.unwrap().changed);
    // The server gives no 304.
    server.script([Event::Answer(200, &[("etag", "\"1\"")], ARTICLE)]);
    assert!(!articles.refresh(1).await.unwrap().changed);
    assert!(!articles.refresh(1).await.unwrap().changed);
    articles
        .update(1, |article| article.views += 1)
        .await
        .unwrap();
    // What was written and is read for the first time is no news.
    assert!(!articles.refresh(1).await.unwrap().changed);
    server.put(AT, ARTICLE);
    assert!(articles.refresh(1).await.unwrap().changed);
}

#[tokio::test(start_paused = true)]
async fn a_reply_from_a_proxy_that_changed_it_files_nothing() {
    let things = Maker::with(json!({"n": 1})).answers(|written| {
        let mut reply = shown(&written.stored, &written.tag);
        reply.status = http::StatusCode::NON_AUTHORITATIVE_INFORMATION;
        reply
    });
    let all = things.things();
    all.update(1, |it| it["n"] = 2.into()).await.unwrap();
    all.update(1, |it| it["n"] = 3.into()).await.unwrap();
    assert_eq!(things.methods(), "GET PUT GET PUT");
}

#[tokio::test(start_paused = true)]
async fn a_304_that_nobody_asked_for_is_never_taken_for_news_of_the_snapshot() {
    // RFC 9110 15.4.5: a 304 answers a conditional request. DESIGN promise 10: one of another version, or one
    // that comes unasked for, leads to a read, and never to the old state as the answer.
    let body_field = Generic::new().versioning(Versioning::body_field("/version"));
    let server = Server::with(AT, r#"{"version":1,"n":1}"#);
    server.0.lock().unwrap().silent = true;
    let things = values(&server, body_field);
    things.get(1).await.unwrap();
    server.put(AT, r#"{"version":2,"n":2}"#);
    server.script([Event::Answer(304, &[], "")]);
    assert_eq!(things.get(1).await.unwrap()["n"], 2);

    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    articles.get(1).await.unwrap();
    server.put(AT, r#"{"title":"new","body":"text","views":1}"#);
    let of_another = || Event::Answer(304, &[("etag", "\"7\"")], "");
    server.script([of_another(), of_another()]);
    let error = articles.get(1).await.unwrap_err();
    assert!(error.is_decode(), "{error:?}");
    assert_eq!(articles.get(1).await.unwrap().title, "new");
}

struct Panics;

impl Observer for Panics {
    fn altered(&self, _: &AlteredSeen<'_>) {
        panic!("no");
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_at_a_difference_ends_no_read() {
    // The docs of `ClientBuilder::observer`: its panics end no write. This one came out of `get`, and
    // DESIGN 8 lets a panic of a user's part end its own work alone.
    let things = historian();
    let client = things.builder().observer(Panics).build().unwrap();
    let all = client.collection::<Value>("things");
    all.update(1, |it| it["title"] = "b".into()).await.unwrap();
    assert_eq!(all.get(1).await.unwrap()["title"], "b");
}
