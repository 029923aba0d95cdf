//! Addresses that replies tell of resources.

use http::header::{CONTENT_LOCATION, LOCATION};
use url::Url;

use crate::exchange::transport::Response;
use crate::exchange::within_origin;
use crate::json::Document;
use crate::write::request::target::Target;

/// Where the reply to a `POST` says that the new resource is: by `Location` (RFC 9110 10.2.2), or by the
/// member `id`, which is what most APIs mean by it.
pub(crate) fn of_new(target: &Target, reply: &Response) -> Option<Url> {
    if let Some(location) = reply.headers.get(LOCATION) {
        return resolve(target, location.to_str().ok()?);
    }
    let depth = target.shared.exchange.limits.depth;
    let body = Document::parse_with_depth(&reply.body, depth).ok()?;
    let named = |document: &Document| document.pointer("/id")?.as_id();
    let unwrapped = target.envelope().unwrap_body(&body, depth);
    let id = unwrapped.and_then(|unwrapped| named(&unwrapped.document));
    crate::address::item(&target.url, &id.or_else(|| named(&body))?).ok()
}

/// The address of a resource, always on our own origin: no credentials go elsewhere.
///
/// A server behind a proxy tells its own scheme, name and port, and perhaps a path without what the proxy put
/// in front. So only the path of an address on another origin counts, and if what it lies in is the end of
/// our own path, only its last segment. A version beneath the resource, as FHIR tells it, is left out.
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

/// Whether the reply to a write says that what is in it is another resource than the one that was written
/// (RFC 9110 8.7).
pub(in crate::write) fn is_of_another(target: &Target, reply: &Response) -> bool {
    let elsewhere = reply.headers.get(CONTENT_LOCATION);
    let elsewhere = elsewhere.and_then(|at| resolve(target, at.to_str().ok()?));
    elsewhere.is_some_and(|at| !is_within(&target.url, &at))
}

/// Where the reply to a creation says that the new resource is, if that is elsewhere than it was to be
/// (RFC 9110 15.3.2).
pub(in crate::write) fn of_creation(target: &Target, reply: &Response) -> Option<Url> {
    let at = resolve(target, reply.headers.get(LOCATION)?.to_str().ok()?)?;
    (!is_within(&target.url, &at)).then_some(at)
}

/// Whether an address is that of a resource or lies beneath it, as its versions do. A proxy may have put
/// something in front of it.
fn is_within(resource: &Url, at: &Url) -> bool {
    let Some(name) = crate::address::last_segment(resource) else {
        return true;
    };
    let mut segments = at.path().split('/').filter_map(crate::address::decoded);
    segments.any(|segment| segment == name)
}

/// A reference to the same host, which a server behind a proxy may give with another scheme or port.
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
    let (above, last) = elsewhere.path().rsplit_once('/')?;
    let collection = own.path().trim_end_matches('/');
    if !above.is_empty() && collection.ends_with(above) && !last.is_empty() {
        url.set_path(&format!("{collection}/{last}"));
    } else {
        url.set_path(elsewhere.path());
    }
    url.set_query(elsewhere.query());
    url.set_fragment(None);
    Some(url)
}
