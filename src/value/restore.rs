//! Conversions for edits that span two requests, where the document and its validator come back from a form, a file
//! or a queue.

use crate::json::{Document, JsonError};
use crate::protocol::Validator;
use crate::value::Error;

/// A document to restore: a [`Document`], a `serde_json::Value`, or JSON text.
pub trait IntoDocument {
    #[doc(hidden)]
    fn into_document(self) -> Result<Document, JsonError>;
}

impl IntoDocument for Document {
    fn into_document(self) -> Result<Document, JsonError> {
        Ok(self)
    }
}

impl IntoDocument for &Document {
    fn into_document(self) -> Result<Document, JsonError> {
        Ok(self.clone())
    }
}

impl IntoDocument for &str {
    fn into_document(self) -> Result<Document, JsonError> {
        Document::parse(self.as_bytes())
    }
}

impl IntoDocument for &String {
    fn into_document(self) -> Result<Document, JsonError> {
        Document::parse(self.as_bytes())
    }
}

impl IntoDocument for String {
    fn into_document(self) -> Result<Document, JsonError> {
        Document::parse(self.as_bytes())
    }
}

impl IntoDocument for &[u8] {
    fn into_document(self) -> Result<Document, JsonError> {
        Document::parse(self)
    }
}

impl IntoDocument for serde_json::Value {
    fn into_document(self) -> Result<Document, JsonError> {
        Ok(Document::from_value(&self))
    }
}

impl IntoDocument for &serde_json::Value {
    fn into_document(self) -> Result<Document, JsonError> {
        Ok(Document::from_value(self))
    }
}

/// A validator to restore: a [`Validator`], its text, or `None`.
pub trait IntoValidator {
    #[doc(hidden)]
    fn into_validator(self) -> Result<Option<Validator>, Error>;
}

impl IntoValidator for Validator {
    fn into_validator(self) -> Result<Option<Validator>, Error> {
        Ok(Some(self))
    }
}

impl IntoValidator for &Validator {
    fn into_validator(self) -> Result<Option<Validator>, Error> {
        Ok(Some(self.clone()))
    }
}

impl IntoValidator for &str {
    fn into_validator(self) -> Result<Option<Validator>, Error> {
        let read = self.parse().map(Some);
        read.map_err(|_| Error::config(format!("{self:?} is not a valid validator")))
    }
}

impl IntoValidator for &String {
    fn into_validator(self) -> Result<Option<Validator>, Error> {
        self.as_str().into_validator()
    }
}

impl IntoValidator for String {
    fn into_validator(self) -> Result<Option<Validator>, Error> {
        self.as_str().into_validator()
    }
}

impl<V: IntoValidator> IntoValidator for Option<V> {
    fn into_validator(self) -> Result<Option<Validator>, Error> {
        self.map_or(Ok(None), V::into_validator)
    }
}
