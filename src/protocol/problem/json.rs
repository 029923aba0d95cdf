//! Reads JSON that may be broken.
//!
//! `serde_json` by itself reads all of a text or nothing. A refusal that is truncated, or has one member
//! nested ten thousand levels deep, would lose its type and code as well. Members are therefore read one by
//! one, and those beyond the limits are left out as a whole, so that half of a current state is never taken
//! for the whole.
//!
//! JSON also allows values that `Value` cannot represent: the number `1e400`, or half of a surrogate pair
//! where a server cut its message. Reading then starts again and skips that member, because skipping checks
//! only the grammar.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::Problem;

/// The maximum number of unrepresentable members that are skipped. Each costs one reading.
const PASSED_OVER: usize = 8;

/// Reads an object or array up to the first error. The flag states whether something was left out.
pub(super) fn read(text: &str) -> (Value, bool) {
    let mut unreadable = Vec::new();
    loop {
        let mut top = Top {
            document: Value::Null,
            incomplete: !unreadable.is_empty(),
            at: 0,
        };
        let limits = ReadLimits {
            values: Cell::new(Problem::MAX_VALUES),
            exceeded: Cell::new(false),
            unreadable: &unreadable,
        };
        let mut reader = serde_json::Deserializer::from_str(text);
        let outcome = reader.deserialize_any(TopVisitor {
            top: &mut top,
            limits: &limits,
        });
        let whole = outcome.and_then(|()| reader.end()).is_ok();
        let at = top.at;
        // If the member was already skipped, the text itself is broken.
        if whole || unreadable.contains(&at) || unreadable.len() == PASSED_OVER {
            return (top.document, top.incomplete || !whole);
        }
        unreadable.push(at);
    }
}

struct ReadLimits<'a> {
    values: Cell<usize>,
    /// Whether the current member exceeds a limit or is skipped.
    exceeded: Cell<bool>,
    /// The numbers of the members to skip.
    unreadable: &'a [usize],
}

/// The content read so far. It is kept if the reader fails.
struct Top {
    document: Value,
    incomplete: bool,
    /// The number of the current member.
    at: usize,
}

struct TopVisitor<'a> {
    top: &'a mut Top,
    limits: &'a ReadLimits<'a>,
}

impl<'a> TopVisitor<'a> {
    /// Returns the reader for the next member.
    fn seed(&self) -> Seed<'a> {
        let exceeded = self.limits.unreadable.contains(&self.top.at);
        self.limits.exceeded.set(exceeded);
        Seed::of(self.limits)
    }

    /// Whether the member that was just read is complete.
    fn whole(&mut self) -> bool {
        self.top.at += 1;
        let exceeded = self.limits.exceeded.get();
        self.top.incomplete |= exceeded;
        !exceeded
    }
}

impl<'de> Visitor<'de> for TopVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.top.document = Value::Object(Map::new());
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(self.seed())?;
            let whole = self.whole();
            if let Value::Object(members) = &mut self.top.document {
                // The last duplicate counts, even if it is left out.
                members.remove(&name);
                if whole {
                    members.insert(name, value);
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        self.top.document = Value::Array(Vec::new());
        while let Some(value) = seq.next_element_seed(self.seed())? {
            if self.whole()
                && let Value::Array(elements) = &mut self.top.document
            {
                elements.push(value);
            }
        }
        Ok(())
    }
}

/// Reads one value, or skips it if it exceeds the limits.
#[derive(Clone, Copy)]
struct Seed<'a> {
    limits: &'a ReadLimits<'a>,
    depth: usize,
}

impl<'a> Seed<'a> {
    fn of(limits: &'a ReadLimits<'a>) -> Self {
        Self { limits, depth: 1 }
    }

    fn deeper(self) -> Self {
        let depth = self.depth + 1;
        Self { depth, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.limits.values.get();
        if left == 0 || self.depth > Problem::MAX_DEPTH || self.limits.exceeded.get() {
            self.limits.exceeded.set(true);
            // `serde_json` skips without recursion, so any depth is safe here.
            deserializer.deserialize_ignored_any(IgnoredAny)?;
            return Ok(Value::Null);
        }
        self.limits.values.set(left - 1);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(self.deeper())?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(value) = seq.next_element_seed(self.deeper())? {
            elements.push(value);
        }
        Ok(Value::Array(elements))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_came_before_a_tear_is_kept_and_the_torn_member_is_not() {
        let torn = r#"{"type":"x","a":[1,{"b":2}],"current":{"n":1,"m":"#;
        assert_eq!(read(torn), (json!({"type": "x", "a": [1, {"b": 2}]}), true));
        assert_eq!(read("[1,[2],"), (json!([1, [2]]), true));
        assert_eq!(read("{\"a\":1} tail"), (json!({"a": 1}), true));
        assert_eq!(read("{"), (json!({}), true));
    }

    #[test]
    fn a_member_that_is_too_deep_is_left_out_whole() {
        for levels in [Problem::MAX_DEPTH, 10_000, 100_000] {
            let (open, close) = ("[".repeat(levels), "]".repeat(levels));
            let text = format!("{{\"a\":{{\"b\":{open}{close}}},\"type\":\"x\"}}");
            assert_eq!(read(&text), (json!({"type": "x"}), true), "{levels}");
            let _ = read(&open);
        }
        let levels = Problem::MAX_DEPTH;
        let text = format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(!read(&text).1);
    }

    #[test]
    fn members_beyond_the_count_are_left_out_whole() {
        let many = "0,".repeat(Problem::MAX_VALUES);
        let text = format!("{{\"type\":\"x\",\"a\":[{many}0],\"code\":\"late\"}}");
        assert_eq!(read(&text), (json!({"type": "x"}), true));
    }

    #[test]
    fn a_member_that_cannot_be_held_is_left_out_and_the_rest_is_read() {
        for held in [
            "1e400",
            "[1,{\"b\":-1e999}]",
            r#""caf\ud83d""#,
            r#"{"\udc00":1}"#,
        ] {
            let text = format!(r#"{{"type":"x","n":{held},"m":{held},"code":"y"}}"#);
            let expected = json!({"type": "x", "code": "y"});
            assert_eq!(read(&text), (expected, true), "{held}");
        }
        assert_eq!(read("[1,1e400,2]"), (json!([1, 2]), true));
        let many = "\"n\":1e400,".repeat(PASSED_OVER + 1);
        let text = format!("{{\"type\":\"x\",{many}\"code\":\"y\"}}");
        assert_eq!(read(&text), (json!({"type": "x"}), true));
    }

    #[test]
    fn of_duplicate_members_the_last_counts() {
        assert_eq!(read(r#"{"a":1,"a":2}"#), (json!({"a": 2}), false));
        assert_eq!(read(r#"{"a":1,"a":1e400}"#), (json!({}), true));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: String) {
            let _ = read(&text);
        }

        #[test]
        fn whatever_serde_json_reads_is_read_alike(text in r#"\{("[a-c]":(1|-2|0\.5|null|true|"x"|\[1,\[\]\]|\{"a":2\})(,|\}|\]|))*\}"#) {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                prop_assert_eq!(read(&text), (value, false));
            }
        }
    }
}
