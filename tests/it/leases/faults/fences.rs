//! The fencing token in documents, however they are written.

use ifmatch::{Collection, ErrorKind, Merge, ThreeWay};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{Program, TTL, rename, two_programs};
use crate::support::{ARTICLE, AT, Event, Server};

fn count(articles: &Collection<Value>) -> ifmatch::Update<Value> {
    articles.update(1, |article| {
        article["views"] = (article["views"].as_u64().unwrap_or_default() + 1).into();
    })
}

#[tokio::test(start_paused = true)]
async fn a_later_token_stops_an_earlier_holder_however_it_is_spelled() {
    let mut written = Vec::new();
    for spelled in ["2.0", "2e0", "\"2\"", "1e30", "99999999999999999999"] {
        let (server, one, _) = two_programs();
        let held = one.acquired().await;
        let under = one.under(&held);
        server.put(AT, &format!(r#"{{"meta":{{"fence":{spelled}}}}}"#));
        if rename(&under, "late").await.is_ok() {
            written.push(spelled);
        }
    }
    assert!(written.is_empty(), "written over {written:?}");
}

#[tokio::test(start_paused = true)]
async fn a_fence_has_a_place_of_its_own_in_the_document() {
    let mut wrong = Vec::new();
    for pointer in ["", "fence", "/title/fence", "/~2"] {
        let (server, one, _) = two_programs();
        let held = one.acquired().await;
        let fenced = one.articles.clone().under(&held).fenced(pointer);
        match rename(&fenced, "mine").await {
            Err(error) if error.kind() == ErrorKind::Config => {}
            told => wrong.push(format!("{pointer:?}: {told:?}, {:?}", server.text(AT))),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_later_token_in_one_document_ends_the_lease_for_all() {
    let (server, one, _) = two_programs();
    server.put("/v1/articles/2", ARTICLE);
    let held = one.acquired().await;
    let under = one.under(&held);
    server.put(AT, r#"{"title":"second","meta":{"fence":2}}"#);
    let late = rename(&under, "late").await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::LeaseLost);
    let second = under.update(2, |article| article["title"] = "late".into());
    let second = second.await.map(drop);
    assert!(second.is_err(), "written under a lease that is lost");
}

#[tokio::test(start_paused = true)]
async fn a_save_of_an_old_read_stops_at_the_token_of_a_later_holder() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    let under = one.under(&held);
    let mut old = one.articles.get(1).await.unwrap();
    server.put(AT, r#"{"title":"second","meta":{"fence":2}}"#);
    old["views"] = 9.into();
    let late = under.save(&old).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::LeaseLost, "{late}");
    let late = under.delete(&old).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::LeaseLost, "{late}");
    let late = under.delete(1).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::LeaseLost, "{late}");
    assert_eq!(server.value(AT)["title"], "second");
}

#[tokio::test(start_paused = true)]
async fn a_creation_after_a_later_holder_stops_at_its_token() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    let under = one.under(&held);
    server.put(AT, r#"{"title":"second","meta":{"fence":2}}"#);
    let late = under.create(1, &serde_json::json!({"title": "late"}));
    let late = late.await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::AlreadyExists, "{late}");
    assert_eq!(server.value(AT)["title"], "second");
}

#[tokio::test(start_paused = true)]
async fn an_action_of_an_earlier_holder_stops_at_the_token_of_a_later_one() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    let under = one.under(&held);
    server.put(AT, r#"{"title":"second","meta":{"fence":2}}"#);
    let (item, before) = (under.item(1), server.applied());
    let guarded = item.action("ship").guard(|_: &Value| true);
    let late = guarded.send::<Value>(&Value::Null).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::LeaseLost, "{late}");
    assert_eq!(server.applied(), before);
}

#[tokio::test(start_paused = true)]
async fn edits_of_different_leases_are_written_with_the_token_of_each() {
    let (server, one, _) = two_programs();
    let nightly = one.acquired().await;
    one.leases
        .acquire("daily")
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
    let daily = one.leases.acquire("daily").await.unwrap();
    let under_nightly = one.articles.clone().under(&nightly).fenced("/nightly");
    let under_daily = one.articles.clone().under(&daily).fenced("/daily");
    let edits = (0..4).flat_map(|_| [count(&under_nightly), count(&under_daily)]);
    let mut edits: tokio::task::JoinSet<_> = edits.map(IntoFuture::into_future).collect();
    while let Some(edit) = edits.join_next().await {
        edit.unwrap().unwrap();
    }
    let stored = server.value(AT);
    assert_eq!(
        (&stored["views"], &stored["nightly"], &stored["daily"]),
        (&9.into(), &1.into(), &2.into())
    );
}

/// A type that does not know of the fence.
#[derive(Clone, Serialize, Deserialize, Merge)]
struct Title {
    title: String,
}

#[tokio::test(start_paused = true)]
async fn a_type_that_does_not_know_the_fence_keeps_it() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    let client = server.client();
    let titles = client.collection_with::<Title>("articles", ThreeWay::default());
    let under = titles.under(&held).fenced("/meta/fence");
    let mut old = under.get(1).await.unwrap();
    rename(&one.under(&held), "first").await.unwrap();
    old.title = "first".into();
    under.save(&old).await.unwrap();
    let stored = server.value(AT);
    assert_eq!(
        (&stored["meta"]["fence"], &stored["views"]),
        (&1.into(), &1.into())
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_that_changes_nothing_under_a_lost_lease_is_no_success() {
    let server = Server::with(AT, ARTICLE);
    let one = Program::new(&server);
    let held = one.acquired().await;
    let under = one.under(&held);
    rename(&under, "mine").await.unwrap();
    server.put(AT, r#"{"title":"second","meta":{"fence":2}}"#);
    one.clocks.sleep(TTL * 4);
    let late = rename(&under, "mine").await;
    assert!(late.is_err(), "it reports a title that is no longer there");
}

#[tokio::test(start_paused = true)]
async fn a_patch_keeps_the_token_too() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    let under = one.under(&held).write_mode(ifmatch::WriteMode::MergePatch);
    rename(&under, "mine").await.unwrap();
    assert_eq!(server.value(AT)["meta"]["fence"], 1);
    server.put(AT, r#"{"title":"second","meta":{"fence":2}}"#);
    let late = rename(&under, "late").await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::LeaseLost, "{late}");
}

#[tokio::test(start_paused = true)]
async fn a_token_inside_an_envelope_stops_an_earlier_holder() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    let under = one.under(&held).envelope(ifmatch::Envelope::at("/data"));
    server.put(AT, r#"{"data":{"title":"old"}}"#);
    rename(&under, "mine").await.unwrap();
    assert_eq!(server.value(AT)["data"]["meta"]["fence"], 1);
    server.put(AT, r#"{"data":{"title":"second","meta":{"fence":2}}}"#);
    let late = rename(&under, "late").await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::LeaseLost, "{late}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_of_a_stamped_edit_under_a_fence_is_settled_once() {
    let (server, one, other) = two_programs();
    let held = one.acquired().await;
    let under = one.under(&held).write_stamp("/stamps");
    for _ in 0..3 {
        under.refresh(1).await.unwrap();
        server.script([Event::LoseReply]);
        count(&under).await.unwrap();
    }
    assert_eq!(server.value(AT)["views"], 4);
    held.release().await.unwrap();
    let held = other.acquired().await;
    let under = other.under(&held).write_stamp("/stamps");
    under.refresh(1).await.unwrap();
    server.script([Event::LoseReply]);
    count(&under).await.unwrap();
    let stored = server.value(AT);
    assert_eq!(
        (&stored["views"], &stored["meta"]["fence"]),
        (&5.into(), &2.into())
    );
}
