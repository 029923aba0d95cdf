//! How a document is spelled inside its body.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::json::{Document, JsonError};

/// Reads Base64 with and without padding, and writes it with padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum DocumentSpelling {
    /// As JSON.
    #[default]
    Json,
    /// As a text, which is in Base64 if the body says so.
    Text,
    /// As a text in Base64.
    Base64,
}

impl DocumentSpelling {
    /// Reads the document at this place of the body.
    pub(super) fn read(self, body: &Document, at: &str, depth: usize) -> Option<Document> {
        let found = body.pointer(at)?;
        if self == Self::Json {
            return Some(found).filter(|found| found.as_str() != "null");
        }
        let text = found.to_value();
        let text = text.as_str()?;
        if !self.is_base64(Some(body), at) {
            return Document::parse_with_depth(text.as_bytes(), depth).ok();
        }
        // Some servers break the lines after 60 or 76 characters.
        let digits: String = text.split_ascii_whitespace().collect();
        let bytes = BASE64.decode(digits).ok()?;
        Document::parse_with_depth(&bytes, depth).ok()
    }

    /// Returns the value that represents the document at this place of the surrounding body.
    pub(super) fn write(
        self,
        document: &Document,
        around: Option<&Document>,
        at: &str,
    ) -> Result<Document, JsonError> {
        if self == Self::Json {
            Ok(document.clone())
        } else if self.is_base64(around, at) {
            Document::encode(&BASE64.encode(document.as_str()))
        } else {
            Document::encode(document.as_str())
        }
    }

    fn is_base64(self, body: Option<&Document>, at: &str) -> bool {
        let says_base64 = || {
            let (above, _) = at.rsplit_once('/')?;
            let encoding = body?.pointer(&format!("{above}/encoding"))?.to_value();
            Some(encoding.as_str()?.eq_ignore_ascii_case("base64"))
        };
        self == Self::Base64 || self == Self::Text && says_base64() == Some(true)
    }
}
