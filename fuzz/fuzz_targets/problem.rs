//! Any body of any media type as the refusal of a write.
//!
//! Input: a line `STATUS MEDIA-TYPE`, then the body.
#![no_main]

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use ifmatch::Problem;
use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let Some((line, body)) = end.map(|end| (&bytes[..end], &bytes[end + 1..])) else {
        return;
    };
    let (status, media_type) = line.split_at(line.len().min(3));
    let status = StatusCode::from_bytes(status).unwrap_or(StatusCode::CONFLICT);
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(media_type.trim_ascii()) {
        headers.insert(CONTENT_TYPE, value);
    }
    let url = Url::parse("https://user:secret@api.example.com/v1/a?key=hidden").unwrap();
    let body = Bytes::copy_from_slice(body);

    let problem = Problem::read(status, &headers, &body, &url);
    assert_eq!(problem.status(), status);
    assert_eq!(problem.raw(), &body);
    let type_text = problem.problem_type();
    if !contains(&body, b"secret") && !contains(&body, b"hidden") {
        assert!(!type_text.contains("secret") && !type_text.contains("hidden"));
    }
    for text in [problem.title(), problem.detail()].into_iter().flatten() {
        assert!(text.chars().count() <= Problem::MAX_TEXT);
    }
    assert!(problem.fields().len() <= Problem::MAX_FIELDS);
    for field in problem.fields() {
        assert!(
            field
                .pointer
                .as_ref()
                .is_none_or(|at| at.is_empty() || at.starts_with('/'))
        );
    }
    if let Some(pointer) = problem.current_pointer() {
        assert!(pointer.is_empty() || pointer.starts_with('/'));
    }
    for name in problem.extensions().keys() {
        assert!(problem.extension(name).is_some());
    }
    assert!(problem.current().is_none_or(serde_json::Value::is_object));
    let _ = problem.code();
    // Logs show neither the body nor an endless line.
    assert!(format!("{problem:?}").len() < 64 * 1024);
    let again = Problem::read(status, &headers, &body, &url);
    assert!(problem == again);
});

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
