//! Credentials that change.

use async_trait::async_trait;
use http::HeaderMap;

use crate::BoxError;

/// Puts credentials on each request, and renews them when the server stops taking them.
///
/// # Example
///
/// ```
/// use std::sync::Mutex;
/// use ifmatch::{async_trait, Authenticator, BoxError};
/// use http::{header::AUTHORIZATION, HeaderMap};
///
/// struct Token(Mutex<String>);
///
/// #[async_trait]
/// impl Authenticator for Token {
///     async fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), BoxError> {
///         let token = self.0.lock().map_err(|_| "poisoned")?.clone();
///         headers.insert(AUTHORIZATION, format!("Bearer {token}").parse()?);
///         Ok(())
///     }
///
///     async fn renew(&self) -> Result<bool, BoxError> {
///         *self.0.lock().map_err(|_| "poisoned")? = "fetched anew".to_owned();
///         Ok(true)
///     }
///
///     fn identity(&self) -> Option<String> {
///         Some("user 7".to_owned())
///     }
/// }
/// ```
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Adds the credentials to a request's headers. It is asked for each request, resends included.
    ///
    /// # Errors
    ///
    /// Any error ends the call before anything is sent.
    async fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), BoxError>;

    /// Called when the server wants other credentials: it answered 401, or 403 with the word that a token is
    /// missing, invalid or out of date (`x-csrf-token: Required`, `error="invalid_token"`, a page that speaks
    /// of CSRF or a crumb), or 419 or 440. `true`: there are new credentials, and the request is sent once
    /// more.
    ///
    /// # Errors
    ///
    /// Any error ends the call.
    async fn renew(&self) -> Result<bool, BoxError> {
        Ok(false)
    }

    /// Who the credentials stand for; tenants and roles too, if what is shown depends on them.
    ///
    /// Snapshots are cached by it, so that one user's never serves another and a renewed token keeps its
    /// user's snapshots. It is asked with the credentials of each request, before and after
    /// [`authenticate`](Self::authenticate). Where it changes while a write is under way, the write ends (a `Config`
    /// error, or `OutcomeUnknown` if a request may have been applied) and nothing is sent as another user; a read goes
    /// on as the new one, and nothing of it is cached under the one before.
    ///
    /// Without an answer users are told apart by their credentials. New credentials of one user cannot be
    /// told from those of another then: where they change during a call nothing is cached, and a
    /// write goes on with the new ones.
    fn identity(&self) -> Option<String> {
        None
    }
}
