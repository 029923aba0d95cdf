//! Where versions are found, and how they are sent.

mod setters;
mod tag;
mod trailers;
mod version_part;

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::json::Document;
use crate::protocol::Validator;
use tag::Tags;
use version_part::VersionPart;

pub(crate) use version_part::{PlacedPart, VersionTarget};

/// Where an API provides the version of a resource, and where it expects the version in a write.
///
/// The constructor sets where a *response* contains the version. By default, a write sends it back in the
/// same place. A `sent_…` method makes a *write* send it elsewhere:
///
/// | found in the response in | sent in the write in | setting |
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
/// | | any of these, as spelled by a function | [`spelled`](Self::spelled) |
/// | | a member of the body, as a number | [`sent_as_number`](Self::sent_as_number) |
/// | several places at once | | [`and`](Self::and) |
/// | nowhere | | [`unconditional`](Self::unconditional) |
///
/// A header field may also follow the body as a trailer (RFC 9110 6.5). This applies to `ETag` and to the
/// fields that you name here. Many servers send trailers only if the client requests them, with a
/// [`default_header`](crate::ClientBuilder::default_header) `TE: trailers`.
///
/// A write whose version is not known is not sent. The resource is read first, and if there is no version,
/// the error is [`UnusableValidator`](crate::ErrorKind::UnusableValidator).
///
/// # Default
///
/// Strong entity tags in `ETag` and `If-Match`. Without a tag, `Last-Modified` and `If-Unmodified-Since` are
/// used, which protect as well once the date is a second old (RFC 9110 8.8.2.2). A weak tag is an error,
/// because `If-Match` compares strongly (RFC 9110 8.8.3.2). A creation carries `If-None-Match: *`.
///
/// # Example: one line for each place
///
/// ```
/// use http::HeaderName;
/// use ifmatch::{Versioning, WeakTags};
///
/// // A number in the document, also when it is written; a removal has it in `?version=`.
/// let plain = Versioning::body_field("/version").query("version");
/// // CouchDB: `_rev` in the document; the response to a write has the new one as `rev`.
/// let couch = Versioning::body_field("/_rev").reply_field("/rev").query("rev");
/// // An API that sends `W/"…"` and expects it back unchanged.
/// let graph = Versioning::entity_tag(WeakTags::Verbatim);
/// // A number in the document, `If-Match: "7"` in the write.
/// let quoted = Versioning::body_field("/version").sent_as_tag();
/// // `X-Revision: 7` in the response, `?revision=7` in the write.
/// let revision = HeaderName::from_static("x-revision");
/// let headed = Versioning::header(revision).sent_in_query("revision");
/// // Google Cloud Storage: one header in the response, another in the write.
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
    /// The members of the body of a `DELETE` besides the version.
    removal_body: Option<Value>,
    /// Where a body identifies its object.
    identity: Option<String>,
    /// Where a body shows that its object is being removed.
    deletion_mark: Option<String>,
    /// The header field that asks for the version.
    request: Option<(HeaderName, HeaderValue)>,
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

/// How a creation requires that nothing exists.
#[derive(Clone, Debug, Default)]
pub(crate) enum Creation {
    /// By `If-None-Match: *` (RFC 9110 13.1.2), and by leaving the version out of the body.
    #[default]
    Standard,
    Query(String, String),
    Header(HeaderName, String),
    Body(String, Value),
    /// The API refuses each creation of something that exists, without a condition.
    Unmarked,
    /// The API has no such condition.
    Never,
}

/// The handling of weak entity tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WeakTags {
    /// Never send one, because `If-Match` with a weak tag matches nothing (RFC 9110 13.1.1).
    #[default]
    Refuse,
    /// Send it unchanged, for APIs that require it (FHIR, SCIM, Azure tables, Microsoft Graph).
    Verbatim,
    /// Remove the `W/`, for APIs with strong tags behind a proxy that weakens the tags of compressed
    /// responses (nginx).
    Strengthen,
}

/// The version of a response to a read or a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FoundVersion {
    Version(Validator),
    /// There is a version, but no precondition can use it, for this reason.
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

    /// Returns the header field that asks for the version.
    pub(crate) fn request(&self) -> Option<(&HeaderName, &HeaderValue)> {
        self.request.as_ref().map(|(name, value)| (name, value))
    }

    pub(crate) fn mark(&self) -> Option<&str> {
        self.deletion_mark.as_deref()
    }

    /// Whether a write can carry this version. A version that was stored earlier, or comes from another
    /// client, may be of another kind.
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

    /// Other versionings to try if the server does not accept the tags of this one, and how a user configures
    /// each.
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

    /// The parts of this version, each with its place in a write or a removal.
    pub(crate) fn placed(
        &self,
        version: &str,
        is_removal: bool,
    ) -> Result<Vec<PlacedPart<'_>>, &'static str> {
        let VersionLocation::Parts(parts) = &self.location else {
            return Ok(Vec::new());
        };
        let values = version_part::split(version, parts.len()).ok_or(OF_ANOTHER_KIND)?;
        let placed = parts.iter().zip(values);
        placed
            .map(|(part, value)| part.placed(value, is_removal))
            .collect()
    }

    /// The members of a written body that carry versions. A creation has none of them.
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

    /// The body of a `DELETE` without the version.
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

    /// The version in the response to a write.
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

    /// The pointers at which bodies contain versions.
    pub(crate) fn pointers(&self) -> Vec<&str> {
        match &self.location {
            VersionLocation::Tag(tags) => tags.field.as_deref().into_iter().collect(),
            VersionLocation::Parts(parts) => {
                parts.iter().filter_map(VersionPart::pointer).collect()
            }
            VersionLocation::Date | VersionLocation::Nowhere => Vec::new(),
        }
    }

    /// The versions in the body of the response to a write, as they are spelled there, each with the pointer
    /// at which a representation has it.
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
