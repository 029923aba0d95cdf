//! `_bulk_docs` of `CouchDB`: documents that say themselves which version they replace.

use bytes::Bytes;
use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::{
    BatchRequest, LEFT_OUT, Misfit, RequestParts, ResponseParts, is_one_each, json_part,
    own_parameters, text_of,
};
use crate::BoxError;
use crate::address::{collection_of, last_segment};
use crate::json::Document;

/// The query parameter with the version, as a removal has it.
const REV: &str = "rev";
/// The status of each refusal. The result of a part has none.
const STATUSES: [(&str, StatusCode); 10] = [
    ("conflict", StatusCode::CONFLICT),
    ("unauthorized", StatusCode::UNAUTHORIZED),
    ("forbidden", StatusCode::FORBIDDEN),
    ("not_found", StatusCode::NOT_FOUND),
    ("bad_request", StatusCode::BAD_REQUEST),
    ("doc_validation", StatusCode::BAD_REQUEST),
    ("illegal_docid", StatusCode::BAD_REQUEST),
    ("missing_stub", StatusCode::PRECONDITION_FAILED),
    ("document_too_large", StatusCode::PAYLOAD_TOO_LARGE),
    ("attachment_too_large", StatusCode::PAYLOAD_TOO_LARGE),
];

pub(super) fn encode(endpoint: &Url, writes: &[RequestParts<'_>]) -> Result<BatchRequest, Misfit> {
    let parts = writes.iter().map(|write| part(endpoint, write));
    let parts: Vec<Document> = parts.collect::<Result<_, _>>()?;
    let parts: Vec<&str> = parts.iter().map(Document::as_str).collect();
    Ok(BatchRequest {
        media_type: HeaderValue::from_static("application/json"),
        body: format!(r#"{{"docs":[{}]}}"#, parts.join(",")).into(),
    })
}

/// Returns the document of a write, with its id and the version that it replaces.
fn part(endpoint: &Url, write: &RequestParts<'_>) -> Result<Document, Misfit> {
    let is_removal = *write.method == Method::DELETE && write.body.is_empty();
    let document = match *write.method {
        Method::PUT => Document::parse(write.body).map_err(|_| Misfit::NotJson)?,
        _ if is_removal => Document::from_value(&json!({"_deleted": true})),
        _ => return Err(Misfit::Method(write.method.to_string())),
    };
    let id = id(write.url).ok_or(Misfit::Address)?;
    let named = document.pointer("/_id").map(|named| named.to_value());
    if named.is_some_and(|named| named != *id) {
        return Err(Misfit::Address);
    }
    let condition = condition(endpoint, write, &document)?;
    if is_removal && condition.is_none() {
        // This part would also remove what is not there.
        return Err(Misfit::Condition);
    }
    let with = |document: Document, pointer, text: String| {
        let text = Document::from_value(&Value::from(text));
        // It has no members, so it is not a document of this API.
        document.with(pointer, &text).map_err(|_| Misfit::NotJson)
    };
    let document = with(document, "/_id", id)?;
    match condition {
        Some(version) => with(document, "/_rev", version),
        None => Ok(document),
    }
}

/// Returns the id of a document. `None` if it is the address of something else, or if servers read it in different ways.
fn id(url: &Url) -> Option<String> {
    // Some servers read a plus sign as a space.
    if url.path().ends_with('/') || url.path().contains('+') {
        return None;
    }
    let above = last_segment(&collection_of(url));
    // Documents of the database itself have two segments.
    let is_special = above.is_some_and(|above| above == "_design" || above == "_local");
    last_segment(url).filter(|id| !is_special && !id.starts_with('_'))
}

/// Returns the version that a write replaces. `None` if there must be no document, which a part without a version says.
fn condition(
    endpoint: &Url,
    write: &RequestParts<'_>,
    document: &Document,
) -> Result<Option<String>, Misfit> {
    let mut versions = Vec::new();
    let inside = document.pointer("/_rev").map(|inside| inside.to_value());
    versions.extend(inside.map(|inside| inside.as_str().map(str::to_owned)));
    for (name, value) in own_parameters(endpoint, write.url) {
        if name != REV {
            return Err(Misfit::Query(name));
        }
        versions.push(Some(value));
    }
    let mut requires_absence = false;
    for (name, value) in write.headers {
        match *name {
            IF_MATCH => versions.push(strong_tag(text_of(name, value)?)),
            IF_NONE_MATCH if value == "*" => requires_absence = true,
            IF_NONE_MATCH => return Err(Misfit::Condition),
            _ if LEFT_OUT.contains(name) => {}
            _ => return Err(Misfit::Header(name.to_string())),
        }
    }
    let mut versions = versions.into_iter();
    let Some(version) = versions.next() else {
        return Ok(None);
    };
    let version = version.filter(|version| !version.is_empty());
    let version = version.ok_or(Misfit::Condition)?;
    let agrees = versions.all(|other| other.as_ref() == Some(&version));
    let says_one = agrees && !requires_absence;
    says_one.then_some(Some(version)).ok_or(Misfit::Condition)
}

/// Returns what stands inside of one strong entity tag.
fn strong_tag(text: &str) -> Option<String> {
    let inside = text.trim().strip_prefix('"')?.strip_suffix('"')?;
    (!inside.contains('"')).then(|| inside.to_owned())
}

pub(super) fn decode(
    writes: &[RequestParts<'_>],
    body: &Bytes,
) -> Result<Vec<ResponseParts>, BoxError> {
    let results = Document::parse(body)?.elements_at("").unwrap_or_default();
    is_one_each(results.len(), writes)?;
    let parts = results.iter().zip(writes);
    parts
        .map(|(result, write)| response(result, write))
        .collect()
}

/// Returns what the document's own request would have been answered.
fn response(result: &Document, write: &RequestParts<'_>) -> Result<ResponseParts, BoxError> {
    let text = |at: &str| result.pointer(at).and_then(|text| text.as_id());
    if text("/id") != id(write.url) {
        return Err("a result is about another document".into());
    }
    let says = |at: &str| result.pointer(at).is_some_and(|it| it.as_str() == "true");
    match (says("/ok"), text("/error")) {
        (true, None) => {
            let version = text("/rev").ok_or("a result has no version")?;
            let status = match *write.method {
                // Not as many copies as wanted were written.
                _ if says("/accepted") => StatusCode::ACCEPTED,
                Method::PUT => StatusCode::CREATED,
                _ => StatusCode::OK,
            };
            let mut part = json_part(status, result.to_bytes());
            let tag = HeaderValue::from_str(&format!("\"{version}\"")).ok();
            let tag = tag.filter(|_| *write.method == Method::PUT);
            part.headers.extend(tag.map(|tag| (ETAG, tag)));
            Ok(part)
        }
        (false, Some(error)) => {
            let known = STATUSES.iter().find(|(name, _)| *name == error);
            let status = known.map_or(StatusCode::INTERNAL_SERVER_ERROR, |(_, status)| *status);
            let refusal = json!({"error": error, "reason": text("/reason")});
            Ok(json_part(status, refusal.to_string()))
        }
        _ => Err("a result is neither a success nor a refusal".into()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]

    use http::{HeaderMap, HeaderName};

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    /// Returns the part for a request to this path, with these headers and this body.
    fn part_of(
        method: &Method,
        path: &str,
        headers: &[(HeaderName, &'static str)],
        body: &'static str,
    ) -> Result<Value, Misfit> {
        let headers = headers.iter().cloned();
        let headers: HeaderMap = headers
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .collect();
        let write = RequestParts {
            method,
            url: &url(&format!("http://h{path}")),
            headers: &headers,
            body: &Bytes::from_static(body.as_bytes()),
        };
        part(&url("http://h/_bulk_docs"), &write).map(|part| part.to_value())
    }

    #[test]
    fn documents_have_their_ids_and_versions_and_the_text_of_their_numbers() {
        let (headers, nothing) = (HeaderMap::new(), Bytes::new());
        let put = RequestParts {
            method: &Method::PUT,
            url: &url("http://h/db/a%20b%2Fc"),
            headers: &headers,
            body: &Bytes::from_static(br#"{"n":1.50,"_rev":"1-x"}"#),
        };
        let delete = RequestParts {
            method: &Method::DELETE,
            url: &url("http://h/db/d?rev=2-y"),
            body: &nothing,
            ..put
        };
        let request = encode(&url("http://h/_bulk_docs"), &[put, delete]).unwrap();
        let expected = r#"{"docs":[{"n":1.50,"_rev":"1-x","_id":"a b/c"},{"_deleted":true,"_id":"d","_rev":"2-y"}]}"#;
        assert_eq!(std::str::from_utf8(&request.body).unwrap(), expected);
    }

    #[test]
    fn what_a_document_cannot_say_does_not_fit() {
        use Misfit::{Address, Condition, Header, Method as Other, NotJson, Query};
        let own = HeaderName::from_static("x-own");
        let (put, delete) = (&Method::PUT, &Method::DELETE);
        for (method, path, headers, body, misfit) in [
            (put, "/db/a", vec![(own, "1")], "{}", Header("x-own".into())),
            (put, "/db/a?batch=ok", vec![], "{}", Query("batch".into())),
            (put, "/db/a", vec![], "[]", NotJson),
            (put, "/db/a", vec![], "1", NotJson),
            (put, "/db/a", vec![], "", NotJson),
            (put, "/db/a", vec![], r#"{"_id":"b"}"#, Address),
            (put, "/db/_design/a", vec![], "{}", Address),
            (put, "/db/_local/a", vec![], "{}", Address),
            (put, "/db/_design%2Fa", vec![], "{}", Address),
            (put, "/db/_security", vec![], "{}", Address),
            (put, "/db/a/", vec![], "{}", Address),
            (put, "/db/a+b", vec![], "{}", Address),
            (put, "/db/%FF", vec![], "{}", Address),
            (delete, "/db/a", vec![], "", Condition),
            (
                delete,
                "/db/a?rev=1-x",
                vec![],
                "{}",
                Other("DELETE".into()),
            ),
            (&Method::PATCH, "/db/a", vec![], "{}", Other("PATCH".into())),
        ] {
            let part = part_of(method, path, &headers, body);
            assert_eq!(part, Err(misfit), "{method} {path} {body}");
        }
    }

    /// Every mix of the places in which a request says its condition. The part says the same one, or there is none.
    #[test]
    fn a_part_says_the_condition_of_its_request_or_does_not_fit() {
        let bodies = [
            "{}",
            r#"{"_rev":"1-x"}"#,
            r#"{"_rev":"2-y"}"#,
            r#"{"_rev":7}"#,
        ];
        let queries = ["", "?rev=1-x", "?rev=2-y", "?rev=1-x&rev=2-y", "?rev="];
        let matches = [
            "",
            "\"1-x\"",
            "\"2-y\"",
            "*",
            "W/\"1-x\"",
            "\"1-x\", \"2-y\"",
        ];
        let mut parts = 0;
        for (method, body) in [(Method::DELETE, "")]
            .into_iter()
            .chain(bodies.map(|body| (Method::PUT, body)))
        {
            for (query, wanted, absent) in queries.iter().flat_map(|query| {
                let pairs = matches
                    .iter()
                    .flat_map(|it| ["", "*", "\"1-x\""].map(|no| (*it, no)));
                pairs.map(move |(wanted, absent)| (*query, wanted, absent))
            }) {
                let headers = [(IF_MATCH, wanted), (IF_NONE_MATCH, absent)];
                let headers: Vec<_> = headers.into_iter().filter(|it| !it.1.is_empty()).collect();
                let said = format!("{body} {query} {headers:?}");
                let Ok(part) = part_of(&method, &format!("/db/a{query}"), &headers, body) else {
                    continue;
                };
                parts += 1;
                match part["_rev"].as_str() {
                    Some(version) => {
                        let other = if version == "1-x" { "2-y" } else { "1-x" };
                        assert!(said.contains(version) && !said.contains(other), "{said}");
                        assert!(absent.is_empty() && wanted != "*", "{said}");
                    }
                    // It says that there must be no document.
                    None => assert!(!said.contains("1-x") && !said.contains("2-y"), "{said}"),
                }
            }
        }
        // One version in one place, in two or in all of them, or none in any.
        assert_eq!(parts, 2 * 3 + 2 * 7 + 2);
    }

    /// As `CouchDB` 3.3 and express-pouchdb 4.2 answer.
    #[test]
    fn each_result_is_the_response_to_its_document() {
        let (headers, body) = (HeaderMap::new(), Bytes::from_static(b"{}"));
        let [a, b, c] = ["a", "b", "c"].map(|id| url(&format!("http://h/db/{id}")));
        let put = |url| RequestParts {
            method: &Method::PUT,
            url,
            headers: &headers,
            body: &body,
        };
        let delete = RequestParts {
            method: &Method::DELETE,
            ..put(&c)
        };
        let writes = [put(&a), put(&b), delete];
        let read = |text: &'static str| decode(&writes, &Bytes::from_static(text.as_bytes()));
        let parts = read(
            r#"[{"ok":true,"id":"a","rev":"2-x"},
            {"id":"b","error":"conflict","reason":"Document update conflict."},
            {"ok":true,"id":"c","rev":"3-z"}]"#,
        );
        let parts = parts.unwrap();
        let statuses = [201, 409, 200];
        for (part, status) in parts.iter().zip(statuses) {
            assert_eq!(part.status, status);
        }
        assert_eq!(parts[0].headers[ETAG], "\"2-x\"");
        assert_eq!(parts[0].body, r#"{"ok":true,"id":"a","rev":"2-x"}"#);
        let refusal = r#"{"error":"conflict","reason":"Document update conflict."}"#;
        assert_eq!(parts[1].body, refusal);
        let parts = read(
            r#"[{"ok":true,"id":"a","rev":"2-x","accepted":true},
            {"id":"b","error":"forbidden","reason":"no"},{"id":"c","error":"timeout"}]"#,
        );
        let statuses: Vec<_> = parts.unwrap().iter().map(|it| it.status.as_u16()).collect();
        assert_eq!(statuses, [202, 403, 500]);
    }

    #[test]
    fn a_result_that_says_nothing_or_is_about_another_document_is_none() {
        let (headers, body) = (HeaderMap::new(), Bytes::from_static(b"{}"));
        let write = RequestParts {
            method: &Method::PUT,
            url: &url("http://h/db/a"),
            headers: &headers,
            body: &body,
        };
        for wrong in [
            "",
            "{}",
            "[]",
            r#"[{"ok":true,"id":"b","rev":"2-x"}]"#,
            r#"[{"ok":true,"rev":"2-x"}]"#,
            r#"[{"ok":true,"id":"a"}]"#,
            r#"[{"id":"a","rev":"2-x"}]"#,
            r#"[{"ok":false,"id":"a","rev":"2-x"}]"#,
            r#"[{"ok":true,"id":"a","rev":"2-x","error":"conflict"}]"#,
            r#"[{"ok":true,"id":"a","rev":"2-x"},{"ok":true,"id":"a","rev":"3-x"}]"#,
        ] {
            let read = decode(&[write], &Bytes::from_static(wrong.as_bytes()));
            assert!(read.is_err(), "{wrong}");
        }
    }
}
