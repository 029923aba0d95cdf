//! The settings of a versioning: where a reply tells the version, and where and how a write takes it.

use std::sync::Arc;

use http::HeaderName;
use serde_json::Value;

use super::tag::Tags;
use super::version_part::{VersionPart, VersionSource, VersionSpelling, VersionTarget};
use super::{Creation, VersionLocation, Versioning, WeakTags};

impl Versioning {
    /// Entity tags (RFC 9110 8.8.3).
    pub fn entity_tag(weak: WeakTags) -> Self {
        Self::at(VersionLocation::Tag(Tags {
            weak,
            ..Tags::default()
        }))
    }

    /// `Last-Modified` and `If-Unmodified-Since` alone. A young date is waited out, because two
    /// writes within its second would look alike.
    pub fn last_modified() -> Self {
        Self::at(VersionLocation::Date)
    }

    /// A member of the body, which goes back inside the body that is written.
    ///
    /// The pointer is a JSON Pointer (RFC 6901) into the body as it travels: where an
    /// [`Envelope`](crate::Envelope) lies around the document, it may point outside of the document.
    pub fn body_field(pointer: impl Into<String>) -> Self {
        Self::at(VersionLocation::Parts(vec![VersionPart::of(
            VersionSource::Body(pointer.into()),
        )]))
    }

    /// A header field of the reply, which goes back in the same field of the request.
    pub fn header(name: HeaderName) -> Self {
        Self::at(VersionLocation::Parts(vec![VersionPart::of(
            VersionSource::Header(name),
        )]))
    }

    /// No versions at all: writes carry no condition, and other people's writes are overwritten.
    pub fn unconditional() -> Self {
        Self::at(VersionLocation::Nowhere)
    }

    fn at(location: VersionLocation) -> Self {
        Self {
            location,
            ..Self::default()
        }
    }

    /// The version has another part: it is known if all parts are, and a write carries all of them.
    ///
    /// Only for [`body_field`](Self::body_field) and [`header`](Self::header), here and there.
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

    /// A write, a removal too, takes the version in this query parameter.
    /// Only for [`body_field`](Self::body_field) and [`header`](Self::header).
    pub fn sent_in_query(self, name: impl Into<String>) -> Self {
        self.part(|part| part.sent = VersionTarget::Query(name.into()))
    }

    /// A write, a removal too, takes the version in this header field.
    /// Only for [`body_field`](Self::body_field) and [`header`](Self::header).
    pub fn sent_in_header(self, name: HeaderName) -> Self {
        self.part(|part| part.sent = VersionTarget::Header(name))
    }

    /// A write takes the version in this member of the body, by its JSON Pointer.
    /// Only for [`body_field`](Self::body_field) and [`header`](Self::header).
    pub fn sent_in_body(self, pointer: impl Into<String>) -> Self {
        self.part(|part| part.sent = VersionTarget::Body(pointer.into()))
    }

    /// A write, a removal too, takes the version in `If-Match`, in quotes. A version that has its quotes
    /// already, as Cosmos DB's `_etag`, goes as it is.
    /// Only for [`body_field`](Self::body_field) and [`header`](Self::header).
    pub fn sent_as_tag(self) -> Self {
        self.part(|part| part.sent = VersionTarget::Tag)
    }

    /// A write takes the number that the version will have, one more than the one that was read
    /// (Confluence).
    /// Only for [`body_field`](Self::body_field) and [`header`](Self::header), and versions that are whole
    /// numbers; a removal has the version that was read.
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

    /// A write, a removal too, takes the version as this function spells it.
    /// Only for [`body_field`](Self::body_field) and [`header`](Self::header).
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

    /// Where the reply to a write tells the new version, if elsewhere than a representation has it.
    /// Only for [`body_field`](Self::body_field) and [`header`](Self::header).
    pub fn reply_field(self, pointer: impl Into<String>) -> Self {
        self.part(|part| part.reply = Some(pointer.into()))
    }

    /// The query parameter that carries the version where there is no document to carry it: in a
    /// `DELETE`. Only for versions that other writes carry in their body.
    pub fn query(self, name: impl Into<String>) -> Self {
        self.part(|part| part.removal = Some(VersionTarget::Query(name.into())))
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
        let mut changed =
            self.part(|part| part.removal = Some(VersionTarget::Body(pointer.into())));
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

    /// A proxy puts `-gzip` into the tags of what it compresses and does not take it out of
    /// `If-Match` again (Apache with `mod_deflate`), so it is taken out here.
    /// Only for [`entity_tag`](Self::entity_tag).
    pub fn without_gzip_suffix(mut self) -> Self {
        if let VersionLocation::Tag(tags) = &mut self.location {
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

    /// A creation says by this member of its body that nothing may be there, not by `If-None-Match: *`: a
    /// version of 0, or an explicit `null`.
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
}
