//! Versions in the validators of HTTP: entity tags and dates.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::{FoundVersion, WeakTags};
use crate::json::Document;
use crate::protocol::{EntityTag, LastModified, TagField, Validator, entity_tag_of};

/// How an API uses entity tags.
#[derive(Clone, Debug, Default)]
pub(super) struct Tags {
    pub(super) weak: WeakTags,
    /// Whether a proxy adds `-gzip` to tags and does not remove it again.
    pub(super) gzip_suffix: bool,
    /// Where bodies repeat the tag, with or without its quotes.
    pub(super) field: Option<String>,
}

impl Tags {
    pub(super) fn accept(&self, tag: &EntityTag) -> bool {
        !tag.is_weak() || self.weak == WeakTags::Verbatim
    }

    /// The version of a response: its tag, the tag in its body, or its date.
    pub(super) fn of(
        &self,
        headers: &HeaderMap,
        body: Option<&Document>,
        now: SystemTime,
    ) -> FoundVersion {
        let tag = match entity_tag_of(headers) {
            TagField::Found(tag) => tag,
            TagField::Unusable(why) => {
                return FoundVersion::Unusable {
                    becomes_usable: false,
                    why,
                };
            }
            TagField::Missing => match body.and_then(|body| self.in_body(body)) {
                Some(tag) => tag,
                None => return of_date(headers, now),
            },
        };
        let tag = self.mended(tag);
        if self.accept(&tag) {
            return FoundVersion::Version(Validator::Tag(tag));
        }
        FoundVersion::Unusable {
            // Some servers mark a tag as weak for the first second after a write (RFC 9110 8.8.1).
            becomes_usable: is_young(headers, now),
            why: "its entity tag is weak, and If-Match requires a strong one (set `WeakTags::Verbatim` if the API accepts weak tags anyway)",
        }
    }

    fn in_body(&self, body: &Document) -> Option<EntityTag> {
        let text = body.pointer(self.field.as_ref()?)?.to_value();
        let text = text.as_str()?;
        let quoted = text.starts_with('"') || text.starts_with("W/\"");
        let tag = if quoted {
            EntityTag::from_bytes(text.as_bytes())
        } else {
            EntityTag::from_bytes(format!("\"{text}\"").as_bytes())
        };
        tag.filter(EntityTag::is_well_formed)
    }

    /// The tag as the origin server created it, before a proxy compressed the representation.
    fn mended(&self, tag: EntityTag) -> EntityTag {
        let tag = match tag.without_gzip_suffix() {
            Some(plain) if self.gzip_suffix => plain,
            _ => tag,
        };
        match EntityTag::from_bytes(tag.opaque_part()) {
            Some(strong) if self.weak == WeakTags::Strengthen => strong,
            _ => tag,
        }
    }
}

pub(super) fn of_date(headers: &HeaderMap, now: SystemTime) -> FoundVersion {
    match LastModified::from_header(headers) {
        Some(date) if date.is_strong_at(Some(reference(headers, now))) => {
            FoundVersion::Version(Validator::LastModified(date))
        }
        Some(_) => FoundVersion::Unusable {
            becomes_usable: true,
            why: "its Last-Modified date is less than a second old",
        },
        None => FoundVersion::Nothing,
    }
}

/// Whether the last change is so recent that the server may mark its tag as weak only for that reason. Dates
/// are in whole seconds, so a change one second ago may show a difference of two.
fn is_young(headers: &HeaderMap, now: SystemTime) -> bool {
    const YOUNG: Duration = Duration::from_secs(2);
    LastModified::from_header(headers).is_some_and(|date| {
        let age = reference(headers, now).duration_since(date.time());
        age.is_ok_and(|age| age <= YOUNG)
    })
}

/// The server's own clock (`Date`) if the response has it, so that clock skew does not matter. Otherwise the
/// local clock minus one minute, in case it runs fast. A date that looks too young costs a wait. One that
/// looks too old costs an update.
fn reference(headers: &HeaderMap, now: SystemTime) -> SystemTime {
    const SKEW: Duration = Duration::from_secs(60);
    headers
        .get(http::header::DATE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| httpdate::parse_http_date(text).ok())
        .unwrap_or_else(|| now.checked_sub(SKEW).unwrap_or(now))
}
