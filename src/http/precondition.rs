//! Conditions on a write, as data.

use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderValue};

use super::validator::{EntityTag, LastModified, Validator};

/// The condition that a write carries (RFC 9110 13.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Precondition {
    /// Only if the representation still has this tag.
    IfMatch(EntityTag),
    /// Only if it was not changed since; for resources without tags.
    IfUnmodifiedSince(LastModified),
    /// Only if nothing is there.
    IfNoneMatchAny,
    /// A version that travels elsewhere than in a header of the standard.
    Version(String),
    /// No condition.
    None,
}

impl Precondition {
    /// The condition "still this version".
    pub fn for_validator(validator: &Validator) -> Self {
        match validator {
            Validator::Tag(tag) => Self::IfMatch(tag.clone()),
            Validator::LastModified(date) => Self::IfUnmodifiedSince(date.clone()),
            Validator::Version(version) => Self::Version(version.clone()),
        }
    }

    /// Whether it is a condition at all.
    pub fn is_conditional(&self) -> bool {
        *self != Self::None
    }

    /// Sets the header, in the place of any other condition on writes.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for name in [IF_MATCH, IF_UNMODIFIED_SINCE, IF_NONE_MATCH] {
            headers.remove(name);
        }
        match self {
            Self::IfMatch(tag) => headers.insert(IF_MATCH, tag.to_header_value()),
            Self::IfUnmodifiedSince(date) => {
                headers.insert(IF_UNMODIFIED_SINCE, date.to_header_value())
            }
            Self::IfNoneMatchAny => headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*")),
            Self::Version(_) | Self::None => None,
        };
    }
}

/// The `ETag` of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagField {
    /// One tag.
    Found(EntityTag),
    /// No such field.
    Missing,
    /// A field that names no version, and why.
    Unusable(&'static str),
}

/// Reads the `ETag` of a reply.
pub fn entity_tag_of(headers: &HeaderMap) -> TagField {
    let mut fields = headers.get_all(ETAG).iter();
    let Some(first) = fields.next() else {
        return TagField::Missing;
    };
    if fields.any(|other| other != first) {
        return TagField::Unusable("the reply carries two different entity tags");
    }
    match EntityTag::from_header(first) {
        Some(tag) => TagField::Found(tag),
        None if first.is_empty() => TagField::Missing,
        None => TagField::Unusable("its entity tag is too long"),
    }
}
