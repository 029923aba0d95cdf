//! Tests of the module's table, row by row, and of the law behind it.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::Contradiction::{Another, Before, Unmoved};
use super::Evidence::{Contradicted, Stored, StoredUnseen};
use super::EvidenceDocument::{Sent, Shown};
use super::*;

/// The response of one row.
#[derive(Clone, Debug, Default)]
struct Row {
    method: Method,
    base: Option<Value>,
    sent: Value,
    version: Option<&'static str>,
    shown: Option<Value>,
    body_is_resource: bool,
    status_is_created: bool,
    stores_as_sent: Option<bool>,
    returns_stored: bool,
}

fn put(sent: Value) -> Row {
    Row {
        method: Method::PUT,
        base: Some(json!({"id": 7, "title": "old", "at": 1, "link": {"id": 1}})),
        sent,
        version: Some("2"),
        ..Row::default()
    }
}

fn weighed(row: &Row) -> Evidence {
    let document = |value: &Value| Document::from_value(value);
    let version = |text: &str| Validator::Version(text.to_owned());
    let (base, shown) = (
        row.base.as_ref().map(document),
        row.shown.as_ref().map(document),
    );
    let (onto, found) = (version("1"), row.version.map(version));
    weigh(&Claim {
        method: &row.method,
        replaces_whole: row.method == Method::PUT,
        onto: base.as_ref().map(|_| &onto),
        base: base.as_ref(),
        sent: &document(&row.sent),
        version: found.as_ref(),
        has_replaced_version: false,
        shown: shown.as_ref(),
        body_is_resource: row.body_is_resource,
        status_is_created: row.status_is_created,
        shows_another: false,
        server_members: &["/id"],
        stores_as_sent: row.stores_as_sent,
        returns_stored: row.returns_stored,
    })
}

fn mine() -> Value {
    json!({"id": 7, "title": "mine", "at": 1, "link": {"id": 1}})
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is the table")]
fn each_row_of_the_table_holds() {
    let reply = |version, shown: Value| Row {
        version,
        shown: Some(shown).filter(|shown| !shown.is_null()),
        ..put(mine())
    };
    let (one, two) = (Some("1"), Some("2"));
    let old = || put(mine()).base.unwrap_or_default();
    let theirs = || json!({"id": 7, "title": "theirs", "at": 2, "link": {"id": 9}});
    let computed = || json!({"id": 7, "title": "mine", "at": 2, "link": {"id": 1}});
    let warned =
        || json!({"id": 7, "title": "mine", "at": 2, "link": {"id": 1}, "warnings": ["w"]});
    let linked = || json!({"id": 7, "title": "mine", "at": 1, "link": 1});
    let less = || json!({"id": 7, "title": "mine"});
    let half = Row {
        sent: json!({"id": 7, "title": "mine", "at": 1, "link": {"id": 2}}),
        ..reply(two, mine())
    };
    let rows = [
        (
            "no body, a new version",
            reply(two, json!(null)),
            Stored(Sent),
        ),
        (
            "no body, no version",
            reply(None, json!(null)),
            StoredUnseen(Sent),
        ),
        (
            "no body, the old version",
            reply(one, json!(null)),
            Contradicted(Unmoved),
        ),
        (
            "a report, a new version",
            reply(two, json!({"ok": true, "id": 7})),
            Stored(Sent),
        ),
        (
            "a report, the old version",
            reply(one, json!({"ok": true})),
            Contradicted(Unmoved),
        ),
        (
            "the state before, an old version",
            reply(one, old()),
            Contradicted(Unmoved),
        ),
        (
            "the state before, a new version",
            reply(two, old()),
            Contradicted(Before),
        ),
        (
            "the state before, no version",
            reply(None, old()),
            Contradicted(Before),
        ),
        (
            "another resource",
            reply(two, json!({"id": 8, "title": "x"})),
            Contradicted(Another),
        ),
        ("as sent", reply(two, mine()), Stored(Shown)),
        (
            "as sent, the old version",
            reply(one, mine()),
            StoredUnseen(Shown),
        ),
        (
            "as sent, no version",
            reply(None, mine()),
            StoredUnseen(Shown),
        ),
        ("a computed value", reply(two, computed()), Stored(Shown)),
        ("a new member", reply(two, warned()), StoredUnseen(Shown)),
        (
            "a new member, named",
            Row {
                body_is_resource: true,
                ..reply(two, warned())
            },
            Stored(Shown),
        ),
        (
            "a new member, vouched for",
            Row {
                returns_stored: true,
                ..reply(two, warned())
            },
            Stored(Shown),
        ),
        ("a link by its id", reply(two, linked()), StoredUnseen(Sent)),
        ("fewer members", reply(two, less()), StoredUnseen(Sent)),
        (
            "fewer members, named",
            Row {
                body_is_resource: true,
                ..reply(two, less())
            },
            StoredUnseen(Shown),
        ),
        (
            "fewer members, vouched for",
            Row {
                returns_stored: true,
                ..reply(two, less())
            },
            Stored(Shown),
        ),
        ("old parts inside", half.clone(), StoredUnseen(Sent)),
        (
            "old parts inside, named",
            Row {
                body_is_resource: true,
                ..half
            },
            StoredUnseen(Sent),
        ),
        (
            "a server that alters",
            Row {
                stores_as_sent: Some(false),
                ..reply(two, json!(null))
            },
            StoredUnseen(Sent),
        ),
        (
            "an echo of such a server",
            Row {
                stores_as_sent: Some(false),
                ..reply(two, mine())
            },
            StoredUnseen(Shown),
        ),
        (
            "a server that does not, fewer members",
            Row {
                stores_as_sent: Some(true),
                ..reply(two, less())
            },
            Stored(Sent),
        ),
        (
            "a patch without a body",
            Row {
                method: Method::PATCH,
                ..reply(two, json!(null))
            },
            StoredUnseen(Sent),
        ),
        (
            "a patch with the document",
            Row {
                method: Method::PATCH,
                ..reply(two, computed())
            },
            Stored(Shown),
        ),
        (
            "a creation, as sent",
            Row {
                base: None,
                ..reply(two, mine())
            },
            Stored(Shown),
        ),
        (
            "a creation, with members of the server",
            Row {
                base: None,
                ..reply(two, warned())
            },
            StoredUnseen(Shown),
        ),
        (
            "a creation, and what was there already",
            Row {
                base: None,
                ..reply(two, theirs())
            },
            Contradicted(Before),
        ),
        (
            "a creation, and values of the server where nothing was sent",
            Row {
                base: None,
                sent: json!({"id": 7, "title": "", "at": 0, "link": null}),
                ..reply(two, json!({"id": 7, "title": "New", "at": 2}))
            },
            Stored(Shown),
        ),
        (
            "a creation, told as such, and other values",
            Row {
                base: None,
                status_is_created: true,
                ..reply(two, theirs())
            },
            Stored(Shown),
        ),
    ];
    for (name, row, expected) in rows {
        assert_eq!(weighed(&row), expected, "{name}");
    }
    // The id of a new resource does not count as a member of the response only.
    let draft = Row {
        method: Method::POST,
        base: None,
        ..put(json!({"title": "t", "coupon": 1}))
    };
    let made = |shown| Row {
        shown: Some(shown),
        ..draft.clone()
    };
    let same = made(json!({"id": 7, "title": "t", "coupon": 1}));
    assert_eq!(weighed(&same), Stored(Shown));
    assert_eq!(
        weighed(&made(json!({"id": 7, "title": "t"}))),
        StoredUnseen(Shown)
    );
    assert_eq!(
        weighed(&made(json!({"id": 7, "ok": true}))),
        StoredUnseen(Sent)
    );
}

#[test]
fn a_body_is_looked_at_and_not_only_its_label() {
    const PAGE: &str = "\u{feff} <!DOCTYPE html><html></html>";
    const PROBLEM: &str = r#"{"type":"about:blank","title":"No","status":403}"#;
    let rows = [
        ("text/html", "", BodyKind::Plain),
        ("text/html", "{\"title\":\"a\"}", BodyKind::Plain),
        ("text/html", "OK", BodyKind::Plain),
        ("text/html; charset=utf-8", "<p>Log in", BodyKind::Page),
        ("application/json", PAGE, BodyKind::Page),
        ("application/xml", "<html><body/></html>", BodyKind::Page),
        ("application/xml", "<Result/>", BodyKind::Plain),
        ("application/problem+json", PROBLEM, BodyKind::Problem),
        ("application/problem+xml", "<problem/>", BodyKind::Problem),
        ("application/json", PROBLEM, BodyKind::Problem),
        (
            "application/json",
            r#"{"title":"a","status":403}"#,
            BodyKind::Plain,
        ),
        (
            "application/json",
            r#"{"title":"a","status":200,"detail":"d"}"#,
            BodyKind::Plain,
        ),
        (
            "application/json",
            r#"{"title":"a","status":"403","detail":"d"}"#,
            BodyKind::Plain,
        ),
        ("application/json", r#"{"status":"#, BodyKind::Plain),
    ];
    for (label, text, expected) in rows {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(label))]);
        assert_eq!(
            body(&headers, text.as_bytes(), 128),
            expected,
            "{label}: {text}"
        );
    }
}

/// Documents with a few members, some of which are objects and lists.
fn object() -> impl Strategy<Value = Value> {
    let scalar = || prop_oneof![(0..3_u8).prop_map(Value::from), Just(Value::Null)];
    let list = proptest::collection::vec(scalar(), 0..3).prop_map(Value::from);
    let inner = proptest::collection::btree_map("[a-c]", prop_oneof![scalar(), list], 0..3);
    let inner = inner.prop_map(|members| Value::Object(Map::from_iter(members)));
    let member = prop_oneof![3 => scalar(), 2 => inner];
    let members = proptest::collection::btree_map("[a-d]", member, 1..4);
    members.prop_map(|members| Value::Object(Map::from_iter(members)))
}

/// Collects the places of a document with their values, without `null`.
fn places(value: &Value, at: &str, out: &mut Vec<(String, Value)>) {
    match value {
        Value::Null => {}
        Value::Object(members) => {
            out.push((at.to_owned(), json!({})));
            for (name, member) in members {
                places(member, &format!("{at}/{name}"), out);
            }
        }
        _ => out.push((at.to_owned(), value.clone())),
    }
}

fn places_of(value: &Value) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    places(value, "", &mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8_000))]

    /// A document is cached only under a version from the response that differs from the replaced one, and only if
    /// the response shows the document or shows nothing.
    #[test]
    fn whatever_a_reply_says_a_version_goes_with_the_document_that_it_names(
        base in proptest::option::of(object()),
        sent in object(),
        shown in proptest::option::of(object()),
        mixed in any::<[bool; 4]>(),
        version in prop_oneof![Just(None), Just(Some("1")), Just(Some("2"))],
        method in prop_oneof![Just(Method::PUT), Just(Method::PATCH), Just(Method::POST)],
        named in any::<bool>(),
        as_sent in proptest::option::of(any::<bool>()),
    ) {
        // Most responses contain part of what was sent.
        let shown = shown.map(|mut shown| {
            for (take, name) in mixed.into_iter().zip(["a", "b", "c", "d"]) {
                if let (true, Some(member), Some(shown)) = (take, sent.get(name), shown.as_object_mut()) {
                    shown.insert(name.to_owned(), member.clone());
                }
            }
            shown
        });
        let row = Row { method, base, sent, version, shown, body_is_resource: named, status_is_created: false, stores_as_sent: as_sent, returns_stored: false };
        let Stored(which) = weighed(&row) else {
            return Ok(());
        };
        prop_assert!(row.version.is_some());
        prop_assert!(row.stores_as_sent != Some(false));
        if let Some(base) = &row.base
            && places_of(base) != places_of(&row.sent)
        {
            prop_assert_eq!(row.version, Some("2"));
        }
        match (which, &row.shown) {
            (Sent, Some(shown)) => {
                prop_assert_eq!(&row.method, &Method::PUT);
                // The body is a report, or the user vouches for what is stored.
                let shares = row.sent.as_object().is_some_and(|sent| {
                    sent.keys().any(|name| shown.get(name).is_some())
                });
                prop_assert!(!shares || row.stores_as_sent == Some(true));
            }
            (Sent, None) => prop_assert_eq!(&row.method, &Method::PUT),
            (Shown, shown) => {
                let shown = shown.as_ref().map(places_of).unwrap_or_default();
                let sent = places_of(&row.sent);
                let base = row.base.as_ref().map(places_of).unwrap_or_default();
                let at = |places: &[(String, Value)], place: &str| {
                    places.iter().find(|(at, _)| at == place).map(|(_, value)| value.clone())
                };
                for (place, value) in &sent {
                    let now = at(&shown, place);
                    prop_assert!(now.is_some(), "{place} is not shown");
                    let before = at(&base, place);
                    prop_assert!(now == Some(value.clone()) || now != before || before.as_ref() == Some(value),
                        "{place} shows the state before");
                }
                for (place, _) in &shown {
                    let null = |side: &Value| side.pointer(place).is_some_and(Value::is_null);
                    let known = at(&sent, place).is_some() || at(&base, place).is_some();
                    prop_assert!(known || row.body_is_resource || null(&row.sent), "{place} is new");
                }
                for (place, value) in &base {
                    let removed = row.sent.pointer(place).is_none();
                    prop_assert!(!removed || at(&shown, place).as_ref() != Some(value) || value == &json!({}),
                        "{place} was removed, and is shown");
                }
            }
        }
    }
}
