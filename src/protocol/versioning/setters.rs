//! The settings of a versioning: where responses contain the version, and where and how writes send it.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use serde_json::Value;

use super::tag::Tags;
use super::version_part::{VersionPart, VersionSource, VersionSpelling, VersionTarget};
use super::{Creation, VersionLocation, Versioning, WeakTags};

impl Versioning {
    /// Uses entity tags (RFC 9110 8.8.3).
    pub fn entity_tag(weak: WeakTags) -> Self {
        Self::at(VersionLocation::Tag(Tags {
            weak,
            ..Tags::default()
        }))
    }

    /// Uses only `Last-Modified` and `If-Unmodified-Since`.
    ///
    /// A write waits until the date is a second old, because two writes within one second have the same date.
    pub fn last_modified() -> Self {
        Self::at(VersionLocation::Date)
    }

    /// Uses a member of the body, which is sent back inside the body of a write.
    ///
    /// The pointer is a JSON Pointer (RFC 6901) into the body as it is transferred. With an
    /// [`Envelope`](crate::Envelope) around the document, it may point outside the document.
    pub fn body_field(pointer: impl Into<String>) -> Self {
        Self::at(VersionLocation::Parts(vec![VersionPart::of(
            VersionSource::Body(pointer.into()),
        )]))
    }

    /// Uses a header field of the response, which is sent back in the same field of the request.
    pub fn header(name: HeaderName) -> Self {
        Self::at(VersionLocation::Parts(vec![VersionPart::of(
            VersionSource::Header(name),
        )]))
    }

    /// Uses no versions. Writes carry no precondition and overwrite the writes of other clients.
    pub fn unconditional() -> Self {
        Self::at(VersionLocation::Nowhere)
    }

    fn at(location: VersionLocation) -> Self {
        Self {
            location,
            ..Self::default()
        }
    }

    /// Adds another part to the version.
    ///
    /// The version is known if all parts are known, and a write carries all of them.
    ///
    /// Only for [`body_field`](Self::body_field) and [`header`](Self::header), in both versionings.
    pub fn and(mut self, other: Self) -> Self {
        if let (VersionLocation::Parts(parts), VersionLocation::Parts(more)) =
            (&mut self.location, other.location)
        {
            parts.extend(more);
        }
        self
    }

    fn part(mut self, change: impl FnOnce(&mut VersionPart)) -> Self {
        if let VersionLocation::Parts(parts) = &mut self.location
            && let Some(part) = parts.last_mut()
        {
            change(part);
        }
        self
    }

    /// Sends the version in this query parameter of a write or removal. Only for
    /// [`body_field`](Self::body_field) and [`header`](Self::header).
    pub fn sent_in_query(self, name: impl Into<String>) -> Self {
        self.part(|part| part.sent = VersionTarget::Query(name.into()))
    }

    /// Sends the version in this header field of a write or removal. Only for
    /// [`body_field`](Self::body_field) and [`header`](Self::header).
    pub fn sent_in_header(self, name: HeaderName) -> Self {
        self.part(|part| part.sent = VersionTarget::Header(name))
    }

    /// Sends the version in this member of the body of a write, given as a JSON Pointer. Only for
    /// [`body_field`](Self::body_field) and [`header`](Self::header).
    pub fn sent_in_body(self, pointer: impl Into<String>) -> Self {
        self.part(|part| part.sent = VersionTarget::Body(pointer.into()))
    }

    /// Sends the version in the `If-Match` of a write or removal, in quotes.
    ///
    /// A version that already has quotes, such as Cosmos DB's `_etag`, is sent unchanged. Only for
    /// [`body_field`](Self::body_field) and [`header`](Self::header).
    pub fn sent_as_tag(self) -> Self {
        self.part(|part| part.sent = VersionTarget::Tag)
    }

    /// Sends the number of the new version, which is the number that was read plus one (Confluence).
    ///
    /// A removal sends the number that was read. Only for [`body_field`](Self::body_field) and
    /// [`header`](Self::header), and for versions that are whole numbers.
    ///
    /// # Example
    ///
    /// ```
    /// let pages = ifmatch::Versioning::body_field("/version/number").sent_as_next();
    /// # let _ = pages;
    /// ```
    pub fn sent_as_next(self) -> Self {
        self.part(|part| part.spelling = VersionSpelling::Next)
    }

    /// Sends the version as this function spells it, in a write or removal. Only for
    /// [`body_field`](Self::body_field) and [`header`](Self::header).
    ///
    /// # Example: `If-Match: revision_number=5` (`OpenStack`)
    ///
    /// ```
    /// use http::header::IF_MATCH;
    /// use ifmatch::Versioning;
    ///
    /// let networks = Versioning::body_field("/network/revision_number")
    ///     .sent_in_header(IF_MATCH)
    ///     .spelled(|revision| format!("revision_number={revision}"));
    /// # let _ = networks;
    /// ```
    pub fn spelled(self, spell: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.part(|part| part.spelling = VersionSpelling::By(Arc::new(spell)))
    }

    /// Sends the version as a JSON number, if it is one. Only for versions that are sent in a body.
    ///
    /// By default, a body has the version as the response has it, a number or a text, and a version from a header
    /// as a text.
    ///
    /// # Example: `X-Revision: 7` in the response, `{"lock": {"revision": 7}}` in the write
    ///
    /// ```
    /// use http::HeaderName;
    /// use ifmatch::Versioning;
    ///
    /// let orders = Versioning::header(HeaderName::from_static("x-revision"))
    ///     .sent_in_body("/lock/revision")
    ///     .sent_as_number();
    /// # let _ = orders;
    /// ```
    pub fn sent_as_number(self) -> Self {
        self.part(|part| part.is_number = true)
    }

    /// Sets where the response to a write contains the new version, if not in the same place as in a
    /// representation. Only for [`body_field`](Self::body_field) and [`header`](Self::header).
    pub fn reply_field(self, pointer: impl Into<String>) -> Self {
        self.part(|part| part.reply = Some(pointer.into()))
    }

    /// Sets the query parameter that carries the version in a `DELETE`, which has no document to carry it.
    /// Only for versions that other writes carry in their body.
    pub fn query(self, name: impl Into<String>) -> Self {
        self.part(|part| part.removal = Some(VersionTarget::Query(name.into())))
    }

    /// Sends this JSON body in a `DELETE`, with the version at the pointer. Only for versions that other
    /// writes carry in their body.
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
        let mut changed =
            self.part(|part| part.removal = Some(VersionTarget::Body(pointer.into())));
        changed.removal_body = Some(body);
        changed
    }

    /// Sets where bodies repeat the entity tag, with or without its quotes (default nowhere).
    ///
    /// That tag is used where no header has one, as in items of lists and new resources. Only for
    /// [`entity_tag`](Self::entity_tag).
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::{Versioning, WeakTags};
    ///
    /// let odata = Versioning::entity_tag(WeakTags::Verbatim).fallback_field("/@odata.etag");
    /// let eve = Versioning::entity_tag(WeakTags::Refuse).fallback_field("/_etag");
    /// # let _ = (odata, eve);
    /// ```
    pub fn fallback_field(mut self, pointer: impl Into<String>) -> Self {
        if let VersionLocation::Tag(tags) = &mut self.location {
            tags.field = Some(pointer.into());
        }
        self
    }

    /// Sets the member that holds the tag where no header does.
    #[deprecated(since = "0.2.0", note = "renamed to `fallback_field`")]
    pub fn or_field(self, pointer: impl Into<String>) -> Self {
        self.fallback_field(pointer)
    }

    /// Removes `-gzip` from entity tags.
    ///
    /// Some proxies add it to the tags of compressed responses but do not remove it from `If-Match` (Apache
    /// with `mod_deflate`). Only for [`entity_tag`](Self::entity_tag).
    pub fn without_gzip_suffix(mut self) -> Self {
        if let VersionLocation::Tag(tags) = &mut self.location {
            tags.gzip_suffix = true;
        }
        self
    }

    /// Sets a header field that asks for the version, for APIs that send it only then. Reads and writes carry it.
    ///
    /// # Example: Firebase
    ///
    /// ```
    /// use http::{HeaderName, HeaderValue};
    ///
    /// let asked = HeaderName::from_static("x-firebase-etag");
    /// let tags = ifmatch::Versioning::default().requested_by(asked, HeaderValue::from_static("true"));
    /// # let _ = tags;
    /// ```
    pub fn requested_by(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.request = Some((name, value));
        self
    }

    /// Sets the query parameter by which a creation requires that nothing exists, instead of
    /// `If-None-Match: *`.
    pub fn create_query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.creation = Creation::Query(name.into(), value.into());
        self
    }

    /// Sets the header field by which a creation requires that nothing exists, instead of `If-None-Match: *`.
    pub fn create_header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.creation = Creation::Header(name, value.into());
        self
    }

    /// Sets the member of the body by which a creation requires that nothing exists, instead of
    /// `If-None-Match: *`. Its value is for example a version of 0 or an explicit `null`.
    ///
    /// # Example: Vault
    ///
    /// ```
    /// let secrets = ifmatch::Versioning::body_field("/data/metadata/version")
    ///     .sent_in_body("/options/cas")
    ///     .reply_field("/data/version")
    ///     .create_body("/options/cas", 0);
    /// # let _ = secrets;
    /// ```
    pub fn create_body(mut self, pointer: impl Into<String>, value: impl Into<Value>) -> Self {
        self.creation = Creation::Body(pointer.into(), value.into());
        self
    }

    /// Declares that a creation needs no condition, because the API refuses to create what exists.
    ///
    /// It is for APIs whose `PUT` only creates, and for those that reject `If-None-Match`. An API that replaces the
    /// resource instead would lose the changes of other clients. The write of an existing resource takes another
    /// way, by [`WriteRoute::create_with`](crate::WriteRoute::create_with) or
    /// [`WriteMode`](crate::WriteMode).
    ///
    /// # Example: `PUT` creates, `PATCH` changes
    ///
    /// ```
    /// use ifmatch::{Generic, Versioning, WriteRoute};
    ///
    /// let profile = Generic::new()
    ///     .versioning(Versioning::default().create_unmarked())
    ///     .write_route(WriteRoute::patch().create_with(WriteRoute::put()));
    /// # let _ = profile;
    /// ```
    pub fn create_unmarked(mut self) -> Self {
        self.creation = Creation::Unmarked;
        self
    }

    /// Declares that the API cannot make a creation conditional and would overwrite an existing resource.
    ///
    /// `create`, and an update that has to create, then fail with a `Config` error and send nothing. `post`
    /// is not affected.
    pub fn no_creation(mut self) -> Self {
        self.creation = Creation::Never;
        self
    }

    /// Sets where bodies identify their object, as a JSON Pointer into the body as it is transferred (default
    /// nowhere).
    ///
    /// The member there has another value if an object is removed and a new one is created at the same
    /// address.
    ///
    /// An edit or a removal of the old object then ends as [`Gone`](crate::ErrorKind::Gone) and never reaches
    /// the new one. By default, an address stands for one object.
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

    /// Sets where bodies show that their object is being removed, as a JSON Pointer into the body as it is
    /// transferred (default nowhere).
    ///
    /// Any value there except `null`, `false` and an empty text is the mark.
    ///
    /// A removal that only marks the object is a success with
    /// [`removal_pending`](crate::WriteReport::removal_pending) in its report. By default, a removed object
    /// no longer exists.
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
}
