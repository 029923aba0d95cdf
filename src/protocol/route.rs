//! The address and the method for writing whole documents.

use http::Method;
use url::Url;

use crate::BoxError;
use crate::address::{self, IntoPath};

/// The method and the address for writing a whole document.
///
/// Reads and removals use the address of the resource itself, and patches use `PATCH`.
///
/// # Default
///
/// [`put`](Self::put): `PUT` to the address of the resource.
///
/// # Example: a service of Docker Swarm
///
/// It is read at `/services/web` and written by `POST /services/web/update?version=7`.
///
/// ```
/// use ifmatch::{Envelope, Generic, Versioning, WriteRoute};
///
/// let swarm = Generic::new()
///     .versioning(Versioning::body_field("/Version/Index").sent_in_query("version").no_creation())
///     .envelope(Envelope::at("/Spec").sent_bare())
///     .write_route(WriteRoute::post().below("update"));
/// # let _ = swarm;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteRoute {
    method: Method,
    below: Vec<String>,
}

impl Default for WriteRoute {
    fn default() -> Self {
        Self::put()
    }
}

impl WriteRoute {
    /// Creates a route that writes with `PUT`.
    pub fn put() -> Self {
        Self::by(Method::PUT)
    }

    /// Creates a route that writes with `POST`, for APIs in which `POST` replaces a resource.
    pub fn post() -> Self {
        Self::by(Method::POST)
    }

    /// Creates a route that writes whole documents with `PATCH`, for APIs that have no `PUT` and accept every
    /// member.
    pub fn patch() -> Self {
        Self::by(Method::PATCH)
    }

    /// Sets a path below the address of the resource, to which writes are sent.
    pub fn below(mut self, path: impl IntoPath) -> Self {
        self.below = path.into_segments();
        self
    }

    fn by(method: Method) -> Self {
        Self {
            method,
            below: Vec::new(),
        }
    }

    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the address to which the resource at this address is written.
    pub(crate) fn lead(&self, resource: &Url) -> Result<Url, BoxError> {
        Ok(address::join_all(resource, &self.below)?)
    }
}
