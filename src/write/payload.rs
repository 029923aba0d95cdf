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
use crate::json::patch::{json_patch_if, merge_patch};
use crate::store::StoredSnapshot;

/// One write as it goes out, and what it makes of the resource.
#[derive(Clone)]
pub(crate) struct Payload {
    pub(crate) call: Call,
    /// What the resource is if this is stored as sent; `None`: it is removed.
    pub(crate) document: Option<Document>,
    /// It carries a condition.
    pub(crate) pinned: bool,
    /// It is a JSON Patch with tests of its own.
    pub(crate) tests: bool,
}

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoPayload {
    /// It would go out without the condition that protects other people's writes.
    #[error("{0}")]
    Unpinned(&'static str),
    #[error(transparent)]
    Other(#[from] BoxError),
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
    pub(crate) fn payload(&self) -> Result<Payload, NoPayload> {
        if let Condition::Match(version) = self.condition
            && !self.target.shared.profile.versioning().accepts(version)
        {
            return Err(NoPayload::Unpinned(
                "its version is of another kind than this API takes",
            ));
        }
        let mut headers = self.target.headers.clone();
        let mut url = self.target.url.clone();
        super::reading::accept(&mut headers);
        headers.insert(PREFER, HeaderValue::from_static("return=representation"));
        if let Some(key) = self.key {
            // A structured-field string (RFC 9651 3.3.3); a UUID needs no escapes.
            headers.insert(
                IDEMPOTENCY_KEY,
                HeaderValue::from_str(&format!("\"{key}\"")).map_err(BoxError::from)?,
            );
        }
        self.precondition().apply(&mut headers);
        let Some(local) = self.local else {
            self.version_in_query(&mut url)?;
            let call = call(Method::DELETE, url, headers, Bytes::new());
            return Ok(Payload {
                call,
                document: None,
                pinned: *self.condition != Condition::None,
                tests: false,
            });
        };
        let document = self.finished(local)?;
        let (method, media_type, body) = self.body(&document)?;
        let tests = media_type == JSON_PATCH;
        headers
            .entry(CONTENT_TYPE)
            .or_insert(HeaderValue::from_static(media_type));
        Ok(Payload {
            call: call(method, url, headers, body),
            document: Some(document),
            pinned: *self.condition != Condition::None,
            tests,
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
            document = match self.version_at(field) {
                Some(version) => document.with(field, &version)?,
                None if *self.condition == Condition::Absent => document.without(field),
                None => document,
            };
        }
        Ok(document)
    }

    /// The version as the document spells it there, a number or a text.
    fn version_at(&self, field: &str) -> Option<Document> {
        let Condition::Match(Validator::Version(version)) = self.condition else {
            return None;
        };
        let spelt = self.base.and_then(|base| base.document.pointer(field));
        if spelt.is_some_and(|found| found.to_value().is_number()) {
            Document::parse(version.as_bytes()).ok()
        } else {
            Document::encode(version).ok()
        }
    }

    /// A removal has no document that could carry the version.
    fn version_in_query(&self, url: &mut Url) -> Result<(), NoPayload> {
        if let Condition::Match(Validator::Version(version)) = self.condition {
            let versioning = self.target.shared.profile.versioning();
            let name = versioning.delete_query().ok_or(NoPayload::Unpinned(
                "a removal has no body for the version; `Versioning::query` says where it goes",
            ))?;
            url.query_pairs_mut().append_pair(name, version);
        }
        Ok(())
    }

    fn body(&self, document: &Document) -> Result<(Method, &'static str, Bytes), BoxError> {
        let base = match self.base {
            _ if self.post => return Ok((Method::POST, "application/json", document.to_bytes())),
            Some(base) if *self.condition != Condition::Absent => &base.document,
            _ => return Ok((Method::PUT, "application/json", document.to_bytes())),
        };
        // A difference leaves out what is the same, and so the version: it has to be put in.
        let versioning = self.target.shared.profile.versioning();
        let version = versioning
            .field()
            .and_then(|field| Some((field, self.version_at(field)?)));
        let (media_type, patch) = match self.target.mode {
            WriteMode::Put => return Ok((Method::PUT, "application/json", document.to_bytes())),
            WriteMode::MergePatch => {
                let patch = merge_patch(base, document)?;
                let pinned = version.map(|(field, version)| patch.with(field, &version));
                (MERGE_PATCH, pinned.transpose()?.unwrap_or(patch))
            }
            WriteMode::JsonPatch => {
                let first = version.as_ref().map(|(field, version)| (*field, version));
                (JSON_PATCH, json_patch_if(base, document, first))
            }
        };
        Ok((Method::PATCH, media_type, patch.to_bytes()))
    }
}

const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";

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
