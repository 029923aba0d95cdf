//! Responses to several writes, from any bytes.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use url::Url;

use crate::Batch;
use crate::protocol::{BatchReply, RequestParts};

/// The boundary of the seeds.
const MULTIPART: &str = "multipart/mixed; boundary=batchresponse";

/// The writes of the seeds, which repeat.
const WRITES: [(Method, &str); 3] = [
    (Method::PUT, "http://fuzz.test/i/_doc/a"),
    (Method::PUT, "http://fuzz.test/i/_doc/b?op_type=create"),
    (Method::DELETE, "http://fuzz.test/i/_doc/c"),
];

/// Reads a body as the response to a number of writes, in each form. There is one response for each write, or one that
/// stands for all.
pub fn batches(writes: usize, body: &[u8]) {
    let media_type = HeaderValue::from_static(MULTIPART);
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, media_type)]);
    let body = Bytes::copy_from_slice(body);
    let urls = WRITES.map(|(method, url)| Url::parse(url).map(|url| (method, url)));
    let (nothing, no_headers) = (Bytes::new(), HeaderMap::new());
    let asked = urls.iter().flatten().map(|(method, url)| RequestParts {
        method,
        url,
        headers: &no_headers,
        body: &nothing,
    });
    let asked: Vec<_> = asked.cycle().take(writes).collect();
    for batch in [
        Batch::change_set("$batch"),
        Batch::bundle(""),
        Batch::requests("batch"),
        Batch::bulk_docs("_bulk_docs"),
        Batch::bulk("_bulk"),
    ] {
        for status in [StatusCode::OK, StatusCode::PRECONDITION_FAILED] {
            match batch.decode(&asked, status, &headers, &body) {
                Ok(BatchReply::Each(parts)) => assert_eq!(parts.len(), writes),
                Ok(BatchReply::Refused(at, part)) => {
                    assert!(at.is_none_or(|at| at < writes) && !part.status.is_success());
                }
                Ok(BatchReply::NoEndpoint(_) | BatchReply::Whole) => assert!(!status.is_success()),
                Err(_) => assert!(status.is_success()),
            }
        }
    }
}
