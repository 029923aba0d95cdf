//! Requests and responses without their connection: those in a batch, and those that become calls.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

/// A request without credentials: one write of a batch, or what becomes a call of an API without resources.
#[derive(Clone, Copy)]
pub(crate) struct RequestParts<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Url,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
}

/// A response that is a part of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResponseParts {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}
