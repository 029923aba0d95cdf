//! APIs that have no resources: each request for a resource is translated into a call, and its result into a response.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use url::Url;

use super::{RequestParts, ResponseParts};
use crate::BoxError;
use crate::json::Document;

/// How requests for resources become the calls of an API that has none.
///
/// Everything else sees resources: a read is a `GET`, a write is conditional, and a refusal is a 412. Only the
/// [`Transport`](crate::Transport), its [layers](crate::ClientBuilder::layer) and tests see the calls.
///
/// A [`Profile`](crate::Profile) names the translation of its API. There is one for [`EtcdV3`](crate::profiles::EtcdV3).
#[derive(Clone)]
pub struct Translation(Arc<dyn Translate>);

/// The rules of a translation. They are pure.
pub(crate) trait Translate: Send + Sync + 'static {
    /// Returns the call that stands for a request, or `None` if the request is a call already.
    ///
    /// # Errors
    ///
    /// Returns an error if no call says the same, conditions included. Nothing is sent then.
    fn call(&self, request: &RequestParts<'_>) -> Result<Option<RemoteCall>, BoxError>;

    /// Returns what the result of the call means for the request.
    fn response(
        &self,
        request: &RequestParts<'_>,
        result: ResponseParts,
    ) -> Result<ResponseParts, Untranslated>;

    /// Returns the changes that a line of a feed tells of. `opened` is the address of the request that opened the feed.
    fn changes(&self, opened: &Url, line: &Document) -> Vec<Document>;
}

/// A call, which is sent by `POST` as JSON.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RemoteCall {
    pub(crate) url: Url,
    pub(crate) body: Bytes,
}

/// Why the result of a call means nothing for the request.
#[derive(Debug)]
pub(crate) enum Untranslated {
    /// The server does not know the call, so nothing was carried out.
    Unknown(StatusCode),
    /// The result cannot be read. The call may have been carried out.
    Unreadable(BoxError),
}

impl<E: Into<BoxError>> From<E> for Untranslated {
    fn from(why: E) -> Self {
        Self::Unreadable(why.into())
    }
}

impl Translation {
    pub(crate) fn by(rules: impl Translate) -> Self {
        Self(Arc::new(rules))
    }

    pub(crate) fn rules(&self) -> &dyn Translate {
        &*self.0
    }
}

impl fmt::Debug for Translation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Translation")
    }
}
