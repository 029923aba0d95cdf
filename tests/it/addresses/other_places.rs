//! Writes to other addresses, absence reported otherwise than by 404, and the current state in a refusal.

use std::sync::{Arc, Mutex};

use http::header::IF_MATCH;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::profiles::Firebase;
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{Envelope, Generic, RefusalKind, Versioning, WriteRoute, async_trait};
use serde_json::{Value, json};

use crate::support::dialect::{with, without};
use crate::support::served::{Answer, client, sent, served};

fn old() -> Value {
    json!({"title": "old", "views": 1})
}

#[tokio::test(start_paused = true)]
async fn a_resource_can_be_written_by_another_method_to_another_address() {
    let state = Arc::new(Mutex::new((7_u64, old(), true)));
    let server = served(&state, |(version, spec, first), request| {
        match (request.method.as_str(), request.url.path()) {
            ("GET", "/v1/services/web") => Ok((
                200,
                None,
                json!({"Version": {"Index": version}, "Spec": spec}),
            )),
            ("POST", "/v1/services/web/update") => {
                if std::mem::take(first) {
                    *version += 1;
                    spec["views"] = 2.into();
                }
                if request.url.query() != Some(&format!("version={version}")) {
                    return Ok((500, None, json!({"message": "out of sequence"})));
                }
                *version += 1;
                *spec = sent(request);
                Ok((200, None, json!({"Warnings": null})))
            }
            ("DELETE", "/v1/services/web") => Ok((200, None, Value::Null)),
            _ => Ok((404, None, json!({"message": "page not found"}))),
        }
    });
    let versioning = Versioning::body_field("/Version/Index").sent_in_query("version");
    let profile = Generic::new()
        .versioning(versioning)
        .envelope(Envelope::at("/Spec").sent_bare())
        .write_route(WriteRoute::post().below("update"));
    let services = client(server, profile).collection::<Value>("services");
    services
        .update("web", |s| s["title"] = "mine".into())
        .await
        .unwrap();
    assert_eq!(
        state.lock().unwrap().1,
        json!({"title": "mine", "views": 2})
    );
    services.delete("web").await.unwrap();
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the form of every server's answer"
)]
/// Firebase: unquoted tags, and `null` under the tag `null_etag` where nothing is.
fn firebase(state: &mut (u64, Value), request: &Request) -> Answer {
    let tag = |state: &(u64, Value)| match &state.1 {
        Value::Null => "null_etag".to_owned(),
        _ => format!("t{}Kq+/x=", state.0),
    };
    let now = tag(state);
    if request.method != Method::GET {
        let condition = request
            .headers
            .get(IF_MATCH)
            .map(|tag| tag.to_str().unwrap());
        assert!(condition.is_some(), "a write without a condition");
        if condition != Some(&now) {
            return Ok((412, Some(now), state.1.clone()));
        }
        state.0 += 1;
        state.1 = sent(request);
    }
    Ok((200, Some(tag(state)), state.1.clone()))
}

#[tokio::test(start_paused = true)]
async fn where_null_says_that_nothing_is_there_it_is_read_created_and_removed_like_any_other() {
    let state = Arc::new(Mutex::new((1, Value::Null)));
    let profile = Generic::new()
        .envelope(Envelope::none().absent_when("", Value::Null))
        .versioning(Versioning::default().create_header(IF_MATCH, "null_etag"))
        .current_at("");
    let nodes = client(served(&state, firebase), profile).collection::<Value>("nodes");
    assert!(nodes.get_opt(1).await.unwrap().is_none());
    assert!(nodes.get(1).await.unwrap_err().is_not_found());
    assert!(nodes.list().await.unwrap().items.is_empty());
    let ended = nodes.update(1, |v| v["views"] = 2.into()).await;
    assert!(ended.unwrap_err().is_not_found());
    nodes.create(1, &old()).await.unwrap();
    assert!(
        nodes
            .create(1, &old())
            .await
            .unwrap_err()
            .is_already_exists()
    );
    let mut node = nodes.get(1).await.unwrap();
    node["title"] = "mine".into();
    *state.lock().unwrap() = (9, with(&old(), "views", 3));
    let saved = nodes.save(node).await.unwrap();
    assert_eq!(saved.report().requests, 2, "the refusal brought the state");
    assert_eq!(
        state.lock().unwrap().1,
        json!({"title": "mine", "views": 3})
    );
    nodes.delete(saved).await.unwrap();
    assert_eq!(state.lock().unwrap().1, Value::Null);
}

#[tokio::test(start_paused = true)]
async fn firebase_is_asked_for_versions_at_paths_with_json_behind_them() {
    let state = Arc::new(Mutex::new((1, old())));
    let server = served(&state, |state, request| {
        assert_eq!(request.headers["x-firebase-etag"], "true");
        assert_eq!(request.url.path(), "/v1/nodes/1.json", "{}", request.method);
        firebase(state, request)
    });
    let nodes = client(server, Firebase).collection::<Value>("nodes");
    let mut node = nodes.get(1).await.unwrap();
    node["title"] = "mine".into();
    *state.lock().unwrap() = (9, with(&old(), "views", 3));
    let saved = nodes.save(node).await.unwrap();
    assert_eq!(saved.report().requests, 2, "the refusal brought the state");
    assert_eq!(
        state.lock().unwrap().1,
        json!({"title": "mine", "views": 3})
    );
    nodes.delete(saved).await.unwrap();
    assert_eq!(state.lock().unwrap().1, Value::Null);
    nodes.create(1, &old()).await.unwrap();
    let created = nodes.create(1, &old()).await;
    assert!(created.unwrap_err().is_already_exists());

    // An edit of what was removed meanwhile is no creation.
    let mut node = nodes.get(1).await.unwrap();
    node["views"] = 9.into();
    state.lock().unwrap().1 = Value::Null;
    let ended = nodes.save(node).await;
    assert!(ended.unwrap_err().is_gone());
    assert_eq!(state.lock().unwrap().1, Value::Null);
}

/// An emulator that reports with a 500 that nothing is there, for reads and for writes.
fn emulator(state: &mut Option<(u64, Value)>, request: &Request) -> Answer {
    let absent = || {
        let error = json!({"error": {"code": "EntityNotFound", "message": "no such entity"}});
        Ok((500, None, error))
    };
    let tag = |version: u64| Some(format!("\"{version}\""));
    let condition = request.headers.get(IF_MATCH).map(|it| it.to_str().unwrap());
    let Some((version, document)) = state.as_mut() else {
        let creates = request.method == Method::PUT && condition.is_none();
        assert!(!creates || request.headers.contains_key("if-none-match"));
        if !creates {
            return absent();
        }
        *state = Some((1, sent(request)));
        return Ok((201, tag(1), sent(request)));
    };
    if request.method == Method::GET {
        return Ok((200, tag(*version), document.clone()));
    }
    if condition != tag(*version).as_deref() {
        return Ok((412, None, Value::Null));
    }
    if request.method == Method::DELETE {
        *state = None;
        return Ok((204, None, Value::Null));
    }
    (*version, *document) = (*version + 1, sent(request));
    Ok((200, tag(*version), document.clone()))
}

#[tokio::test(start_paused = true)]
async fn a_code_can_say_that_nothing_is_there_whatever_the_status() {
    let state = Arc::new(Mutex::new(None));
    let profile = Generic::new().map_code("EntityNotFound", RefusalKind::NotFound);
    let nodes = client(served(&state, emulator), profile).collection::<Value>("nodes");
    assert!(nodes.get_opt(1).await.unwrap().is_none());
    assert!(nodes.get(1).await.unwrap_err().is_not_found());
    let ended = nodes.update(1, |v| v["views"] = 2.into()).await;
    assert!(ended.unwrap_err().is_not_found());
    assert!(nodes.delete(1).await.unwrap_err().is_not_found());
    let edit = nodes.update(1, |v| v["views"] = 2.into());
    edit.if_absent(old()).await.unwrap();
    let seen = nodes.get(1).await.unwrap();
    // Another client removes it: an edit of what is gone is told so, and a removal has nothing to do.
    *state.lock().unwrap() = None;
    let validator = seen.snapshot().validator().cloned();
    let mut edited = nodes.restore(1, (*seen).clone(), validator).unwrap();
    edited["views"] = 3.into();
    assert!(nodes.save(edited).await.unwrap_err().is_gone());
    let report = nodes.delete(seen).await.unwrap();
    assert!(report.unchanged);
    nodes.create(1, &old()).await.unwrap();
    assert_eq!(*state.lock().unwrap(), Some((1, old())));
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the form of every server's answer"
)]
/// A table whose lookups are lists: an empty one where nothing is.
fn table(state: &mut (u64, Option<Value>), request: &Request) -> Answer {
    let tag = |version: u64| Some(format!("\"{version}\""));
    let listed = |row: &Option<Value>| row.iter().cloned().collect::<Value>();
    if request.method == Method::GET {
        let tag = state.1.as_ref().and_then(|_| tag(state.0));
        return Ok((200, tag, listed(&state.1)));
    }
    let condition = request.headers.get(IF_MATCH).map(|it| it.to_str().unwrap());
    let is_creation = request.headers.contains_key("if-none-match");
    let holds = match &state.1 {
        Some(_) => !is_creation && condition == tag(state.0).as_deref(),
        None => is_creation && request.method != Method::DELETE,
    };
    if !holds {
        return Ok((412, None, Value::Null));
    }
    let row = sent(request).get(0).cloned();
    assert_eq!(
        row.is_some(),
        request.method == Method::PUT,
        "a list of one"
    );
    *state = (state.0 + 1, row);
    Ok((200, tag(state.0), listed(&state.1)))
}

#[tokio::test(start_paused = true)]
async fn where_an_empty_list_says_that_nothing_is_there_it_is_created_and_removed_like_any_other() {
    let state = Arc::new(Mutex::new((1, None)));
    let envelope = Envelope::at("/0").absent_when("", json!([]));
    let profile = Generic::new().envelope(envelope);
    let rows = client(served(&state, table), profile).collection::<Value>("rows");
    assert!(rows.get_opt(1).await.unwrap().is_none());
    let ended = rows.update(1, |v| v["views"] = 2.into()).await;
    assert!(ended.unwrap_err().is_not_found());
    rows.create(1, &old()).await.unwrap();
    assert!(
        rows.create(1, &old())
            .await
            .unwrap_err()
            .is_already_exists()
    );
    let mut row = rows.get(1).await.unwrap();
    row["title"] = "mine".into();
    *state.lock().unwrap() = (9, Some(with(&old(), "views", 3)));
    let saved = rows.save(row).await.unwrap();
    let merged = json!({"title": "mine", "views": 3});
    assert_eq!(state.lock().unwrap().1, Some(merged));
    rows.delete(saved).await.unwrap();
    assert_eq!(state.lock().unwrap().1, None);
}

#[tokio::test(start_paused = true)]
async fn a_response_without_a_body_can_say_that_nothing_is_there() {
    for status in [200, 204] {
        let state = Arc::new(Mutex::new(None::<Value>));
        let transport = Silent(state.clone(), status);
        let profile = Generic::new().envelope(Envelope::none().absent_when_empty());
        let items = client(transport, profile).collection::<Value>("a");
        assert!(items.get_opt(1).await.unwrap().is_none());
        let ended = items.update(1, |v| v["views"] = 2.into()).await;
        assert!(ended.unwrap_err().is_not_found());
        items.create(1, &old()).await.unwrap();
        let saved = items.update(1, |v| v["views"] = 2.into()).await.unwrap();
        items.delete(saved).await.unwrap();
        assert!(items.get(1).await.unwrap_err().is_not_found());
        // Where it has not been declared, it is not taken for anything.
        let items = client(Silent(state, status), Generic::new()).collection::<Value>("a");
        assert!(items.get_opt(1).await.unwrap_err().is_decode());
    }
}

/// A server that has no body, and this status, where nothing is.
struct Silent(Arc<Mutex<Option<Value>>>, u16);

#[async_trait]
impl Transport for Silent {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut stored = self.0.lock().unwrap();
        let silent = |status: u16| {
            Response::new(StatusCode::from_u16(status).unwrap(), HeaderMap::new(), "")
        };
        let is_there = stored.is_some();
        let holds = request.headers.contains_key(IF_MATCH) == is_there;
        match request.method {
            Method::GET if !is_there => return Ok(silent(self.1)),
            Method::GET => {}
            _ if !holds => return Ok(silent(412)),
            Method::DELETE => {
                *stored = None;
                return Ok(silent(204));
            }
            _ => *stored = Some(sent(&request)),
        }
        let mut headers = HeaderMap::new();
        // The tag is made of the content.
        let tag = format!("\"{}\"", stored.as_ref().unwrap()["views"]);
        headers.insert("etag", HeaderValue::from_str(&tag).unwrap());
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        Ok(Response::new(
            StatusCode::OK,
            headers,
            stored.as_ref().unwrap().to_string(),
        ))
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_or_a_mark_can_say_that_nothing_is_there() {
    for (envelope, shown) in [
        (Envelope::at("/0").absent_when("", json!([])), json!([])),
        (
            Envelope::none().absent_when("/deleted", true),
            json!({"id": 1, "deleted": true}),
        ),
    ] {
        let shown = Arc::new(Mutex::new(shown));
        let server = served(&shown, |shown, _| {
            Ok((200, Some("\"1\"".into()), shown.clone()))
        });
        let items = client(server, Generic::new().envelope(envelope)).collection::<Value>("a");
        assert!(items.get_opt(1).await.unwrap().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn the_current_state_is_read_from_an_envelope_under_the_tag_of_the_refusal() {
    let state = Arc::new(Mutex::new((7_u64, old(), 0_u32)));
    let server = served(&state, |(version, document, reads), request| {
        let (tag, shown) = (
            format!("\"{version}\""),
            json!({"data": document, "meta": {}}),
        );
        if request.method == Method::GET {
            *reads += 1;
            return Ok((200, Some(tag), shown));
        }
        if request.headers.get(IF_MATCH).unwrap() != &tag {
            let error = json!({"error": {"code": "stale", "details": {"existing": shown}}});
            return Ok((412, Some(tag), error));
        }
        (*version, *document) = (*version + 1, sent(request)["data"].clone());
        Ok((200, Some(format!("\"{version}\"")), Value::Null))
    });
    let profile = Generic::new()
        .envelope(Envelope::at("/data"))
        .current_at("/error/details/existing");
    let articles = client(server, profile).collection::<Value>("a");
    let mut mine = articles.get(1).await.unwrap();
    mine["title"] = "mine".into();
    *state.lock().unwrap() = (9, with(&old(), "views", 3), 1);
    articles.save(mine).await.unwrap();
    let merged = json!({"title": "mine", "views": 3});
    assert_eq!(*state.lock().unwrap(), (10, merged, 1), "one read");
}

#[tokio::test(start_paused = true)]
async fn the_current_state_in_a_refusal_is_merged_without_a_read_where_the_profile_vouches_for_it()
{
    let state = Arc::new(Mutex::new((7_u64, old())));
    let server = |state: &Arc<Mutex<(u64, Value)>>| {
        served(state, |(version, document), request| {
            let shown = with(document, "version", *version);
            if request.method == Method::GET {
                return Ok((200, None, shown));
            }
            if sent(request)["version"] != json!(*version) {
                return Ok((409, None, json!({"code": "STALE", "current": shown})));
            }
            *version += 1;
            *document = without(sent(request), "version");
            Ok((200, None, with(document, "version", *version)))
        })
    };
    // Without a code, the other version proves the race.
    for codes in [&["STALE"][..], &[]] {
        *state.lock().unwrap() = (7, old());
        let versioning = Versioning::body_field("/version");
        let profile = Generic::new().versioning(versioning).current_at("/current");
        let profile = codes.iter().fold(profile, |profile, code| {
            profile.map_code(*code, RefusalKind::StaleVersion)
        });
        let articles = client(server(&state), profile).collection::<Value>("a");
        let mut mine = articles.get(1).await.unwrap();
        mine["title"] = "mine".into();
        *state.lock().unwrap() = (9, with(&old(), "views", 3));
        let saved = articles.save(mine).await.unwrap();
        assert_eq!((saved.report().requests, saved.report().merged), (2, 1));
        assert_eq!(
            state.lock().unwrap().1,
            json!({"title": "mine", "views": 3})
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_409_with_the_version_that_the_write_was_pinned_to_is_no_race() {
    let state = Arc::new(Mutex::new(0_u32));
    let server = served(&state, |writes, request| {
        let shown = with(&old(), "version", 7);
        if request.method == Method::GET {
            return Ok((200, None, shown));
        }
        *writes += 1;
        Ok((
            409,
            None,
            json!({"message": "it is frozen", "current": shown}),
        ))
    });
    let versioning = Versioning::body_field("/version");
    let profile = Generic::new().versioning(versioning).current_at("/current");
    let articles = client(server, profile).collection::<Value>("a");
    let error = articles.update(1, |v| v["views"] = 2.into()).await;
    assert!(error.unwrap_err().is_refused());
    assert_eq!(*state.lock().unwrap(), 1);
}
