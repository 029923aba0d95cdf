//! JSON bodies.

use super::{Encoded, Format};
use crate::BoxError;
use crate::json::Document;

/// JSON with a media type of its own.
///
/// Handles without a format use JSON with the media type of the [profile](crate::Profile::media_type).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, format::Json};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::new("https://api.example.com")?;
/// let shapes = client
///     .collection::<serde_json::Value>("shapes")
///     .format(Json::new("application/geo+json"));
/// # let _ = shapes;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Json {
    media_type: String,
}

impl Json {
    /// Creates the format with this media type.
    pub fn new(media_type: impl Into<String>) -> Self {
        Self {
            media_type: media_type.into(),
        }
    }
}

impl Default for Json {
    fn default() -> Self {
        Self::new("application/json")
    }
}

impl Format for Json {
    fn media_type(&self) -> &str {
        &self.media_type
    }

    fn is_json(&self) -> bool {
        true
    }

    fn read(&self, body: &[u8], _: Option<&str>) -> Result<Document, BoxError> {
        Ok(Document::parse_with_depth(body, Document::MAX_DEPTH)?)
    }

    fn write(&self, document: &Document) -> Result<Encoded, BoxError> {
        Ok(document.to_bytes().into())
    }
}
