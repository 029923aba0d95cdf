//! Addresses that replies tell of resources.

use ::http::header::LOCATION;
use url::Url;

use super::target::Target;
use crate::exchange::within_origin;
use crate::json::Document;
use crate::transport::Response;

/// Where the reply to a `POST` says that the new resource is: by `Location` (RFC 9110 10.2.2), or by the
/// member `id`, which is what most APIs mean by it.
pub(crate) fn of_new(target: &Target, reply: &Response) -> Option<Url> {
    if let Some(location) = reply.headers.get(LOCATION) {
        return told(target, location.to_str().ok()?);
    }
    let depth = target.shared.exchange.limits.depth;
    let body = Document::parse_with_depth(&reply.body, depth).ok()?;
    let named = |document: &Document| document.pointer("/id")?.as_id();
    let opened = target.envelope().open(&body, depth);
    let id = opened.and_then(|opened| named(&opened.document));
    crate::path::item(&target.url, &id.or_else(|| named(&body))?).ok()
}

/// The address of a resource, always on our own origin: no credentials go elsewhere.
///
/// A server behind a proxy tells its own scheme, name and port, and perhaps a path without what the proxy put
/// in front. So only the path of an address on another origin counts, and if what it lies in is the end of
/// our own path, only its last segment. A version beneath the resource, as FHIR tells it, is left out.
pub(super) fn told(target: &Target, reference: &str) -> Option<Url> {
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
