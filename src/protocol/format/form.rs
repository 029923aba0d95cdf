//! Bodies that are forms.

use std::collections::HashMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use url::form_urlencoded;

use super::{Encoded, Format};
use crate::BoxError;
use crate::json::Document;

/// Forms, `application/x-www-form-urlencoded`.
///
/// The document is an object of strings. A name that occurs several times becomes a list of strings. In what is sent, `null`
/// members are left out.
///
/// A form has no numbers, no booleans, and no lists with fewer than two texts. A handle does not send a document with one
/// of them ([`Config`](crate::ErrorKind::Config)), because it would read back as another one. Write such a field as a
/// text, by a serde attribute. [`PlainRequest::write_as`](crate::PlainRequest::write_as) sends numbers and booleans as
/// their texts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Form;

/// The reason why a body or a document is no form.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoForm {
    #[error("the form is not UTF-8 at byte {0}")]
    Utf8(usize),
    #[error("a name or a value of the form is not UTF-8 once its percent-encoding is decoded")]
    Encoded,
    #[error("the document is not an object")]
    NotObject,
    #[error(
        "the member at {0} cannot be part of a form, because it is neither a text, number or boolean nor a list of them"
    )]
    Nested(String),
}

impl Format for Form {
    fn media_type(&self) -> &'static str {
        "application/x-www-form-urlencoded"
    }

    fn read(&self, body: &[u8], _: Option<&str>) -> Result<Document, BoxError> {
        std::str::from_utf8(body).map_err(|error| NoForm::Utf8(error.valid_up_to()))?;
        // The parser replaces what is not UTF-8, and a write would then send the replacement.
        let text = String::from_utf8_lossy(body);
        let holds_replacements =
            text.contains('\u{fffd}') || text.to_ascii_uppercase().contains("%EF%BF%BD");
        let (mut members, mut places) = (Members::default(), HashMap::new());
        for (name, value) in form_urlencoded::parse(body) {
            if !holds_replacements && [&name, &value].iter().any(|it| it.contains('\u{fffd}')) {
                return Err(NoForm::Encoded.into());
            }
            let value = Value::from(value.into_owned());
            let Some(at) = places.get(&*name) else {
                places.insert(name.clone().into_owned(), members.0.len());
                members.0.push((name.into_owned(), value));
                continue;
            };
            match &mut members.0[*at].1 {
                Value::Array(values) => values.push(value),
                first => *first = Value::Array(vec![first.take(), value]),
            }
        }
        Ok(Document::encode(&members)?)
    }

    fn write(&self, document: &Document) -> Result<Encoded, BoxError> {
        let members: Members = document.decode().map_err(|_| NoForm::NotObject)?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in members.0 {
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            let values = match value {
                Value::Array(values) => {
                    let numbered = values.into_iter().enumerate();
                    let placed = numbered.map(|(at, value)| (format!("{pointer}/{at}"), value));
                    placed.collect()
                }
                value => vec![(pointer, value)],
            };
            for (pointer, value) in values {
                match value {
                    Value::Null => {}
                    Value::String(text) => {
                        form.append_pair(&name, &text);
                    }
                    Value::Bool(_) | Value::Number(_) => {
                        // The text of a number stays as it is in the document.
                        let text = document.pointer(&pointer).ok_or(NoForm::NotObject)?;
                        form.append_pair(&name, text.as_str());
                    }
                    Value::Array(_) | Value::Object(_) => {
                        return Err(NoForm::Nested(pointer).into());
                    }
                }
            }
        }
        Ok(form.finish().into())
    }
}

/// The members of an object, in their order.
#[derive(Default)]
struct Members(Vec<(String, Value)>);

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_is_an_object_of_texts() -> Result<(), BoxError> {
        let document = Form.read(b"a=1&b=x+y%26&b=%C3%A4&c=", None)?;
        assert_eq!(
            document.to_value(),
            json!({"a": "1", "b": ["x y&", "ä"], "c": ""})
        );
        let back = Form.write(&document)?;
        assert_eq!(back.bytes, "a=1&b=x+y%26&b=%C3%A4&c=");
        let typed = Document::parse(br#"{"n": [1.50, 2], "yes": true, "no": null}"#)?;
        assert_eq!(Form.write(&typed)?.bytes, "n=1.50&n=2&yes=true");
        Ok(())
    }

    #[test]
    fn what_is_no_form_is_told_with_its_place() {
        let nested = Document::from_value(&json!({"a/b": {"c": 1}}));
        let told = Form
            .write(&nested)
            .map(|_| ())
            .map_err(|error| error.to_string());
        assert!(told.is_err_and(|told| told.contains("/a~1b")));
        assert!(Form.write(&Document::from_value(&json!([1]))).is_err());
        assert!(Form.read(b"a=\xff", None).is_err());
    }
}
