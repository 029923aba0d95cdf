//! Percent-encoding (RFC 3986 2.1).

use std::borrow::Cow;
use std::fmt;

/// Writes the bytes, and percent-encodes `%` and the bytes that `escape` selects.
pub(crate) fn encode(
    bytes: &[u8],
    escape: impl Fn(u8) -> bool,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    // Callers escape only ASCII bytes of UTF-8 text, or all non-ASCII bytes, so each chunk is UTF-8.
    for chunk in bytes.split_inclusive(|&byte| byte == b'%' || escape(byte)) {
        match chunk.split_last() {
            Some((&last, rest)) if last == b'%' || escape(last) => {
                write!(f, "{}%{last:02X}", String::from_utf8_lossy(rest))?;
            }
            _ => f.write_str(&String::from_utf8_lossy(chunk))?,
        }
    }
    Ok(())
}

/// Percent-decodes a text. A `%` without two hex digits after it stays as it is.
pub(crate) fn decode(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return Cow::Borrowed(text.as_bytes());
    }
    let hex = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        let pair = (first == b'%').then(|| hex(rest.first()).zip(hex(rest.get(1))));
        if let Some((high, low)) = pair.flatten() {
            // Two hex digits are at most 0xFF.
            decoded.push(u8::try_from(high * 16 + low).unwrap_or(first));
            rest = rest.get(2..).unwrap_or_default();
        } else {
            decoded.push(first);
        }
    }
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_encoded_stands_for_itself() {
        for (text, decoded) in [
            ("a%20b", &b"a b"[..]),
            ("%C3%a9", "é".as_bytes()),
            ("100%", b"100%"),
            ("%4", b"%4"),
            ("%zz%%41", b"%zz%A"),
            ("%+1", b"%+1"),
            ("", b""),
        ] {
            assert_eq!(*decode(text), *decoded, "{text}");
        }
    }

    struct Encoded(Vec<u8>);

    impl fmt::Display for Encoded {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            encode(&self.0, |byte| !(0x20..0x7F).contains(&byte), f)
        }
    }

    proptest! {
        #[test]
        fn any_bytes_survive_the_way_through_text(bytes: Vec<u8>) {
            let text = Encoded(bytes.clone()).to_string();
            prop_assert!(text.bytes().all(|byte| (0x20..0x7F).contains(&byte)));
            prop_assert_eq!(&*decode(&text), bytes.as_slice());
        }

        #[test]
        fn any_text_is_decoded(text in "[%0-9a-fA-Fxé]*") {
            prop_assert!(decode(&text).len() <= text.len());
        }
    }
}
