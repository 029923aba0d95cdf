//! An object that was deleted, and another object that was created at its address.

use ifmatch::profiles::Kubernetes;
use ifmatch::{Collection, Error, Generic, LocalWins, RemoteWins, Versioning};
use serde_json::{Value, json};

use crate::support::dialect::{Dialect, Speaker};
use crate::support::{AT, Event, Server, values};

const OLD: &str = r#"{"uid":"old","n":1,"list":[1,2]}"#;
const NEW: &str = r#"{"uid":"new","n":1,"list":[1,2]}"#;

fn objects(server: &Server) -> Collection<Value> {
    values(
        server,
        Generic::new().versioning(Versioning::default().identity_field("/uid")),
    )
}

fn gone(server: &Server, error: &Error) {
    assert!(error.is_gone(), "{error:?}");
    assert!(error.report().why.contains("another object"), "{error:?}");
    let remote = error.sides::<Value>().unwrap().remote.as_ref();
    assert_eq!(remote.unwrap()["uid"], "new");
    assert_eq!(
        server.value(AT),
        serde_json::from_str::<Value>(NEW).unwrap()
    );
}

#[tokio::test(start_paused = true)]
async fn no_write_of_the_old_object_reaches_its_successor() {
    let server = Server::with(AT, OLD);
    let objects = objects(&server);
    let mut seen = objects.get(1).await.unwrap();
    server.put(AT, NEW);
    gone(&server, &objects.delete(&seen).await.unwrap_err());
    seen["list"] = json!([2]);
    gone(&server, &objects.save(&seen).await.unwrap_err());
    // Whatever the strategy says.
    gone(
        &server,
        &objects.save(&seen).strategy(LocalWins).await.unwrap_err(),
    );
    gone(
        &server,
        &objects.save(&seen).strategy(RemoteWins).await.unwrap_err(),
    );
    assert_eq!(server.applied(), 0);
    // What is there now can be edited.
    let saved = objects.update(1, |it| it["n"] = 2.into()).await.unwrap();
    assert_eq!(saved["uid"], "new");
}

#[tokio::test(start_paused = true)]
async fn an_update_made_on_the_old_object_is_not_made_on_its_successor() {
    for known in [false, true] {
        let server = Server::with(AT, OLD);
        let objects = objects(&server);
        if known {
            objects.get(1).await.unwrap();
        } else {
            server.script([Event::Plain]);
        }
        server.script([Event::ForeignText(NEW.into())]);
        let error = objects
            .update(1, |it| it["n"] = 2.into())
            .await
            .unwrap_err();
        gone(&server, &error);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_in_doubt_is_not_settled_by_the_successor() {
    for lost in [Event::LoseRequest, Event::LoseReply] {
        let server = Server::with(AT, OLD);
        let objects = objects(&server);
        let mut seen = objects.get(1).await.unwrap();
        seen["n"] = 2.into();
        server.script([lost, Event::ForeignText(NEW.into())]);
        gone(&server, &objects.save(&seen).await.unwrap_err());
    }
    // The old one is removed, which is what was wanted.
    let server = Server::with(AT, OLD);
    let objects = objects(&server);
    let seen = objects.get(1).await.unwrap();
    server.script([Event::LoseReply, Event::ForeignText(NEW.into())]);
    assert!(objects.delete(&seen).await.unwrap().settled);
    assert_eq!(server.value(AT)["uid"], "new");
}

#[tokio::test(start_paused = true)]
async fn a_value_without_a_version_is_not_merged_into_the_successor() {
    let server = Server::with(AT, OLD);
    let objects = objects(&server).stores_as_sent(false);
    let mut saved = objects.update(1, |it| it["n"] = 2.into()).await.unwrap();
    server.put(AT, NEW);
    saved["n"] = 3.into();
    gone(&server, &objects.save(&saved).await.unwrap_err());
}

#[tokio::test(start_paused = true)]
async fn the_handle_can_say_what_tells_objects_apart() {
    let server = Server::with(AT, OLD);
    let objects = values(&server, Generic::new()).identity_field("/uid");
    let mut seen = objects.get(1).await.unwrap();
    server.put(AT, NEW);
    seen["n"] = 2.into();
    gone(&server, &objects.save(&seen).await.unwrap_err());
}

/// Objects of Kubernetes under `metadata.resourceVersion`, each with a `metadata.uid` of its own. What is sent
/// under the `uid` of another one is refused like what is stale.
const OBJECTS: Dialect = Dialect {
    taken: |seen, before| {
        let object = (Dialect::KUBERNETES.taken)(seen, before);
        let before = before.expect("an object");
        assert_eq!(object["metadata"]["uid"], before["metadata"]["uid"]);
        object
    },
    ..Dialect::KUBERNETES
};

#[tokio::test(start_paused = true)]
async fn an_edit_of_a_removed_object_of_kubernetes_does_not_reach_its_successor() {
    let object = |uid: &str| {
        let metadata = json!({"name": "1", "uid": uid, "finalizers": ["a/b", "c/d"]});
        json!({"kind": "Order", "metadata": metadata, "spec": {"n": 1}})
    };
    let edit = |it: &mut Value| it["metadata"]["finalizers"] = json!(["c/d"]);
    for way in ["save", "local wins", "delete", "update", "first seen by it"] {
        let speaker = Speaker::of(OBJECTS, Some(object("old")));
        let objects = speaker.values(Kubernetes);
        if way == "first seen by it" {
            speaker.foreign(object("new"));
            let error = objects.update(1, edit).await.unwrap_err();
            assert!(error.is_gone(), "{way}: {error:?}");
            assert_eq!(speaker.document(), Some(object("new")), "{way}");
            continue;
        }
        let mut seen = objects.get(1).await.unwrap();
        speaker.foreign(object("new"));
        edit(&mut seen);
        let error = match way {
            "save" => objects.save(&seen).await.err(),
            "local wins" => objects.save(&seen).strategy(LocalWins).await.err(),
            "delete" => objects.delete(&seen).await.err(),
            _ => objects.update(1, edit).await.err(),
        };
        assert_eq!(speaker.document(), Some(object("new")), "{way}");
        let error = error.expect(way);
        assert!(error.is_gone(), "{way}: {error:?}");
        assert!(error.report().why.contains("another object"), "{error:?}");
    }
}
