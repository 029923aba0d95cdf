//! Map keys: the name of a member, read by the key's type and written again.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A type that can be the key of a map in a document: any type that serde can read and write.
pub trait MapKey: Serialize + DeserializeOwned {}

impl<K: Serialize + DeserializeOwned> MapKey for K {}

/// Returns the name as the type writes it. For example, `2001:DB8::1` becomes `2001:db8::1` for an address.
pub(super) fn name<K: MapKey>(name: &str) -> Option<String> {
    let mut text = String::from("{");
    crate::json::write_string(name, &mut text);
    text.push_str(":null}");
    let One(key) = serde_json::from_str::<One<K>>(&text).ok()?;
    let text = serde_json::to_string(&One(key)).ok()?;
    serde_json::from_str::<One<String>>(&text)
        .ok()
        .map(|One(name)| name)
}

/// A map with one entry, which requires only that its key can be read and written.
struct One<K>(K);

impl<K: Serialize> Serialize for One<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(&self.0, &())?;
        map.end()
    }
}

impl<'de, K: Deserialize<'de>> Deserialize<'de> for One<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct First<K>(PhantomData<K>);

        impl<'de, K: Deserialize<'de>> Visitor<'de> for First<K> {
            type Value = One<K>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map with one entry")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<One<K>, A::Error> {
                let entry = map.next_entry::<K, IgnoredAny>()?;
                entry
                    .map(|(key, _)| One(key))
                    .ok_or_else(|| serde::de::Error::custom("no entry"))
            }
        }

        deserializer.deserialize_map(First(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    #[test]
    fn a_key_is_read_and_written_by_its_type() {
        assert_eq!(
            super::name::<Ipv6Addr>("2001:DB8::1").as_deref(),
            Some("2001:db8::1")
        );
        assert_eq!(super::name::<u32>("7").as_deref(), Some("7"));
        assert_eq!(super::name::<u32>("x"), None);
        assert_eq!(super::name::<String>("a\"b").as_deref(), Some("a\"b"));
    }
}
