//! The credentials of a request, and whose they are.

use http::HeaderMap;
use tokio::time::{Instant, timeout_at};

use super::{Authenticator, Exchange, NoResponse};
use crate::BoxError;
use crate::store::CredentialsDigest;
use crate::support::panics;

/// How many times in a row credentials are requested while the user keeps changing.
const ASKED: u32 = 3;

impl Exchange {
    /// Adds the credentials, and returns whose they are.
    ///
    /// The authenticator is asked for the identity before and after, because the user may change in between.
    pub(super) async fn authenticated(
        &self,
        headers: &mut HeaderMap,
        deadline: Instant,
    ) -> Result<CredentialsDigest, NoResponse> {
        let Some(authenticator) = &self.authenticator else {
            return Ok(CredentialsDigest::ANONYMOUS);
        };
        let before = headers.clone();
        for _ in 0..ASKED {
            headers.clone_from(&before);
            let name = named(&**authenticator)?;
            in_time(deadline, authenticator.authenticate(headers)).await?;
            if name == named(&**authenticator)? {
                return Ok(match name {
                    Some(name) => CredentialsDigest::named(&self.secret, &name),
                    None => CredentialsDigest::holding(&self.secret, &before, headers),
                });
            }
        }
        Ok(CredentialsDigest::unknown(&self.secret))
    }

    /// Asks for new credentials after a refusal. Returns whether there are any.
    pub(crate) async fn renew(&self, deadline: Instant) -> Result<bool, NoResponse> {
        match &self.authenticator {
            Some(authenticator) => in_time(deadline, authenticator.renew()).await,
            None => Ok(false),
        }
    }

    /// Returns the user of a call with these headers, at its start.
    pub(crate) async fn whose(
        &self,
        headers: impl FnOnce() -> HeaderMap,
        deadline: Instant,
    ) -> CredentialsDigest {
        let Some(authenticator) = &self.authenticator else {
            return CredentialsDigest::ANONYMOUS;
        };
        if let Ok(Some(name)) = named(&**authenticator) {
            return CredentialsDigest::named(&self.secret, &name);
        }
        let mut headers = headers();
        self.default(&mut headers);
        let credentials = self.authenticated(&mut headers, deadline).await;
        // The error occurs again, and is reported, when the request itself is authenticated.
        credentials.unwrap_or_else(|_| CredentialsDigest::unknown(&self.secret))
    }
}

/// The reason for missing credentials, if the authenticator itself gives none.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(crate) enum NoCredentials {
    #[error("the user changed during the call, and the call does not continue as another user")]
    OfAnother,
    #[error("they did not arrive before the deadline")]
    Late,
}

/// Asks the authenticator for the identity.
fn named(authenticator: &dyn Authenticator) -> Result<Option<String>, NoResponse> {
    let name = panics::catch("the authenticator", || authenticator.identity());
    name.map_err(|panicked| NoResponse::Credentials(panicked.into()))
}

async fn in_time<T>(
    deadline: Instant,
    credentials: impl Future<Output = Result<T, BoxError>>,
) -> Result<T, NoResponse> {
    let credentials = panics::catch_in("the authenticator", credentials);
    let had = match timeout_at(deadline, credentials).await {
        Ok(Ok(had)) => had,
        Ok(Err(panicked)) => Err(panicked.into()),
        Err(_) => Err(NoCredentials::Late.into()),
    };
    had.map_err(NoResponse::Credentials)
}
