//! Addresses of resources found in responses.

use http::header::{CONTENT_LOCATION, LOCATION};
use url::Url;

use crate::address::within_origin;
use crate::exchange::transport::Response;
use crate::json::Document;
use crate::write::request::target::Target;

/// Returns the address of the new resource from the response to a `POST`. It is in `Location` (RFC 9110 10.2.2), or
/// made of the body's member `id`, which most APIs use for it.
pub(crate) fn of_new(target: &Target, reply: &Response) -> Option<Url> {
    if let Some(location) = reply.headers.get(LOCATION) {
        return resolve(target, location.to_str().ok()?);
    }
    let depth = target.shared.exchange.limits.depth;
    let body = target.parse(reply).ok()?;
    let named = |document: &Document| document.pointer("/id")?.as_id();
    let unwrapped = target.envelope().unwrap_body(&body, depth);
    let id = unwrapped.and_then(|unwrapped| named(&unwrapped.document));
    crate::address::item(&target.url, &id.or_else(|| named(&body))?).ok()
}

/// Resolves the address of a resource. The result is always on our own origin, so credentials never go elsewhere.
///
/// A server behind a proxy may report its own scheme, name and port, and a path without the prefix that the proxy
/// adds. Of an address on another origin only the path counts. If its parent path is the end of our own path, only
/// its last segment counts. A version segment beneath the resource, as FHIR sends it, is removed.
pub(in crate::write) fn resolve(target: &Target, reference: &str) -> Option<Url> {
    let own = &target.url;
    let mut url = match within_origin(own, reference) {
        Some(url) => url,
        None => at_home(own, &own.join(reference).ok()?)?,
    };
    if let Some(versions) = target.shared.profile.versions_beneath() {
        let path = url.path().trim_end_matches('/').to_owned();
        if let Some((above, _)) = path.rsplit_once('/')
            && let Some(resource) = above.strip_suffix(versions)
            && let Some(resource) = resource.strip_suffix('/')
        {
            url.set_path(resource);
        }
    }
    Some(url)
}

/// Whether the response to a write says that its body is a resource other than the one written (RFC 9110 8.7).
pub(in crate::write) fn is_of_another(target: &Target, reply: &Response) -> bool {
    let elsewhere = reply.headers.get(CONTENT_LOCATION);
    let elsewhere = elsewhere.and_then(|at| resolve(target, at.to_str().ok()?));
    elsewhere.is_some_and(|at| !is_within(&target.url, &at))
}

/// Whether the response to an action says that its body is the resource (RFC 9110 8.7).
pub(in crate::write) fn is_of_this(target: &Target, reply: &Response) -> bool {
    let at = reply.headers.get(CONTENT_LOCATION);
    let at = at.and_then(|at| resolve(target, at.to_str().ok()?));
    at.is_some_and(|at| is_whole(&target.url, &at))
}

/// Whether an address is that of the whole resource. A query parameter that is not in the address of the resource may
/// select an extract of it. A server may leave out parameters, such as the version of the API.
pub(in crate::write) fn is_whole(resource: &Url, at: &Url) -> bool {
    let path = |url: &Url| url.path().trim_end_matches('/').to_owned();
    let known = |pair| resource.query_pairs().any(|own| own == pair);
    path(at) == path(resource) && at.query_pairs().all(known)
}

/// Returns the address of the new resource, if the response to a creation names another address than the requested
/// one (RFC 9110 15.3.2).
pub(in crate::write) fn of_creation(target: &Target, reply: &Response) -> Option<Url> {
    let at = resolve(target, reply.headers.get(LOCATION)?.to_str().ok()?)?;
    (!is_within(&target.url, &at)).then_some(at)
}

/// Whether an address is that of a resource or lies beneath it, as its versions do. A proxy may have added a
/// prefix.
fn is_within(resource: &Url, at: &Url) -> bool {
    let Some(name) = crate::address::last_segment(resource) else {
        return true;
    };
    let mut segments = at.path().split('/').filter_map(crate::address::decoded);
    segments.any(|segment| segment == name)
}

/// Resolves a reference to the same host. A server behind a proxy may give it with another scheme or port.
pub(in crate::write) fn at_host(own: &Url, reference: &str) -> Option<Url> {
    within_origin(own, reference).or_else(|| {
        let named = own.join(reference).ok()?;
        let same = named.host().is_some() && named.host() == own.host();
        same.then(|| at_home(own, &named)).flatten()
    })
}

fn at_home(own: &Url, elsewhere: &Url) -> Option<Url> {
    if elsewhere.cannot_be_a_base() || !matches!(elsewhere.scheme(), "http" | "https") {
        return None;
    }
    let mut url = own.clone();
    let (path, slash) = match elsewhere.path().strip_suffix('/') {
        Some(path) => (path, "/"),
        None => (elsewhere.path(), ""),
    };
    let (above, last) = path.rsplit_once('/').unwrap_or_default();
    let collection = own.path().trim_end_matches('/');
    if !above.is_empty() && collection.ends_with(above) && !last.is_empty() {
        url.set_path(&format!("{collection}/{last}{slash}"));
    } else {
        url.set_path(elsewhere.path());
    }
    url.set_query(elsewhere.query());
    url.set_fragment(None);
    Some(url)
}
