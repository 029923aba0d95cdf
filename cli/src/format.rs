//! A format that takes bodies as JSON or as text, as the response or the user says.

use std::sync::{Arc, Mutex, PoisonError};

use ifmatch::format::{Encoded, Format, Text};
use ifmatch::{BoxError, Document};

use crate::args::BodyFormat;
use crate::content::Shape;

/// The format of one document, whose media type is known after the first read. Clones know the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeenFormat {
    /// Whether every body is taken as a text.
    is_text: bool,
    /// The media type, if the document is a text.
    text: Arc<Mutex<Option<String>>>,
}

impl SeenFormat {
    /// Creates the format that the user has named. `text` is the media type of a text, if it is known.
    pub(crate) fn new(format: BodyFormat, text: Option<String>) -> Self {
        let is_text = format == BodyFormat::Text;
        let plain = || "text/plain; charset=utf-8".to_owned();
        Self {
            is_text,
            text: Arc::new(Mutex::new(text.or_else(|| is_text.then(plain)))),
        }
    }

    /// Returns the media type, if the document is a text.
    pub(crate) fn text_type(&self) -> Option<String> {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        text.clone()
    }

    pub(crate) fn shape(&self) -> Shape {
        match self.text_type() {
            Some(_) => Shape::Text,
            None => Shape::Json,
        }
    }

    fn remember(&self, text: Option<String>) {
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }
}

impl Format for SeenFormat {
    fn media_type(&self) -> &'static str {
        "application/json"
    }

    fn accept(&self) -> String {
        "application/json, application/problem+json;q=0.9, text/*;q=0.8, */*;q=0.1".to_owned()
    }

    fn read(&self, body: &[u8], media_type: Option<&str>) -> Result<Document, BoxError> {
        let labelled = media_type.unwrap_or("application/octet-stream");
        let essence = labelled.split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        let is_json = essence.ends_with("/json") || essence.ends_with("+json");
        if !self.is_text && (is_json || !essence.starts_with("text/")) {
            match Document::parse(body) {
                Ok(document) => {
                    self.remember(None);
                    return Ok(document);
                }
                Err(error) if is_json => return Err(error.into()),
                Err(_) => {}
            }
        }
        let document = Text::new(labelled).read(body, media_type)?;
        self.remember(Some(labelled.to_owned()));
        Ok(document)
    }

    fn write(&self, document: &Document) -> Result<Encoded, BoxError> {
        match self.text_type() {
            Some(media_type) => {
                let text = Text::new(media_type.clone()).write(document)?;
                Ok(text.with_media_type(media_type))
            }
            None => Ok(document.as_str().to_owned().into()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failing test may panic")]
mod tests {
    use super::*;

    fn read(body: &str, media_type: Option<&str>) -> (String, Option<String>) {
        let format = SeenFormat::default();
        let document = format.read(body.as_bytes(), media_type).unwrap();
        (document.as_str().to_owned(), format.text_type())
    }

    #[test]
    fn a_body_is_taken_as_its_label_says() {
        let json = ("{}".to_owned(), None);
        assert_eq!(read("{}", Some("application/vnd.x+json; v=1")), json);
        assert_eq!(read("{}", None), json);
        let text = ("\"{}\"".to_owned(), Some("text/plain".to_owned()));
        assert_eq!(read("{}", Some("text/plain")), text);
        let turtle = ("\"<a> .\"".to_owned(), Some("text/turtle".to_owned()));
        assert_eq!(read("<a> .", Some("text/turtle")), turtle);
    }

    #[test]
    fn a_text_goes_back_with_the_media_type_that_it_came_with() {
        let format = SeenFormat::default();
        let document = format.read(b"a\n", Some("text/markdown")).unwrap();
        let sent = format.write(&document).unwrap();
        assert_eq!(&sent.bytes[..], b"a\n");
        assert_eq!(sent.media_type.as_deref(), Some("text/markdown"));
    }

    #[test]
    fn everything_is_a_text_if_the_user_says_so() {
        let format = SeenFormat::new(BodyFormat::Text, None);
        let document = format.read(b"{}", Some("application/json")).unwrap();
        assert_eq!(document.as_str(), "\"{}\"");
        assert_eq!(format.shape(), Shape::Text);
    }

    #[test]
    fn json_that_is_broken_is_not_taken_for_a_text() {
        let read = SeenFormat::default().read(b"{", Some("application/json"));
        assert!(read.is_err());
        assert!(SeenFormat::default().read(b"\xff\xfe", None).is_err());
    }
}
