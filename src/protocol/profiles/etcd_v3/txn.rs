//! Writes as transactions of etcd: compared and applied in one step, or answered with the current value.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::change::{Change, Condition};
use super::gateway::found;
use super::keys::base64;
use crate::BoxError;
use crate::json::Document;
use crate::protocol::ResponseParts;

/// Returns the transaction of one write.
pub(super) fn single(change: &Change) -> Value {
    json!({
        "compare": Vec::from_iter(change.comparison()),
        "success": [change.operation()],
        "failure": [change.look()],
    })
}

/// Returns the transaction of several writes. If one of them is refused, inner transactions find out which.
pub(super) fn several(changes: &[Change]) -> Value {
    let comparisons: Vec<_> = changes.iter().filter_map(Change::comparison).collect();
    let operations: Vec<_> = changes.iter().map(Change::operation).collect();
    let looks = changes.iter().map(|change| {
        json!({ "request_txn": {
            "compare": Vec::from_iter(change.comparison()),
            "failure": [change.look()],
        } })
    });
    let looks: Vec<_> = looks.collect();
    json!({ "compare": comparisons, "success": operations, "failure": looks })
}

impl Change {
    fn comparison(&self) -> Option<Value> {
        let key = base64(&self.key);
        Some(match self.condition? {
            Condition::Revision(revision) => json!({
                "key": key, "target": "MOD", "result": "EQUAL", "mod_revision": revision.to_string(),
            }),
            Condition::Exists => json!({
                "key": key, "target": "CREATE", "result": "GREATER", "create_revision": "0",
            }),
            Condition::IsAbsent => json!({
                "key": key, "target": "CREATE", "result": "EQUAL", "create_revision": "0",
            }),
        })
    }

    fn operation(&self) -> Value {
        let key = base64(&self.key);
        let Some(value) = &self.value else {
            return json!({ "request_delete_range": { "key": key } });
        };
        let mut put = json!({ "key": key, "value": base64(value) });
        // The key keeps its etcd lease. One that may not exist cannot say so.
        if matches!(
            self.condition,
            Some(Condition::Revision(_) | Condition::Exists)
        ) {
            put["ignore_lease"] = true.into();
        }
        json!({ "request_put": put })
    }

    fn look(&self) -> Value {
        json!({ "request_range": { "key": base64(&self.key) } })
    }

    /// Returns the response to the write, if the transaction applied it.
    fn applied(&self, result: &Document) -> Result<ResponseParts, BoxError> {
        let Some(value) = &self.value else {
            let deleted = result.pointer("/response_delete_range");
            let deleted = deleted
                .ok_or("it has no result of a removal")?
                .pointer("/deleted");
            let is_one = deleted.and_then(|deleted| deleted.as_id()).as_deref() == Some("1");
            let status = if is_one {
                StatusCode::NO_CONTENT
            } else {
                StatusCode::NOT_FOUND
            };
            return Ok(empty(status));
        };
        let revision = result
            .pointer("/response_put/header/revision")
            .and_then(|revision| revision.as_id())
            .ok_or("it has no revision of a write")?;
        if self.condition == Some(Condition::IsAbsent) {
            // As a range would show it. Without its `create_revision`, it could not be told from a key that is created later.
            let body = json!({
                "key": base64(&self.key), "create_revision": revision, "mod_revision": revision, "version": "1",
                "value": base64(value),
            });
            return Ok(with_json(StatusCode::CREATED, body.to_string().into()));
        }
        let body = json!({ "mod_revision": revision });
        Ok(with_json(StatusCode::OK, body.to_string().into()))
    }

    /// Returns the response to the write, if the comparison failed. `looked` is what was found instead.
    fn refused(&self, looked: &Document) -> Result<ResponseParts, BoxError> {
        let range = looked.pointer("/response_range");
        let range = range.ok_or("it has no current value")?;
        let Some(current) = found(&range, &self.key)? else {
            return match self.condition {
                Some(Condition::Revision(_) | Condition::Exists) => {
                    Ok(empty(StatusCode::NOT_FOUND))
                }
                _ => Err("a write was refused that nothing speaks against".into()),
            };
        };
        let said = Document::from_value(&json!({
            "title": "Precondition Failed",
            "status": 412,
            "detail": "the key has another revision",
        }));
        let body = said.with("/kv", &current)?.to_bytes();
        let mut response = with_json(StatusCode::PRECONDITION_FAILED, body);
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers.insert(CONTENT_TYPE, problem);
        Ok(response)
    }
}

/// Reads the result of [`single`].
pub(super) fn result_of_single(change: &Change, txn: &Document) -> Result<ResponseParts, BoxError> {
    let results = results(txn, 1)?;
    let result = results.first().ok_or("it has no result")?;
    if has_succeeded(txn) {
        change.applied(result)
    } else {
        change.refused(result)
    }
}

/// Reads the result of [`several`], as [`Batch::requests`](crate::Batch::requests) expects it.
pub(super) fn result_of_several(
    changes: &[Change],
    txn: &Document,
) -> Result<ResponseParts, BoxError> {
    let results = results(txn, changes.len())?;
    let both = changes.iter().zip(&results);
    let parts: Result<Vec<_>, BoxError> = if has_succeeded(txn) {
        both.map(|(change, result)| change.applied(result))
            .collect()
    } else {
        both.map(|(change, result)| change.in_refused(result))
            .collect()
    };
    let parts = parts?;
    let depends = |part: &ResponseParts| part.status == StatusCode::FAILED_DEPENDENCY;
    if parts.iter().all(depends) {
        return Err("no write is at fault for the refusal".into());
    }
    let responses: Vec<_> = parts.iter().map(listed).collect();
    let responses = responses.join(",");
    Ok(with_json(
        StatusCode::OK,
        format!("{{\"responses\":[{responses}]}}").into(),
    ))
}

impl Change {
    /// Returns the response to a write of a transaction that was refused.
    fn in_refused(&self, result: &Document) -> Result<ResponseParts, BoxError> {
        let inner = result.pointer("/response_txn");
        let inner = inner.ok_or("it has no result of an inner transaction")?;
        if has_succeeded(&inner) {
            // Another one is at fault (RFC 4918 11.4).
            return Ok(empty(StatusCode::FAILED_DEPENDENCY));
        }
        let looked = inner.pointer("/responses/0");
        self.refused(&looked.ok_or("it has no current value")?)
    }
}

fn has_succeeded(txn: &Document) -> bool {
    txn.pointer("/succeeded")
        .is_some_and(|it| it.as_str() == "true")
}

fn results(txn: &Document, expected: usize) -> Result<Vec<Document>, BoxError> {
    let results = txn.elements_at("/responses").unwrap_or_default();
    if results.len() == expected {
        Ok(results)
    } else {
        Err(format!("it has {} results instead of {expected}", results.len()).into())
    }
}

fn listed(part: &ResponseParts) -> String {
    let status = part.status.as_u16();
    let kind = part
        .headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let headers = kind.map_or_else(|| json!({}), |kind| json!({ "Content-Type": kind }));
    let body = if part.body.is_empty() {
        "null".into()
    } else {
        String::from_utf8_lossy(&part.body)
    };
    format!("{{\"status\":{status},\"headers\":{headers},\"body\":{body}}}")
}

pub(super) fn empty(status: StatusCode) -> ResponseParts {
    ResponseParts {
        status,
        headers: HeaderMap::new(),
        body: Bytes::new(),
    }
}

pub(super) fn with_json(status: StatusCode, body: Bytes) -> ResponseParts {
    let kind = HeaderValue::from_static("application/json");
    ResponseParts {
        status,
        headers: HeaderMap::from_iter([(CONTENT_TYPE, kind)]),
        body,
    }
}
