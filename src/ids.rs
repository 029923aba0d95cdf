//! Random ids.

use std::fmt::Write as _;

use crate::BoxError;

/// A UUID of version 4 (RFC 9562 5.4), from the system's randomness: idempotency keys and write
/// stamps must differ between processes that started in the same instant.
pub(crate) fn uuid() -> Result<String, BoxError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| format!("no randomness: {error}"))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_id_is_a_uuid_of_version_4() -> Result<(), crate::BoxError> {
        let (one, two) = (super::uuid()?, super::uuid()?);
        assert_ne!(one, two);
        assert_eq!((one.len(), one.as_bytes()[14]), (36, b'4'));
        assert!(matches!(one.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        Ok(())
    }
}
