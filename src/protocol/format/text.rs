//! Bodies that are text.

use super::{Encoded, Format};
use crate::BoxError;
use crate::json::Document;
use crate::merge::Rule;

/// Text of any media type, which is kept as it is written and merged by lines.
///
/// The values are of the type `String`. Two edits of different lines are merged. Edits of the same or neighbouring lines are
/// a conflict. [`Conflict::diff`](crate::Conflict::diff) prints it, and [`merge::text`](crate::merge::text) makes a text with
/// conflict markers. Line ends and the end of the last line stay as they are.
///
/// Bodies must be UTF-8. A byte order mark stays part of the text.
///
/// # Example: one calendar entry
///
/// ```no_run
/// use ifmatch::{Client, format::Text, profiles::WebDav};
///
/// # async fn f() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("https://dav.example.com/anna").profile(WebDav).build()?;
/// let events = client.collection::<String>("calendar").format(Text::new("text/calendar"));
/// let saved = events.update("lunch.ics", |event| *event = event.replace("T120000", "T130000")).await?;
/// assert!(!saved.report().unchanged); // the edit has found what it replaces
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Text {
    media_type: String,
}

impl Text {
    /// Creates the format of a text with this media type.
    ///
    /// The media type of what is sent should state the charset if its own default is not UTF-8, as in
    /// `text/plain; charset=utf-8`.
    pub fn new(media_type: impl Into<String>) -> Self {
        Self {
            media_type: media_type.into(),
        }
    }

    /// Creates the format of plain text, `text/plain; charset=utf-8`.
    pub fn plain() -> Self {
        Self::new("text/plain; charset=utf-8")
    }
}

/// The reason why a body or a document is no text.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoText {
    #[error("the text is in the charset {0:?}, and only UTF-8 can be read")]
    Charset(String),
    #[error("the text is not UTF-8 at byte {0}")]
    Utf8(usize),
    #[error("the document is not a text, but {0}: use the type `String` with this format")]
    NotText(&'static str),
}

impl Format for Text {
    fn media_type(&self) -> &str {
        &self.media_type
    }

    fn accept(&self) -> String {
        let media_type = super::essence(&self.media_type);
        format!("{media_type}, text/*;q=0.5, application/problem+json;q=0.9")
    }

    fn read(&self, body: &[u8], media_type: Option<&str>) -> Result<Document, BoxError> {
        let labelled = media_type.and_then(charset);
        if let Some(other) = labelled.filter(|charset| !is_utf8(charset)) {
            return Err(NoText::Charset(other.to_owned()).into());
        }
        let text = std::str::from_utf8(body).map_err(|error| NoText::Utf8(error.valid_up_to()))?;
        Ok(Document::encode(text)?)
    }

    fn write(&self, document: &Document) -> Result<Encoded, BoxError> {
        use serde_json::Value;
        let found = match document.to_value() {
            Value::String(text) => return Ok(text.into()),
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        Err(NoText::NotText(found).into())
    }

    fn default_rule(&self) -> Option<Rule> {
        Some(Rule::Text)
    }
}

/// Returns the parameter `charset` of a media type (RFC 9110 8.3.2).
fn charset(media_type: &str) -> Option<&str> {
    let mut is_quoted = false;
    // Within a quoted string, a semicolon does not end the parameter (RFC 9110 5.6.6).
    let mut parameters = media_type.split(|it: char| {
        is_quoted ^= it == '"';
        it == ';' && !is_quoted
    });
    parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    })
}

fn is_utf8(charset: &str) -> bool {
    let names = ["utf-8", "utf8", "us-ascii", "ascii"];
    names.iter().any(|name| charset.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::super::is_same_media_type;
    use super::*;

    #[test]
    fn a_text_comes_back_as_it_was_read() -> Result<(), BoxError> {
        let format = Text::new("text/turtle");
        for text in [
            "",
            "a\r\nb",
            "\u{feff}x\n",
            "\"\\ \u{0} ä",
            "@prefix : <#> .\n",
        ] {
            let document = format.read(text.as_bytes(), Some("text/turtle; charset=\"UTF-8\""))?;
            assert_eq!(format.write(&document)?.bytes, text.as_bytes());
        }
        Ok(())
    }

    #[test]
    fn what_is_no_text_in_utf8_is_told_with_its_place() {
        let read = |body: &[u8], media_type| {
            let read = Text::plain().read(body, media_type);
            read.err().map(|error| error.to_string())
        };
        let at = read(b"abc\xff", None).unwrap_or_default();
        assert!(at.ends_with("at byte 3"), "{at}");
        let other = read(b"abc", Some("text/plain;charset=ISO-8859-1")).unwrap_or_default();
        assert!(other.contains("ISO-8859-1"), "{other}");
        assert_eq!(read(b"abc", Some("text/plain; format=flowed")), None);
        let number = Text::plain().write(&Document::from_trusted("1"));
        assert!(number.is_err_and(|error| error.to_string().contains("a number")));
    }

    #[test]
    fn media_types_are_compared_without_their_parameters() {
        assert!(is_same_media_type(
            "text/plain; charset=utf-8",
            "Text/Plain"
        ));
        assert!(!is_same_media_type("text/plain", "text/html"));
    }
}
