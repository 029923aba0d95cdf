//! Changes as a `PatchOp` (RFC 7644 3.5.2), on a provider that applies the operations and has no `PUT` for them.

use ifmatch::WriteMode;
use ifmatch::profiles::Scim;
use serde_json::{Value, json};

use crate::no_lost_updates::story;
use crate::support::Seen;
use crate::support::dialect::{Dialect, Speaker, body, with};

const WORK: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The JSON Pointer of a path: an attribute, a sub-attribute, or the same in an extension.
fn pointer(path: &str) -> String {
    let (extension, rest) = match path.strip_prefix(WORK) {
        Some(rest) => (format!("/{WORK}"), rest.trim_start_matches(':')),
        None => (String::new(), path),
    };
    let names = rest.split('.').filter(|name| !name.is_empty());
    names.fold(extension, |pointer, name| format!("{pointer}/{name}"))
}

fn patched(seen: &Seen, before: Option<&Value>) -> Value {
    let sent = body(seen);
    assert_eq!(seen.method, "PATCH");
    assert_eq!(seen.header("content-type"), Some("application/scim+json"));
    assert_eq!(
        sent["schemas"],
        json!(["urn:ietf:params:scim:api:messages:2.0:PatchOp"])
    );
    let mut user = before.cloned().expect("a user");
    for operation in sent["Operations"].as_array().expect("operations") {
        let at = pointer(operation["path"].as_str().expect("a path"));
        let (above, name) = at.rsplit_once('/').unwrap();
        let target = user.pointer_mut(above).expect("an attribute");
        match operation["op"].as_str() {
            Some("add") => assert_eq!(target.get(name), None, "{at} is there"),
            Some("replace" | "remove") => assert!(target.get(name).is_some(), "no {at}"),
            other => panic!("{other:?}"),
        }
        if operation["op"] == "remove" {
            target.as_object_mut().unwrap().remove(name);
        } else {
            target[name] = operation["value"].clone();
        }
    }
    user
}

const PROVIDER: Dialect = Dialect {
    name: "SCIM",
    show: |version, user| {
        let meta = json!({"version": format!("W/\"{version}\""), "resourceType": "User"});
        let shown = with(&with(user, "meta", meta), "id", "1");
        (vec![("etag", format!("W/\"{version}\""))], shown)
    },
    written: |version, user| (PROVIDER.show)(version, user),
    version: |version| format!("W/\"{version}\""),
    taken: patched,
    refusal: |_, _| {
        let error =
            json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "412"});
        (vec![], error)
    },
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn a_change_is_sent_as_a_patch_op_with_the_weak_tag_as_it_is() {
    let speaker = story(PROVIDER, Scim, WriteMode::ScimPatch).await;
    let operations = &body(&speaker.writes()[1])["Operations"];
    let only = json!([{"op": "replace", "path": "title", "value": "mine"}]);
    assert_eq!(*operations, only, "what is merged in is not sent");
}

#[tokio::test(start_paused = true)]
async fn attributes_sub_attributes_and_extensions_are_added_replaced_and_removed() {
    let user = json!({
        "userName": "ada", "nickName": "a", "name": {"givenName": "Ada", "familyName": "L"},
        "emails": [{"value": "a@x.test"}], WORK: {"department": "D", "manager": {"value": "7"}},
    });
    let speaker = Speaker::of(PROVIDER, Some(user));
    let users = speaker.values(Scim).write_mode(WriteMode::ScimPatch);
    let wanted = json!({
        "userName": "ada", "title": "Countess", "name": {"givenName": "Ada", "middleName": "K"},
        "emails": [{"value": "b@x.test"}], WORK: {"department": "D", "manager": {"value": "8"}},
    });
    let mut edited = users.get(1).await.unwrap();
    let kept = [edited["meta"].clone(), edited["id"].clone()];
    *edited = with(
        &with(&wanted, "meta", kept[0].clone()),
        "id",
        kept[1].clone(),
    );
    edited["nickName"] = Value::Null;
    let saved = users.save(edited).await.unwrap();
    assert_eq!(speaker.document(), Some(wanted));
    assert_eq!(saved["title"], "Countess");
}

#[tokio::test(start_paused = true)]
async fn a_member_without_a_path_is_not_sent() {
    let speaker = Speaker::of(PROVIDER, Some(json!({"userName": "ada"})));
    let users = speaker.values(Scim).write_mode(WriteMode::ScimPatch);
    let ended = users.update(1, |user| user["a b"] = 1.into()).await;
    let error = ended.unwrap_err();
    assert!(error.is_config(), "{error:?}");
    assert!(speaker.writes().is_empty());
}
