//! Wrappers, words, codes and waits under names that are specific to one server.

use std::time::Duration;

use super::super::Problem;

fn read(status: u16, media_type: &str, body: &str) -> Problem {
    super::read(status, media_type, body.as_bytes())
}

#[test]
fn an_error_object_is_found_under_a_name_of_its_own() {
    for (body, code, words) in [
        (
            r#"{"StackError":{"type":"RevisionMismatch","message":"another revision","detail":""}}"#,
            Some("RevisionMismatch"),
            "another revision",
        ),
        (
            r#"{"badState":{"code":409,"message":"it is being moved"}}"#,
            None,
            "it is being moved",
        ),
        (
            r#"{"reply":{"meta":{"status":"failure","statuscode":409,"message":"shared already"},"data":[]}}"#,
            None,
            "shared already",
        ),
        (
            r#"{"trace":"t1","ServiceException":{"exceptionCode":"E7","message":"no"}}"#,
            Some("E7"),
            "no",
        ),
        (
            r#"{"a":{"b":{"message":"deep","reason":"Nested"}}}"#,
            Some("Nested"),
            "deep",
        ),
    ] {
        let problem = read(409, "application/json", body);
        assert_eq!(
            (problem.code(), problem.detail()),
            (code, Some(words)),
            "{body}"
        );
    }
}

#[test]
fn a_resource_in_a_refusal_is_not_taken_for_its_words() {
    for body in [
        r#"{"order":{"id":7,"message":"for mum","status":"open"}}"#,
        r#"{"current":{"message":"for mum","code":"X"}}"#,
        r#"{"data":{"message":"for mum","code":"X"}}"#,
        r#"{"order":{"message":"for mum","code":"X"},"customer":{"name":"Ada"}}"#,
        r#"{"a":{"b":{"c":{"d":{"e":{"message":"for mum"}}}}}}"#,
    ] {
        let problem = read(409, "application/json", body);
        assert_eq!((problem.code(), problem.detail()), (None, None), "{body}");
    }
}

#[test]
fn words_are_found_in_lists_in_maps_and_under_other_names() {
    for (body, words) in [
        (
            r#"{"errorMessages":["no such board"],"errors":{}}"#,
            "no such board",
        ),
        (
            r#"{"message":["name is short","age is low"],"error":"Bad Request"}"#,
            "name is short",
        ),
        (
            r#"{"errors":["the check did not match"]}"#,
            "the check did not match",
        ),
        (r#"{"errors":"not that one"}"#, "not that one"),
        (
            r#"{"non_field_errors":["twice the same"]}"#,
            "twice the same",
        ),
        (
            r#"{"errorCode":"E1","errorSummary":"not like this"}"#,
            "not like this",
        ),
        (r#"{"errMsg":"out of order"}"#, "out of order"),
    ] {
        assert_eq!(
            read(400, "application/json", body).detail(),
            Some(words),
            "{body}"
        );
    }
    for body in [
        r#"{"message":{"name":["is taken"]}}"#,
        r#"{"error":{"name":["is taken"]}}"#,
        r#"{"name":["is taken"]}"#,
        r#"{"errors":{"name":"is taken"}}"#,
    ] {
        let problem = read(409, "application/json", body);
        let field = &problem.fields()[0];
        assert_eq!(problem.fields().len(), 1, "{body}");
        assert_eq!(field.detail, "is taken", "{body}");
        assert_eq!(field.pointer.as_deref(), Some("/name"), "{body}");
    }
    let ordinary = r#"{"message":{"name":["is taken"],"code":7},"tags":["a"],"n":1}"#;
    assert!(read(409, "application/json", ordinary).fields().is_empty());
}

#[test]
fn codes_are_found_under_other_names_and_without_their_namespace() {
    for (body, code) in [
        (r#"{"id":"not_now","message":"later"}"#, Some("not_now")),
        (r#"{"id":"8f14e45f","message":"later"}"#, None),
        (r#"{"id":"not_now"}"#, None),
        (
            r#"{"status":"error","category":"CONFLICT","message":"no"}"#,
            Some("CONFLICT"),
        ),
        (
            r#"{"exception":"StaleObjectException","message":"no"}"#,
            Some("StaleObjectException"),
        ),
        (
            r#"{"errcode":"M_LIMIT","error":"too fast"}"#,
            Some("M_LIMIT"),
        ),
        (
            r#"{"errors":[{"message":"no","extensions":{"code":"STALE"}}]}"#,
            Some("STALE"),
        ),
        (
            r#"{"__type":"com.example.db.v1#CheckFailed","message":"no"}"#,
            Some("CheckFailed"),
        ),
        (
            r#"{"__type":"CheckFailed:http://example.com/x","Message":"no"}"#,
            Some("CheckFailed"),
        ),
        (r#"{"ok":false,"error_code":409,"description":"no"}"#, None),
        (r#"{"error_code":"409","description":"no"}"#, None),
        (r#"{"errno":409,"message":"no"}"#, None),
        (r#"{"error_code":1301,"description":"no"}"#, Some("1301")),
    ] {
        assert_eq!(read(409, "application/json", body).code(), code, "{body}");
    }
}

#[test]
fn a_wait_is_found_among_the_parameters_and_in_any_unit() {
    for (body, millis) in [
        (r#"{"parameters":{"retry_after":8}}"#, Some(8_000)),
        (r#"{"error":{"extensions":{"retryAfter":2}}}"#, Some(2_000)),
        (r#"{"retry_after":1.337}"#, Some(1_337)),
        (r#"{"retryAfter":"0.5"}"#, Some(500)),
        (r#"{"retry_after_ms":4500}"#, Some(4_500)),
        (r#"{"retryDelay":"250ms"}"#, Some(250)),
        (r#"{"retryDelay":"3.5s"}"#, Some(3_500)),
        (r#"{"details":[{"retryDelay":"7s"}]}"#, Some(7_000)),
        (
            r#"{"overLimit":{"code":413,"message":"wait","retryAfter":"7"}}"#,
            Some(7_000),
        ),
        (r#"{"retry_after":-1}"#, None),
        (r#"{"retry_after":"soon"}"#, None),
        (r#"{"retry_after":true}"#, None),
    ] {
        let wait = read(429, "application/json", body).retry_after();
        assert_eq!(wait, millis.map(Duration::from_millis), "{body}");
    }
}
