//! Where versions travel.

use std::time::{Duration, SystemTime};

use ::http::HeaderMap;

use crate::http::{LastModified, TagField, Validator, entity_tag_of};
use crate::json::Document;

/// Where an API tells the version of a resource, and where it wants to have it back.
///
/// # Default
///
/// Strong entity tags in `ETag` and `If-Match`; without any tag, `Last-Modified` and
/// `If-Unmodified-Since`, which protect as well once the date is a second old (RFC 9110 8.8.2.2).
/// A weak tag is an error, because `If-Match` compares strongly (RFC 9110 8.8.3.2).
///
/// # Example
///
/// ```
/// use ifmatch::{Generic, Versioning, WeakTags};
///
/// // CouchDB: `_rev` in the document; a write answers it as `rev`.
/// let couch = Versioning::body_field("/_rev").reply_field("/rev").query("rev");
/// // An API that hands out `W/"…"` and wants it back as it is.
/// let graph = Versioning::entity_tag(WeakTags::Verbatim);
/// # let _ = (couch, graph);
/// ```
#[derive(Clone, Debug)]
pub struct Versioning(Place);

#[derive(Clone, Debug)]
enum Place {
    Tag(WeakTags),
    Date,
    Body {
        field: String,
        reply: String,
        query: Option<String>,
    },
    Nowhere,
}

/// What to do with weak entity tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WeakTags {
    /// Never send one: the standard lets it match nothing.
    #[default]
    Refuse,
    /// Send it as it came, for APIs that demand it (FHIR, SCIM, Azure tables, Microsoft Graph).
    Verbatim,
}

impl Default for Versioning {
    fn default() -> Self {
        Self(Place::Tag(WeakTags::Refuse))
    }
}

/// The version of something that was read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Version(Validator),
    /// There is one, but no condition can use it; the text says why.
    Unusable {
        may_heal: bool,
        why: &'static str,
    },
    Nothing,
}

impl Versioning {
    /// Entity tags (RFC 9110 8.8.3).
    pub fn entity_tag(weak: WeakTags) -> Self {
        Self(Place::Tag(weak))
    }

    /// `Last-Modified` and `If-Unmodified-Since` alone. A young date is waited out, because two
    /// writes within its second would look alike.
    pub fn last_modified() -> Self {
        Self(Place::Date)
    }

    /// A member of the document, which goes back inside the document that is written.
    ///
    /// The pointer is a JSON Pointer (RFC 6901).
    pub fn body_field(pointer: impl Into<String>) -> Self {
        let field = pointer.into();
        Self(Place::Body {
            reply: field.clone(),
            field,
            query: None,
        })
    }

    /// Where the reply to a write tells the new version, if elsewhere than the document has it.
    /// Only for [`body_field`](Self::body_field).
    pub fn reply_field(mut self, pointer: impl Into<String>) -> Self {
        if let Place::Body { reply, .. } = &mut self.0 {
            *reply = pointer.into();
        }
        self
    }

    /// The query parameter that carries the version where there is no document to carry it: in a
    /// `DELETE`. Only for [`body_field`](Self::body_field).
    pub fn query(mut self, name: impl Into<String>) -> Self {
        if let Place::Body { query, .. } = &mut self.0 {
            *query = Some(name.into());
        }
        self
    }

    /// No versions at all: writes carry no condition, and other people's writes are overwritten.
    pub fn unconditional() -> Self {
        Self(Place::Nowhere)
    }

    /// Whether a write can carry this version; one that was kept, or that another client got, may be
    /// of another kind.
    pub(crate) fn accepts(&self, version: &Validator) -> bool {
        match (&self.0, version) {
            (Place::Tag(weak), Validator::Tag(tag)) => {
                !tag.is_weak() || *weak == WeakTags::Verbatim
            }
            (Place::Tag(_) | Place::Date, Validator::LastModified(_))
            | (Place::Body { .. }, Validator::Version(_)) => true,
            _ => false,
        }
    }

    pub(crate) fn is_unconditional(&self) -> bool {
        matches!(self.0, Place::Nowhere)
    }

    /// The pointer at which a written document carries its version.
    pub(crate) fn field(&self) -> Option<&str> {
        match &self.0 {
            Place::Body { field, .. } => Some(field),
            _ => None,
        }
    }

    /// The query parameter that carries the version of what is removed.
    pub(crate) fn delete_query(&self) -> Option<&str> {
        match &self.0 {
            Place::Body { query, .. } => query.as_deref(),
            _ => None,
        }
    }

    /// The version of a representation that was read.
    pub(crate) fn of_read(
        &self,
        headers: &HeaderMap,
        document: &Document,
        now: SystemTime,
    ) -> Found {
        match &self.0 {
            Place::Tag(weak) => of_tag(headers, *weak, now),
            Place::Date => of_date(headers, now),
            Place::Body { field, .. } => of_field(document, field),
            Place::Nowhere => Found::Nothing,
        }
    }

    /// The version that the body of the reply to a write tells, as it is spelt there, and the pointer at
    /// which the document has it.
    pub(crate) fn told_in(&self, body: Option<&Document>) -> Option<(&str, Document)> {
        let Place::Body { field, reply, .. } = &self.0 else {
            return None;
        };
        let body = body?;
        let told = body.pointer(reply).or_else(|| body.pointer(field))?;
        Some((field, told))
    }

    /// The version that the reply to a write tells.
    pub(crate) fn of_reply(
        &self,
        headers: &HeaderMap,
        body: Option<&Document>,
        now: SystemTime,
    ) -> Found {
        match &self.0 {
            Place::Body { reply, field, .. } => match body {
                Some(body) => match of_field(body, reply) {
                    Found::Nothing => of_field(body, field),
                    found => found,
                },
                None => Found::Nothing,
            },
            Place::Tag(weak) => of_tag(headers, *weak, now),
            Place::Date => of_date(headers, now),
            Place::Nowhere => Found::Nothing,
        }
    }
}

fn of_tag(headers: &HeaderMap, weak: WeakTags, now: SystemTime) -> Found {
    match entity_tag_of(headers) {
        TagField::Found(tag) if tag.is_weak() && weak == WeakTags::Refuse => Found::Unusable {
            // Some servers call a tag weak for the first second after a write (RFC 9110 8.8.1).
            may_heal: is_young(headers, now),
            why: "its entity tag is weak, and If-Match compares strongly",
        },
        TagField::Found(tag) => Found::Version(Validator::Tag(tag)),
        TagField::Unusable(why) => Found::Unusable {
            may_heal: false,
            why,
        },
        TagField::Missing => of_date(headers, now),
    }
}

fn of_date(headers: &HeaderMap, now: SystemTime) -> Found {
    match LastModified::from_header(headers) {
        Some(date) if date.is_strong_at(Some(reference(headers, now))) => {
            Found::Version(Validator::LastModified(date))
        }
        Some(_) => Found::Unusable {
            may_heal: true,
            why: "its Last-Modified is younger than a second",
        },
        None => Found::Nothing,
    }
}

/// Whether the last change may be so recent that the server calls its tag weak only for that: dates
/// are whole seconds, so a change a second ago may show two of them.
fn is_young(headers: &HeaderMap, now: SystemTime) -> bool {
    const YOUNG: Duration = Duration::from_secs(2);
    LastModified::from_header(headers).is_some_and(|date| {
        let age = reference(headers, now).duration_since(date.time());
        age.is_ok_and(|age| age <= YOUNG)
    })
}

/// The server's own clock where it tells it, so that skew does not matter. Otherwise ours, allowing for
/// its going a minute fast: a date that looks too young costs a wait, one that looks too old an update.
fn reference(headers: &HeaderMap, now: SystemTime) -> SystemTime {
    const SKEW: Duration = Duration::from_secs(60);
    headers
        .get(::http::header::DATE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| httpdate::parse_http_date(text).ok())
        .unwrap_or_else(|| now.checked_sub(SKEW).unwrap_or(now))
}

fn of_field(document: &Document, pointer: &str) -> Found {
    use serde_json::Value;
    match document
        .pointer(pointer)
        .map(|found| (found.to_value(), found))
    {
        Some((Value::String(text), _)) => Found::Version(Validator::Version(text)),
        // The text, so that a version of twenty digits stays what it is.
        Some((Value::Number(_), found)) => {
            Found::Version(Validator::Version(found.as_str().to_owned()))
        }
        Some((Value::Null, _)) | None => Found::Nothing,
        Some(_) => Found::Unusable {
            may_heal: false,
            why: "its version field holds neither a string nor a number",
        },
    }
}
