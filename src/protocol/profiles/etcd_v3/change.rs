//! One write of a key, and its condition.

use bytes::Bytes;
use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, Method};

use crate::BoxError;

/// A write of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) key: Vec<u8>,
    pub(super) condition: Option<Condition>,
    /// The new value. `None` removes the key.
    pub(super) value: Option<Bytes>,
}

/// What has to hold of a key, so that it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// It has this `mod_revision`.
    Revision(u64),
    Exists,
    IsAbsent,
}

impl Change {
    /// Returns the change that a request makes.
    pub(super) fn of(
        method: &Method,
        headers: &HeaderMap,
        key: Vec<u8>,
        body: &Bytes,
    ) -> Result<Self, BoxError> {
        let value = match *method {
            Method::PUT => Some(body.clone()),
            Method::DELETE => None,
            Method::POST => {
                return Err("etcd assigns no keys: use `create` with an id".into());
            }
            _ => return Err(format!("etcd has no call that stands for {method}").into()),
        };
        Ok(Self {
            key,
            condition: Condition::of(headers)?,
            value,
        })
    }
}

impl Condition {
    /// Returns the condition of a request. One that etcd cannot check is an error, because the write would go without it.
    fn of(headers: &HeaderMap) -> Result<Option<Self>, BoxError> {
        let mut conditions = Vec::new();
        for name in [
            IF_MATCH,
            IF_NONE_MATCH,
            IF_MODIFIED_SINCE,
            IF_UNMODIFIED_SINCE,
            IF_RANGE,
        ] {
            for value in headers.get_all(&name) {
                let value = value.as_bytes().trim_ascii();
                conditions.push(if name == IF_NONE_MATCH && value == b"*" {
                    Self::IsAbsent
                } else if name == IF_MATCH && value == b"*" {
                    Self::Exists
                } else if name == IF_MATCH
                    && let Some(revision) = revision(value)
                {
                    Self::Revision(revision)
                } else {
                    return Err(
                        format!("etcd cannot check the condition `{name}` of a write").into(),
                    );
                });
            }
        }
        match conditions[..] {
            [] => Ok(None),
            [condition] => Ok(Some(condition)),
            _ => Err("etcd cannot check two conditions of one write".into()),
        }
    }
}

/// Reads the revision in an entity tag.
fn revision(tag: &[u8]) -> Option<u64> {
    let digits = tag.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits)
        .ok()
        .filter(|_| is_number)?
        .parse()
        .ok()
}
