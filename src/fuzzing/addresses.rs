//! Fuzzes addresses made from a base and ids.

use url::Url;

use crate::address;

/// Builds an address and checks that each id became exactly one segment beneath the base.
pub fn addresses(base: &str, ids: &[&str]) {
    let Ok(base) = address::base(base) else {
        return;
    };
    let segments: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    let names_nothing = |id: &str| matches!(id, "" | "." | "..");
    let Ok(url) = address::below(&base, &segments, false) else {
        assert!(
            ids.iter().any(|id| names_nothing(id)),
            "refused without need: {ids:?}"
        );
        return;
    };
    assert!(!ids.iter().any(|id| names_nothing(id)));
    assert_eq!(url.origin(), base.origin());
    assert_eq!(
        (url.username(), url.password()),
        (base.username(), base.password())
    );
    assert!(url.query().is_none() && url.fragment().is_none());
    // A server or a proxy that parses the text again must get the same address.
    assert_eq!(Url::parse(url.as_str()).as_ref(), Ok(&url));
    let beneath = url.path().strip_prefix(base.path().trim_end_matches('/'));
    let Some(beneath) = beneath else {
        panic!("{url} is not beneath {base}");
    };
    let found: Vec<_> = beneath.split('/').skip(1).map(decoded).collect();
    let given: Vec<_> = ids.iter().map(|id| id.as_bytes().to_vec()).collect();
    assert!(
        found == given || ids.is_empty(),
        "{url} does not say {ids:?}"
    );
}

/// A segment with its percent-encoding decoded (RFC 3986 2.1).
fn decoded(segment: &str) -> Vec<u8> {
    let (mut bytes, mut out) = (segment.bytes(), Vec::new());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits = [bytes.next(), bytes.next()].map(|digit| digit.map_or(' ', char::from));
        let digits = digits.map(|digit| digit.to_digit(16));
        match digits {
            [Some(high), Some(low)] => out.extend(u8::try_from(high * 16 + low)),
            _ => panic!("{segment} holds a percent sign that encodes nothing"),
        }
    }
    out
}
