//! Promise 1 for an API that takes a version back in another place or form than it sends it.

use std::sync::{Arc, Mutex};

use http::Method;
use http::header::IF_MATCH;
use ifmatch::transport::Fate;
use ifmatch::{Envelope, Generic, Versioning, WriteMode};
use serde_json::{Value, json};

use crate::no_lost_updates::{creation, story};
use crate::support::dialect::{
    Dialect, Speaker, Wanted, body, by_tag, in_query, inside, with, without,
};
use crate::support::served::{client, sent, served};

fn old() -> Value {
    json!({"title": "old", "views": 1})
}

const NEXT: Dialect = Dialect {
    name: "the next number",
    show: |version, document| {
        (
            vec![],
            with(document, "version", json!({"number": version})),
        )
    },
    written: |version, document| (NEXT.show)(version, document),
    wanted: |seen| {
        in_query(seen).unwrap_or_else(|| {
            let next = body(seen)["version"]["number"].as_u64();
            Wanted::Version((next.expect("a number") - 1).to_string())
        })
    },
    version: |version| version.to_string(),
    taken: |seen, _| without(body(seen), "version"),
    stale: 409,
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn a_version_can_go_back_as_the_next_number() {
    let versioning = Versioning::body_field("/version/number")
        .sent_as_next()
        .query("version");
    story(NEXT, Generic::new().versioning(versioning), WriteMode::Put).await;
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_no_number_has_no_next_one_and_nothing_is_sent() {
    let speaker = Speaker::of(
        Dialect {
            show: |version, document| (vec![], with(document, "version", format!("v{version}"))),
            ..NEXT
        },
        Some(old()),
    );
    let versioning = Versioning::body_field("/version").sent_as_next();
    let articles = speaker.values(Generic::new().versioning(versioning));
    let ended = articles.update(1, |v| v["views"] = 2.into()).await;
    assert!(ended.unwrap_err().is_unusable_validator());
    assert!(speaker.writes().is_empty());
}

const SPELLED: Dialect = Dialect {
    name: "as a function spells it",
    show: |version, document| {
        (
            vec![],
            json!({"network": with(document, "revision", version)}),
        )
    },
    written: |version, document| (SPELLED.show)(version, document),
    wanted: |seen| match seen.header("if-match") {
        Some(tag) => Wanted::Version(
            tag.strip_prefix("revision=")
                .expect("its spelling")
                .to_owned(),
        ),
        None => by_tag(seen),
    },
    version: |version| version.to_string(),
    taken: |seen, _| without(body(seen)["network"].clone(), "revision"),
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn a_version_can_go_back_as_a_function_spells_it() {
    let versioning = Versioning::body_field("/network/revision")
        .sent_in_header(IF_MATCH)
        .spelled(|revision| format!("revision={revision}"));
    let profile = Generic::new()
        .versioning(versioning)
        .envelope(Envelope::at("/network"));
    story(SPELLED, profile.clone(), WriteMode::Put).await;
    creation(SPELLED, profile).await;
}

/// A creation says by an explicit `null` that there is no version yet.
const NULL_FIRST: Dialect = Dialect {
    name: "an explicit null",
    show: |version, document| (vec![], with(document, "rev", version)),
    written: |version, document| (NULL_FIRST.show)(version, document),
    wanted: |seen| {
        assert_eq!(seen.header("if-none-match"), None);
        in_query(seen).unwrap_or_else(|| match body(seen).get("rev") {
            Some(Value::Null) => Wanted::Absent,
            Some(version) => Wanted::Version(version.to_string()),
            None => Wanted::Nothing,
        })
    },
    version: |version| version.to_string(),
    taken: |seen, _| without(body(seen), "rev"),
    stale: 409,
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn a_creation_can_carry_an_explicit_null() {
    let versioning = Versioning::body_field("/rev").query("version");
    let versioning = versioning.create_body("/rev", Value::Null);
    let profile = Generic::new().versioning(versioning);
    story(NULL_FIRST, profile.clone(), WriteMode::Put).await;
    creation(NULL_FIRST, profile).await;
}

const NAMED: Dialect = Dialect {
    name: "a number under another name",
    show: |version, document| (vec![], with(document, "version", version)),
    written: |version, _| (vec![], json!({"version": version})),
    wanted: |seen| {
        in_query(seen).unwrap_or_else(|| {
            assert!(
                !body(seen)["expected"].is_string(),
                "the number became a text"
            );
            inside(seen, "/expected")
        })
    },
    version: |version| version.to_string(),
    taken: |seen, _| without(without(body(seen), "version"), "expected"),
    stale: 409,
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn a_number_goes_back_as_a_number_under_another_name_and_is_no_part_of_the_document() {
    let versioning = || {
        Versioning::body_field("/version")
            .sent_in_body("/expected")
            .query("version")
    };
    let speaker = story(
        NAMED,
        Generic::new().versioning(versioning()),
        WriteMode::Put,
    )
    .await;
    assert_eq!(
        body(&speaker.writes()[2])["expected"],
        json!(9),
        "warm as well"
    );
    let speaker = Speaker::of(NAMED, Some(old()));
    let articles = speaker.values(Generic::new().versioning(versioning()));
    let saved = articles.update(1, |v| v["views"] = 2.into()).await.unwrap();
    assert_eq!(saved.get("expected"), None);
}

#[tokio::test(start_paused = true)]
async fn a_number_in_the_body_of_a_removal_stays_a_number() {
    let speaker = Speaker::of(
        Dialect {
            wanted: |seen| inside(seen, "/expected"),
            ..NAMED
        },
        Some(old()),
    );
    let versioning = Versioning::body_field("/version").delete_body(json!({}), "/expected");
    let articles = speaker.values(Generic::new().versioning(versioning));
    articles.delete(1).await.unwrap();
    assert_eq!(body(&speaker.writes()[0])["expected"], json!(7));
}

const QUOTES_INSIDE: Dialect = Dialect {
    name: "a tag with its quotes in the body",
    show: |version, document| (vec![], with(document, "_etag", format!("\"08-{version}\""))),
    written: |version, document| (QUOTES_INSIDE.show)(version, document),
    version: |version| format!("\"08-{version}\""),
    taken: |seen, _| without(body(seen), "_etag"),
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn a_tag_that_has_its_quotes_in_the_body_goes_back_as_it_is() {
    let profile = || Generic::new().versioning(Versioning::body_field("/_etag").sent_as_tag());
    story(QUOTES_INSIDE, profile(), WriteMode::Put).await;
    creation(QUOTES_INSIDE, profile()).await;
}

#[tokio::test(start_paused = true)]
async fn a_quote_inside_a_tag_is_never_sent() {
    for broken in ["a\"b", "\"a\", \"b\"", "\"a", "W/\"a\" \"b\""] {
        let document = json!({"title": "old", "_etag": broken});
        let speaker = Speaker::of(
            Dialect {
                show: |_, document| (vec![], document.clone()),
                ..QUOTES_INSIDE
            },
            Some(document),
        );
        let versioning = Versioning::body_field("/_etag").sent_as_tag();
        let articles = speaker.values(Generic::new().versioning(versioning));
        let ended = articles.update(1, |v| v["title"] = "mine".into()).await;
        assert!(ended.unwrap_err().is_unusable_validator(), "{broken}");
        assert!(speaker.writes().is_empty(), "{broken}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_write_is_recognised_although_its_version_is_sent_otherwise() {
    for versioning in [
        Versioning::body_field("/version").sent_as_next(),
        Versioning::body_field("/version").sent_in_body("/expected"),
    ] {
        let state = Arc::new(Mutex::new((7_u64, old(), 0_u32)));
        let server = served(&state, |(version, document, writes), request| {
            if request.method == Method::GET {
                return Ok((200, None, with(document, "version", *version)));
            }
            *writes += 1;
            *document = without(without(sent(request), "version"), "expected");
            *version += 1;
            Err(Fate::Unknown)
        });
        let articles =
            client(server, Generic::new().versioning(versioning)).collection::<Value>("a");
        let saved = articles
            .update(1, |v| v["title"] = "mine".into())
            .await
            .unwrap();
        assert!(saved.report().settled);
        assert_eq!(state.lock().unwrap().2, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_next_number_that_another_writer_took_is_not_taken_for_ones_own_write() {
    let state = Arc::new(Mutex::new((7_u64, old(), 0_u32)));
    let server = served(&state, |(version, document, writes), request| {
        if request.method == Method::GET {
            return Ok((200, None, with(document, "version", *version)));
        }
        *writes += 1;
        if *writes == 1 {
            // It is lost on its way, and another client's write gets the number that it had.
            (*version, document["views"]) = (8, 2.into());
            return Err(Fate::Unknown);
        }
        assert_eq!(sent(request)["version"], json!(*version + 1));
        *document = without(sent(request), "version");
        *version += 1;
        Ok((200, None, with(document, "version", *version)))
    });
    let versioning = Versioning::body_field("/version").sent_as_next();
    let articles = client(server, Generic::new().versioning(versioning)).collection::<Value>("a");
    let article = articles.get(1).await.unwrap();
    let mut mine = article;
    mine["title"] = "mine".into();
    articles.save(mine).await.unwrap();
    assert_eq!(
        state.lock().unwrap().1,
        json!({"title": "mine", "views": 2})
    );
}
