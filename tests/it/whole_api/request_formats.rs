//! Plain requests and responses in other formats.

use http::Method;
use ifmatch::format::{Blob, Bytes, Encoded, Json};
use ifmatch::{BoxError, Document, Error, ErrorKind, Format, Limits};
use serde_json::Value;

use crate::support::api::{Api, answer};

/// A format whose errors repeat the body.
pub(super) struct Telling;

impl Format for Telling {
    fn media_type(&self) -> &'static str {
        "text/x-telling"
    }

    fn read(&self, body: &[u8], _: Option<&str>) -> Result<Document, BoxError> {
        Err(format!("cannot read {}", String::from_utf8_lossy(body)).into())
    }

    fn write(&self, document: &Document) -> Result<Encoded, BoxError> {
        Err(format!("cannot write {}", document.as_str()).into())
    }
}

/// A format that panics.
struct Panics;

impl Format for Panics {
    fn media_type(&self) -> &'static str {
        "text/x-panics"
    }

    fn read(&self, _: &[u8], _: Option<&str>) -> Result<Document, BoxError> {
        panic!("read")
    }

    fn write(&self, _: &Document) -> Result<Encoded, BoxError> {
        panic!("write")
    }
}

/// The errors of reading and of writing a body in a format. Nothing is sent by the latter.
async fn errors(format: impl Format) -> [Error; 2] {
    let api = Api::of(|_, _| answer(200, "s3cret"));
    let client = api.client();
    let response = client.request(Method::GET, "f/1").await.unwrap();
    let read = response.read_as::<String>(&format).unwrap_err();
    let request = client.request(Method::PUT, "f/1");
    let written = request.write_as(&format, "s3cret").await.unwrap_err();
    assert_eq!(
        (read.kind(), written.kind(), api.count()),
        (ErrorKind::Decode, ErrorKind::Config, 1)
    );
    [read, written]
}

#[tokio::test(start_paused = true)]
async fn errors_of_own_formats_show_bodies_only_as_their_source() {
    for error in errors(Telling).await {
        let shown = format!("{error} {error:?} {}", error.report().why);
        assert!(!shown.contains("s3cret"), "{shown}");
        let source = std::error::Error::source(&error).unwrap();
        assert!(source.to_string().contains("s3cret"), "{source}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_format_that_panics_is_named() {
    for error in errors(Panics).await {
        let named = error
            .to_string()
            .contains("the format of the bodies panicked");
        assert!(named, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_whose_media_type_is_no_header_is_not_sent() {
    let api = Api::of(|_, _| answer(200, ""));
    let photo = Blob::new("image/png\u{0}", "PNG");
    let request = api.client().request(Method::PUT, "f/1");
    let error = request.write_as(&Bytes::any(), &photo).await.unwrap_err();
    assert_eq!((error.kind(), api.count()), (ErrorKind::Config, 0));
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_the_depth_holds() {
    let api = Api::of(|_, _| answer(200, "[[[[1]]]]"));
    let limits = Limits::default().depth(2);
    let client = api.builder().limits(limits).build().unwrap();
    let response = client.request(Method::GET, "f/1").await.unwrap();
    assert!(response.json::<Value>().is_err());
    assert!(response.read_as::<Value>(&Json::default()).is_err());
}
