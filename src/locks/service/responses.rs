//! What the responses of the services that lock resources themselves have in common.

use std::time::{SystemTime, UNIX_EPOCH};

use http::header::DATE;

use crate::lease::NotGranted;
use crate::operations::{PlainRequest, PlainResponse};
use crate::value::{Error, ErrorKind};

/// How often a release is sent whose response is lost.
const RELEASES: u32 = 3;

/// Sends a release, and sends it again while its response is lost. Returns the response, and whether an earlier one was
/// lost, so that the lease may be gone because of it.
pub(super) async fn send_release(
    release: impl Fn() -> PlainRequest + Send,
) -> Result<(PlainResponse, bool), NotGranted> {
    let mut sent = 0;
    loop {
        match release().await {
            Ok(response) => return Ok((response, sent > 0)),
            Err(error) if error.kind() != ErrorKind::OutcomeUnknown => {
                return Err(NotGranted::Failed(error));
            }
            Err(error) if sent + 1 >= RELEASES => return Err(NotGranted::Unknown(error)),
            Err(_) => sent += 1,
        }
    }
}

/// Returns the time of a grant in milliseconds since 1970, by the clock of the server if it tells the time.
///
/// All holders of a lease get it from the same server, so it rises, unless two grants are within one second.
pub(super) fn time_of(response: &PlainResponse) -> u64 {
    let date = response.headers().get(DATE);
    let date = date.and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let since = date.unwrap_or_else(SystemTime::now);
    let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the error of a request that the server refused, or answered in a way that has no meaning here.
pub(super) fn refused(response: PlainResponse) -> NotGranted {
    let (path, status) = (response.url().path().to_owned(), response.status());
    NotGranted::Failed(match response.error_for_status() {
        Err(error) => error,
        Ok(_) => Error::new(
            ErrorKind::Status,
            format!("{path}: the server answers {status}, which is not the grant of a lease"),
        ),
    })
}

/// Returns the error of a resource that cannot be leased, because it does not exist.
pub(super) fn missing(name: &str) -> NotGranted {
    let why = format!("the resource `{name}` does not exist");
    NotGranted::Failed(Error::new(ErrorKind::NotFound, why))
}
