//! The addresses and the methods for reading and writing a resource.

use http::Method;
use url::{Url, form_urlencoded};

use crate::BoxError;
use crate::address::{self, IntoPath};

/// The method and the address for writing a whole document, and the address for reading it.
///
/// Removals use the address of the resource itself, and patches use `PATCH`.
///
/// # Addresses
///
/// [`at`](Self::at) and [`read_at`](Self::read_at) take a path on the server of the resource, with an optional query.
/// It may contain these parts of the address of the resource, percent-encoded as they are there:
///
/// | part | value for `https://api.example.com/v1/files/a.json` |
/// |---|---|
/// | `{path}` | `/v1/files/a.json` |
/// | `{collection}` | `/v1/files` |
/// | `{id}` | `a.json` |
///
/// The query of the resource is kept. If the address of the resource ends in a slash, so does this address.
///
/// # Default
///
/// [`put`](Self::put): `PUT` to the address of the resource, which is read there as well.
///
/// # Example
///
/// ```
/// use ifmatch::{Envelope, Generic, Versioning, WriteRoute};
///
/// // A service of Docker Swarm is read at `/services/web` and written by `POST /services/web/update?version=7`.
/// let swarm = Generic::new()
///     .versioning(Versioning::body_field("/Version/Index").sent_in_query("version").no_creation())
///     .envelope(Envelope::at("/Spec").sent_bare())
///     .write_route(WriteRoute::post().below("update"));
///
/// // `PUT` only creates, and `PATCH` with the whole document replaces.
/// let patched = Generic::new().write_route(WriteRoute::patch().create_with(WriteRoute::put()));
///
/// // The metadata of an object is read beside its content.
/// let objects = Generic::new().write_route(WriteRoute::put().read_at("{path}/metadata"));
///
/// // An object is read with `?alt=media` and uploaded elsewhere.
/// let uploads = Generic::new().write_route(
///     WriteRoute::post().at("/upload{collection}?name={id}").read_at("{path}?alt=media"),
/// );
/// # let _ = (swarm, patched, objects, uploads);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteRoute {
    method: Method,
    /// The template of the address of writes, if not the address of the resource.
    at: Option<String>,
    /// The template of the address of reads, if not the address of the resource.
    read_at: Option<String>,
    /// The route of creations, if another one.
    creation: Option<Box<WriteRoute>>,
    /// What is added to the path of each resource and collection.
    suffix: &'static str,
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
    pub fn below(self, path: impl IntoPath) -> Self {
        let slash = if path.ends_in_slash() { "/" } else { "" };
        let mut template = PATH.to_owned();
        for segment in path.into_segments() {
            template.push('/');
            address::encode(&segment, &mut template);
        }
        self.at(template + slash)
    }

    /// Sets the [address](Self#addresses) to which writes are sent.
    ///
    /// An address that cannot be built makes each call return a `Config` error.
    pub fn at(mut self, template: impl Into<String>) -> Self {
        self.at = Some(template.into());
        self
    }

    /// Sets the [address](Self#addresses) at which the resource is read.
    ///
    /// An address that cannot be built makes each call return a `Config` error.
    pub fn read_at(mut self, template: impl Into<String>) -> Self {
        self.read_at = Some(template.into());
        self
    }

    /// Sets a text that is added to the path of each resource and collection, such as `.json`.
    ///
    /// It is no part of the ids. Reads, lists, writes and removals use the path with it, and so do the parts of an
    /// [address](Self#addresses). Plain requests use the path as it is.
    pub fn suffix(mut self, suffix: &'static str) -> Self {
        self.suffix = suffix;
        self
    }

    /// Sets another route for creations, such as a `PUT` that only creates. Its [`read_at`](Self::read_at) is not
    /// used.
    pub fn create_with(mut self, route: Self) -> Self {
        self.creation = Some(Box::new(route));
        self
    }

    fn by(method: Method) -> Self {
        Self {
            method,
            at: None,
            read_at: None,
            creation: None,
            suffix: "",
        }
    }

    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// Adds the suffix to the address of a resource or a collection.
    pub(crate) fn add_suffix(&self, url: &mut Url) {
        if !self.suffix.is_empty() {
            let path = format!("{}{}", url.path(), self.suffix);
            url.set_path(&path);
        }
    }

    /// Removes the suffix from the address of a resource, if it has it.
    pub(crate) fn remove_suffix(&self, url: &mut Url) {
        let own = url.path().strip_suffix(self.suffix).map(str::to_owned);
        if let Some(own) = own.filter(|_| !self.suffix.is_empty()) {
            url.set_path(&own);
        }
    }

    /// Returns the route of creations.
    pub(crate) fn of_creation(&self) -> &Self {
        self.creation.as_deref().unwrap_or(self)
    }

    /// Returns the address to which the resource at this address is written.
    pub(crate) fn lead(&self, resource: &Url) -> Result<Url, BoxError> {
        let own = || Ok(resource.clone());
        let template = self.at.as_deref();
        template.map_or_else(own, |template| fill(template, resource))
    }

    /// Returns the address at which the resource at this address is read. `None` is the address itself.
    pub(crate) fn lead_to_read(&self, resource: &Url) -> Result<Option<Url>, BoxError> {
        let template = self.read_at.as_deref();
        template
            .map(|template| fill(template, resource))
            .transpose()
    }
}

const PATH: &str = "{path}";
const COLLECTION: &str = "{collection}";
const ID: &str = "{id}";

/// Builds an address of the same origin from a template.
fn fill(template: &str, resource: &Url) -> Result<Url, BoxError> {
    let mut url = resource.clone();
    let own = resource.path().trim_end_matches('/');
    let (collection, id) = own.rsplit_once('/').unwrap_or(("", own));
    let parts = [(PATH, own), (COLLECTION, collection), (ID, id)];
    let (path, query) = match template.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (template, None),
    };
    let path = parts.iter().fold(path.to_owned(), |path, (name, part)| {
        path.replace(name, part)
    });
    let others = parts.iter().fold(template.to_owned(), |text, (name, _)| {
        text.replace(name, "")
    });
    let has_dots = path.split('/').any(|segment| matches!(segment, "." | ".."));
    if others.contains(['{', '}']) || has_dots || !path.starts_with('/') || template.contains('#') {
        return Err(format!(
            "the address {template:?} of a route is invalid: expected a path that begins with a slash or with a part, and no \
             parts other than {PATH}, {COLLECTION} and {ID}"
        )
        .into());
    }
    let slash = resource.path().ends_with('/') && !path.ends_with('/');
    url.set_path(&if slash { path + "/" } else { path });
    if let Some(query) = query {
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // A plus in a path is a plus, and a space in a query.
            let value = parts
                .iter()
                .fold(value.into_owned(), |value, (name, part)| {
                    let part = address::decoded(part).unwrap_or_else(|| (*part).to_owned());
                    value.replace(name, &part)
                });
            address::set_parameter(&mut url, &name, &value);
        }
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]

    use super::*;

    fn filled(template: &str, resource: &str) -> Result<String, BoxError> {
        let route = WriteRoute::put().at(template);
        Ok(route.lead(&Url::parse(resource)?)?.to_string())
    }

    #[test]
    fn an_address_is_made_of_the_parts_of_the_resource() -> Result<(), BoxError> {
        let resource = "http://h/v1/o/a%2Fb+c?tenant=7";
        for (template, address) in [
            ("{path}/update", "http://h/v1/o/a%2Fb+c/update?tenant=7"),
            (
                "/upload{collection}/{id}",
                "http://h/upload/v1/o/a%2Fb+c?tenant=7",
            ),
            (
                "{path}?alt=media",
                "http://h/v1/o/a%2Fb+c?tenant=7&alt=media",
            ),
            (
                "/upload{collection}?tenant=8&name={id}",
                "http://h/upload/v1/o?tenant=8&name=a%2Fb%2Bc",
            ),
        ] {
            assert_eq!(filled(template, resource)?, address);
        }
        Ok(())
    }

    #[test]
    fn a_suffix_is_added_to_the_path() -> Result<(), BoxError> {
        let route = WriteRoute::put().suffix(".json");
        for (resource, address) in [
            (
                "http://h/users/a%2Fb?auth=7",
                "http://h/users/a%2Fb.json?auth=7",
            ),
            ("http://h", "http://h/.json"),
        ] {
            let mut url = Url::parse(resource)?;
            route.add_suffix(&mut url);
            assert_eq!(url.as_str(), address);
            route.remove_suffix(&mut url);
            assert_eq!(url, Url::parse(resource)?);
            // What has none stays.
            route.remove_suffix(&mut url);
            assert_eq!(url, Url::parse(resource)?);
        }
        Ok(())
    }

    #[test]
    fn a_slash_at_the_end_of_the_resource_is_kept() -> Result<(), BoxError> {
        let resource = Url::parse("http://h/v1/o/a/")?;
        for path in ["update", "update/", "/update"] {
            let url = WriteRoute::post().below(path).lead(&resource)?;
            assert_eq!(url.as_str(), "http://h/v1/o/a/update/", "{path}");
        }
        let url = WriteRoute::post()
            .below("update/")
            .lead(&"http://h/a".parse()?)?;
        assert_eq!(url.as_str(), "http://h/a/update/");
        Ok(())
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for template in [
            "",
            "upload",
            "{path}/../x",
            "{name}/x",
            "{path",
            "{path}#x",
            "http://other/x",
        ] {
            assert!(filled(template, "http://h/v1/o/a").is_err(), "{template}");
        }
        assert!(
            WriteRoute::post()
                .below("..")
                .lead(&Url::parse("http://h/a").unwrap())
                .is_err()
        );
        // Two slashes stay a path.
        let url = filled("//other/x", "http://h/v1/o/a");
        assert!(url.is_ok_and(|url| url.starts_with("http://h//other")));
    }
}
