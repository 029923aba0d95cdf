//! Digests in marks, as 32 hexadecimal digits.

use serde::{Deserialize, Deserializer, Serializer};

use crate::store::KeyDigest;

pub(super) fn serialize<S: Serializer>(
    digest: &KeyDigest,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:032x}", u128::from_be_bytes(*digest)))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<KeyDigest, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bits = u128::from_str_radix(&text, 16).map_err(serde::de::Error::custom)?;
    Ok(bits.to_be_bytes())
}
