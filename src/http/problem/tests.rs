//! Refusals as real servers word them, and what is read from each.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use proptest::prelude::*;
use serde_json::json;
use url::Url;

use super::Problem;

fn read(status: u16, media_type: &str, body: &[u8]) -> Problem {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(media_type) {
        headers.insert(CONTENT_TYPE, value);
    }
    let url = Url::parse("https://me:secret@api.ex.org/v1/orders/7?sig=secret").unwrap();
    let status = StatusCode::from_u16(status).unwrap();
    Problem::read(status, &headers, &Bytes::copy_from_slice(body), &url)
}

/// One server's refusal: status, media type, body; then type, title, detail, code.
type Row = (
    u16,
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
);

const BLANK: &str = "about:blank";

// Bodies of Kinto 26.5, PouchDB (express-pouchdb 4.2), etcd 3.4, Eve 2.3, Azurite 3.35, Apache 2.4,
// lighttpd 1.4, Prism 5.16 as they sent them, and of services as they document them.
const REFUSALS: &[Row] = &[
    // Kinto: `code` repeats the status, `errno` is the code.
    (
        412,
        "application/json",
        r#"{"code":412,"errno":114,"error":"Precondition Failed","message":"Resource was modified meanwhile","details":{"existing":{"title":"two","n":2,"id":"r1","last_modified":1795233032172}}}"#,
        BLANK,
        Some("Precondition Failed"),
        Some("Resource was modified meanwhile"),
        Some("114"),
    ),
    // PouchDB: JSON labelled as text.
    (
        409,
        "text/plain; charset=utf-8",
        r#"{"error":"conflict","reason":"Document update conflict"}"#,
        BLANK,
        None,
        Some("Document update conflict"),
        Some("conflict"),
    ),
    (
        412,
        "text/plain; charset=utf-8",
        r#"{"error":"file_exists","reason":"The database could not be created."}"#,
        BLANK,
        None,
        Some("The database could not be created."),
        Some("file_exists"),
    ),
    // etcd v2.
    (
        412,
        "application/json",
        r#"{"errorCode":101,"message":"Compare failed","cause":"[4 != 5]","index":5}"#,
        BLANK,
        None,
        Some("Compare failed"),
        Some("101"),
    ),
    // Eve.
    (
        412,
        "application/json",
        r#"{"_status": "ERR", "_error": {"code": 412, "message": "Client and server etags don't match"}}"#,
        BLANK,
        None,
        Some("Client and server etags don't match"),
        None,
    ),
    // Azurite Blob.
    (
        412,
        "application/xml",
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Error>\n  <Code>LeaseIdMissing</Code>\n  <Message>There is currently a lease on the blob and no lease ID was specified in the request.\nRequestId:52c0a4bb\nTime:2026-11-21T04:39:40.117Z</Message>\n</Error>",
        BLANK,
        None,
        Some(
            "There is currently a lease on the blob and no lease ID was specified in the request.\nRequestId:52c0a4bb\nTime:2026-11-21T04:39:40.117Z",
        ),
        Some("LeaseIdMissing"),
    ),
    // Azurite Table.
    (
        412,
        "application/json;odata=nometadata;streaming=true;charset=utf-8",
        r#"{"odata.error":{"code":"UpdateConditionNotSatisfied","message":{"lang":"en-US","value":"The update condition specified in the request was not satisfied."}}}"#,
        BLANK,
        None,
        Some("The update condition specified in the request was not satisfied."),
        Some("UpdateConditionNotSatisfied"),
    ),
    // Apache.
    (
        412,
        "text/html; charset=iso-8859-1",
        "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\" \"http://www.w3.org/TR/html4/strict.dtd\">\n<html><head>\n<title>412 Precondition Failed</title>\n</head><body>\n<h1>Precondition Failed</h1>\n</body></html>",
        BLANK,
        Some("412 Precondition Failed"),
        None,
        None,
    ),
    // lighttpd: XHTML behind an XML declaration.
    (
        423,
        "text/html",
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n         \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n<html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n <head>\n  <title>423 Locked</title>\n </head>\n <body>\n  <h1>423 Locked</h1>\n </body>\n</html>",
        BLANK,
        Some("423 Locked"),
        None,
        None,
    ),
    // Prism.
    (
        412,
        "application/problem+json",
        r#"{"type":"https://ex.org/stale","title":"Stale","status":412,"currentEtag":"\"7\""}"#,
        "https://ex.org/stale",
        Some("Stale"),
        None,
        None,
    ),
    // Problem Details in XML.
    (
        403,
        "application/problem+xml",
        r#"<?xml version="1.0" encoding="UTF-8"?><problem xmlns="urn:ietf:rfc:7807"><type>https://example.com/probs/out-of-credit</type><title>You do not have enough credit.</title><detail>Your current balance is 30, but that costs 50.</detail><instance>https://example.net/account/12345/msgs/abc</instance><balance>30</balance></problem>"#,
        "https://example.com/probs/out-of-credit",
        Some("You do not have enough credit."),
        Some("Your current balance is 30, but that costs 50."),
        None,
    ),
    // Kubernetes.
    (
        409,
        "application/json",
        r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Operation cannot be fulfilled on pods \"x\": the object has been modified","reason":"Conflict","details":{"name":"x","kind":"pods"},"code":409}"#,
        BLANK,
        None,
        Some("Operation cannot be fulfilled on pods \"x\": the object has been modified"),
        Some("Conflict"),
    ),
    // Google, new and old.
    (
        409,
        "application/json; charset=UTF-8",
        r#"{"error":{"code":409,"message":"The operation was aborted.","status":"ABORTED"}}"#,
        BLANK,
        None,
        Some("The operation was aborted."),
        Some("ABORTED"),
    ),
    (
        412,
        "application/json; charset=UTF-8",
        r#"{"error":{"code":412,"message":"At least one condition did not hold.","errors":[{"message":"At least one condition did not hold.","domain":"global","reason":"conditionNotMet","locationType":"header","location":"If-Match"}]}}"#,
        BLANK,
        None,
        Some("At least one condition did not hold."),
        Some("conditionNotMet"),
    ),
    // Elasticsearch.
    (
        409,
        "application/json",
        r#"{"error":{"root_cause":[],"type":"version_conflict_engine_exception","reason":"[1]: version conflict","index":"i"},"status":409}"#,
        BLANK,
        None,
        Some("[1]: version conflict"),
        Some("version_conflict_engine_exception"),
    ),
    // S3.
    (
        412,
        "application/xml",
        "<?xml version=\"1.0\"?><Error><Code>PreconditionFailed</Code><Message>At least one of the pre-conditions did not hold</Message><Condition>If-Match</Condition></Error>",
        BLANK,
        None,
        Some("At least one of the pre-conditions did not hold"),
        Some("PreconditionFailed"),
    ),
    // SCIM.
    (
        409,
        "application/scim+json",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"scimType":"uniqueness","detail":"userName is taken","status":"409"}"#,
        BLANK,
        None,
        Some("userName is taken"),
        Some("uniqueness"),
    ),
    // FHIR.
    (
        412,
        "application/fhir+json",
        r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"conflict","diagnostics":"Version 2 is not current"}]}"#,
        BLANK,
        None,
        Some("Version 2 is not current"),
        Some("conflict"),
    ),
    // JSON:API.
    (
        409,
        "application/vnd.api+json",
        r#"{"errors":[{"status":"409","code":"STALE","title":"Stale resource","detail":"Read it again","source":{"pointer":"/data/attributes/title"}}]}"#,
        BLANK,
        Some("Stale resource"),
        Some("Read it again"),
        Some("STALE"),
    ),
    // Spring.
    (
        409,
        "application/json",
        r#"{"timestamp":"2026-11-21T04:39:58Z","status":409,"error":"Conflict","message":"Row was updated","path":"/x"}"#,
        BLANK,
        Some("Conflict"),
        Some("Row was updated"),
        None,
    ),
    // GitHub.
    (
        409,
        "application/json; charset=utf-8",
        r#"{"message":"a.txt does not match abc","documentation_url":"https://docs.github.com/","status":"409"}"#,
        BLANK,
        None,
        Some("a.txt does not match abc"),
        None,
    ),
    // Text, a JSON string, nothing.
    (
        409,
        "text/plain",
        "Conflict: the order is not paid\nat line 7",
        BLANK,
        None,
        Some("Conflict: the order is not paid"),
        None,
    ),
    (
        409,
        "application/json",
        r#""not paid""#,
        BLANK,
        None,
        Some("not paid"),
        None,
    ),
    (409, "", "", BLANK, None, None, None),
];

#[test]
fn every_dialect_is_read() {
    for (status, media_type, body, problem_type, title, detail, code) in REFUSALS {
        let problem = read(*status, media_type, body.as_bytes());
        assert_eq!(problem.status().as_u16(), *status, "{body}");
        assert_eq!(problem.problem_type(), *problem_type, "{body}");
        assert_eq!(problem.title(), *title, "{body}");
        assert_eq!(problem.detail(), *detail, "{body}");
        assert_eq!(problem.code(), *code, "{body}");
        assert_eq!(problem.raw(), body, "{body}");
        assert!(!problem.truncated(), "{body}");
    }
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
        // Deleted, a name of a state, a version: no state.
        (r#"{"details":{"existing":null}}"#, None),
        (r#"{"current":"unpaid"}"#, None),
        (r#"{"current":{}}"#, None),
        (r#"{"currentVersion":{"n":2}}"#, None),
        (r#"[{"current":{"n":2}}]"#, None),
        // Torn in the middle: not whole, so not told.
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
fn errors_of_fields_are_found_in_every_shape() {
    let row = |pointer: Option<&str>, code: Option<&str>, detail: &str| {
        (
            pointer.map(str::to_owned),
            code.map(str::to_owned),
            detail.to_owned(),
        )
    };
    for (body, expected) in [
        (
            r##"{"errors":[{"detail":"must be positive","pointer":"#/age"},{"detail":"bad","pointer":"#/a%20b"}]}"##,
            vec![
                row(Some("/age"), None, "must be positive"),
                row(Some("/a b"), None, "bad"),
            ],
        ),
        (
            r#"{"errors":{"Name":["taken","too long"],"Age":"low"}}"#,
            vec![
                row(Some("/Age"), None, "low"),
                row(Some("/Name"), None, "taken"),
                row(Some("/Name"), None, "too long"),
            ],
        ),
        (
            r#"{"_issues":{"title":"must be of string type"},"_status":"ERR"}"#,
            vec![row(Some("/title"), None, "must be of string type")],
        ),
        (
            r#"{"detail":[{"loc":["body","items",0,"qty"],"msg":"too many","type":"value_error"}]}"#,
            vec![row(Some("/items/0/qty"), Some("value_error"), "too many")],
        ),
        (
            r#"{"type":"https://stoplight.io/prism/errors#UNPROCESSABLE_ENTITY","validation":[{"location":["body","n"],"severity":"Error","code":"type","message":"must be integer"},{"location":["header"],"code":"required","message":"if-match"}]}"#,
            vec![
                row(Some("/n"), Some("type"), "must be integer"),
                row(None, Some("required"), "if-match"),
            ],
        ),
        (
            r#"{"code":400,"errno":107,"details":[{"location":"header","name":"If-Match","description":"should be quoted"}]}"#,
            vec![row(None, None, "should be quoted")],
        ),
        (
            r#"{"kind":"Status","details":{"causes":[{"reason":"FieldValueInvalid","message":"Invalid value: 0","field":"spec.ports[0].port"}]}}"#,
            vec![row(
                Some("/spec/ports/0/port"),
                Some("FieldValueInvalid"),
                "Invalid value: 0",
            )],
        ),
        (
            r#"{"errors":[{"code":"STALE","detail":"Read it again","source":{"pointer":"/data/attributes/title"}}]}"#,
            vec![row(
                Some("/data/attributes/title"),
                Some("STALE"),
                "Read it again",
            )],
        ),
        (
            r#"{"invalid-params":[{"name":"age","reason":"must be a positive integer"}]}"#,
            vec![row(Some("/age"), None, "must be a positive integer")],
        ),
        (
            r#"{"errors":["one","two",3,null,{}]}"#,
            vec![row(None, None, "one"), row(None, None, "two")],
        ),
        (r#"{"details":{"name":"x","kind":"pods"}}"#, vec![]),
    ] {
        let problem = read(422, "application/json", body.as_bytes());
        let fields = problem.fields().iter();
        let fields: Vec<_> = fields
            .map(|error| {
                (
                    error.pointer.clone(),
                    error.code.clone(),
                    error.detail.clone(),
                )
            })
            .collect();
        assert_eq!(fields, expected, "{body}");
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

proptest! {
    #[test]
    fn any_bytes_are_read(status in 100_u16..1000, media_type: String, body: Vec<u8>) {
        let problem = read(status, &media_type, &body);
        let _ = (problem.to_string(), format!("{problem:?}"), problem.current());
    }

    #[test]
    fn any_text_under_any_label_is_read(
        media_type in "(application/(problem\\+)?(json|xml)|text/(html|plain))",
        body in r#"[\{\[<"]?(["\{\}\[\],:<>/&;#a-c\\ ]|"(type|error|errors|code|current|detail|pointer|loc)":)*"#,
    ) {
        let problem = read(409, &media_type, body.as_bytes());
        let _ = (problem.to_string(), problem.fields(), problem.current());
        prop_assert!(problem.problem_type().len() <= body.len() + 100);
    }
}
