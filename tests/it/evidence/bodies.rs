//! Responses that show the resource in another form than it was sent. The edit is not taken back, and the next
//! write neither removes nor adds members that only the response lacks or has.

use ifmatch::{Generic, Merge};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::server::{Maker, reply, shown};
use crate::support::{ARTICLE, AT, Event, Server, values};

#[tokio::test(start_paused = true)]
async fn old_parts_inside_a_reply_take_no_edit_back() {
    let things = Maker::with(json!({"text": "q", "options": [{"id": 1, "text": "yes"}]})).answers(
        |written| {
            let mut old = written.before.clone();
            old["text"] = written.sent["text"].clone();
            shown(&old, &written.tag)
        },
    );
    let all = things.things();
    let edit = |it: &mut Value| {
        it["text"] = "q?".into();
        it["options"][0]["text"] = "no".into();
    };
    let mut saved = all.update(1, edit).await.unwrap();
    assert_eq!(saved["options"][0]["text"], "no");
    saved["text"] = "q??".into();
    all.save(&saved).await.unwrap();
    all.update(1, |it| it["text"] = "q???".into())
        .await
        .unwrap();
    let stored = json!({"text": "q???", "options": [{"id": 1, "text": "no"}]});
    assert_eq!(things.stored(), stored);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_shows_less_removes_nothing() {
    let narrow: [fn(&Value) -> Value; 4] = [
        |all| json!({"id": 1, "title": all["title"]}),
        |all| json!({"id": 1, "title": all["title"], "author": 7, "tags": all["tags"]}),
        |all| json!({"id": 1, "title": all["title"], "author": null, "tags": []}),
        |all| json!({"id": 1, "title": all["title"], "author": {"id": 7}, "tags": all["tags"]}),
    ];
    for narrow in narrow {
        let whole =
            json!({"id": 1, "title": "a", "author": {"id": 7, "name": "Ann"}, "tags": ["x"]});
        let things = Maker::with(whole.clone())
            .answers(move |written| shown(&narrow(&written.stored), &written.tag));
        let all = things.things();
        let mut saved = all.update(1, |it| it["title"] = "b".into()).await.unwrap();
        assert_eq!(saved["author"]["name"], "Ann");
        saved["title"] = "c".into();
        all.save(&saved).await.unwrap();
        all.update(1, |it| it["title"] = "d".into()).await.unwrap();
        let mut expected = whole;
        expected["title"] = "d".into();
        assert_eq!(things.stored(), expected);
    }
}

/// It answers with a member more than the resource has, and with these headers.
fn warning(headers: &'static [(&'static str, &'static str)]) -> Maker {
    Maker::with(json!({"title": "a"})).answers(move |written| {
        let mut body = written.stored.clone();
        body["warnings"] = json!(["short"]);
        let mut headers = headers.to_vec();
        headers.push(("etag", &written.tag));
        reply(200, &headers, body)
    })
}

#[tokio::test(start_paused = true)]
async fn what_only_a_reply_has_is_shown_and_not_written_back() {
    let things = warning(&[]);
    let all = things.things();
    let mut saved = all.update(1, |it| it["title"] = "b".into()).await.unwrap();
    assert_eq!(saved["warnings"], json!(["short"]));
    saved["title"] = "c".into();
    all.save(&saved).await.unwrap();
    assert_eq!(things.stored(), json!({"title": "c"}));
    all.update(1, |it| it["title"] = "d".into()).await.unwrap();
    assert_eq!(things.stored(), json!({"title": "d"}));
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_names_itself_the_resource_is_taken_for_it() {
    const APPLIED: &[(&str, &str)] = &[("preference-applied", "return=representation")];
    const LOCATED: &[(&str, &str)] = &[("content-location", "https://inside.test:8080/things/1")];
    let profile = Generic::new().returns_stored();
    let vouched = warning(&[]);
    let by_profile = vouched
        .builder()
        .profile(profile)
        .build()
        .unwrap()
        .collection("things");
    let (applied, located, by_handle) = (warning(APPLIED), warning(LOCATED), warning(&[]));
    let all = [
        (applied.things(), &applied),
        (located.things(), &located),
        (by_handle.things().returns_stored(true), &by_handle),
        (by_profile, &vouched),
    ];
    for (things, maker) in all {
        things
            .update(1, |it| it["title"] = "b".into())
            .await
            .unwrap();
        things
            .update(1, |it| it["title"] = "c".into())
            .await
            .unwrap();
        assert_eq!(maker.methods(), "GET PUT PUT");
        assert_eq!(maker.stored(), json!({"title": "c", "warnings": ["short"]}));
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_server_computes_costs_no_request() {
    let things = Maker::with(json!({"n": 1, "at": 1, "log": ["made"], "note": null}))
        .makes(|before, mut sent| {
            sent["at"] = (before["at"].as_u64().unwrap() + 1).into();
            sent["log"].as_array_mut().unwrap().push("changed".into());
            sent.as_object_mut().unwrap().remove("note");
            sent
        })
        .answers(|written| shown(&written.stored, &written.tag));
    let all = things.things();
    for n in [2, 3, 4] {
        let saved = all.update(1, move |it| it["n"] = n.into()).await.unwrap();
        assert_eq!(
            (saved["n"].clone(), saved["at"].clone()),
            (n.into(), n.into())
        );
    }
    assert_eq!(things.methods(), "GET PUT PUT PUT");
    assert_eq!(
        things.stored()["log"],
        json!(["made", "changed", "changed", "changed"])
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_server_made_of_a_creation_survives_the_next_update() {
    for silent in [false, true] {
        let things = Maker::with(Value::Null).makes(|before, mut sent| {
            let members = sent.as_object_mut().unwrap();
            members.retain(|name, value| !value.is_null() && name != "password");
            if before.is_null() {
                members.insert("role".into(), "editor".into());
            }
            sent
        });
        let things = things.answers(move |written| {
            if silent {
                reply(201, &[("etag", &written.tag)], "")
            } else {
                shown(&written.stored, &written.tag)
            }
        });
        let all = things.things();
        let draft = json!({"name": "a", "nick": null, "password": "p"});
        let made = all.create(1, &draft).await.unwrap();
        if silent {
            // Nothing tells, so the first read has to.
            all.get(1).await.unwrap();
        }
        assert_eq!(made["name"], "a");
        all.update(1, |it| it["name"] = "b".into()).await.unwrap();
        assert_eq!(things.stored(), json!({"name": "b", "role": "editor"}));
    }
}

/// A missing nickname is written as `null`.
#[derive(Serialize, Deserialize, Merge)]
struct User {
    name: String,
    nick: Option<String>,
}

#[tokio::test(start_paused = true)]
async fn what_the_server_made_of_a_creation_survives_the_next_update_of_a_type_that_writes_nulls() {
    for silent in [false, true] {
        let users = Maker::with(Value::Null).makes(|before, mut sent| {
            let members = sent.as_object_mut().unwrap();
            if before.is_null() {
                members.retain(|_, value| !value.is_null());
                members.insert("role".into(), "editor".into());
            }
            sent
        });
        let users = users.answers(move |written| {
            if silent {
                reply(201, &[("etag", &written.tag)], "")
            } else {
                shown(&written.stored, &written.tag)
            }
        });
        let all = users.builder().build().unwrap().collection::<User>("users");
        let draft = User {
            name: "a".into(),
            nick: None,
        };
        let made = all.create(1, &draft).await.unwrap();
        assert_eq!((made.name.as_str(), &made.nick), ("a", &None));
        if silent {
            // Nothing tells, so the first read has to.
            all.get(1).await.unwrap();
        }
        // By an update, and by a save: the `null` that is not there is not sent.
        all.update(1, |it| it.name = "b".into()).await.unwrap();
        assert_eq!(users.stored(), json!({"name": "b", "role": "editor"}));
        let mut seen = all.get(1).await.unwrap();
        seen.name = "c".into();
        all.save(&seen).await.unwrap();
        assert_eq!(users.stored(), json!({"name": "c", "role": "editor"}));
    }
}

#[tokio::test(start_paused = true)]
async fn problem_details_without_a_version_are_no_resource_whatever_their_label() {
    let server = Server::with(AT, ARTICLE);
    let problem = r#"{"type":"about:blank","title":"Not yours","status":403}"#;
    server.script([Event::Answer(200, &[], problem)]);
    let error = values(&server, Generic::new()).get(1).await.unwrap_err();
    assert!(
        error.to_string().contains("the body is a refusal"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_page_that_says_that_something_was_created_is_a_success() {
    let page = "<!DOCTYPE HTML><html><head><title>201 Created</title></head></html>";
    let server = Server::default();
    server.script([Event::Answer(201, &[("content-type", "text/html")], page)]);
    let made = values(&server, Generic::new()).create(1, &json!({"n": 1}));
    assert_eq!(made.await.unwrap().report().requests, 1);
}
