//! The bytes of one write.

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderMap, HeaderName, HeaderValue, Method};
use bytes::Bytes;
use url::Url;

use super::plan::Condition;
use super::stamp;
use super::target::{Target, WriteMode};
use crate::BoxError;
use crate::exchange::Call;
use crate::http::{Precondition, Validator};
use crate::json::Document;
use crate::json::patch::{json_patch, merge_patch};
use crate::store::StoredSnapshot;

/// One write as it goes out, and what it makes of the resource.
#[derive(Clone)]
pub(crate) struct Payload {
    pub(crate) call: Call,
    /// What the resource is if this is stored as sent; `None`: it is removed.
    pub(crate) document: Option<Document>,
    /// It carries a condition.
    pub(crate) pinned: bool,
}

/// What a payload is made of.
pub(crate) struct Draft<'a> {
    pub(crate) target: &'a Target,
    pub(crate) condition: &'a Condition<Validator>,
    /// The state it is pinned to.
    pub(crate) base: Option<&'a StoredSnapshot>,
    /// What the resource shall be; `None`: removed.
    pub(crate) local: Option<&'a Document>,
    pub(crate) post: bool,
    /// The id of this logical write.
    pub(crate) write_id: &'a str,
    pub(crate) key: Option<&'a str>,
}

impl Draft<'_> {
    pub(crate) fn payload(&self) -> Result<Payload, BoxError> {
        let mut headers = self.target.headers.clone();
        let mut url = self.target.url.clone();
        super::reading::accept(&mut headers);
        headers.insert(PREFER, HeaderValue::from_static("return=representation"));
        if let Some(key) = self.key {
            // A structured-field string (RFC 9651 3.3.3); a UUID needs no escapes.
            headers.insert(
                IDEMPOTENCY_KEY,
                HeaderValue::from_str(&format!("\"{key}\""))?,
            );
        }
        self.precondition().apply(&mut headers);
        let Some(local) = self.local else {
            self.version_in_query(&mut url);
            let call = call(Method::DELETE, url, headers, Bytes::new());
            return Ok(Payload {
                call,
                document: None,
                pinned: *self.condition != Condition::None,
            });
        };
        let document = self.finished(local)?;
        let (method, media_type, body) = self.body(&document)?;
        headers
            .entry(CONTENT_TYPE)
            .or_insert(HeaderValue::from_static(media_type));
        Ok(Payload {
            call: call(method, url, headers, body),
            document: Some(document),
            pinned: *self.condition != Condition::None,
        })
    }

    fn precondition(&self) -> Precondition {
        match self.condition {
            Condition::Match(validator) => Precondition::for_validator(validator),
            Condition::Absent => Precondition::IfNoneMatchAny,
            Condition::None => Precondition::None,
        }
    }

    /// The document with the write stamp, and with the version where the API wants it inside.
    fn finished(&self, local: &Document) -> Result<Document, BoxError> {
        let mut document = local.clone();
        if let Some(pointer) = &self.target.stamp {
            let pinned_to = self.base.map_or(local, |base| &base.document);
            document = stamp::stamped(&document, pinned_to, pointer, self.write_id)?;
        }
        if let Some(field) = self.target.shared.profile.versioning().field() {
            document = match self.base.and_then(|base| version_as_text(base, field)) {
                Some(version) => document.with(field, &version)?,
                None if *self.condition == Condition::Absent => document.without(field),
                None => document,
            };
        }
        Ok(document)
    }

    fn version_in_query(&self, url: &mut Url) {
        let versioning = self.target.shared.profile.versioning();
        if let (Some(name), Condition::Match(Validator::Version(version))) =
            (versioning.delete_query(), self.condition)
        {
            url.query_pairs_mut().append_pair(name, version);
        }
    }

    fn body(&self, document: &Document) -> Result<(Method, &'static str, Bytes), BoxError> {
        let base = match self.base {
            _ if self.post => return Ok((Method::POST, "application/json", document.to_bytes())),
            Some(base) if *self.condition != Condition::Absent => &base.document,
            _ => return Ok((Method::PUT, "application/json", document.to_bytes())),
        };
        Ok(match self.target.mode {
            WriteMode::Put => (Method::PUT, "application/json", document.to_bytes()),
            WriteMode::MergePatch => {
                let patch = merge_patch(base, document)?;
                (
                    Method::PATCH,
                    "application/merge-patch+json",
                    patch.to_bytes(),
                )
            }
            WriteMode::JsonPatch => {
                let patch = json_patch(base, document);
                (
                    Method::PATCH,
                    "application/json-patch+json",
                    patch.to_bytes(),
                )
            }
        })
    }
}

const PREFER: HeaderName = HeaderName::from_static("prefer");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

fn call(method: Method, url: Url, headers: HeaderMap, body: Bytes) -> Call {
    Call {
        method,
        url,
        headers,
        body,
    }
}

/// The version as the document spells it; after a write that answered with it alone, the
/// document still has the old one, so the validator counts.
fn version_as_text(base: &StoredSnapshot, field: &str) -> Option<Document> {
    let Some(Validator::Version(version)) = &base.validator else {
        return None;
    };
    match base.document.pointer(field) {
        Some(found) if found.to_value().is_number() => Document::parse(version.as_bytes()).ok(),
        _ => Document::encode(version).ok(),
    }
}
