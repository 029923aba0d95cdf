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
    /// A proxy puts `-gzip` into tags and does not take it out again.
    pub(super) gzip_suffix: bool,
    /// Where bodies repeat the tag, with or without its quotes.
    pub(super) field: Option<String>,
}

impl Tags {
    pub(super) fn accept(&self, tag: &EntityTag) -> bool {
        !tag.is_weak() || self.weak == WeakTags::Verbatim
    }

    /// The version that a reply tells: its tag, the one in its body, or its date.
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
            // Some servers call a tag weak for the first second after a write (RFC 9110 8.8.1).
            becomes_usable: is_young(headers, now),
            why: "its entity tag is weak, and If-Match compares strongly (an API that takes weak tags all the same is served by `WeakTags::Verbatim`)",
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

    /// The tag as the server made it, before a proxy compressed its representation.
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
            why: "its Last-Modified is younger than a second",
        },
        None => FoundVersion::Nothing,
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
        .get(http::header::DATE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| httpdate::parse_http_date(text).ok())
        .unwrap_or_else(|| now.checked_sub(SKEW).unwrap_or(now))
}
