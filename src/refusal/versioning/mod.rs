//! Where versions travel.

mod part;
mod tag;
mod trailers;

use std::time::SystemTime;

use ::http::{HeaderMap, HeaderName};
use serde_json::Value;

use crate::http::Validator;
use crate::json::Document;
use part::{Part, Told};
use tag::Tags;

pub(crate) use part::Spot;

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
/// let told = HeaderName::from_static("x-goog-generation");
/// let taken = HeaderName::from_static("x-goog-if-generation-match");
/// let storage = Versioning::header(told).sent_in_header(taken.clone()).create_header(taken, "0");
/// // Elasticsearch: two members of the body, two query parameters.
/// let elastic = Versioning::body_field("/_seq_no").sent_in_query("if_seq_no")
///     .and(Versioning::body_field("/_primary_term").sent_in_query("if_primary_term"))
///     .create_query("op_type", "create");
/// # let _ = (plain, couch, graph, quoted, headed, storage, elastic);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Versioning {
    place: Place,
    creation: Creation,
    /// What the body of a `DELETE` says besides the version.
    removal_body: Option<Value>,
    /// Where a body tells which object it is.
    identity: Option<String>,
    /// Where a body tells that its object is being removed.
    deletion_mark: Option<String>,
}

#[derive(Clone, Debug)]
enum Place {
    Tag(Tags),
    Date,
    Parts(Vec<Part>),
    Nowhere,
}

impl Default for Place {
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
        Self::at(Place::Tag(Tags {
            weak,
            ..Tags::default()
        }))
    }

    /// `Last-Modified` and `If-Unmodified-Since` alone. A young date is waited out, because two
    /// writes within its second would look alike.
    pub fn last_modified() -> Self {
        Self::at(Place::Date)
    }

    /// A member of the body, which goes back inside the body that is written.
    ///
    /// The pointer is a JSON Pointer (RFC 6901) into the body as it travels: where an
    /// [`Envelope`](crate::Envelope) lies around the document, it may point outside of the document.
    pub fn body_field(pointer: impl Into<String>) -> Self {
        Self::at(Place::Parts(vec![Part::of(Told::Body(pointer.into()))]))
    }

    /// A header field of the reply, which goes back in the same field of the request.
    pub fn header(name: HeaderName) -> Self {
        Self::at(Place::Parts(vec![Part::of(Told::Header(name))]))
    }

    /// No versions at all: writes carry no condition, and other people's writes are overwritten.
    pub fn unconditional() -> Self {
        Self::at(Place::Nowhere)
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            ..Self::default()
        }
    }

    /// The version has another part: it is known if all parts are, and a write carries all of them.
    ///
    /// Only for [`body_field`](Self::body_field) and [`header`](Self::header), here and there.
    pub fn and(mut self, other: Self) -> Self {
        if let (Place::Parts(parts), Place::Parts(more)) = (&mut self.place, other.place) {
            parts.extend(more);
        }
        self
    }

    fn part(mut self, change: impl FnOnce(&mut Part)) -> Self {
        if let Place::Parts(parts) = &mut self.place
            && let Some(part) = parts.last_mut()
        {
            change(part);
        }
        self
    }

    /// A write, a removal too, takes the version in this query parameter.
    /// Only for [`body_field`](Self::body_field) and [`header`](Self::header).
    pub fn sent_in_query(self, name: impl Into<String>) -> Self {
        self.part(|part| part.sent = Spot::Query(name.into()))
    }

    /// A write, a removal too, takes the version in this header field.
    /// Only for [`body_field`](Self::body_field) and [`header`](Self::header).
    pub fn sent_in_header(self, name: HeaderName) -> Self {
        self.part(|part| part.sent = Spot::Header(name))
    }

    /// A write takes the version in this member of the body, by its JSON Pointer.
    /// Only for [`body_field`](Self::body_field) and [`header`](Self::header).
    pub fn sent_in_body(self, pointer: impl Into<String>) -> Self {
        self.part(|part| part.sent = Spot::Body(pointer.into()))
    }

    /// A write, a removal too, takes the version in `If-Match`, in quotes.
    /// Only for [`body_field`](Self::body_field) and [`header`](Self::header).
    pub fn sent_as_tag(self) -> Self {
        self.part(|part| part.sent = Spot::Tag)
    }

    /// Where the reply to a write tells the new version, if elsewhere than a representation has it.
    /// Only for [`body_field`](Self::body_field) and [`header`](Self::header).
    pub fn reply_field(self, pointer: impl Into<String>) -> Self {
        self.part(|part| part.reply = Some(pointer.into()))
    }

    /// The query parameter that carries the version where there is no document to carry it: in a
    /// `DELETE`. Only for versions that other writes carry in their body.
    pub fn query(self, name: impl Into<String>) -> Self {
        self.part(|part| part.removal = Some(Spot::Query(name.into())))
    }

    /// A `DELETE` has a JSON body: this one, with the version at the pointer.
    /// Only for versions that other writes carry in their body.
    ///
    /// # Example: preconditions in Kubernetes
    ///
    /// ```
    /// use ifmatch::Versioning;
    /// use serde_json::json;
    ///
    /// let options = json!({"kind": "DeleteOptions", "apiVersion": "v1"});
    /// let versioning = Versioning::body_field("/metadata/resourceVersion")
    ///     .delete_body(options, "/preconditions/resourceVersion");
    /// # let _ = versioning;
    /// ```
    pub fn delete_body(self, body: Value, pointer: impl Into<String>) -> Self {
        let mut changed = self.part(|part| part.removal = Some(Spot::Body(pointer.into())));
        changed.removal_body = Some(body);
        changed
    }

    /// Where bodies repeat the entity tag, with or without its quotes, for replies that have it only
    /// there: items of lists, new resources. Only for [`entity_tag`](Self::entity_tag).
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::{Versioning, WeakTags};
    ///
    /// let odata = Versioning::entity_tag(WeakTags::Verbatim).or_field("/@odata.etag");
    /// let eve = Versioning::entity_tag(WeakTags::Refuse).or_field("/_etag");
    /// # let _ = (odata, eve);
    /// ```
    pub fn or_field(mut self, pointer: impl Into<String>) -> Self {
        if let Place::Tag(tags) = &mut self.place {
            tags.field = Some(pointer.into());
        }
        self
    }

    /// A proxy puts `-gzip` into the tags of what it compresses and does not take it out of
    /// `If-Match` again (Apache with `mod_deflate`), so it is taken out here.
    /// Only for [`entity_tag`](Self::entity_tag).
    pub fn without_gzip_suffix(mut self) -> Self {
        if let Place::Tag(tags) = &mut self.place {
            tags.gzip_suffix = true;
        }
        self
    }

    /// A creation says by this query parameter that nothing may be there, not by `If-None-Match: *`.
    pub fn create_query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.creation = Creation::Query(name.into(), value.into());
        self
    }

    /// A creation says by this header field that nothing may be there, not by `If-None-Match: *`.
    pub fn create_header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.creation = Creation::Header(name, value.into());
        self
    }

    /// The API has no way to say that nothing may be there, and would overwrite: `create` and the
    /// creating half of an update are a `Config` error, and nothing is sent. `post` is not touched.
    pub fn no_creation(mut self) -> Self {
        self.creation = Creation::Never;
        self
    }

    /// Where bodies tell which object they are, by a JSON Pointer into the body as it travels: a member that
    /// differs when an object is removed and another one is made at the same address.
    ///
    /// An edit or a removal of the old object then ends as [`Gone`](crate::ErrorKind::Gone) and never reaches
    /// the new one. Default: none, an address is one object.
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::Versioning;
    ///
    /// let versioning = Versioning::body_field("/metadata/resourceVersion").identity_field("/metadata/uid");
    /// # let _ = versioning;
    /// ```
    pub fn identity_field(mut self, pointer: impl Into<String>) -> Self {
        self.identity = Some(pointer.into());
        self
    }

    /// Where bodies tell that their object is being removed, by a JSON Pointer into the body as it travels.
    /// Anything there but `null`, `false` and an empty text is the mark.
    ///
    /// A removal that only marks the object is a success with
    /// [`removal_pending`](crate::WriteReport::removal_pending) in its report. Default: none, what was
    /// removed is not there.
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::Versioning;
    ///
    /// // Kubernetes keeps an object with finalizers until each of them is done.
    /// let versioning = Versioning::body_field("/metadata/resourceVersion")
    ///     .deletion_mark("/metadata/deletionTimestamp");
    /// # let _ = versioning;
    /// ```
    pub fn deletion_mark(mut self, pointer: impl Into<String>) -> Self {
        self.deletion_mark = Some(pointer.into());
        self
    }

    pub(crate) fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    pub(crate) fn mark(&self) -> Option<&str> {
        self.deletion_mark.as_deref()
    }

    /// Whether a write can carry this version; one that was kept, or that another client got, may be
    /// of another kind.
    pub(crate) fn accepts(&self, version: &Validator) -> bool {
        match (&self.place, version) {
            (Place::Tag(tags), Validator::Tag(tag)) => tags.accept(tag),
            (Place::Tag(_) | Place::Date, Validator::LastModified(_)) => true,
            (Place::Parts(parts), Validator::Version(version)) => {
                part::split(version, parts.len()).is_some()
            }
            _ => false,
        }
    }

    pub(crate) fn is_unconditional(&self) -> bool {
        matches!(self.place, Place::Nowhere)
    }

    /// Other ways to take the entity tags that this one does not get through with, and how a user writes
    /// them.
    pub(crate) fn alternatives(&self) -> Vec<(Self, &'static str)> {
        let Place::Tag(own) = &self.place else {
            return Vec::new();
        };
        let with = |weak, gzip_suffix| Self {
            place: Place::Tag(Tags {
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

    /// Where a write, or a removal, carries the parts of this version.
    pub(crate) fn spots(
        &self,
        version: &str,
        removal: bool,
    ) -> Result<Vec<(&Spot, String)>, &'static str> {
        let Place::Parts(parts) = &self.place else {
            return Ok(Vec::new());
        };
        let values = part::split(version, parts.len()).ok_or(OF_ANOTHER_KIND)?;
        let placed = parts.iter().zip(values).map(|(part, value)| {
            let spot = part.spot(removal).ok_or(NO_BODY)?;
            // A quote would end the tag, and what follows be a second one: "any of these" is no pin.
            if *spot == Spot::Tag && value.contains('"') {
                return Err(NO_TAG);
            }
            Ok((spot, value))
        });
        placed.collect()
    }

    /// The members of a written body that carry versions; a creation has none of them.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        let parts = match &self.place {
            Place::Parts(parts) => parts.as_slice(),
            _ => &[],
        };
        parts.iter().filter_map(|part| match &part.sent {
            Spot::Body(pointer) => Some(pointer.as_str()),
            _ => None,
        })
    }

    /// What the body of a `DELETE` says besides the version.
    pub(crate) fn removal_body(&self) -> Option<Document> {
        self.removal_body.as_ref().map(Document::from_value)
    }

    /// The version of a representation that was read.
    pub(crate) fn of_read(&self, headers: &HeaderMap, body: &Document, now: SystemTime) -> Found {
        match &self.place {
            Place::Tag(tags) => tags.of(headers, Some(body), now),
            Place::Date => tag::of_date(headers, now),
            Place::Parts(parts) => part::of_read(parts, headers, body),
            Place::Nowhere => Found::Nothing,
        }
    }

    /// The version that the reply to a write tells.
    pub(crate) fn of_reply(
        &self,
        headers: &HeaderMap,
        body: Option<&Document>,
        now: SystemTime,
    ) -> Found {
        match &self.place {
            Place::Tag(tags) => tags.of(headers, body, now),
            Place::Date => tag::of_date(headers, now),
            Place::Parts(parts) => part::of_reply(parts, headers, body),
            Place::Nowhere => Found::Nothing,
        }
    }

    /// The pointers at which bodies tell versions.
    pub(crate) fn told_at(&self) -> Vec<&str> {
        match &self.place {
            Place::Tag(tags) => tags.field.as_deref().into_iter().collect(),
            Place::Parts(parts) => parts.iter().filter_map(Part::told_at).collect(),
            Place::Date | Place::Nowhere => Vec::new(),
        }
    }

    /// The versions that the body of the reply to a write tells, as they are spelt there, and the
    /// pointers at which a representation has them.
    pub(crate) fn told_in<'a>(
        &'a self,
        body: &'a Document,
    ) -> impl Iterator<Item = (&'a str, Document)> {
        let parts = match &self.place {
            Place::Parts(parts) => parts.as_slice(),
            _ => &[],
        };
        parts.iter().filter_map(|part| part.spelt_in(body))
    }
}

const OF_ANOTHER_KIND: &str = "its version is of another kind than this API takes";
const NO_TAG: &str = "its version holds a quote, which no entity tag can";
const NO_BODY: &str = "a removal has no body for the version; `Versioning::query` or `delete_body` says where it goes";
