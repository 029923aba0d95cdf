//! Detects multi-line texts whose lines have no meaning of their own.

/// Whether a text must be merged as a whole, because it contains PEM armour (a certificate, a key, a signature) or
/// consists only of lines of encoded bytes.
pub(super) fn is_opaque(text: &str) -> bool {
    (text.contains('-') && text.lines().any(is_armour)) || is_encoded(text)
}

fn is_armour(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("-----BEGIN ") && line.ends_with("-----")
}

/// Whether the text consists of two or more lines of base64 or hexadecimal digits, all of one length except the
/// last.
fn is_encoded(text: &str) -> bool {
    /// Minimum length of a line. Shorter lines may be words.
    const WIDE: usize = 40;
    let is_digit =
        |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=' | b'-' | b'_');
    let mut lines = text.trim_end().lines().map(str::trim_end).peekable();
    let width = lines.peek().map_or(0, |line| line.len());
    if width < WIDE {
        return false;
    }
    let mut count = 0;
    while let Some(line) = lines.next() {
        let fits = line.len() == width || (lines.peek().is_none() && line.len() < width);
        if !fits || !line.bytes().all(is_digit) {
            return false;
        }
        count += 1;
    }
    count > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn armour_and_encoded_bytes_are_opaque_and_other_texts_are_not() {
        let wide = "QUJD".repeat(16);
        for opaque in [
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n".to_owned(),
            format!("note\r\n-----BEGIN PGP MESSAGE-----\r\n\r\n{wide}\r\n"),
            format!("{wide}\n{wide}\nQUI=\n"),
            format!("{wide}\n{wide}"),
        ] {
            assert!(is_opaque(&opaque), "{opaque}");
        }
        for prose in [
            "a\nb\n".to_owned(),
            "-----\nBEGIN\n-----\n".to_owned(),
            format!("{wide}\n"),
            format!("key: {wide}\n{wide}\n"),
            String::new(),
        ] {
            assert!(!is_opaque(&prose), "{prose}");
        }
    }
}
