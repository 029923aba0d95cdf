//! Resources that are read at one address, written at another and created at a third, by methods of their own.

use std::sync::{Arc, Mutex};

use http::header::{IF_MATCH, IF_NONE_MATCH};
use ifmatch::transport::Request;
use ifmatch::{Generic, Versioning, WriteMode, WriteRoute};
use serde_json::{Value, json};

use crate::no_lost_updates::{creation, story};
use crate::support::dialect::{Dialect, body, with};
use crate::support::served::{Answer, client, sent, served};

fn old() -> Value {
    json!({"title": "old", "views": 1})
}

const BY_PATCH: Dialect = Dialect {
    name: "whole documents by PATCH",
    taken: |seen, _| {
        assert_eq!(seen.method, "PATCH");
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert_eq!(
            body(seen).as_object().map(serde_json::Map::len),
            Some(2),
            "whole"
        );
        body(seen)
    },
    ..Dialect::TAGS
};

const BY_POST: Dialect = Dialect {
    name: "whole documents by POST",
    taken: |seen, _| {
        assert_eq!(seen.method, "POST");
        body(seen)
    },
    ..Dialect::TAGS
};

/// `PUT` only creates, and `PATCH` changes.
const CREATED_BY_PUT: Dialect = Dialect {
    name: "PUT only creates",
    taken: |seen, before| {
        let method = if before.is_some() { "PATCH" } else { "PUT" };
        assert_eq!(seen.method, method);
        body(seen)
    },
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn whole_documents_go_by_the_method_that_the_api_has_for_them() {
    for (dialect, route) in [
        (BY_PATCH, WriteRoute::patch()),
        (BY_POST, WriteRoute::post()),
        (
            CREATED_BY_PUT,
            WriteRoute::patch().create_with(WriteRoute::put()),
        ),
    ] {
        // The response has only a tag, which names the whole document as it names one that was put.
        let profile = Generic::new().write_route(route);
        story(dialect, profile.clone(), WriteMode::Put).await;
        if dialect.name != BY_PATCH.name {
            creation(dialect, profile).await;
        }
    }
}

type Stored = Option<(u64, Value)>;

fn tag(stored: &Stored) -> Option<String> {
    stored.as_ref().map(|(version, _)| format!("\"{version}\""))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the form of every server's answer"
)]
/// A `PUT` that finds something is refused whatever it carries, and a condition on it is as well.
fn only_created_by_put(stored: &mut Stored, request: &Request) -> Answer {
    let condition = request
        .headers
        .get(IF_MATCH)
        .map(|it| it.to_str().unwrap().to_owned());
    let shown = |stored: &Stored| stored.as_ref().map_or(Value::Null, |(_, it)| it.clone());
    match (request.method.as_str(), stored.is_some()) {
        ("GET", true) => Ok((200, tag(stored), shown(stored))),
        ("PUT", _) if request.headers.contains_key(IF_NONE_MATCH) => {
            Ok((501, None, json!({"code": "NotImplemented"})))
        }
        ("PUT", true) => Ok((409, None, json!({"message": "it is there"}))),
        ("PUT", false) => {
            *stored = Some((1, sent(request)));
            Ok((201, tag(stored), shown(stored)))
        }
        (_, false) => Ok((404, None, Value::Null)),
        ("PATCH", true) if condition == tag(stored) => {
            *stored = Some((stored.as_ref().unwrap().0 + 1, sent(request)));
            Ok((200, tag(stored), shown(stored)))
        }
        _ => Ok((412, None, Value::Null)),
    }
}

#[tokio::test(start_paused = true)]
async fn a_put_that_only_creates_needs_no_condition_and_never_replaces() {
    let profile = Generic::new()
        .versioning(Versioning::default().create_unmarked())
        .write_route(WriteRoute::patch().create_with(WriteRoute::put()));
    let stored = Arc::new(Mutex::new(None));
    let articles = client(served(&stored, only_created_by_put), profile).collection::<Value>("a");
    articles.create(1, &old()).await.unwrap();
    let error = articles.create(1, &json!({"title": "other"})).await;
    assert!(error.unwrap_err().is_already_exists());
    let mut mine = articles.get(1).await.unwrap();
    mine["title"] = "mine".into();
    *stored.lock().unwrap() = Some((7, with(&old(), "views", 2)));
    articles.save(mine).await.unwrap();
    let merged = json!({"title": "mine", "views": 2});
    assert_eq!(*stored.lock().unwrap(), Some((8, merged)));
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the form of every server's answer"
)]
/// An object store: the metadata is read beside the content, and written with the object.
fn beside(stored: &mut (u64, Value, bool), request: &Request) -> Answer {
    let (path, query) = (request.url.path(), request.url.query());
    let tag = |version: u64| Some(format!("\"{version}\""));
    match (request.method.as_str(), path) {
        ("GET", "/v1/o/a%2Fb/metadata") => Ok((200, tag(stored.0), stored.1.clone())),
        ("GET", "/v1/o") => Ok((200, None, json!([with(&stored.1, "id", "a/b")]))),
        ("POST", "/upload/v1/o") => {
            assert_eq!(query, Some("name=a%2Fb"));
            if std::mem::take(&mut stored.2) {
                *stored = (stored.0 + 1, with(&stored.1, "views", 2), false);
            }
            let condition = request.headers.get(IF_MATCH).map(|it| it.to_str().unwrap());
            if condition != tag(stored.0).as_deref() {
                return Ok((412, None, Value::Null));
            }
            *stored = (stored.0 + 1, sent(request), false);
            Ok((200, tag(stored.0), stored.1.clone()))
        }
        ("DELETE", "/v1/o/a%2Fb") => Ok((204, None, Value::Null)),
        _ => Ok((
            404,
            None,
            json!({"message": format!("{} {path}", request.method)}),
        )),
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_is_read_beside_its_content_and_uploaded_elsewhere() {
    let route = WriteRoute::post()
        .at("/upload{collection}?name={id}")
        .read_at("{path}/metadata");
    let stored = Arc::new(Mutex::new((7, old(), true)));
    let server = served(&stored, beside);
    let objects = client(server, Generic::new().write_route(route)).collection::<Value>("o");
    let mut object = objects.get("a/b").await.unwrap();
    object["title"] = "mine".into();
    let saved = objects.save(object).await.unwrap();
    assert_eq!((saved.report().merged, saved.report().rounds), (1, 2));
    assert_eq!(
        stored.lock().unwrap().1,
        json!({"title": "mine", "views": 2})
    );
    assert!(objects.get_opt("a/b").await.unwrap().is_some());
    let page = objects.list().await.unwrap();
    assert_eq!(page.items[0].snapshot().id(), Some("a/b"));
    objects.delete(saved).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_address_that_cannot_be_built_is_a_config_error_and_nothing_is_sent() {
    for route in [
        WriteRoute::put().read_at("{name}/x"),
        WriteRoute::put().read_at("{path}/../.."),
        WriteRoute::put().at("metadata"),
        WriteRoute::post().below(".."),
    ] {
        let stored = Arc::new(Mutex::new((1, old(), 0_u32)));
        let server = served(&stored, |(_, document, writes), request| {
            *writes += u32::from(request.method != "GET");
            Ok((200, Some("\"1\"".into()), document.clone()))
        });
        let shown = format!("{route:?}");
        let objects = client(server, Generic::new().write_route(route)).collection::<Value>("o");
        let ended = objects.update(1, |it| it["views"] = 2.into()).await;
        let error = ended.unwrap_err();
        assert!(error.is_config(), "{shown}: {error:?}");
        assert_eq!(stored.lock().unwrap().2, 0, "{shown}");
    }
}
