//! Names for the version of a representation.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::entity_tag::EntityTag;
use super::last_modified::{InvalidValidator, LastModified};
use crate::address::percent;

/// A name for one version of a resource (RFC 9110 8.8).
///
/// # As text
///
/// [`Display`](fmt::Display) and [`FromStr`] carry all forms of a validator byte for byte through a web form,
/// a URL or a file and back:
///
/// - an entity tag is itself, quotes and `W/` included: `"abc"`, `W/"abc"`;
/// - a date is itself: `Sun, 06 Nov 1994 08:49:37 GMT`;
/// - any other version follows `version:`, as in `version:7-c0ffee`;
/// - an entity tag that breaks the grammar, or is not UTF-8, follows `etag:`.
///
/// After a prefix, `%` and control characters are percent-encoded, and in a tag also everything that is not
/// ASCII. Text in none of these forms is read as an entity tag without quotes.
///
/// # Example
///
/// ```
/// use ifmatch::header_fields::Validator;
///
/// for text in ["\"abc\"", "version:7-c0ffee", "Sun, 06 Nov 1994 08:49:37 GMT"] {
///     let validator: Validator = text.parse()?;
///     assert_eq!(validator.to_string(), text);
/// }
/// # Ok::<(), ifmatch::header_fields::InvalidValidator>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Validator {
    /// An entity tag.
    Tag(EntityTag),
    /// The time of the last change.
    LastModified(LastModified),
    /// An opaque version from elsewhere, such as a member of the body, a query parameter or another header.
    Version(String),
}

const TAG: &str = "etag:";
const VERSION: &str = "version:";

impl From<EntityTag> for Validator {
    fn from(tag: EntityTag) -> Self {
        Self::Tag(tag)
    }
}

impl From<LastModified> for Validator {
    fn from(date: LastModified) -> Self {
        Self::LastModified(date)
    }
}

impl fmt::Display for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => match std::str::from_utf8(tag.as_bytes()) {
                Ok(text) if tag.is_well_formed() => f.write_str(text),
                _ => {
                    f.write_str(TAG)?;
                    percent::encode(tag.as_bytes(), |byte| !(0x20..0x7F).contains(&byte), f)
                }
            },
            Self::LastModified(date) => date.fmt(f),
            Self::Version(version) => {
                f.write_str(VERSION)?;
                percent::encode(version.as_bytes(), |byte| byte.is_ascii_control(), f)
            }
        }
    }
}

impl FromStr for Validator {
    type Err = InvalidValidator;

    /// Parses a validator from its [text](Self#as-text).
    ///
    /// # Errors
    ///
    /// Returns [`InvalidValidator`] if the text is in none of the forms and cannot be sent as one entity tag.
    fn from_str(text: &str) -> Result<Self, InvalidValidator> {
        if let Some(version) = text.strip_prefix(VERSION) {
            let version = String::from_utf8(percent::decode(version).into_owned());
            return version.map(Self::Version).map_err(|_| InvalidValidator);
        }
        if let Ok(date) = text.parse() {
            return Ok(Self::LastModified(date));
        }
        let tag = match text.strip_prefix(TAG) {
            Some(tag) => percent::decode(tag),
            None => Cow::Borrowed(text.as_bytes()),
        };
        let tag = EntityTag::from_bytes(&tag).ok_or(InvalidValidator)?;
        Ok(Self::Tag(tag))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_form_has_its_text() {
        let tag = |bytes: &[u8]| Validator::Tag(EntityTag::from_bytes(bytes).unwrap());
        for (validator, text) in [
            (tag(b"\"abc\""), "\"abc\""),
            (tag(b"\"100%\""), "\"100%\""),
            (tag("\"é\"".as_bytes()), "\"é\""),
            (tag(b"W/\"abc\""), "W/\"abc\""),
            (tag(b"abc"), "etag:abc"),
            (tag(b"version:1"), "etag:version:1"),
            (tag(b"\"\xFF\""), "etag:\"%FF\""),
            (tag(b"5%"), "etag:5%25"),
            (Validator::Version("7-é".to_owned()), "version:7-é"),
            (
                Validator::Version("\"a\"\n%".to_owned()),
                "version:\"a\"%0A%25",
            ),
            (Validator::Version(String::new()), "version:"),
        ] {
            assert_eq!(validator.to_string(), text);
            assert_eq!(text.parse(), Ok(validator));
        }
    }

    #[test]
    fn text_of_no_form_is_a_tag_without_quotes_or_an_error() {
        let bare: Validator = "33a64df5".parse().unwrap();
        assert_eq!(
            bare,
            Validator::Tag(EntityTag::from_bytes(b"33a64df5").unwrap())
        );
        for text in [
            "",
            "*",
            "a\nb",
            "\"a\", \"b\"",
            "etag:*",
            "etag:%2A",
            "version:%FF",
        ] {
            assert_eq!(text.parse::<Validator>(), Err(InvalidValidator), "{text}");
        }
    }

    #[test]
    fn an_unquoted_tag_that_looks_like_a_date_stays_a_tag() {
        // It has a comma, so it is no tag; the asctime form has none.
        let tag = EntityTag::from_bytes(b"Sun Nov  6 08:49:37 1994").unwrap();
        let text = Validator::from(tag.clone()).to_string();
        assert_eq!(text.parse(), Ok(Validator::Tag(tag)));
    }

    proptest! {
        #[test]
        fn every_tag_survives_the_way_through_text(bytes: Vec<u8>) {
            if let Some(tag) = EntityTag::from_bytes(&bytes) {
                let validator = Validator::Tag(tag);
                prop_assert_eq!(validator.to_string().parse(), Ok(validator));
            }
        }

        #[test]
        fn every_version_survives_the_way_through_text(version: String) {
            let validator = Validator::Version(version);
            prop_assert_eq!(validator.to_string().parse(), Ok(validator));
        }

        #[test]
        fn any_text_is_a_validator_or_an_error(text: String) {
            if let Ok(validator) = text.parse::<Validator>() {
                prop_assert_eq!(validator.to_string().parse(), Ok(validator));
            }
        }
    }
}
