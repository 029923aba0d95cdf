//! What the feeds of known APIs say, as those APIs send it.

use super::*;
use crate::json::Document;
use crate::protocol::profiles::{CouchDb, Firebase, Kinto, Kubernetes, Solid};
use crate::protocol::turtle::Turtle;
use crate::protocol::{Profile, Validator};

fn put(id: &str, validator: Option<&str>, body: Option<&str>) -> Notice {
    Notice::Put {
        id: id.to_owned(),
        text: None,
        validator: validator.map(|text| text.parse().unwrap_or(Validator::Version(String::new()))),
        body: body.and_then(|body| Document::parse(body.as_bytes()).ok()),
    }
}

fn gone(id: &str, validator: Option<&str>) -> Notice {
    Notice::Gone {
        id: id.to_owned(),
        text: None,
        validator: validator.and_then(|text| text.parse().ok()),
    }
}

fn at(position: &str) -> Notice {
    Notice::Position(position.to_owned())
}

fn page(feed: &Feed, body: &str) -> Option<Vec<Notice>> {
    feed.reader.page(&Document::parse(body.as_bytes()).ok()?)
}

fn feed_of(profile: &dyn Profile) -> Feed {
    profile.feed().unwrap_or_else(Feed::polling)
}

#[test]
fn couchdb_tells_states_with_their_revisions_and_removals() {
    let feed = feed_of(&CouchDb);
    let doc = r#"{"_id":"a","_rev":"2-x","n":1}"#;
    let body = format!(
        r#"{{"results":[{{"seq":"5-g1","id":"a","changes":[{{"rev":"2-x"}}],"doc":{doc}}},
        {{"seq":"6-g1","id":"b","changes":[{{"rev":"3-y"}}],"deleted":true,"doc":{{"_id":"b","_deleted":true}}}}],
        "last_seq":"7-g1","pending":0}}"#
    );
    let expected = vec![
        put("a", Some("version:2-x"), Some(doc)),
        at("5-g1"),
        gone("b", Some("version:3-y")),
        at("6-g1"),
        at("7-g1"),
    ];
    assert_eq!(page(&feed, &body), Some(expected));
}

#[test]
fn kinto_tells_records_and_tombstones_since_a_time() {
    let feed = feed_of(&Kinto);
    let record = r#"{"id":"a","n":1,"last_modified":17}"#;
    let body = format!(r#"{{"data":[{record},{{"id":"b","last_modified":18,"deleted":true}}]}}"#);
    let expected = vec![
        put("a", Some("\"17\""), Some(record)),
        at("17"),
        gone("b", Some("\"18\"")),
        at("18"),
    ];
    assert_eq!(page(&feed, &body), Some(expected));
}

#[test]
fn kubernetes_tells_objects_bookmarks_and_a_position_that_is_too_old() {
    let feed = feed_of(&Kubernetes);
    let line = |text: &str| {
        feed.reader
            .line(Document::parse(text.as_bytes()).ok().as_ref())
    };
    let object = r#"{"metadata":{"name":"a","resourceVersion":"12"},"n":1}"#;
    let expected = vec![put("a", Some("version:12"), Some(object)), at("12")];
    assert_eq!(
        line(&format!(r#"{{"type":"MODIFIED","object":{object}}}"#)),
        expected
    );
    let removed = vec![gone("a", Some("version:12")), at("12")];
    assert_eq!(
        line(&format!(r#"{{"type":"DELETED","object":{object}}}"#)),
        removed
    );
    let bookmark = r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"20"}}}"#;
    assert_eq!(line(bookmark), vec![at("20")]);
    let gone = r#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}"#;
    assert_eq!(line(gone), vec![Notice::TooOld]);
    let broken = r#"{"type":"ERROR","object":{"kind":"Status","code":500}}"#;
    assert_eq!(line(broken), vec![Notice::Failed]);
    let expired = r#"{"type":"ERROR","object":{"kind":"Status","code":401}}"#;
    assert_eq!(line(expired), vec![Notice::Unauthorized]);
    let withdrawn = r#"{"type":"ERROR","object":{"kind":"Status","code":403}}"#;
    assert_eq!(line(withdrawn), vec![Notice::Forbidden]);
}

#[test]
fn events_are_read_by_their_names_and_members() {
    let feed = Feed::event_stream("events")
        .tag_at("/etag")
        .document_at("/document");
    let event = |name, data: &str| feed.reader.event(name, Some("7"), data.as_bytes(), 64);
    let changed = event(None, r#"{"id":"a","etag":"v2","document":{"n":1}}"#);
    assert_eq!(
        changed,
        vec![put("a", Some("\"v2\""), Some(r#"{"n":1}"#)), at("7")]
    );
    let removed = event(Some("Deleted"), r#"{"id":"a"}"#);
    assert_eq!(removed, vec![gone("a", None), at("7")]);
    for address in ["https://api/x/a%2Fb?q=1", "/x/a%2Fb", "x/a%2Fb/"] {
        let by_address = event(Some("message"), &format!(r#"{{"id":"{address}"}}"#));
        let read = Notice::Put {
            id: "a/b".to_owned(),
            text: Some(address.to_owned()),
            validator: None,
            body: None,
        };
        assert_eq!(by_address, vec![read, at("7")]);
    }
    assert_eq!(event(Some("ping"), ""), vec![Notice::Alive, at("7")]);
    assert_eq!(event(None, "not json"), vec![Notice::Something, at("7")]);
    for canceled in [
        r#"{"canceled":true,"compact_revision":"9"}"#,
        r#"{"result":{"canceled":true,"compact_revision":"9"}}"#,
    ] {
        assert_eq!(event(None, canceled).first(), Some(&Notice::TooOld));
    }
    assert_eq!(
        event(Some("auth_revoked"), "null").first(),
        Some(&Notice::Unauthorized)
    );
}

#[test]
fn ids_and_positions_that_are_too_long_are_not_kept() {
    let feed = Feed::event_stream("").position_at("/at");
    let long = "x".repeat(5_000);
    let text = format!(r#"{{"id":"{long}","at":"{long}"}}"#);
    let event = feed
        .reader
        .line(Document::parse(text.as_bytes()).ok().as_ref());
    assert_eq!(event, vec![Notice::Something]);
}

#[test]
fn a_page_whose_changes_are_elsewhere_is_none() {
    assert_eq!(
        page(&feed_of(&CouchDb), r#"{"error":"unauthorized"}"#),
        None
    );
}

/// What a channel says, notification by notification.
fn notified(text: &str) -> Vec<Notice> {
    let Ok(base) = "http://pod/.notifications/x".parse() else {
        return Vec::new();
    };
    let (mut turtle, reader) = (Turtle::at(base), feed_of(&Solid).reader);
    let (mut rest, mut notices) = (text.as_bytes(), Vec::new());
    loop {
        let mut members = StatementMembers::default();
        match turtle.decode(&mut rest, |triple| members.take(triple)) {
            Ok(true) => {
                let document = members.document();
                notices.extend(
                    document
                        .iter()
                        .flat_map(|document| reader.line(Some(document))),
                );
            }
            Ok(false) => return notices,
            Err(_) => notices.extend(reader.line(None)),
        }
    }
}

#[test]
fn solid_tells_what_was_added_to_a_container_and_removed_from_it() {
    let said = |activity: &str, object: &str| {
        format!(
            "<urn:1795810498795:http://pod/c/> <https://www.w3.org/ns/activitystreams#object> <{object}>;
    <https://www.w3.org/ns/activitystreams#target> <http://pod/c/>;
    <http://www.w3.org/ns/solid/notifications#state> \"\\\"1795810498759-text/turtle\\\"\";
    <https://www.w3.org/ns/activitystreams#published> \"2026-11-27T20:14:58.795Z\"^^<http://www.w3.org/2001/XMLSchema#dateTime>;
    a <https://www.w3.org/ns/activitystreams#{activity}>.\n"
        )
    };
    let text = [
        said("Update", "http://pod/c/"),
        "@prefix as: <https://www.w3.org/ns/activitystreams#>.\n".to_owned(),
        said("Add", "http://pod/c/a%20b"),
        said("Remove", "http://pod/c/b"),
        said("Add", "http://pod/c/sub/"),
        "<urn:1> as:object <http://pod/c/d>; a as:Create.\n".to_owned(),
        "<urn:1> not turtle.\n".to_owned(),
        said("Delete", "http://pod/c/e"),
        said("Delete", "http://pod/c/"),
    ];
    let expected = [
        Notice::Alive,
        put("a b", None, None),
        gone("b", None),
        Notice::Alive,
        put("d", None, None),
        Notice::Something,
        gone("e", None),
        Notice::Something,
    ];
    assert_eq!(notified(&text.concat()), expected);
}

#[test]
fn a_container_names_its_documents_and_says_when_they_were_changed() -> Result<(), String> {
    let container = "http://pod/c/".parse().map_err(|_| "no address")?;
    let read =
        |text: &str| members_of(&container, text.as_bytes()).map_err(|error| error.to_string());
    let of = |time: &str| {
        format!(
            "@prefix ldp: <http://www.w3.org/ns/ldp#>. @prefix dc: <http://purl.org/dc/terms/>.
            <> ldp:contains <a>, <sub/>, <http://other/c/x>, <b%20c>, <deep/er>, <../up>.
            <a> a ldp:Resource; dc:modified \"{time}\". <not-contained> dc:modified \"1\"."
        )
    };
    let members = read(&of("2026"))?;
    let ids: Vec<_> = members.iter().map(|member| member.id.as_str()).collect();
    assert_eq!(ids, ["a", "b c"]);
    let [a, b] = members.as_slice() else {
        return Err("two members".to_owned());
    };
    assert_eq!(b.digest, None, "it has no time");
    assert_ne!(a.digest, None);
    assert_eq!(read(&of("2026"))?, members);
    assert_ne!(read(&of("2027"))?.first(), Some(a));
    let other_order = "<http://pod/c/a> <http://purl.org/dc/terms/modified> \"2026\"; a <http://www.w3.org/ns/ldp#Resource>.
        <http://pod/c/> <http://www.w3.org/ns/ldp#contains> <http://pod/c/a>.";
    assert_eq!(read(other_order)?.first(), Some(a));
    assert_eq!(read("")?, []);
    assert!(read("<> <http://www.w3.org/ns/ldp#contains> <a>, <b").is_err());
    assert!(read("<> x:y <a>.").is_err());
    Ok(())
}

#[test]
fn firebase_tells_the_whole_documents_and_parts_of_them() {
    let feed = feed_of(&Firebase);
    let event = |name, data: &str| feed.reader.event(Some(name), None, data.as_bytes(), 64);
    let whole = event("put", r#"{"path": "/", "data": {"a": {"n": 1}, "b": 2}}"#);
    let state = |text: &str| {
        Document::parse(text.as_bytes()).unwrap_or_else(|_| Document::from_trusted(""))
    };
    let states = vec![
        ("a".to_owned(), state(r#"{"n": 1}"#)),
        ("b".to_owned(), state("2")),
    ];
    assert_eq!(whole, [Notice::Whole(states)]);
    assert_eq!(
        event("put", r#"{"path": "/", "data": null}"#),
        [Notice::Whole(Vec::new())]
    );
    let one = event(
        "put",
        r#"{"path": "/c", "data": {"foo": true, "bar": false}}"#,
    );
    assert_eq!(
        one,
        [put("c", None, Some(r#"{"foo": true, "bar": false}"#))]
    );
    assert_eq!(
        event("put", r#"{"path": "/c", "data": null}"#),
        [gone("c", None)]
    );
    for (name, data) in [
        ("put", r#"{"path": "/c/foo", "data": null}"#),
        ("patch", r#"{"path": "/c", "data": {"foo": 3, "baz": 4}}"#),
        (
            "patch",
            r#"{"path": "/", "data": {"c/foo": 3, "c/bar": 4}}"#,
        ),
        ("put", r#"{"path": "/c", "data": 7}"#),
    ] {
        assert_eq!(event(name, data), [put("c", None, None)], "{data}");
    }
    assert_eq!(event("keep-alive", "null"), [Notice::Alive]);
    assert_eq!(event("cancel", "null"), [Notice::Failed]);
    assert_eq!(
        event("auth_revoked", "credential is no longer valid"),
        [Notice::Unauthorized]
    );
    for data in [
        "{}",
        "7",
        r#"{"path": 7}"#,
        r#"{"path": "/", "data": [1, 2]}"#,
        r#"{"path": "/", "data": "x"}"#,
    ] {
        assert_eq!(event("put", data), [Notice::Something], "{data}");
    }
}
