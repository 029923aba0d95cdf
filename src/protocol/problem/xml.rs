//! Reads XML as members: Problem Details in XML (RFC 9457 appendix B), and the error elements of cloud
//! storage, `WebDAV` and others.
//!
//! The child elements of the root are the members. An element with only text is a string, one with `<i>`
//! elements is an array, and any other is an object. Repeated elements become an array. Attributes, comments
//! and namespaces are ignored. Entities are never expanded, except the five predefined ones of XML and
//! numeric character references.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, Event};
use serde_json::{Map, Value};

use super::Problem;

/// Reads a document up to the first error. The flag states whether something was left out.
pub(super) fn read(text: &str) -> (Value, bool) {
    let mut tree = XmlTree::default();
    let mut reader = Reader::from_str(text);
    // A lone `&` is read as text, because people write it that way.
    reader.config_mut().allow_dangling_amp = true;
    let broken = loop {
        match reader.read_event() {
            Ok(Event::Start(element)) => tree.open(element.local_name().as_ref()),
            Ok(Event::Empty(element)) => {
                tree.open(element.local_name().as_ref());
                tree.close();
            }
            Ok(Event::End(_)) => tree.close(),
            Ok(Event::Text(text)) => tree.text(&text),
            Ok(Event::CData(text)) => tree.text(&text),
            Ok(Event::GeneralRef(reference)) => tree.text(&character(&reference)),
            Ok(Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_)) => {}
            Ok(Event::Eof) => break false,
            Err(_) => break true,
        }
    };
    tree.finish(broken)
}

/// The text for a reference. It is empty if the reference needs a definition.
pub(in crate::protocol) fn character(reference: &BytesRef<'_>) -> String {
    match reference.resolve_char_ref() {
        Ok(Some(character)) => character.to_string(),
        _ => resolve_xml_entity(reference).unwrap_or_default().to_owned(),
    }
}

#[derive(Default)]
struct Element {
    name: String,
    text: String,
    children: Map<String, Value>,
    items: Vec<Value>,
    exceeded: bool,
}

#[derive(Default)]
struct XmlTree {
    /// The open elements, the root first.
    open: Vec<Element>,
    /// The number of open elements that are skipped because they, or an element around them, exceed a limit.
    skipped: usize,
    elements: usize,
    root: Option<Element>,
    incomplete: bool,
}

impl XmlTree {
    fn open(&mut self, name: &str) {
        let beyond = self.root.is_some()
            || self.open.len() > Problem::MAX_DEPTH
            || self.elements >= Problem::MAX_VALUES;
        if beyond || self.skipped > 0 {
            self.skipped += 1;
            if let Some(element) = self.open.last_mut() {
                element.exceeded = true;
            }
            return;
        }
        self.elements += 1;
        self.open.push(Element {
            name: name.to_owned(),
            ..Element::default()
        });
    }

    fn text(&mut self, text: &str) {
        if let Some(element) = self.open.last_mut().filter(|_| self.skipped == 0) {
            element.text.push_str(text);
        }
    }

    fn close(&mut self) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        let Some(element) = self.open.pop() else {
            return;
        };
        match self.open.last_mut() {
            Some(parent) => {
                // A member is left out as a whole: a child of the root, but not the root itself.
                if element.exceeded {
                    parent.exceeded = true;
                } else {
                    parent.adopt(element);
                }
            }
            None => self.root = Some(element),
        }
        if let [root] = self.open.as_mut_slice() {
            self.incomplete |= std::mem::take(&mut root.exceeded);
        }
    }

    /// The members of the root. Open elements are incomplete, and only the root may be.
    fn finish(self, broken: bool) -> (Value, bool) {
        let torn = self.root.is_none();
        let root = self.root.or_else(|| self.open.into_iter().next());
        let Some(root) = root else {
            return (Value::Null, true);
        };
        let incomplete = self.incomplete || root.exceeded || torn || broken;
        let document = match root.into_value() {
            // An error element without children has only a message.
            Value::String(text) if !text.is_empty() => Value::Object(Map::from_iter([(
                "message".to_owned(),
                Value::String(text),
            )])),
            Value::String(_) => Value::Object(Map::new()),
            document => document,
        };
        (document, incomplete)
    }
}

impl Element {
    fn adopt(&mut self, child: Element) {
        let name = child.name.clone();
        let value = child.into_value();
        if name == "i" {
            self.items.push(value);
            return;
        }
        match self.children.get_mut(&name) {
            None => {
                self.children.insert(name, value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(earlier) => *earlier = Value::Array(vec![earlier.take(), value]),
        }
    }

    fn into_value(self) -> Value {
        if !self.children.is_empty() {
            Value::Object(self.children)
        } else if !self.items.is_empty() {
            Value::Array(self.items)
        } else {
            Value::String(self.text.trim().to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_are_members_and_i_makes_arrays() {
        let text = r#"<?xml version="1.0"?>
            <problem xmlns="urn:ietf:rfc:7807">
              <type>https://ex.org/probs/out-of-credit</type>
              <balance>30</balance>
              <accounts><i>/a/1</i><i>/a/2</i></accounts>
              <errors><i><pointer>#/age</pointer><detail>a &lt; b &#38; c</detail></i></errors>
              <x:note xmlns:x="y"><![CDATA[<raw>]]></x:note><again/><again>2</again>
            </problem>"#;
        let expected = json!({
            "type": "https://ex.org/probs/out-of-credit",
            "balance": "30",
            "accounts": ["/a/1", "/a/2"],
            "errors": [{"pointer": "#/age", "detail": "a < b & c"}],
            "note": "<raw>",
            "again": ["", "2"],
        });
        assert_eq!(read(text), (expected, false));
    }

    #[test]
    fn entities_are_never_expanded() {
        let text = r#"<!DOCTYPE e [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">
            <!ENTITY f SYSTEM "file:///etc/passwd">]><e><x>1&b;&f;&nbsp;2 & 3</x></e>"#;
        assert_eq!(read(text), (json!({"x": "12 & 3"}), false));
    }

    #[test]
    fn a_member_that_is_too_deep_is_left_out_whole() {
        let (open, close) = ("<a>".repeat(10_000), "</a>".repeat(10_000));
        let text = format!("<e><b><c>1</c>{open}{close}</b><Code>X</Code></e>");
        assert_eq!(read(&text), (json!({"Code": "X"}), true));
        assert!(read(&open).1);
    }

    #[test]
    fn members_beyond_the_count_are_left_out_whole() {
        let many = "<a/>".repeat(Problem::MAX_VALUES);
        let text = format!("<e><Code>X</Code><list>{many}</list><late/></e>");
        assert_eq!(read(&text), (json!({"Code": "X"}), true));
    }

    #[test]
    fn torn_and_broken_xml_gives_what_came_before() {
        for text in [
            "<Error><Code>X</Code><Message>half",
            "<Error><Code>X</Code></Wrong>",
            "<Error><Code>X</Code><!-- ",
            "<Error><Code>X</Code><current><n>1</n>",
        ] {
            assert_eq!(read(text), (json!({"Code": "X"}), true), "{text}");
        }
        assert_eq!(read("<"), (Value::Null, true));
        assert_eq!(read("</a>"), (Value::Null, true));
        assert_eq!(
            read("<Error>only words</Error>"),
            (json!({"message": "only words"}), false)
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: String) {
            let _ = read(&text);
        }

        #[test]
        fn any_markup_is_read(text in r#"(<a>|</a>|<b/>|<i>|</i>|<!|&|&#x;|&#0;|;|<\?|x|"|<!DOCTYPE |\[|\]>|<!\[CDATA\[|-->)*"#) {
            let _ = read(&text);
        }
    }
}
