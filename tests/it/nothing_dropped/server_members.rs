//! Members that only the server sets: they are read, kept in values and merges, and never sent.

use ifmatch::{Envelope, Generic, Versioning, WriteMode};
use serde_json::{Value, json};

use crate::no_lost_updates::{creation, story};
use crate::support::dialect::{Dialect, Speaker, body, with, without};

fn old() -> Value {
    json!({"title": "old", "views": 1})
}

/// Every member in a write that the server sets itself is a mistake.
fn refuse_own_members(sent: &Value) {
    for name in ["created_at", "updated_at", "_links", "warnings"] {
        assert_eq!(sent.get(name), None, "{name} is the server's: {sent}");
    }
}

const STAMPED: Dialect = Dialect {
    name: "members that the server sets",
    show: |version, document| {
        let shown = with(document, "created_at", "then");
        let shown = with(&shown, "updated_at", format!("t{version}"));
        let links = json!({"self": {"href": "/v1/articles/1"}});
        (
            vec![("etag", format!("\"{version}\""))],
            with(&shown, "_links", links),
        )
    },
    // The response to a write has one more member, which is about the write.
    written: |version, document| {
        let (fields, shown) = (STAMPED.show)(version, document);
        (fields, with(&shown, "warnings", json!([])))
    },
    taken: |seen, before| {
        let sent = body(seen);
        refuse_own_members(&sent);
        let Some(mut document) = before.cloned().filter(|_| seen.method == "PATCH") else {
            return sent;
        };
        for (name, value) in sent.as_object().expect("a merge patch") {
            document[name] = value.clone();
        }
        document
    },
    ..Dialect::TAGS
};

fn profile() -> Generic {
    let envelope = Envelope::none().omit("/created_at").omit("/updated_at");
    Generic::new().envelope(envelope.omit("/_links").omit("/warnings"))
}

#[tokio::test(start_paused = true)]
async fn members_that_only_the_server_sets_are_left_out_of_documents_and_patches() {
    story(STAMPED, profile(), WriteMode::Put).await;
    story(STAMPED, profile(), WriteMode::MergePatch).await;
    creation(STAMPED, profile()).await;
}

#[tokio::test(start_paused = true)]
async fn a_json_patch_neither_tests_nor_removes_them() {
    let dialect = Dialect {
        taken: |seen, before| {
            let patch = body(seen);
            let paths = patch.as_array().expect("a JSON Patch").iter();
            let paths: Vec<_> = paths.map(|one| one["path"].clone()).collect();
            assert!(
                paths.iter().all(|path| path == "/views"),
                "only the edit: {patch}"
            );
            with(before.unwrap(), "views", 2)
        },
        ..STAMPED
    };
    let speaker = Speaker::of(dialect, Some(old()));
    let articles = speaker.values(profile()).write_mode(WriteMode::JsonPatch);
    let edit = articles.update(1, |v| v["views"] = 2.into());
    assert_eq!(edit.await.unwrap()["views"], 2);
}

#[tokio::test(start_paused = true)]
async fn the_value_keeps_them_and_an_edit_of_them_is_dropped() {
    let speaker = Speaker::of(STAMPED, Some(old()));
    let articles = speaker.values(profile());
    let mut article = articles.get(1).await.unwrap();
    assert_eq!(article["created_at"], "then");
    article["created_at"] = "mine".into();
    article["title"] = "mine".into();
    let saved = articles.save(article).await.unwrap();
    assert_eq!(
        (&saved["title"], &saved["created_at"]),
        (&json!("mine"), &json!("then"))
    );
    assert_eq!(articles.get(1).await.unwrap()["updated_at"], "t8");
}

/// The server sets a member beside the document, and the rest goes back.
const BESIDE: Dialect = Dialect {
    name: "a member beside the document",
    show: |version, document| {
        let metadata = json!({"name": "1", "managedFields": [version]});
        (
            vec![],
            json!({"metadata": metadata, "version": version, "spec": document}),
        )
    },
    written: |version, document| (BESIDE.show)(version, document),
    wanted: |seen| {
        crate::support::dialect::in_query(seen)
            .unwrap_or_else(|| crate::support::dialect::inside(seen, "/version"))
    },
    version: |version| version.to_string(),
    taken: |seen, _| {
        let sent = body(seen);
        assert_eq!(sent["metadata"], json!({"name": "1"}), "{sent}");
        sent["spec"].clone()
    },
    stale: 409,
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn a_member_of_the_rest_can_be_left_out_as_well() {
    let envelope = Envelope::at("/spec").keep_rest();
    let profile = Generic::new()
        .envelope(envelope.omit("/metadata/managedFields"))
        .versioning(Versioning::body_field("/version").query("version"));
    story(BESIDE, profile, WriteMode::Put).await;
}

#[tokio::test(start_paused = true)]
async fn a_draft_is_posted_without_them() {
    use crate::support::served::{client, sent, served};
    let state = std::sync::Arc::new(std::sync::Mutex::new(Value::Null));
    let server = served(&state, |stored, request| {
        refuse_own_members(&sent(request));
        *stored = with(&sent(request), "id", 7);
        Ok((201, Some("\"1\"".into()), with(stored, "created_at", "now")))
    });
    let articles = client(server, profile()).collection::<Value>("articles");
    let draft = with(&old(), "created_at", "mine");
    let made = articles.post(&draft).await.unwrap();
    assert_eq!(made["created_at"], "now");
    assert_eq!(without(state.lock().unwrap().clone(), "id"), old());
}

/// Each line of an order has a member of the server's.
const LINES: Dialect = Dialect {
    name: "members of elements",
    show: |version, document| {
        let mut shown = document.clone();
        for line in shown["lines"].as_array_mut().unwrap() {
            line["total"] = 7.into();
        }
        (vec![("etag", format!("\"{version}\""))], shown)
    },
    written: |version, document| (LINES.show)(version, document),
    taken: |seen, _| {
        let sent = body(seen);
        let lines = sent["lines"].as_array().unwrap();
        assert!(
            lines.iter().all(|line| line.get("total").is_none()),
            "{sent}"
        );
        sent
    },
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn a_member_of_every_element_can_be_left_out() {
    let order = json!({"lines": [{"id": 1, "n": 1}, {"id": 2, "n": 2}]});
    let speaker = Speaker::of(LINES, Some(order));
    let envelope = Envelope::none().omit("/lines/*/total");
    let orders = speaker.values(Generic::new().envelope(envelope));
    let mut mine = orders.get(1).await.unwrap();
    let lines = mine["lines"].as_array_mut().unwrap();
    lines.remove(0);
    lines.push(json!({"id": 3, "n": 3}));
    orders.save(mine).await.unwrap();
    let read = orders.get(1).await.unwrap();
    assert_eq!(read["lines"][1], json!({"id": 3, "n": 3, "total": 7}));
    let stored = json!({"lines": [{"id": 2, "n": 2}, {"id": 3, "n": 3}]});
    assert_eq!(speaker.document(), Some(stored));
    orders
        .update(1, |v| v["lines"][0]["n"] = 4.into())
        .await
        .unwrap();
    assert_eq!(
        speaker.document().unwrap()["lines"][0],
        json!({"id": 2, "n": 4})
    );
}
