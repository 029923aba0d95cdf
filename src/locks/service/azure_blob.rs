//! Leases of Azure Blob Storage.
//!
//! The session of the request is proposed as the id of the lease, so a request whose response was lost is sent again: the
//! service grants a lease once more to its own id.

use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;
use url::Url;

use super::responses::{missing, refused, send_release, time_of};
use crate::client::Collection;
use crate::lease::{Granted, LeaseHolder, LeaseRequest, LeaseService, NotGranted};
use crate::operations::{PlainRequest, PlainResponse};
use crate::value::{Error, ErrorKind};

const ACTION: HeaderName = HeaderName::from_static("x-ms-lease-action");
const DURATION: HeaderName = HeaderName::from_static("x-ms-lease-duration");
const BREAK_PERIOD: HeaderName = HeaderName::from_static("x-ms-lease-break-period");
const PROPOSED_ID: HeaderName = HeaderName::from_static("x-ms-proposed-lease-id");
const ID: HeaderName = HeaderName::from_static("x-ms-lease-id");
const STATUS: HeaderName = HeaderName::from_static("x-ms-lease-status");

/// The seconds for which the service grants a lease. An infinite one would outlast its holder.
const SECONDS: std::ops::RangeInclusive<u64> = 15..=60;

/// The codes that say that another one holds the lease.
const HELD: [&str; 2] = ["LeaseAlreadyPresent", "LeaseIsBreakingAndCannotBeAcquired"];

/// The codes that say that a lease is no longer held by this id.
const LOST: [&str; 8] = [
    "LeaseIdMismatchWithLeaseOperation",
    "LeaseIdMismatchWithBlobOperation",
    "LeaseNotPresentWithLeaseOperation",
    "LeaseNotPresentWithBlobOperation",
    "LeaseIsBrokenAndCannotBeRenewed",
    "LeaseIsBreakingAndCannotBeChanged",
    "LeaseAlreadyBroken",
    "LeaseLost",
];

/// Leases on the blobs of a container.
pub(in crate::locks) struct BlobLeases {
    documents: Collection<Value>,
}

impl BlobLeases {
    pub(in crate::locks) fn new(documents: Collection<Value>) -> Self {
        Self { documents }
    }

    fn request(&self, action: &'static str, name: &str) -> PlainRequest {
        let request = self.documents.request(Method::PUT, name);
        let action = HeaderValue::from_static(action);
        request.query("comp", "lease").header(ACTION, action)
    }
}

/// Returns the id of a lease as a header, which is not shown.
fn id(text: &str) -> Result<HeaderValue, NotGranted> {
    let mut id = HeaderValue::from_str(text).map_err(|error| {
        NotGranted::Failed(Error::config("the id of the lease cannot be sent").with_source(error))
    })?;
    id.set_sensitive(true);
    Ok(id)
}

/// Returns the seconds to ask for.
fn seconds(ttl: Duration) -> u64 {
    let rounded = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
    rounded.clamp(*SECONDS.start(), *SECONDS.end())
}

fn has_code(response: &PlainResponse, codes: &[&str]) -> bool {
    let problem = response.problem();
    problem.code().is_some_and(|code| codes.contains(&code))
}

/// Whether a response says that the lease is lost. It ends with its blob.
fn says_lost(response: &PlainResponse) -> bool {
    matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::GONE)
        || has_code(response, &LOST)
}

#[async_trait]
impl LeaseService for BlobLeases {
    async fn acquire(&self, want: &LeaseRequest) -> Result<Granted, NotGranted> {
        let seconds = seconds(want.ttl);
        let acquire = self
            .request("acquire", &want.name)
            .header(PROPOSED_ID, id(&want.session)?)
            .header(DURATION, HeaderValue::from(seconds));
        // The same id is granted again, so it may be sent twice.
        let response = match acquire.retry().await {
            Ok(response) => response,
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                return Err(NotGranted::Unknown(error));
            }
            Err(error) => return Err(NotGranted::Failed(error)),
        };
        match response.status() {
            status if status.is_success() => {
                let (at, ttl) = (time_of(&response), Duration::from_secs(seconds));
                Ok(Granted::new(&want.name, &want.session, at, ttl))
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(missing(&want.name)),
            _ if has_code(&response, &HELD) => Err(NotGranted::held(None, None)),
            _ => Err(refused(response)),
        }
    }

    async fn renew(&self, lease: &Granted, _want: &LeaseRequest) -> Result<Granted, NotGranted> {
        let renew = self.request("renew", &lease.name);
        let response = renew.header(ID, id(&lease.id)?).await;
        let response = response.map_err(NotGranted::Failed)?;
        if response.status().is_success() {
            // It is renewed for the time that it was acquired for.
            return Ok(lease.clone());
        }
        if says_lost(&response) {
            return Err(NotGranted::Lost { by: None });
        }
        Err(refused(response))
    }

    async fn release(&self, lease: &Granted) -> Result<(), NotGranted> {
        let id = id(&lease.id)?;
        let release = || {
            let release = self.request("release", &lease.name);
            release.header(ID, id.clone())
        };
        let (response, was_lost) = send_release(release).await?;
        match response.status() {
            status if status.is_success() => Ok(()),
            _ if !says_lost(&response) => Err(refused(response)),
            _ if was_lost => Ok(()),
            _ => Err(NotGranted::Lost { by: None }),
        }
    }

    async fn look(&self, name: &str) -> Result<Option<LeaseHolder>, NotGranted> {
        let head = self.documents.request(Method::HEAD, name).retry();
        let response = head.await.map_err(NotGranted::Failed)?;
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            status if status.is_success() => {
                let status = response.headers().get(STATUS);
                let is_locked = status.is_some_and(|status| status == "locked");
                Ok(is_locked.then(LeaseHolder::default))
            }
            _ => Err(refused(response)),
        }
    }

    async fn break_lock(&self, name: &str) -> Result<(), NotGranted> {
        let at_once = HeaderValue::from_static("0");
        let broken = self.request("break", name).header(BREAK_PERIOD, at_once);
        let response = broken.retry().await.map_err(NotGranted::Failed)?;
        if response.status().is_success()
            || has_code(&response, &["LeaseNotPresentWithLeaseOperation"])
        {
            return Ok(());
        }
        Err(refused(response))
    }

    fn stamp(&self, lease: &Granted, headers: &mut HeaderMap) {
        if let Ok(id) = id(&lease.id) {
            headers.insert(ID, id);
        }
    }

    fn is_enforced(&self) -> bool {
        true
    }

    fn protects(&self, lease: &Granted) -> Option<Url> {
        self.documents.url_of(&lease.name)
    }
}
