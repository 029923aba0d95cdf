//! Refusals with any content. Reading one never fails, and its results are bounded.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use proptest::prelude::*;
use serde_json::Value;
use url::Url;

use super::super::Problem;
use super::read;

/// JSON of any shape, whose members have the names that are searched for.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        r"[#/$a-b\[\].%]{0,9}".prop_map(Value::from),
    ];
    let name = "(type|title|detail|details|instance|status|code|error|errors|issue|_issues|field|\
                pointer|source|location|path|expression|message|value|text|reason|current|existing|\
                fieldViolations|causes|[a-b~/]{0,3})";
    leaf.prop_recursive(5, 64, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read(status in 100_u16..1000, media_type: String, body: Vec<u8>) {
        let problem = read(status, &media_type, &body);
        let _ = (problem.to_string(), format!("{problem:?}"), problem.current());
    }

    #[test]
    fn any_json_is_read_and_its_current_state_lies_where_it_is_said(body in any_json()) {
        let text = body.to_string();
        let problem = read(409, "application/json", text.as_bytes());
        // The underlying reader rounds some floats that are written with all digits.
        let body: Value = serde_json::from_str(&text).unwrap();
        prop_assert!(problem.fields().len() <= Problem::MAX_FIELDS);
        for pointer in problem.fields().iter().filter_map(|field| field.pointer.as_deref()) {
            prop_assert!(pointer.is_empty() || pointer.starts_with('/'));
        }
        let state = problem.current_pointer().and_then(|pointer| body.pointer(pointer));
        prop_assert_eq!(problem.current(), state);
        prop_assert!(state.is_none_or(Value::is_object));
    }

    #[test]
    fn any_headers_are_read(values in prop::collection::vec(any::<Vec<u8>>(), 4), body: Vec<u8>) {
        let mut headers = HeaderMap::new();
        let names = ["content-type", "content-type", "x-ms-error-code", "x-amzn-errortype"];
        for (name, value) in names.into_iter().zip(values) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(name, value);
            }
        }
        let url = Url::parse("https://api.ex.org/").unwrap();
        let problem = Problem::read(StatusCode::CONFLICT, &headers, &Bytes::from(body), &url);
        let _ = (problem.to_string(), format!("{problem:?}"));
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
