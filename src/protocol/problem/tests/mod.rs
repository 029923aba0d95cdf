//! What is read from refusals of any form.
#![allow(clippy::unwrap_used)]

mod any;
mod dialects;
mod fields;
mod names;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;
use url::Url;

use super::Problem;

/// The type of a refusal that states none.
const BLANK: &str = "about:blank";

fn read(status: u16, media_type: &str, body: &[u8]) -> Problem {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(media_type) {
        headers.insert(CONTENT_TYPE, value);
    }
    let url = Url::parse("https://me:secret@api.ex.org/v1/orders/7?sig=secret").unwrap();
    let status = StatusCode::from_u16(status).unwrap();
    Problem::read(status, &headers, &Bytes::copy_from_slice(body), &url)
}

#[test]
fn the_current_state_is_found_where_the_body_names_it() {
    for (body, pointer) in [
        (
            r#"{"details":{"existing":{"n":2}}}"#,
            Some("/details/existing"),
        ),
        (r#"{"current":{"n":2}}"#, Some("/current")),
        (
            r#"{"error":{"currentState":{"n":2}}}"#,
            Some("/error/currentState"),
        ),
        (
            r#"{"detail":{"current/state":1,"current":{"n":2}}}"#,
            Some("/detail/current"),
        ),
        (
            r#"{"errors":[{"meta":{"remote":{"n":2}}}]}"#,
            Some("/errors/0/meta/remote"),
        ),
        // Deleted, the name of a state, a version: no state.
        (r#"{"details":{"existing":null}}"#, None),
        (r#"{"current":"unpaid"}"#, None),
        (r#"{"current":{}}"#, None),
        (r#"{"currentVersion":{"n":2}}"#, None),
        (r#"[{"current":{"n":2}}]"#, None),
        (r#"{"current":[{"n":2}]}"#, None),
        (r#"{"resource":{"n":2}}"#, Some("/resource")),
        (
            r#"{"resource":{"kind":"order"},"current":{"n":2}}"#,
            Some("/current"),
        ),
        // All members would be texts.
        ("<e><current><n>2</n></current></e>", None),
        // Cut off in the middle, so not returned.
        (r#"{"current":{"n":2,"m""#, None),
    ] {
        let problem = read(412, "application/json", body.as_bytes());
        assert_eq!(problem.current_pointer(), pointer, "{body}");
        assert_eq!(
            problem.current(),
            pointer.map(|_| json!({"n": 2})).as_ref(),
            "{body}"
        );
    }
}

#[test]
fn members_of_the_wrong_type_count_as_absent_one_by_one() {
    let body =
        br#"{"type":42,"title":null,"status":"412","detail":7,"instance":[],"code":"x","n":1}"#;
    let problem = read(409, "application/problem+json", body);
    assert_eq!(problem.status(), StatusCode::CONFLICT);
    assert_eq!(problem.problem_type(), BLANK);
    assert_eq!(
        (problem.title(), problem.detail(), problem.instance()),
        (None, None, None)
    );
    assert_eq!(problem.code(), Some("x"));
    assert_eq!(problem.extension("n"), Some(&json!(1)));
    assert_eq!(problem.extension("status"), None);
}

#[test]
fn the_type_is_made_absolute_and_never_carries_secrets_of_the_request() {
    for (media_type, name, expected) in [
        (
            "application/problem+json",
            "https://EX.org/a b",
            "https://EX.org/a b",
        ),
        (
            "application/problem+json",
            "urn:problem:stale",
            "urn:problem:stale",
        ),
        (
            "application/problem+json",
            "/probs/stale",
            "https://api.ex.org/probs/stale",
        ),
        (
            "application/problem+json",
            "stale",
            "https://api.ex.org/v1/orders/stale",
        ),
        (
            "application/problem+json",
            "#stale",
            "https://api.ex.org/v1/orders/7#stale",
        ),
        (
            "application/problem+json",
            "//ex.org/stale",
            "https://ex.org/stale",
        ),
        ("application/problem+json", "", BLANK),
        ("application/problem+json", "http://[", "http://["),
        (
            "application/json",
            "/probs/stale",
            "https://api.ex.org/probs/stale",
        ),
        ("application/json", "about:blank", BLANK),
    ] {
        let body = json!({"type": name}).to_string();
        let problem = read(409, media_type, body.as_bytes());
        assert_eq!(problem.problem_type(), expected, "{name}");
    }
    // A word in JSON that is not labelled as Problem Details is a code of that dialect.
    let problem = read(
        409,
        "application/json",
        br#"{"type":"stale_object","message":"m"}"#,
    );
    assert_eq!(
        (problem.problem_type(), problem.code()),
        (BLANK, Some("stale_object"))
    );
    let problem = read(
        409,
        "application/json",
        br#"{"type":"stale","title":"Stale"}"#,
    );
    assert_eq!(problem.problem_type(), "https://api.ex.org/v1/orders/stale");
}

#[test]
fn odd_bytes_and_wrong_labels_do_no_harm() {
    for (media_type, body) in [
        (
            "application/problem+json",
            &b"\xEF\xBB\xBF{\"code\":\"x\"}"[..],
        ),
        ("text/html", b" \r\n{\"code\":\"x\"}"),
        ("application/xml", b"{\"code\":\"x\"}"),
        ("application/json", b"<e><Code>x</Code></e>"),
        ("image/png", b"{\"code\":\"x\",\"\xFF\xFE\":1}"),
        ("nonsense", b"{\"code\":\"x\",\"torn\":[1,"),
    ] {
        assert_eq!(
            read(409, media_type, body).code(),
            Some("x"),
            "{media_type}"
        );
    }
    for body in [
        &b"\x89PNG\r\n\x1a\n\0\0\0"[..],
        b"\0\0\0\0",
        b"[]",
        b"{}",
        b"<",
        b"[",
    ] {
        let problem = read(409, "application/json", body);
        assert_eq!((problem.detail(), problem.code()), (None, None), "{body:?}");
    }
    assert_eq!(read(502, "text/plain", b"{oops").detail(), Some("{oops"));
}

#[test]
fn nesting_ten_thousand_deep_costs_nothing_but_the_member() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for body in [
        format!("{{\"a\":{deep},\"code\":\"x\"}}"),
        format!("{{\"code\":\"x\",\"a\":{}", "{\"b\":".repeat(10_000)),
        format!("<e><Code>x</Code>{}", "<a>".repeat(10_000)),
    ] {
        let problem = read(409, "application/problem+json", body.as_bytes());
        assert_eq!((problem.code(), problem.truncated()), (Some("x"), true));
    }
    let _ = read(409, "application/json", deep.as_bytes());
}

#[test]
fn a_body_beyond_the_limit_is_cut_and_says_so() {
    let body = format!(
        "{{\"code\":\"x\",\"a\":\"{}\"}}",
        "y".repeat(2 * Problem::MAX_BODY)
    );
    let problem = read(409, "application/json", body.as_bytes());
    assert_eq!(problem.raw().len(), Problem::MAX_BODY);
    assert_eq!((problem.code(), problem.truncated()), (Some("x"), true));

    let many = "\"e\",".repeat(Problem::MAX_FIELDS);
    let body = format!("{{\"errors\":[{many}\"e\"]}}");
    let problem = read(422, "application/json", body.as_bytes());
    assert_eq!(
        (problem.fields().len(), problem.truncated()),
        (Problem::MAX_FIELDS, true)
    );
}

#[test]
fn a_reply_without_a_body_may_have_its_code_in_a_header() {
    let url = Url::parse("https://api.ex.org/").unwrap();
    for (name, value, code) in [
        ("x-ms-error-code", "ConditionNotMet", "ConditionNotMet"),
        ("x-amzn-errortype", "Stale:http://internal/", "Stale"),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        let status = StatusCode::PRECONDITION_FAILED;
        let problem = Problem::read(status, &headers, &Bytes::new(), &url);
        assert_eq!(problem.code(), Some(code));
    }
}

#[test]
fn what_is_logged_is_one_line_without_the_body() {
    let body = br#"{"type":"/p/stale","title":"Stale\nversion","code":"E7","detail":"SECRET","n":"SECRET","errors":[{"pointer":"/a","detail":"SECRET"}]}"#;
    let problem = read(409, "application/problem+json", body);
    assert_eq!(
        problem.to_string(),
        "409 Conflict: Stale version (https://api.ex.org/p/stale, code E7)"
    );
    let debug = format!("{problem:?} {:?}", problem.fields());
    assert!(
        !debug.contains("SECRET") && !debug.contains('\n'),
        "{debug}"
    );

    let line = |status, body: &[u8]| read(status, "text/html", body).to_string();
    assert_eq!(
        line(412, b"<html><title>412 Precondition Failed</title>"),
        "412 Precondition Failed"
    );
    assert_eq!(
        line(409, b"{\"error\":\"conflict\"}"),
        "409 Conflict (code conflict)"
    );
    assert_eq!(line(599, b""), "599");
}

#[test]
fn long_texts_are_cut_and_long_references_count_as_absent() {
    let long = "x".repeat(Problem::MAX_TEXT + 1);
    let body = json!({
        "type": format!("https://ex.org/{long}"), "instance": long, "title": long, "detail": format!("{long}y"),
        "code": long, "errors": [{"pointer": format!("/{long}"), "code": long, "detail": long}],
    });
    let problem = read(409, "application/problem+json", body.to_string().as_bytes());
    assert_eq!(problem.problem_type(), BLANK);
    assert_eq!((problem.instance(), problem.code()), (None, None));
    for text in [problem.title(), problem.detail()] {
        assert_eq!(text.unwrap().chars().count(), Problem::MAX_TEXT);
    }
    assert_eq!(problem.fields().len(), 1);
    let field = &problem.fields()[0];
    assert_eq!((&field.pointer, &field.code), (&None, &None));
    assert_eq!(field.detail.chars().count(), Problem::MAX_TEXT);
    assert!(problem.truncated());
}

#[test]
fn a_state_with_replaced_bytes_is_not_told() {
    let problem = read(
        412,
        "application/json",
        b"{\"code\":\"x\",\"current\":{\"n\":\"\xFF\"}}",
    );
    assert_eq!((problem.code(), problem.current()), (Some("x"), None));
}
