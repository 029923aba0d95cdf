//! The owner of a queued write, and the handle that can send it.

use url::Position;

use crate::operations::{CallContext, Handle, ResourceData};
use crate::store::{CredentialsDigest, KeyDigest, Purpose, SnapshotKey};
use crate::support::panics;
use crate::value::Error;
use crate::write::request::target::Shared;

/// Returns the user of a client for its queued writes. Only the same user sends or sees them later.
///
/// It is the name that the authenticator gives. Without an authenticator, it is made of the client's own headers, any of
/// which may hold an API key.
pub(in crate::operations) fn owner(shared: &Shared) -> Result<KeyDigest, Error> {
    let exchange = &shared.exchange;
    let digest = |parts: Vec<&[u8]>| exchange.secret.digest(Purpose::Owner, parts);
    let Some(authenticator) = &exchange.authenticator else {
        let mut headers: Vec<_> = exchange.headers.iter().collect();
        headers.retain(|(name, _)| **name != http::header::USER_AGENT);
        headers.sort_by_key(|(name, value)| (name.as_str(), value.as_bytes()));
        let parts = headers.into_iter();
        let parts = parts.flat_map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()]);
        return Ok(digest(parts.collect()));
    };
    let name = panics::catch("the authenticator", || authenticator.identity());
    match name {
        Ok(Some(name)) => Ok(digest(vec![b"", name.as_bytes()])),
        Ok(None) => Err(Error::config(
            "a queued write belongs to a user, and the authenticator names none: log in first, or implement \
             `Authenticator::identity`",
        )),
        Err(panicked) => Err(Error::config(panicked.to_string())),
    }
}

/// Returns the digest of a collection or a single resource with its headers, by which a queued write finds its handle
/// after a restart.
pub(in crate::operations) fn handle_digest<T: ResourceData>(
    handle: &Handle<T>,
) -> Result<KeyDigest, Error> {
    let own = handle.url.as_ref().map_err(|why| Error::config(&**why))?;
    let url = match handle.id {
        Some(_) => crate::address::collection_of(own),
        None => own.clone(),
    };
    let mut headers: Vec<_> = handle.own_headers().iter().collect();
    headers.sort_by_key(|(name, value)| (name.as_str(), value.as_bytes()));
    let view = handle.target()?.view();
    let format = handle
        .format
        .as_ref()
        .map(|format| format.media_type().to_owned());
    let mut parts = vec![url[..Position::AfterPath].trim_end_matches('/').as_bytes()];
    parts.push(view.as_deref().unwrap_or_default().as_bytes());
    parts.push(format.as_deref().unwrap_or_default().as_bytes());
    for (name, value) in headers {
        parts.extend([name.as_str().as_bytes(), value.as_bytes()]);
    }
    let secret = &handle.shared.exchange.secret;
    Ok(secret.digest(Purpose::Handle, parts))
}

/// Returns the user as whom a call runs, for its queued writes. `None` if that cannot be told.
pub(in crate::operations) fn owner_of_call(
    shared: &Shared,
    context: &CallContext,
) -> Option<KeyDigest> {
    let exchange = &shared.exchange;
    if let Some(authenticator) = &exchange.authenticator {
        let name = panics::catch("the authenticator", || authenticator.identity());
        let named = CredentialsDigest::named(&exchange.secret, &name.ok()??);
        if context.key.credentials() != named {
            return None;
        }
    }
    owner(shared).ok()
}

/// The error for a write that is queued while its user changes.
pub(in crate::operations) fn another_user() -> Error {
    Error::config(
        "another user has logged in while the write was queued: make it again as that user",
    )
}

/// Returns the digest of a resource as a handle sees it: its address, the representation, and the headers of the handle,
/// any of which may name a tenant. Writes with the same digest are made in their order.
pub(in crate::operations) fn chain_digest<T: ResourceData>(
    handle: &Handle<T>,
    key: &SnapshotKey,
) -> KeyDigest {
    let mut headers: Vec<_> = handle.own_headers().iter().collect();
    headers.sort_by_key(|(name, value)| (name.as_str(), value.as_bytes()));
    let mut parts: Vec<&[u8]> = vec![key.address(), key.variant()];
    for (name, value) in headers {
        parts.extend([name.as_str().as_bytes(), value.as_bytes()]);
    }
    let secret = &handle.shared.exchange.secret;
    secret.digest(Purpose::Chain, parts)
}
