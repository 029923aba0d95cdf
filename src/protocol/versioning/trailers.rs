//! Versions in trailers, which follow the body.

use std::borrow::Cow;

use http::header::ETAG;
use http::{HeaderMap, HeaderName};

use super::version_part::{VersionPart, VersionSource};
use super::{VersionLocation, Versioning};

impl Versioning {
    /// Returns the headers of a response, and the version from its trailers if the body was generated while
    /// it was sent.
    ///
    /// Only fields whose definition allows it may be taken from trailers (RFC 9110 6.5.1). The definition of
    /// `ETag` allows it (8.8.3), and that of `Last-Modified` does not. Fields named by the user are assumed to
    /// be allowed.
    pub(crate) fn with_trailers<'a>(
        &self,
        headers: &'a HeaderMap,
        trailers: &HeaderMap,
    ) -> Cow<'a, HeaderMap> {
        let named: Vec<&HeaderName> = match &self.location {
            VersionLocation::Tag(_) => vec![&ETAG],
            VersionLocation::Parts(parts) => parts.iter().filter_map(VersionPart::header).collect(),
            VersionLocation::Date | VersionLocation::Nowhere => Vec::new(),
        };
        let mut headers = Cow::Borrowed(headers);
        for name in named {
            if trailers.contains_key(name) && !headers.contains_key(name) {
                for value in trailers.get_all(name) {
                    headers.to_mut().append(name, value.clone());
                }
            }
        }
        headers
    }
}

impl VersionPart {
    fn header(&self) -> Option<&HeaderName> {
        match &self.source {
            VersionSource::Header(name) => Some(name),
            VersionSource::Body(_) => None,
        }
    }
}
