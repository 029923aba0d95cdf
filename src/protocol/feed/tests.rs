//! What the feeds of known APIs say, as those APIs send it.

use super::*;
use crate::json::Document;
use crate::protocol::profiles::{CouchDb, Kinto, Kubernetes};
use crate::protocol::{Profile, Validator};

fn put(id: &str, validator: Option<&str>, body: Option<&str>) -> Notice {
    Notice::Put {
        id: id.to_owned(),
        validator: validator.map(|text| text.parse().unwrap_or(Validator::Version(String::new()))),
        body: body.and_then(|body| Document::parse(body.as_bytes()).ok()),
    }
}

fn gone(id: &str, validator: Option<&str>) -> Notice {
    Notice::Gone {
        id: id.to_owned(),
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
    let by_address = event(Some("message"), r#"{"id":"https://api/x/a%2Fb?q=1"}"#);
    assert_eq!(by_address, vec![put("a/b", None, None), at("7")]);
    assert_eq!(event(Some("ping"), ""), vec![Notice::Alive, at("7")]);
    assert_eq!(event(None, "not json"), vec![Notice::Something, at("7")]);
    let canceled = event(None, r#"{"canceled":true,"compact_revision":"9"}"#);
    assert_eq!(canceled.first(), Some(&Notice::TooOld));
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
