//! Change sets of `OData` (4.01, 11.7.7) and of Azure's tables.
//!
//! Each write is a part with a `Content-ID`, counted from 1. If all are applied, each has a response in the same order. If
//! one is refused, its response stands alone: as the only part of the change set (Azure), or in place of it (`OData`). The
//! status around them says nothing.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::{BatchReply, BatchRequest, Misfit, RequestParts, ResponseParts};
use crate::BoxError;
use crate::json::Document;
use crate::protocol::multipart::{CONTENT_ID, Part, PartsWriter, parts, request_text};

/// Where the error of a response has its text.
const MESSAGES: [&str; 4] = [
    "/odata.error/message/value",
    "/error/message/value",
    "/error/message",
    "/message",
];

pub(super) fn encode(id: &str, writes: &[RequestParts<'_>]) -> Result<BatchRequest, Misfit> {
    // Some servers take letters, digits and `_` alone.
    let id: String = id.chars().filter(char::is_ascii_alphanumeric).collect();
    let separates = |body: &Bytes| {
        let mut texts = body.windows(id.len().max(1));
        texts.any(|text| text == id.as_bytes())
    };
    // Otherwise a document could end its part and begin another one.
    if writes.iter().any(|write| separates(write.body)) {
        return Err(Misfit::Boundary);
    }
    let mut changes = PartsWriter::new(format!("changeset_{id}"));
    for (at, write) in writes.iter().enumerate() {
        let headers = [
            ("Content-Type", "application/http"),
            ("Content-Transfer-Encoding", "binary"),
            ("Content-ID", &*(at + 1).to_string()),
        ];
        let text = request_text(write.method, write.url, write.headers, write.body);
        changes.part(&headers, &text);
    }
    let (media_type, changes) = changes.finish();
    let mut whole = PartsWriter::new(format!("batch_{id}"));
    whole.part(&[("Content-Type", &media_type)], &changes);
    let (media_type, body) = whole.finish();
    Ok(BatchRequest {
        // The boundary is made of letters and digits.
        media_type: HeaderValue::from_str(&media_type)
            .unwrap_or(HeaderValue::from_static("multipart/mixed")),
        body: body.into(),
    })
}

pub(super) fn decode(
    writes: usize,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<BatchReply, BoxError> {
    let outer = parts(headers, body)?;
    let [change_set] = &outer[..] else {
        return Err(format!("it has {} parts instead of a change set", outer.len()).into());
    };
    if !change_set.is_multipart() {
        return Ok(alone(writes, change_set.response()?));
    }
    let responses = change_set.parts()?;
    let responses: Result<Vec<_>, _> = responses.iter().map(Part::response).collect();
    let mut responses = responses?;
    if responses.len() == 1 && !responses[0].status.is_success() {
        return Ok(alone(writes, responses.remove(0)));
    }
    Ok(BatchReply::Each(in_order(responses)))
}

/// Reads the response that stands in place of all.
fn alone(writes: usize, response: ResponseParts) -> BatchReply {
    if response.status.is_success() {
        return BatchReply::Each(vec![response]);
    }
    BatchReply::Refused(at_fault(writes, &response), response)
}

/// Returns which write a refusal is about, as its `Content-ID` or the start of its text says.
fn at_fault(writes: usize, response: &ResponseParts) -> Option<usize> {
    if writes == 1 {
        return Some(0);
    }
    let by_id = content_id(response).and_then(|id| id.checked_sub(1));
    let by_text = || {
        let body = Document::parse(&response.body).ok()?;
        let text = MESSAGES.iter().find_map(|at| body.pointer(at)?.as_id())?;
        let (index, _) = text.split_once(':')?;
        index.parse().ok()
    };
    by_id.or_else(by_text).filter(|index| *index < writes)
}

fn content_id(response: &ResponseParts) -> Option<usize> {
    let value = response.headers.get(CONTENT_ID)?.to_str().ok()?;
    value.trim().parse().ok()
}

/// Puts the responses into the order of the writes, if all of them say which they answer.
fn in_order(responses: Vec<ResponseParts>) -> Vec<ResponseParts> {
    let mut ids: Vec<_> = responses.iter().filter_map(content_id).collect();
    ids.sort_unstable();
    if !ids.into_iter().eq(1..=responses.len()) {
        return responses;
    }
    let mut responses = responses;
    responses.sort_by_key(content_id);
    responses
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::unwrap_used,
        clippy::panic,
        reason = "a failing test may panic"
    )]

    use http::header::{CONTENT_TYPE, IF_MATCH};
    use http::{Method, StatusCode};
    use url::Url;

    use super::*;

    fn of_type(media_type: &str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, media_type.parse().unwrap())])
    }

    fn read(writes: usize, body: &str) -> Result<BatchReply, BoxError> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        decode(writes, &of_type("multipart/mixed; boundary=b"), &body)
    }

    #[test]
    fn the_writes_are_requests_within_a_change_set() {
        let url = Url::parse("http://h/t(PartitionKey='p',RowKey='a')").unwrap();
        let headers = HeaderMap::from_iter([(IF_MATCH, "W/\"1\"".parse().unwrap())]);
        let (body, nothing) = (Bytes::from_static(b"{}"), Bytes::new());
        let put = RequestParts {
            method: &Method::PUT,
            url: &url,
            headers: &headers,
            body: &body,
        };
        let delete = RequestParts {
            method: &Method::DELETE,
            body: &nothing,
            ..put
        };
        let request = encode("0a-1b", &[put, delete]).unwrap();
        assert_eq!(request.media_type, "multipart/mixed; boundary=batch_0a1b");
        let expected = "--batch_0a1b\r\nContent-Type: multipart/mixed; boundary=changeset_0a1b\r\n\r\n\
             --changeset_0a1b\r\nContent-Type: application/http\r\n\
             Content-Transfer-Encoding: binary\r\nContent-ID: 1\r\n\r\n\
             PUT http://h/t(PartitionKey='p',RowKey='a') HTTP/1.1\r\nif-match: W/\"1\"\r\n\
             Content-Length: 2\r\n\r\n{}\r\n\
             --changeset_0a1b\r\nContent-Type: application/http\r\n\
             Content-Transfer-Encoding: binary\r\nContent-ID: 2\r\n\r\n\
             DELETE http://h/t(PartitionKey='p',RowKey='a') HTTP/1.1\r\nif-match: W/\"1\"\r\n\r\n\r\n\
             --changeset_0a1b--\r\n\r\n--batch_0a1b--\r\n";
        assert_eq!(std::str::from_utf8(&request.body).unwrap(), expected);
    }

    #[test]
    fn a_document_cannot_end_its_part() {
        let url = Url::parse("http://h/1").unwrap();
        let body = Bytes::from_static(b"{\"n\":\"\r\n--changeset_0a1b--\"}");
        let write = RequestParts {
            method: &Method::PUT,
            url: &url,
            headers: &HeaderMap::new(),
            body: &body,
        };
        assert_eq!(encode("0a-1b", &[write]), Err(Misfit::Boundary));
        assert!(encode("0a-1c", &[write]).is_ok());
    }

    /// As Azurite 3.35 answers.
    #[test]
    fn a_refusal_of_azure_names_the_write_at_fault() {
        let refusal = |id: &str, text: &str| {
            format!(
                "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\
                 Content-Type: application/http\nContent-Transfer-Encoding: binary\n\n\
                 HTTP/1.1 412 Precondition Failed\n{id}Content-Type: application/json\n\n\
                 {{\"odata.error\":{{\"code\":\"UpdateConditionNotSatisfied\",\"message\":\
                 {{\"lang\":\"en-US\",\"value\":\"{text}\"}}}}}}\n--c--\n--b--\n"
            )
        };
        for (id, text, at) in [
            ("Content-ID: 2\n", "1:The update", Some(1)),
            ("", "1:The update", Some(1)),
            ("", "The update", None),
            ("Content-ID: 9\n", "", None),
            ("", "7:The update", None),
        ] {
            let read = read(2, &refusal(id, text)).unwrap();
            let BatchReply::Refused(found, response) = read else {
                panic!("{read:?}");
            };
            assert_eq!(
                (found, response.status),
                (at, StatusCode::PRECONDITION_FAILED)
            );
        }
    }

    #[test]
    fn a_refusal_of_odata_stands_in_place_of_the_change_set() {
        let body =
            "--b\nContent-Type: application/http\nContent-ID: 2\n\nHTTP/1.1 412 P\n\n\n--b--";
        assert!(matches!(
            read(2, body).unwrap(),
            BatchReply::Refused(Some(1), _)
        ));
    }

    #[test]
    fn responses_are_in_the_order_of_the_writes() {
        let response =
            |id: usize, status| format!("--c\nContent-ID: {id}\n\nHTTP/1.1 {status} x\n\n\n");
        let inner = response(2, 204) + &response(1, 201) + "--c--\n";
        let body = format!("--b\nContent-Type: multipart/mixed; boundary=c\n\n{inner}--b--\n");
        let BatchReply::Each(responses) = read(2, &body).unwrap() else {
            panic!("{body}");
        };
        let statuses: Vec<_> = responses.iter().map(|it| it.status.as_u16()).collect();
        assert_eq!(statuses, [201, 204]);
        assert!(read(2, "--b--").is_err());
    }
}
