//! Formats of bodies: how the bytes of a body become a document, and the reverse.

mod bytes;
mod form;
mod json;
mod text;

pub use bytes::{Blob, Bytes};
pub use form::Form;
pub use json::Json;
pub use text::Text;

use crate::BoxError;
use crate::json::{Document, JsonError};
use crate::merge::Rule;

/// A format of bodies, for APIs whose bodies are not JSON.
///
/// It turns the bytes of a body into a [`Document`], on which everything else works (edits, merges, envelopes), and the
/// reverse. Set it with [`Collection::format`](crate::Collection::format). Refusals are read in every format that the
/// crate knows, whatever this one is.
///
/// A write sends what the format makes of the document. So whatever the document does not contain is lost, such as the
/// comments and the layout of a YAML file. To keep them, use [`Text`].
///
/// | format | bodies | type of the values | merged |
/// |---|---|---|---|
/// | [`Json`] | JSON, with a media type of its own | any | as the type says |
/// | [`Text`] | iCalendar, vCard, Turtle, Markdown, XML, YAML, … as text | `String` | by lines |
/// | [`Bytes`] | images, archives, … | [`Blob`] | not at all: a strategy or the caller takes one side |
/// | [`Form`] | `application/x-www-form-urlencoded` | a struct or map of texts | as the type says |
///
/// # Example: YAML, with a crate of your choice
///
/// ```
/// use ifmatch::format::{Encoded, Format};
/// use ifmatch::{BoxError, Client, Document};
///
/// # mod yaml {
/// #     pub fn from_slice(body: &[u8]) -> Result<serde_json::Value, serde_json::Error> { serde_json::from_slice(body) }
/// #     pub fn to_string(value: &serde_json::Value) -> Result<String, serde_json::Error> { serde_json::to_string(value) }
/// # }
/// struct Yaml;
///
/// impl Format for Yaml {
///     fn media_type(&self) -> &str {
///         "application/yaml"
///     }
///
///     fn read(&self, body: &[u8], _media_type: Option<&str>) -> Result<Document, BoxError> {
///         let value: serde_json::Value = yaml::from_slice(body)?;
///         Ok(Document::from_value(&value))
///     }
///
///     fn write(&self, document: &Document) -> Result<Encoded, BoxError> {
///         Ok(yaml::to_string(&document.to_value())?.into())
///     }
/// }
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::new("https://api.example.com")?;
/// let settings = client.resource::<serde_json::Value>("settings").format(Yaml);
/// # let _ = settings;
/// # Ok(())
/// # }
/// ```
pub trait Format: Send + Sync + 'static {
    /// Returns the media type of the bodies that are sent.
    fn media_type(&self) -> &str;

    /// Returns the value of `Accept` in reads (default: the media type, and Problem Details for refusals).
    fn accept(&self) -> String {
        format!("{}, application/problem+json;q=0.9", self.media_type())
    }

    /// Reads a body. `media_type` is the response's `Content-Type`.
    ///
    /// The document of a text is a JSON string. The body of a resource may be empty.
    ///
    /// # Errors
    ///
    /// Returns an error if the body is not in this format. It should say where. The call then ends as
    /// [`Decode`](crate::ErrorKind::Decode).
    fn read(&self, body: &[u8], media_type: Option<&str>) -> Result<Document, BoxError>;

    /// Writes a body.
    ///
    /// # Errors
    ///
    /// Returns an error if the document cannot be written in this format. Nothing is sent then, and the call ends as
    /// [`Config`](crate::ErrorKind::Config).
    fn write(&self, document: &Document) -> Result<Encoded, BoxError>;

    /// Returns a text that distinguishes this format from others with the same media type (default: the name of its
    /// type).
    ///
    /// Handles whose formats have the same key share cached snapshots. So a format with settings that change what it reads
    /// must include them.
    fn key(&self) -> String {
        std::any::type_name::<Self>().to_owned()
    }

    /// Whether the bodies are JSON, so that patches can be sent (default `false`).
    fn is_json(&self) -> bool {
        false
    }

    /// Returns the merge rule of all places for which the type has none (default `None`). It applies unless the handle
    /// has a strategy of its own.
    fn default_rule(&self) -> Option<Rule> {
        None
    }
}

/// A body to be sent, made from a text or bytes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Encoded {
    /// The bytes.
    pub bytes: ::bytes::Bytes,
    /// The media type, if it is not that of the [format](Format::media_type).
    pub media_type: Option<String>,
}

impl Encoded {
    /// Sets the media type of this body.
    pub fn with_media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = Some(media_type.into());
        self
    }
}

macro_rules! encoded_from {
    ($($source:ty),*) => {$(
        impl From<$source> for Encoded {
            fn from(bytes: $source) -> Self {
                Self {
                    bytes: bytes.into(),
                    media_type: None,
                }
            }
        }
    )*};
}

encoded_from!(::bytes::Bytes, Vec<u8>, String);

/// Whether an error comes from one of the crate's own formats. Its text contains nothing of the body.
pub(crate) fn is_own(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<text::NoText>() || error.is::<form::NoForm>() || error.is::<JsonError>()
}

/// Returns the type and subtype of a media type, without its parameters.
fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// Whether two media types are the same, apart from their parameters.
pub(crate) fn is_same_media_type(one: &str, other: &str) -> bool {
    essence(one).eq_ignore_ascii_case(essence(other))
}
