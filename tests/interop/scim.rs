//! A SCIM provider, written by `PatchOp` and by `PUT`.

use ifmatch::profiles::Scim;
use ifmatch::{Client, Collection, WriteMode};
use serde_json::{Value, json};

const CLIENTS: usize = 8;
const EDITS: usize = 25;

fn users(base: &str, mode: WriteMode) -> Collection<Value> {
    let client = Client::builder(base).profile(Scim).build().unwrap();
    client.collection("Users").write_mode(mode)
}

fn user(name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": name, "nickName": "a", "displayName": "0",
        "name": {"givenName": "Ada", "familyName": "L"}, "emails": [{"value": "a@x.test"}],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run scim"]
async fn scim() {
    let Ok(base) = std::env::var("IFMATCH_SCIM") else {
        println!("scim: skipped, IFMATCH_SCIM is not set");
        return;
    };
    for mode in [WriteMode::ScimPatch, WriteMode::Put] {
        let name = format!("ada-{mode:?}-{}", std::process::id());
        story(&base, mode, &name).await;
        race(&base, mode, &format!("{name}-race")).await;
    }
}

/// A creation, a name that is taken, a stale save that is merged, a list, and a removal of the seen version.
async fn story(base: &str, mode: WriteMode, name: &str) {
    let (ours, theirs) = (users(base, mode), users(base, mode));
    let created = ours.post(&user(name)).await.unwrap();
    let id = created.snapshot().id().unwrap().to_owned();
    let error = ours.post(&user(name)).await.unwrap_err();
    assert!(error.is_already_exists(), "{error:?}");
    let mut mine = ours.get(&id).await.unwrap();
    let edit = theirs.update(&id, |user| user["title"] = "theirs".into());
    edit.await.unwrap();
    mine["name"] = json!({"givenName": "Ada", "middleName": "K"});
    mine["emails"][0]["value"] = "b@x.test".into();
    mine["active"] = true.into();
    mine.as_object_mut().unwrap().remove("nickName");
    let saved = ours.save(mine).await.unwrap();
    let requests = saved.report().requests;
    let read = theirs.get(&id).await.unwrap();
    assert_eq!(
        (&read["title"], &read["name"]),
        (
            &json!("theirs"),
            &json!({"givenName": "Ada", "middleName": "K"})
        )
    );
    assert_eq!(read["emails"][0]["value"], "b@x.test");
    assert_eq!(
        (read.get("nickName"), &read["active"]),
        (None, &json!(true))
    );
    let page = ours.list().items_at("/Resources").query("count", 1).await;
    assert_eq!(page.unwrap().items.len(), 1);
    let edit = theirs.update(&id, |user| user["title"] = "again".into());
    edit.await.unwrap();
    let error = ours.item(&id).delete().pinned(&read).await.unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    let seen = ours.get(&id).await.unwrap();
    ours.item(&id).delete().pinned(&seen).await.unwrap();
    assert!(theirs.get_opt(&id).await.unwrap().is_none());
    println!("scim {mode:?}: a stale save took {requests} requests");
}

/// Clients that share only the server count up one attribute.
async fn race(base: &str, mode: WriteMode, name: &str) {
    let created = users(base, mode).post(&user(name)).await.unwrap();
    let id = created.snapshot().id().unwrap().to_owned();
    let clients = (0..CLIENTS).map(|_| {
        let (users, id) = (users(base, mode), id.clone());
        tokio::spawn(async move {
            for _ in 0..EDITS {
                let edit = users.update(&id, |user| {
                    let count: usize = user["displayName"].as_str().unwrap().parse().unwrap();
                    user["displayName"] = (count + 1).to_string().into();
                });
                edit.await.unwrap();
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    let counted = users(base, mode).get(&id).await.unwrap();
    assert_eq!(counted["displayName"], (CLIENTS * EDITS).to_string());
}
