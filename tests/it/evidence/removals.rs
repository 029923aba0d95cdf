//! Deletes that only mark the resource for deletion.

use ifmatch::profiles::Kubernetes;
use ifmatch::{Collection, Generic, Versioning};
use serde_json::Value;

use crate::support::{AT, Event, Server, values};

const SEEN: &str = r#"{"metadata":{"uid":"a","resourceVersion":"1","finalizers":["x"]}}"#;
const MARKED: &str = r#"{"metadata":{"uid":"a","resourceVersion":"2","finalizers":["x"],"deletionTimestamp":"2026-01-01T00:00:00Z"}}"#;

fn objects(server: &Server) -> Collection<Value> {
    values(server, Generic::over(Kubernetes))
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_only_marks_is_accepted_and_says_so() {
    let server = Server::with(AT, SEEN);
    let objects = objects(&server);
    let seen = objects.get(1).await.unwrap();
    server.script([Event::Answer(200, &[], MARKED)]);
    let report = objects.delete(&seen).await.unwrap();
    assert!(report.removal_pending);
    assert_eq!(server.methods(), ["GET", "DELETE"]);
    // Nothing is on file of it.
    objects.update(1, |it| it["spec"] = 1.into()).await.unwrap();
    assert_eq!(server.methods(), ["GET", "DELETE", "GET", "PUT"]);
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_is_done_is_not_called_pending() {
    for body in ["", SEEN, r#"{"kind":"Status","status":"Success"}"#] {
        let server = Server::with(AT, SEEN);
        let objects = objects(&server);
        let seen = objects.get(1).await.unwrap();
        server.script([Event::Answer(200, &[], body)]);
        assert!(!objects.delete(&seen).await.unwrap().removal_pending);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mark_settles_a_removal_whose_reply_was_lost() {
    let server = Server::with(AT, SEEN);
    let objects = objects(&server);
    let seen = objects.get(1).await.unwrap();
    server.script([Event::LoseRequest, Event::Answer(200, &[], MARKED)]);
    let report = objects.delete(&seen).await.unwrap();
    assert!(report.settled && report.removal_pending);
    assert_eq!(server.methods(), ["GET", "DELETE", "GET"]);
}

#[tokio::test(start_paused = true)]
async fn a_removal_of_what_another_client_has_marked_is_done() {
    let server = Server::with(AT, SEEN);
    let objects = objects(&server);
    let seen = objects.get(1).await.unwrap();
    server.script([
        Event::Answer(409, &[], "{}"),
        Event::Answer(200, &[], MARKED),
    ]);
    let report = objects.delete(&seen).await.unwrap();
    assert!(report.unchanged && report.removal_pending);
    assert_eq!(server.methods(), ["GET", "DELETE", "GET"]);
}

#[tokio::test(start_paused = true)]
async fn a_marked_object_can_be_removed_for_good() {
    // The mark was there before: a second removal is what takes it out of the bin.
    let server = Server::with(AT, r#"{"n":1,"archived":true}"#);
    let profile = Generic::new().versioning(Versioning::default().deletion_mark("/archived"));
    let report = values(&server, profile).delete(1).await.unwrap();
    assert!(!report.removal_pending);
    assert_eq!(server.methods(), ["GET", "DELETE"]);
    assert!(server.text(AT).is_none());
}
