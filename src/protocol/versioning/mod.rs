//! Where versions travel.

mod setters;
mod tag;
mod trailers;
mod version_part;

use std::time::SystemTime;

use http::{HeaderMap, HeaderName};
use serde_json::Value;

use crate::json::Document;
use crate::protocol::Validator;
use tag::Tags;
use version_part::VersionPart;

pub(crate) use version_part::{PlacedPart, VersionTarget};

/// Where an API tells the version of a resource, and where it wants to have it back.
///
/// The constructor says where a *reply* tells the version; by default a write takes it back in the
/// same place. A `sent_…` method says where a *write* takes it instead:
///
/// | the reply tells it in | the write takes it in | setting |
/// |---|---|---|
/// | `ETag` | `If-Match` | [`entity_tag`](Self::entity_tag) |
/// | `Last-Modified` | `If-Unmodified-Since` | [`last_modified`](Self::last_modified) |
/// | a member of the body | the same member | [`body_field`](Self::body_field) |
/// | a header field | the same header field | [`header`](Self::header) |
/// | either of the last two | a query parameter | [`sent_in_query`](Self::sent_in_query) |
/// | | a header field | [`sent_in_header`](Self::sent_in_header) |
/// | | a member of the body | [`sent_in_body`](Self::sent_in_body) |
/// | | `If-Match`, in quotes | [`sent_as_tag`](Self::sent_as_tag) |
/// | | any of these, as the next number | [`sent_as_next`](Self::sent_as_next) |
/// | | any of these, as a function spells it | [`spelled`](Self::spelled) |
/// | several places at once | | [`and`](Self::and) |
/// | nowhere | | [`unconditional`](Self::unconditional) |
///
/// A header field may also come behind the body, as a trailer (RFC 9110 6.5): `ETag`, and those that are named
/// here. Many servers send trailers only to whoever asks for them, by a
/// [`default_header`](crate::ClientBuilder::default_header) `TE: trailers`.
///
/// A write whose version is not known is not sent: it is read first, and where there is none, the
/// error is [`UnusableValidator`](crate::ErrorKind::UnusableValidator).
///
/// # Default
///
/// Strong entity tags in `ETag` and `If-Match`; without any tag, `Last-Modified` and
/// `If-Unmodified-Since`, which protect as well once the date is a second old (RFC 9110 8.8.2.2).
/// A weak tag is an error, because `If-Match` compares strongly (RFC 9110 8.8.3.2). A creation carries
/// `If-None-Match: *`.
///
/// # Example: one line for each place
///
/// ```
/// use http::HeaderName;
/// use ifmatch::{Versioning, WeakTags};
///
/// // A number in the document, which goes back in it; a removal has it in `?version=`.
/// let plain = Versioning::body_field("/version").query("version");
/// // CouchDB: `_rev` in the document; the reply to a write tells the new one as `rev`.
/// let couch = Versioning::body_field("/_rev").reply_field("/rev").query("rev");
/// // An API that hands out `W/"…"` and wants it back as it is.
/// let graph = Versioning::entity_tag(WeakTags::Verbatim);
/// // A number in the document, `If-Match: "7"` in the write.
/// let quoted = Versioning::body_field("/version").sent_as_tag();
/// // `X-Revision: 7` in the reply, `?revision=7` in the write.
/// let revision = HeaderName::from_static("x-revision");
/// let headed = Versioning::header(revision).sent_in_query("revision");
/// // Google Cloud Storage: one header in the reply, another in the write.
/// let received = HeaderName::from_static("x-goog-generation");
/// let taken = HeaderName::from_static("x-goog-if-generation-match");
/// let storage = Versioning::header(received).sent_in_header(taken.clone()).create_header(taken, "0");
/// // Elasticsearch: two members of the body, two query parameters.
/// let elastic = Versioning::body_field("/_seq_no").sent_in_query("if_seq_no")
///     .and(Versioning::body_field("/_primary_term").sent_in_query("if_primary_term"))
///     .create_query("op_type", "create");
/// # let _ = (plain, couch, graph, quoted, headed, storage, elastic);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Versioning {
    location: VersionLocation,
    creation: Creation,
    /// What the body of a `DELETE` says besides the version.
    removal_body: Option<Value>,
    /// Where a body tells which object it is.
    identity: Option<String>,
    /// Where a body tells that its object is being removed.
    deletion_mark: Option<String>,
}

#[derive(Clone, Debug)]
enum VersionLocation {
    Tag(Tags),
    Date,
    Parts(Vec<VersionPart>),
    Nowhere,
}

impl Default for VersionLocation {
    fn default() -> Self {
        Self::Tag(Tags::default())
    }
}

/// How a creation says that nothing may be there.
#[derive(Clone, Debug, Default)]
pub(crate) enum Creation {
    /// By `If-None-Match: *` (RFC 9110 13.1.2), and by leaving the version out of the body.
    #[default]
    Standard,
    Query(String, String),
    Header(HeaderName, String),
    Body(String, Value),
    /// It cannot.
    Never,
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
    /// Take the mark off, for APIs with strong tags behind a proxy that weakens the tags of what it
    /// compresses (nginx).
    Strengthen,
}

/// The version of something that was read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FoundVersion {
    Version(Validator),
    /// There is one, but no condition can use it; the text says why.
    Unusable {
        becomes_usable: bool,
        why: &'static str,
    },
    Nothing,
}

impl Versioning {
    pub(crate) fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    pub(crate) fn mark(&self) -> Option<&str> {
        self.deletion_mark.as_deref()
    }

    /// Whether a write can carry this version; one that was kept, or that another client got, may be
    /// of another kind.
    pub(crate) fn accepts(&self, version: &Validator) -> bool {
        match (&self.location, version) {
            (VersionLocation::Tag(tags), Validator::Tag(tag)) => tags.accept(tag),
            (VersionLocation::Tag(_) | VersionLocation::Date, Validator::LastModified(_)) => true,
            (VersionLocation::Parts(parts), Validator::Version(version)) => {
                version_part::split(version, parts.len()).is_some()
            }
            _ => false,
        }
    }

    pub(crate) fn is_unconditional(&self) -> bool {
        matches!(self.location, VersionLocation::Nowhere)
    }

    /// Other ways to take the entity tags that this one does not get through with, and how a user writes
    /// them.
    pub(crate) fn alternatives(&self) -> Vec<(Self, &'static str)> {
        let VersionLocation::Tag(own) = &self.location else {
            return Vec::new();
        };
        let with = |weak, gzip_suffix| Self {
            location: VersionLocation::Tag(Tags {
                weak,
                gzip_suffix,
                ..own.clone()
            }),
            ..self.clone()
        };
        vec![
            (with(WeakTags::Verbatim, false), "`WeakTags::Verbatim`"),
            (with(WeakTags::Strengthen, false), "`WeakTags::Strengthen`"),
            (with(own.weak, true), "`Versioning::without_gzip_suffix`"),
            (
                with(WeakTags::Strengthen, true),
                "`WeakTags::Strengthen` and `Versioning::without_gzip_suffix`",
            ),
        ]
    }

    pub(crate) fn creation(&self) -> &Creation {
        &self.creation
    }

    /// The parts of this version, each in its place in a write, or a removal.
    pub(crate) fn placed(
        &self,
        version: &str,
        removal: bool,
    ) -> Result<Vec<PlacedPart<'_>>, &'static str> {
        let VersionLocation::Parts(parts) = &self.location else {
            return Ok(Vec::new());
        };
        let values = version_part::split(version, parts.len()).ok_or(OF_ANOTHER_KIND)?;
        let placed = parts.iter().zip(values);
        placed
            .map(|(part, value)| part.placed(value, removal))
            .collect()
    }

    /// The members of a written body that carry versions; a creation has none of them.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        let parts = match &self.location {
            VersionLocation::Parts(parts) => parts.as_slice(),
            _ => &[],
        };
        parts.iter().filter_map(|part| match &part.sent {
            VersionTarget::Body(pointer) => Some(pointer.as_str()),
            _ => None,
        })
    }

    /// What the body of a `DELETE` says besides the version.
    pub(crate) fn removal_body(&self) -> Option<Document> {
        self.removal_body.as_ref().map(Document::from_value)
    }

    /// The version of a representation that was read.
    pub(crate) fn of_read(
        &self,
        headers: &HeaderMap,
        body: &Document,
        now: SystemTime,
    ) -> FoundVersion {
        match &self.location {
            VersionLocation::Tag(tags) => tags.of(headers, Some(body), now),
            VersionLocation::Date => tag::of_date(headers, now),
            VersionLocation::Parts(parts) => version_part::of_read(parts, headers, body),
            VersionLocation::Nowhere => FoundVersion::Nothing,
        }
    }

    /// The version that the reply to a write tells.
    pub(crate) fn of_reply(
        &self,
        headers: &HeaderMap,
        body: Option<&Document>,
        now: SystemTime,
    ) -> FoundVersion {
        match &self.location {
            VersionLocation::Tag(tags) => tags.of(headers, body, now),
            VersionLocation::Date => tag::of_date(headers, now),
            VersionLocation::Parts(parts) => version_part::of_reply(parts, headers, body),
            VersionLocation::Nowhere => FoundVersion::Nothing,
        }
    }

    /// The pointers at which bodies tell versions.
    pub(crate) fn pointers(&self) -> Vec<&str> {
        match &self.location {
            VersionLocation::Tag(tags) => tags.field.as_deref().into_iter().collect(),
            VersionLocation::Parts(parts) => {
                parts.iter().filter_map(VersionPart::pointer).collect()
            }
            VersionLocation::Date | VersionLocation::Nowhere => Vec::new(),
        }
    }

    /// The versions that the body of the reply to a write tells, as they are spelt there, and the
    /// pointers at which a representation has them.
    pub(crate) fn versions_in<'a>(
        &'a self,
        body: &'a Document,
    ) -> impl Iterator<Item = (&'a str, Document)> {
        let parts = match &self.location {
            VersionLocation::Parts(parts) => parts.as_slice(),
            _ => &[],
        };
        parts.iter().filter_map(|part| part.spelt_in(body))
    }
}

const OF_ANOTHER_KIND: &str = "its version is of another kind than this API takes";
