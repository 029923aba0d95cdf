//! Writes to other addresses, absence reported otherwise than by 404, and the current state in a refusal.

use std::sync::{Arc, Mutex};

use http::Method;
use http::header::IF_MATCH;
use ifmatch::transport::Request;
use ifmatch::{Envelope, Generic, RefusalKind, Versioning, WriteRoute};
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

#[tokio::test(start_paused = true)]
async fn whole_documents_can_go_by_patch() {
    let state = Arc::new(Mutex::new(old()));
    let server = served(&state, |document, request| {
        match request.method.as_str() {
            "GET" => {}
            "PATCH" => *document = sent(request),
            method => panic!("{method}"),
        }
        Ok((200, Some("\"1\"".into()), document.clone()))
    });
    let profile = Generic::new().write_route(WriteRoute::patch());
    let articles = client(server, profile).collection::<Value>("a");
    articles.update(1, |v| v["views"] = 2.into()).await.unwrap();
    assert_eq!(*state.lock().unwrap(), json!({"title": "old", "views": 2}));
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
    let profile = Generic::new()
        .versioning(Versioning::body_field("/version"))
        .map_code("STALE", RefusalKind::StaleVersion)
        .current_at("/current");
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
