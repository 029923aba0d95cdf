//! Results of calls that stand for requests, from any bytes.

use bytes::Bytes;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use url::Url;

use crate::json::Document;
use crate::protocol::{Batch, BatchReply, Profile, RequestParts, ResponseParts, profiles};

const BATCH: &str = r#"{"requests":[{"method":"PUT","path":"/s/a","headers":{"if-match":"\"7\""},"body":{}},
    {"method":"DELETE","path":"/s/b","headers":{"if-match":"\"8\""}}]}"#;

/// Reads bytes as the result of a call of etcd, and as a line of its watch. The first byte chooses the request.
///
/// # Panics
///
/// Panics if a result means something that it cannot.
pub fn translations(bytes: &[u8]) {
    let Some((chosen, body)) = bytes.split_first() else {
        return;
    };
    let url = |text: &str| Url::parse(text).unwrap_or_else(|_| panic!("{text} is an address"));
    let Some(translation) = profiles::EtcdV3::new().translation(&url("http://h")) else {
        panic!("the profile has no translation");
    };
    let (method, at, condition, sent) = match chosen % 6 {
        0 => (Method::GET, "http://h/s/a", None, ""),
        1 => (Method::GET, "http://h/s?prefix=true", None, ""),
        2 => (Method::PUT, "http://h/s/a", Some((IF_MATCH, "\"7\"")), "{}"),
        3 => (
            Method::PUT,
            "http://h/s/a",
            Some((IF_NONE_MATCH, "*")),
            "{}",
        ),
        4 => (
            Method::DELETE,
            "http://h/s/a",
            Some((IF_MATCH, "\"7\"")),
            "",
        ),
        _ => (Method::POST, "http://h/$batch", None, BATCH),
    };
    let headers = condition.map(|(name, value)| (name, HeaderValue::from_static(value)));
    let headers = HeaderMap::from_iter(headers);
    let request = RequestParts {
        method: &method,
        url: &url(at),
        headers: &headers,
        body: &Bytes::from_static(sent.as_bytes()),
    };
    let result = ResponseParts {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(body),
    };
    if let Ok(response) = translation.rules().response(&request, result) {
        assert!(!response.status.is_server_error());
        if at.ends_with("$batch") {
            let writes = [request, request];
            let batch = Batch::requests("$batch");
            let read = batch.decode(&writes, response.status, &response.headers, &response.body);
            assert!(matches!(read, Ok(BatchReply::Each(_))), "{read:?}");
        } else {
            assert!(response.body.is_empty() || Document::parse(&response.body).is_ok());
        }
    }
    if let Ok(line) = Document::parse(body) {
        let opened = url("http://h/s?prefix=true&watch=true&since=5");
        let changes = translation.rules().changes(&opened, &line);
        assert!(
            changes
                .iter()
                .all(|change| change.pointer("/type").is_some())
        );
    }
}
