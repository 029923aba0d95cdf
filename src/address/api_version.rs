//! The API version that a client requests.

use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::IntoPath;
use super::path::{PathError, join_all};

/// The API version that a client requests, and its place in each request.
///
/// It is set once, by [`ClientBuilder::api_version`](crate::ClientBuilder::api_version). If the server refuses
/// the version, by an error code or by a 406 or 415 for a media type, the call ends as
/// [`UnsupportedApiVersion`](crate::ErrorKind::UnsupportedApiVersion).
///
/// # Example
///
/// ```
/// use http::HeaderName;
/// use ifmatch::{ApiVersion, Client};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let azure = Client::builder("https://management.azure.com")
///     .api_version(ApiVersion::query("api-version", "2024-05-01"))
///     .build()?;
/// let github = Client::builder("https://api.github.com")
///     .api_version(ApiVersion::header(HeaderName::from_static("x-github-api-version"), "2022-11-28"))
///     .build()?;
/// let vendor = Client::builder("https://api.example.com")
///     .api_version(ApiVersion::media_type("application/vnd.example.v2+json"))
///     .build()?;
/// let path = Client::builder("https://api.example.com").api_version(ApiVersion::path("v2")).build()?;
/// # let _ = (azure, github, vendor, path);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ApiVersion(ApiVersionLocation);

#[derive(Clone, Debug)]
enum ApiVersionLocation {
    Path(Vec<String>),
    MediaType(String),
    Header(HeaderName, String),
    Query(String, String),
}

impl ApiVersion {
    /// Creates a version that is sent in the path, after the base URL.
    pub fn path(segments: impl IntoPath) -> Self {
        Self(ApiVersionLocation::Path(segments.into_segments()))
    }

    /// Creates a version that is sent as the media type of documents, in `Accept` and `Content-Type`.
    pub fn media_type(media_type: impl Into<String>) -> Self {
        Self(ApiVersionLocation::MediaType(media_type.into()))
    }

    /// Creates a version that is sent in a header field.
    pub fn header(name: HeaderName, version: impl Into<String>) -> Self {
        Self(ApiVersionLocation::Header(name, version.into()))
    }

    /// Creates a version that is sent in a query parameter.
    pub fn query(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self(ApiVersionLocation::Query(name.into(), version.into()))
    }

    /// Adds the version to the base URL and the default headers of a client.
    pub(crate) fn apply_to(&self, base: Url, headers: &mut HeaderMap) -> Result<Url, PathError> {
        match &self.0 {
            ApiVersionLocation::Path(segments) => return join_all(&base, segments),
            ApiVersionLocation::Header(name, version) => {
                headers.insert(name, value(version)?);
            }
            ApiVersionLocation::MediaType(media_type) => {
                value(media_type)?;
            }
            ApiVersionLocation::Query(..) => {}
        }
        Ok(base)
    }

    /// Adds the version to the query of an address, unless the address contains it already.
    pub(crate) fn put_on(&self, url: &mut Url) {
        if let ApiVersionLocation::Query(name, version) = &self.0
            && !url.query_pairs().any(|(key, _)| key == *name)
        {
            url.query_pairs_mut().append_pair(name, version);
        }
    }

    /// Returns the media type of documents, if it contains the version.
    pub(crate) fn as_media_type(&self) -> Option<&str> {
        match &self.0 {
            ApiVersionLocation::MediaType(media_type) => Some(media_type),
            _ => None,
        }
    }
}

fn value(text: &str) -> Result<HeaderValue, PathError> {
    HeaderValue::from_str(text).map_err(|_| {
        PathError::new(format!(
            "the API version {text:?} contains characters that are not allowed in a header"
        ))
    })
}
