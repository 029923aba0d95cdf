//! Which responses may be cached (RFC 9111).

use http::HeaderMap;
use http::header::{CACHE_CONTROL, VARY};

/// Whether the headers of a request or of its response forbid caching the response.
///
/// `no-store` in either of them forbids it (RFC 9111 5.2.1.5, 5.2.2.5). So does `Vary: *` (RFC 9110 12.5.5):
/// the response depends on more than the headers of the request, so it may not fit the next request, and no
/// cache key can express this. Other headers in `Vary` are either part of the key or the same in each
/// request.
pub(crate) fn forbid_keeping(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(CACHE_CONTROL).iter();
    let mut directives = fields.flat_map(|field| directives(field.as_bytes()));
    let varies = headers.get_all(VARY).iter();
    let mut varies = varies.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    directives.any(|name| name.eq_ignore_ascii_case(b"no-store"))
        || varies.any(|name| name.trim_ascii() == b"*")
}

/// The names of the directives in a field. Text in quotes is not a directive.
fn directives(field: &[u8]) -> Vec<&[u8]> {
    let (mut names, mut begin) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in field.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                names.push(name(&field[begin..at]));
                begin = at + 1;
            }
            _ => {}
        }
    }
    names.push(name(&field[begin..]));
    names
}

fn name(directive: &[u8]) -> &[u8] {
    let name = directive.split(|byte| *byte == b'=').next();
    name.unwrap_or_default().trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn headers(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        let pairs = values.iter();
        let pairs = pairs.map(|value| (name.clone(), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn no_store_is_found_wherever_it_stands() {
        for forbidden in [
            &["no-store"][..],
            &["private, No-Store"],
            &["max-age=0", "no-store"],
            &["private=\"a, b\",no-store , max-age=1"],
            &["no-store=\"x\""],
        ] {
            let sent = headers(&CACHE_CONTROL, forbidden);
            assert!(forbid_keeping(&sent), "{forbidden:?}");
        }
        for allowed in [
            &["no-cache"][..],
            &["private=\"no-store\""],
            &["private=\"a\\\", no-store\""],
            &["x-no-store", ""],
        ] {
            let sent = headers(&CACHE_CONTROL, allowed);
            assert!(!forbid_keeping(&sent), "{allowed:?}");
        }
    }

    #[test]
    fn what_varies_by_more_than_headers_is_not_kept() {
        for (vary, kept) in [
            ("*", false),
            ("accept , *", false),
            ("accept, authorization", true),
        ] {
            assert_eq!(!forbid_keeping(&headers(&VARY, &[vary])), kept, "{vary}");
        }
    }
}
