//! Responses to several writes, from any bytes.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::Batch;
use crate::protocol::BatchReply;

/// The boundary of the seeds.
const MULTIPART: &str = "multipart/mixed; boundary=batchresponse";

/// Reads a body as the response to a number of writes, in each form. There is one response for each write, or one that
/// stands for all.
pub fn batches(writes: usize, body: &[u8]) {
    let media_type = HeaderValue::from_static(MULTIPART);
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, media_type)]);
    let body = Bytes::copy_from_slice(body);
    for batch in [
        Batch::change_set("$batch"),
        Batch::bundle(""),
        Batch::requests("batch"),
    ] {
        for status in [StatusCode::OK, StatusCode::PRECONDITION_FAILED] {
            match batch.decode(writes, status, &headers, &body) {
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
