//! Change sets of `OData`, with the refusals of Azure's tables.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, Method};
use url::Url;

use super::Writes;
use crate::protocol::multipart::{Part, PartsWriter, head, line, parts};
use crate::testing::reply::Reply;
use crate::testing::state::IncomingRequest;

pub(super) fn writes(asked: &IncomingRequest) -> Writes {
    let body = Bytes::copy_from_slice(&asked.body);
    let outer = parts(&asked.headers, &body).ok()?;
    let changes = outer.first()?.parts().ok()?;
    changes.iter().map(write).collect()
}

fn write(part: &Part) -> Option<IncomingRequest> {
    let (first, next) = line(&part.body, 0)?;
    let mut words = std::str::from_utf8(first).ok()?.split(' ');
    let method: Method = words.next()?.parse().ok()?;
    let url = Url::parse(words.next()?).ok()?;
    let (headers, start): (HeaderMap, usize) = head(&part.body, next).ok()?;
    Some(IncomingRequest {
        method,
        path: url.path().to_owned(),
        query: url.query().map(str::to_owned),
        headers,
        body: part.body.get(start..).unwrap_or_default().to_vec(),
    })
}

pub(super) fn each(replies: &[Reply]) -> Reply {
    let mut changes = PartsWriter::new("changesetresponse".into());
    for reply in replies {
        changes.part(&[("Content-Type", "application/http")], &text(reply, None));
    }
    around(changes)
}

pub(super) fn refused(at: usize, reply: &Reply) -> Reply {
    let mut changes = PartsWriter::new("changesetresponse".into());
    let text = text(reply, Some(at + 1));
    changes.part(&[("Content-Type", "application/http")], &text);
    around(changes)
}

fn text(reply: &Reply, content_id: Option<usize>) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {}\r\n", reply.status);
    for (name, value) in &reply.headers {
        // Writing to a string cannot fail.
        let _ = write!(text, "{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    if let Some(id) = content_id {
        let _ = write!(text, "Content-ID: {id}\r\n");
    }
    text.push_str("\r\n");
    text.push_str(&reply.body);
    text.into_bytes()
}

/// The status around the parts says nothing.
fn around(changes: PartsWriter) -> Reply {
    let (media_type, changes) = changes.finish();
    let mut whole = PartsWriter::new("batchresponse".into());
    whole.part(&[("Content-Type", &media_type)], &changes);
    let (media_type, body) = whole.finish();
    Reply::new(202).body(&media_type, String::from_utf8_lossy(&body))
}
