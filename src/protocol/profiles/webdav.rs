//! `WebDAV` (RFC 4918): Apache, lighttpd, `SabreDAV`, Nextcloud.

use http::StatusCode;

use crate::protocol::{Problem, Profile, RefusalKind, Versioning, WeakTags};

/// `WebDAV` servers: Apache `mod_dav`, lighttpd, `SabreDAV` and Nextcloud.
///
/// Versions are strong entity tags, and a stale write is a 412. A 409 is never a race. Either the collection
/// that should contain the resource is missing (RFC 4918 9.7.1), or in `CalDAV` and `CardDAV` another
/// resource has the same UID (RFC 4791 5.3.2.1, RFC 6352 6.3.2.1). A lock is a 423. Send its token in the
/// `If` header.
///
/// Apache marks a tag as weak for the first second after a write. Such a tag is read again until it is
/// strong. The `-gzip` that `mod_deflate` adds to tags is removed.
///
/// Apache checks `If-Match` and writes in two separate steps, so it loses some racing writes. The `WebDAV`
/// module of nginx ignores preconditions. No client can repair either, but
/// [`Client::probe`](crate::Client::probe) reports both.
///
/// A collection cannot be listed by [`Collection::list`](crate::Collection::list), because its list is XML. Send a
/// `PROPFIND` by [`Client::request`](crate::Client::request).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, profiles::WebDav};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("https://dav.example.com/files").profile(WebDav).build()?;
/// let settings = client.resource::<serde_json::Value>("settings.json");
/// # let _ = settings;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct WebDav;

/// The element in which `CalDAV` and `CardDAV` servers report that the UID is taken.
const UID_TAKEN: &str = "no-uid-conflict";

impl Profile for WebDav {
    fn versioning(&self) -> Versioning {
        Versioning::entity_tag(WeakTags::Refuse).without_gzip_suffix()
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        if problem.extension(UID_TAKEN).is_some() {
            return Some(RefusalKind::AlreadyExists);
        }
        match problem.status() {
            StatusCode::LOCKED => Some(RefusalKind::Locked),
            StatusCode::CONFLICT => Some(RefusalKind::InvalidState),
            _ => None,
        }
    }
}
