//! The profiles, checked with refusals from real servers and from documentation.
#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

mod details;
mod refusals;
mod spellings;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ifmatch::Problem;

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const XML: &[(&str, &str)] = &[("content-type", "application/xml")];
const HTML: &[(&str, &str)] = &[("content-type", "text/html; charset=iso-8859-1")];

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

fn read(status: u16, pairs: &[(&str, &str)], body: &str) -> Problem {
    let url = "https://api.example.com/v1/things/1".parse().unwrap();
    let status = StatusCode::from_u16(status).unwrap();
    let body = Bytes::copy_from_slice(body.as_bytes());
    Problem::read(status, &headers(pairs), &body, &url)
}
