//! Media types without their parameters, and content codings.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

/// The longest media type that is read, in bytes: a type and a subtype of 127 each (RFC 6838 4.2).
const LONGEST: usize = 255;

/// Returns the essence of a media type, which is `type/subtype` in lower case without parameters (RFC 9110
/// 8.3.1).
///
/// Returns `None` if the media type is missing or does not follow the grammar.
///
/// # Example
///
/// ```
/// use http::{header::CONTENT_TYPE, HeaderMap, HeaderValue};
/// use ifmatch::header_fields::{essence, is_json, is_problem};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(CONTENT_TYPE, HeaderValue::from_static("Application/Problem+JSON; charset=utf-8"));
/// let essence = essence(&headers).ok_or("no media type")?;
/// assert_eq!(essence, "application/problem+json");
/// assert!(is_json(&essence) && is_problem(&essence));
/// # Ok::<(), &str>(())
/// ```
pub fn essence(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = text.split(';').next()?.trim();
    let (main, sub) = essence.split_once('/')?;
    (is_token(main) && is_token(sub) && essence.len() <= LONGEST)
        .then(|| essence.to_ascii_lowercase())
}

/// Whether the body has a content coding (RFC 9110 8.4).
pub(crate) fn is_coded(headers: &HeaderMap) -> bool {
    let coding = headers.get(CONTENT_ENCODING);
    coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Whether the essence is JSON: `application/json`, `text/json` or anything with the suffix `+json`
/// (RFC 6839 3.1).
pub fn is_json(essence: &str) -> bool {
    matches!(essence, "application/json" | "text/json") || essence.ends_with("+json")
}

/// Whether the essence is a Problem Details type: `application/problem+json` or `application/problem+xml`
/// (RFC 9457 6).
pub fn is_problem(essence: &str) -> bool {
    matches!(
        essence,
        "application/problem+json" | "application/problem+xml"
    )
}

/// Whether the essence is XML: `application/xml`, `text/xml` or anything with the suffix `+xml`
/// (RFC 7303). XHTML counts as HTML.
pub fn is_xml(essence: &str) -> bool {
    let xml = matches!(essence, "application/xml" | "text/xml") || essence.ends_with("+xml");
    xml && !is_html(essence)
}

/// Whether the essence is HTML or XHTML.
pub fn is_html(essence: &str) -> bool {
    matches!(essence, "text/html" | "application/xhtml+xml")
}

/// Whether the text is a token (RFC 9110 5.6.2).
fn is_token(text: &str) -> bool {
    let mark = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(value: &[u8]) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_bytes(value).ok()?);
        essence(&headers)
    }

    #[test]
    fn parameters_and_case_do_not_matter() {
        for (value, expected) in [
            (&b"application/json"[..], Some("application/json")),
            (b"text/xml; charset=\"utf-8\"", Some("text/xml")),
            (b"TEXT/HTML ;charset=x", Some("text/html")),
            (
                b"application/json;odata=nometadata;streaming=true;charset=utf-8",
                Some("application/json"),
            ),
            (b"", None),
            (b"json", None),
            (b"/json", None),
            (b"application/", None),
            (b"a/b/c", None),
            (b"text /html", None),
            (b"text/\xFF", None),
            (&[b'x'; 300], None),
        ] {
            assert_eq!(read(value).as_deref(), expected);
        }
        assert_eq!(essence(&HeaderMap::new()), None);
    }

    #[test]
    fn families_are_told_apart() {
        let kinds = |e| [is_json(e), is_xml(e), is_html(e), is_problem(e)];
        for (essence, expected) in [
            ("application/json", [true, false, false, false]),
            ("text/json", [true, false, false, false]),
            ("application/vnd.api+json", [true, false, false, false]),
            ("application/problem+json", [true, false, false, true]),
            ("application/problem+xml", [false, true, false, true]),
            ("application/xml", [false, true, false, false]),
            ("application/xhtml+xml", [false, false, true, false]),
            ("text/html", [false, false, true, false]),
            ("text/plain", [false, false, false, false]),
            ("application/jsonp", [false, false, false, false]),
        ] {
            assert_eq!(kinds(essence), expected, "{essence}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_media_type_or_none(value: Vec<u8>) {
            let _ = read(&value);
        }
    }
}
