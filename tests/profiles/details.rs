//! Other data of refusals: locks, waits, fields, the current state.

use std::time::Duration;

use ifmatch::profiles::{Kinto, Kubernetes};
use ifmatch::{Generic, Profile, Validator, Versioning};

use super::{JSON, XML, headers, read};

#[test]
fn the_owner_and_the_end_of_a_lock_are_told_as_the_server_writes_them() {
    for (status, pairs, body, owner, expires) in [
        // Git LFS.
        (
            409,
            JSON,
            r#"{"lock":{"id":"7","path":"a.psd","locked_at":"2026-11-21T10:00:00Z","owner":{"name":"Jane Doe"}},"message":"already created lock"}"#,
            Some("Jane Doe"),
            None,
        ),
        // Terraform's state servers.
        (
            423,
            JSON,
            r#"{"ID":"9d8c","Operation":"OperationTypeApply","Info":"","Who":"ada@host","Version":"1.9.0","Created":"2026-11-21T10:00:00Z","Path":""}"#,
            Some("ada@host"),
            None,
        ),
        (
            409,
            &[("content-type", "application/problem+json")],
            r#"{"type":"/problems/locked","lockedBy":{"id":7,"displayName":"Ada"},"lockedUntil":"2026-11-21T10:15:00Z"}"#,
            Some("Ada"),
            Some("2026-11-21T10:15:00Z"),
        ),
        (
            423,
            JSON,
            r#"{"error":{"code":"LOCKED","details":{"lock_owner":"ada","lock_expires_at":1795233032}}}"#,
            Some("ada"),
            Some("1795233032"),
        ),
        (
            423,
            JSON,
            r#"{"owner":"ada","expires":"30"}"#,
            Some("ada"),
            Some("30"),
        ),
        // Elsewhere an owner is another client's business.
        (409, JSON, r#"{"owner":"ada","expires":"30"}"#, None, None),
        // WebDAV, as in the reply to LOCK.
        (
            423,
            XML,
            r#"<D:error xmlns:D="DAV:"><D:activelock><D:owner><D:href>mailto:ada@example.com</D:href></D:owner><D:timeout>Second-30</D:timeout></D:activelock></D:error>"#,
            Some("mailto:ada@example.com"),
            Some("Second-30"),
        ),
        (
            423,
            JSON,
            r#"{"lock":null,"lockedBy":[],"lockedUntil":{}}"#,
            None,
            None,
        ),
        (423, XML, "", None, None),
    ] {
        let problem = read(status, pairs, body);
        let told = (problem.lock_owner(), problem.lock_expires());
        assert_eq!(told, (owner, expires), "{body}");
    }
}

#[test]
fn a_wait_in_the_body_is_told_and_bounded() {
    for (body, seconds) in [
        (
            r#"{"kind":"Status","status":"Failure","reason":"ServerTimeout","details":{"kind":"pods","retryAfterSeconds":2},"code":500}"#,
            Some(2.0),
        ),
        (
            r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3.5s"}]}}"#,
            Some(3.5),
        ),
        (r#"{"retry_after":0.25}"#, Some(0.25)),
        (r#"{"retryAfter":"7"}"#, Some(7.0)),
        (r#"{"retry_after_ms":1500}"#, Some(1.5)),
        (r#"{"retryAfter":1e300}"#, Some(2_147_483_648.0)),
        (r#"{"retryAfter":"inf"}"#, Some(2_147_483_648.0)),
        (r#"{"retryAfter":-1}"#, None),
        (r#"{"retryAfter":"NaN"}"#, None),
        (r#"{"retryAfter":"soon"}"#, None),
        (r#"{"retryAfter":true}"#, None),
    ] {
        let wait = read(503, JSON, body).retry_after();
        assert_eq!(wait, seconds.map(Duration::from_secs_f64), "{body}");
    }
}

#[test]
fn the_fields_of_a_status_object_are_pointers() {
    let body = r#"{"kind":"Status","status":"Failure","reason":"Invalid","details":{"causes":[{"reason":"FieldValueRequired","message":"Required value","field":"spec.containers[0].image"}]},"code":422}"#;
    let problem = read(422, JSON, body);
    assert_eq!(Kubernetes.classify(&problem), None);
    let pointer = problem.fields()[0].pointer.as_deref();
    assert_eq!(pointer, Some("/spec/containers/0/image"));
}

const EXISTING: &str = r#"{"code":412,"errno":114,"error":"Precondition Failed","details":{"existing":{"price":1.10,"id":"r1","last_modified":1795233032172}}}"#;

fn current(pairs: &[(&str, &str)], body: &str) -> Option<(String, Validator)> {
    let (document, validator) = Kinto.current(&read(412, pairs, body), &headers(pairs))?;
    Some((document.as_str().to_owned(), validator))
}

#[test]
fn kintos_existing_record_is_the_current_state_with_the_text_of_its_numbers() {
    let tag = ("etag", r#""1795233032172""#);
    let (document, validator) = current(&[tag], EXISTING).unwrap();
    assert_eq!(
        document,
        r#"{"data":{"price":1.10,"id":"r1","last_modified":1795233032172}}"#
    );
    assert_eq!(validator, r#""1795233032172""#.parse().unwrap());
}

#[test]
fn kintos_existing_record_is_used_only_if_it_is_whole_and_of_that_tag() {
    let tag: &[(&str, &str)] = &[("etag", r#""1795233032172""#)];
    for (pairs, body) in [
        (tag, EXISTING.replace("172}", "173}")),
        (tag, EXISTING.replace(r#""id":"r1","#, "")),
        (tag, EXISTING.replace(r#""id""#, r#""deleted":true,"id""#)),
        // The record of another constraint.
        (tag, EXISTING.replace("114", "122")),
        // Torn, or nothing there.
        (tag, EXISTING.replace("}}}", "}")),
        (tag, r#"{"code":412,"errno":114}"#.to_owned()),
        (
            tag,
            r#"{"code":412,"errno":114,"details":{"existing":null}}"#.to_owned(),
        ),
        (&[], EXISTING.to_owned()),
        (&[("etag", r#"W/"1795233032172""#)], EXISTING.to_owned()),
    ] {
        assert_eq!(current(pairs, &body), None, "{body}");
    }
}

#[test]
fn with_another_versioning_the_current_state_is_read() {
    let pairs: &[(&str, &str)] = &[("etag", r#""1795233032172""#)];
    let problem = read(412, pairs, EXISTING);
    let over = Generic::over(Kinto);
    assert!(over.current(&problem, &headers(pairs)).is_some());
    let own = over.versioning(Versioning::last_modified());
    assert!(own.current(&problem, &headers(pairs)).is_none());
}
