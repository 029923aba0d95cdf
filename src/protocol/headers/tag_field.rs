//! The `ETag` of a response.

use http::HeaderMap;
use http::header::ETAG;

use super::entity_tag::EntityTag;

/// The content of the `ETag` field of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TagField {
    /// One tag, which may be weak or malformed.
    Found(EntityTag),
    /// There is no such field.
    Missing,
    /// The field names no version. The text is the reason, worded as the end of a sentence.
    Unusable(&'static str),
}

/// Reads the `ETag` of a response (RFC 9110 8.8.3).
///
/// The same tag twice, in two fields or in one that a proxy joined, is one tag. Two different tags name no
/// version, because it is not known which of them the server would compare. `*` names no version either,
/// because it would match any version if it were sent back.
///
/// # Example
///
/// ```
/// use http::{header::ETAG, HeaderMap, HeaderValue};
/// use ifmatch::header_fields::{entity_tag_of, TagField};
///
/// let mut headers = HeaderMap::new();
/// assert_eq!(entity_tag_of(&headers), TagField::Missing);
/// headers.append(ETAG, HeaderValue::from_static("\"1\""));
/// assert!(matches!(entity_tag_of(&headers), TagField::Found(_)));
/// headers.append(ETAG, HeaderValue::from_static("\"2\""));
/// assert!(matches!(entity_tag_of(&headers), TagField::Unusable(_)));
/// ```
pub fn entity_tag_of(headers: &HeaderMap) -> TagField {
    let mut found = None;
    for field in headers.get_all(ETAG) {
        if field.len() > EntityTag::MAX_LEN {
            return TagField::Unusable("its entity tag is too long");
        }
        for part in parts(field.as_bytes()) {
            let Some(tag) = EntityTag::from_bytes(part) else {
                return TagField::Unusable(why_not(part));
            };
            match &found {
                Some(first) if *first != tag => return TagField::Unusable(SEVERAL),
                _ => found = Some(tag),
            }
        }
    }
    found.map_or(TagField::Missing, TagField::Found)
}

const SEVERAL: &str = "the response has two different entity tags";

fn why_not(field: &[u8]) -> &'static str {
    if field.trim_ascii().is_empty() {
        "its entity tag is empty"
    } else if field.trim_ascii() == b"*" {
        "its entity tag is `*`, which any version would match"
    } else if field.contains(&b',') {
        SEVERAL
    } else {
        "its entity tag has bytes that no header can carry"
    }
}

/// The members of a field that was joined from several, or the field itself if it was not. A comma between
/// quotes is part of a tag.
fn parts(field: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, byte) in field.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(field.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(field.get(start..).unwrap_or_default());
    parts
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(fields: &[&[u8]]) -> TagField {
        let mut headers = HeaderMap::new();
        for value in fields
            .iter()
            .filter_map(|f| HeaderValue::from_bytes(f).ok())
        {
            headers.append(ETAG, value);
        }
        entity_tag_of(&headers)
    }

    #[test]
    fn one_tag_is_found_in_whatever_form_it_has() {
        for tag in [
            &b"\"1\""[..],
            b"W/\"1\"",
            b"1",
            b"\"a,b\"",
            b"\"\"",
            b"\"\xFF\"",
        ] {
            let found = EntityTag::from_bytes(tag).map(TagField::Found);
            assert_eq!(Some(read(&[tag])), found);
            assert_eq!(Some(read(&[tag, tag])), found);
        }
        assert!(matches!(read(&[b"\"1\", \"1\""]), TagField::Found(_)));
        assert_eq!(read(&[]), TagField::Missing);
    }

    #[test]
    fn what_names_no_version_says_why() {
        let long = [b'x'; EntityTag::MAX_LEN + 1];
        for (fields, word) in [
            (&[&b"\"1\""[..], b"\"2\""][..], "different"),
            (&[b"\"1\"", b"W/\"1\""], "different"),
            (&[b"\"1\", \"2\""], "different"),
            (&[b"\"a\", b"], "different"),
            (&[b"*"], "`*`"),
            (&[b"\"1\", *"], "`*`"),
            (&[b""], "empty"),
            (&[&long], "too long"),
        ] {
            let read = read(fields);
            assert!(
                matches!(read, TagField::Unusable(why) if why.contains(word)),
                "{read:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_fields_are_read(fields: Vec<Vec<u8>>) {
            let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
            let _ = read(&fields);
        }
    }
}
