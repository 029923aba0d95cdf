//! Bodies that are neither JSON nor text.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Encoded, Format};
use crate::BoxError;
use crate::json::Document;
use crate::merge::{Merge, Policy, Rule};

/// Images, archives and other bodies that are taken as they are.
///
/// The values are of the type [`Blob`], which has the bytes and their media type. They are never merged. If two clients
/// change one, the strategy decides which side wins ([`LocalWins`](crate::LocalWins),
/// [`RemoteWins`](crate::RemoteWins)), or the call ends as [`Conflict`](crate::ErrorKind::Conflict).
///
/// # Example
///
/// ```no_run
/// use ifmatch::Client;
/// use ifmatch::format::{Blob, Bytes};
///
/// # async fn f(client: Client, photo: Vec<u8>) -> Result<(), ifmatch::Error> {
/// let photos = client.collection::<Blob>("photos").format(Bytes::any());
/// photos.create("cover", &Blob::new("image/png", photo)).await?;
/// let cover = photos.get("cover").await?;
/// println!("{} bytes of {}", cover.bytes().len(), cover.media_type());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Bytes {
    accepted: String,
}

impl Bytes {
    /// Creates the format for bodies of any media type.
    pub fn any() -> Self {
        Self::only("*/*")
    }

    /// Creates the format for bodies with a media type such as `image/png` or `image/*`, which is requested in reads.
    pub fn only(accepted: impl Into<String>) -> Self {
        Self {
            accepted: accepted.into(),
        }
    }
}

/// The bytes of a body, with their media type.
///
/// It is cheap to clone. Its JSON form is one text, a data URL (RFC 2397), so a media type is never merged with the bytes
/// of another one.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob {
    media_type: String,
    bytes: ::bytes::Bytes,
}

/// The media type of bytes about which nothing else is known (RFC 9110 8.3).
const UNKNOWN: &str = "application/octet-stream";

impl Blob {
    /// Creates a blob. The media type is kept in lower case and without optional spaces (RFC 9110 8.3.1).
    pub fn new(media_type: impl AsRef<str>, bytes: impl Into<::bytes::Bytes>) -> Self {
        let parts: Vec<&str> = media_type.as_ref().split(';').map(str::trim).collect();
        Self {
            media_type: parts.join(";").to_ascii_lowercase(),
            bytes: bytes.into(),
        }
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &::bytes::Bytes {
        &self.bytes
    }

    /// Returns the media type, or `application/octet-stream` if the server stated none.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob")
            .field("media_type", &self.media_type)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (media_type, bytes) = (&self.media_type, STANDARD.encode(&self.bytes));
        serializer.serialize_str(&format!("data:{media_type}{BASE64}{bytes}"))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let url = String::deserialize(deserializer)?;
        let parts = url
            .strip_prefix("data:")
            .and_then(|url| url.rsplit_once(BASE64));
        let (media_type, bytes) = parts.ok_or_else(|| D::Error::custom("no data URL in Base64"))?;
        let bytes = STANDARD.decode(bytes).map_err(D::Error::custom)?;
        Ok(Self::new(media_type, bytes))
    }
}

/// What precedes the bytes in a data URL (RFC 2397).
const BASE64: &str = ";base64,";

impl Merge for Blob {
    fn policy() -> Policy {
        Policy::new().field("", Rule::Atomic)
    }
}

impl Format for Bytes {
    fn media_type(&self) -> &str {
        UNKNOWN
    }

    fn accept(&self) -> String {
        self.accepted.clone()
    }

    fn read(&self, body: &[u8], media_type: Option<&str>) -> Result<Document, BoxError> {
        Ok(Document::encode(&Blob::new(
            media_type.unwrap_or(UNKNOWN),
            body.to_vec(),
        ))?)
    }

    fn write(&self, document: &Document) -> Result<Encoded, BoxError> {
        let blob: Blob = document.decode()?;
        Ok(Encoded::from(blob.bytes).with_media_type(blob.media_type))
    }
}
