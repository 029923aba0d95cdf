//! Credentials that change.

use async_trait::async_trait;
use http::HeaderMap;

use crate::BoxError;

/// Adds credentials to each request, and renews them when the server no longer accepts them.
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
    /// Adds the credentials to the headers of a request. Called for each request, including retries.
    ///
    /// # Errors
    ///
    /// Returns an error if there are no credentials. The call then ends before the request is sent.
    async fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), BoxError>;

    /// Renews the credentials and returns whether there are new ones (default `false`).
    ///
    /// If there are, the request is sent once more.
    ///
    /// The method is called when the server asks for other credentials, which it does by a 401, 419 or 440,
    /// or by a 403 that says that a token is missing, invalid or expired (`x-csrf-token: Required`,
    /// `error="invalid_token"`, a page that mentions CSRF or a crumb).
    ///
    /// # Errors
    ///
    /// Returns an error if the credentials cannot be renewed. The call then ends.
    async fn renew(&self) -> Result<bool, BoxError> {
        Ok(false)
    }

    /// Returns the user of the credentials (default `None`). Include the tenant and role if responses depend
    /// on them.
    ///
    /// Snapshots are cached under this identity. One user's snapshots never serve another user, and a renewed
    /// token keeps the snapshots of its user. The identity is requested for each request, before and after
    /// [`authenticate`](Self::authenticate). If it changes during a write, the write ends, and nothing is
    /// sent as another user. The error is `Config`, or `OutcomeUnknown` if a request may have been applied. A
    /// read continues as the new user, and nothing of it is cached under the previous one.
    ///
    /// With `None`, users are distinguished by their credentials. New credentials of the same user then look
    /// like those of another user. If they change during a call, nothing is cached, and a write continues
    /// with the new ones.
    fn identity(&self) -> Option<String> {
        None
    }
}
