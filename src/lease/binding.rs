//! What binds a handle to a lease: the checks and the marks of its writes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::HeaderMap;
use serde_json::Value;
use tokio::time::Instant;
use url::{Position, Url};

use super::fence::fence_allows;
use super::granted::{Lease, LeaseLost, LostBecause};
use super::service::SERVICE;
use crate::BoxError;
use crate::json::{Document, JsonError};
use crate::support::panics;

/// The lease of a handle, and where its documents keep the fencing token.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeaseBinding {
    lease: Option<Lease>,
    /// The place that the application has set.
    fence: Option<String>,
}

impl PartialEq for LeaseBinding {
    fn eq(&self, other: &Self) -> bool {
        let is_same = match (&self.lease, &other.lease) {
            (Some(own), Some(other)) => Arc::ptr_eq(&own.0, &other.0),
            (own, other) => own.is_none() && other.is_none(),
        };
        is_same && self.fence == other.fence
    }
}

impl LeaseBinding {
    /// Binds a handle to a lease. A fence that the application has set stays.
    pub(crate) fn new(lease: &Lease, before: Option<Self>) -> Self {
        Self {
            lease: Some(lease.clone()),
            fence: before.and_then(|before| before.fence),
        }
    }

    /// Sets where the documents keep the fencing token.
    pub(crate) fn fenced(before: Option<Self>, pointer: String) -> Self {
        Self {
            fence: Some(pointer),
            ..before.unwrap_or_default()
        }
    }

    /// Whether there is a lease, and not only a fence.
    pub(crate) fn has_lease(&self) -> bool {
        self.lease.is_some()
    }

    /// Returns why the handle cannot write, if it cannot.
    pub(crate) fn check_settings(&self, url: &Url) -> Result<(), String> {
        let Some(lease) = &self.lease else {
            return Err("`fenced` needs a lease: set one with `under`".to_owned());
        };
        if let Some((pointer, token)) = self.fence() {
            if !pointer.starts_with('/') {
                return Err(format!(
                    "`fenced` needs the JSON Pointer of a member, such as `/meta/fence`, and not {pointer:?}"
                ));
            }
            if token == 0 {
                return Err(format!(
                    "`fenced` cannot be used with the lease `{}`, because its service has no fencing tokens",
                    lease.name()
                ));
            }
        }
        match &lease.0.rules.protects {
            Some(protected) if protected[..Position::AfterPath] != url[..Position::AfterPath] => {
                Err(format!(
                    "the lease `{}` protects only {}",
                    lease.name(),
                    protected.path()
                ))
            }
            _ => Ok(()),
        }
    }

    /// Returns the place of the fencing token, and the token.
    fn fence(&self) -> Option<(&str, u64)> {
        let lease = self.lease.as_ref()?;
        let pointer = self.fence.as_deref().or(lease.0.rules.fence.as_deref())?;
        Some((pointer, lease.token()))
    }

    /// Returns the members of documents that belong to the lease.
    pub(crate) fn places(&self) -> Vec<String> {
        let fence = self.fence().map(|(pointer, _)| pointer.to_owned());
        let lease = self.lease.as_ref();
        let carried = lease.and_then(|lease| lease.0.rules.carried.clone());
        fence.into_iter().chain(carried).collect()
    }

    /// Checks that a write may be built on this state. Returns until when a request may be under way.
    pub(crate) fn check(&self, base: Option<&Document>) -> Result<Option<Instant>, LeaseLost> {
        let Some(lease) = &self.lease else {
            return Ok(None);
        };
        let until = lease.check()?;
        if let (Some((pointer, own)), Some(base)) = (self.fence(), base)
            && let Some(token) = token_in(base, pointer)
            && !fence_allows(own, Some(token))
        {
            // Whatever the service says, a later holder has written.
            lease.end(LostBecause::Fenced { token });
            return Err(lease.because(LostBecause::Fenced { token }));
        }
        Ok(Some(until))
    }

    /// Puts into a document what each write under the lease has to keep of the state that it replaces, and the token.
    pub(crate) fn mark(
        &self,
        mut document: Document,
        base: Option<&Document>,
    ) -> Result<Document, JsonError> {
        let carried = self.lease.as_ref();
        let carried = carried.and_then(|lease| lease.0.rules.carried.as_deref());
        if let Some(pointer) = carried
            && let Some(member) = base.and_then(|base| base.pointer(pointer))
        {
            document = document.with(pointer, &member)?;
        }
        match self.fence() {
            Some((pointer, token)) => document.with(pointer, &Document::encode(&token)?),
            None => Ok(document),
        }
    }

    /// Adds what proves the lease to the headers and the address of a write.
    pub(crate) fn stamp(&self, headers: &mut HeaderMap, url: &mut Url) -> Result<(), BoxError> {
        if let Some(lease) = &self.lease {
            let granted = lease.facts().granted.clone();
            panics::catch(SERVICE, || {
                lease.0.service.stamp(&granted, headers);
                lease.0.service.stamp_url(&granted, url);
            })?;
        }
        Ok(())
    }

    /// Asks the service whether the lease is still held, if a refusal may be about it.
    pub(crate) async fn verify(&self, deadline: Instant) -> Result<(), LeaseLost> {
        match &self.lease {
            Some(lease) if lease.0.rules.is_enforced => lease.verify(deadline).await,
            _ => Ok(()),
        }
    }

    /// Records that a request of a write leaves, and adds it to those that left. It counts as under way until it is
    /// answered.
    ///
    /// # Errors
    ///
    /// Returns the loss of the lease. The request must not leave.
    pub(crate) fn leaves(&self, left: &mut usize) -> Result<(), LeaseLost> {
        let Some(lease) = &self.lease else {
            return Ok(());
        };
        // Counted first: a task that ends the lease from now on sees the request, or this sees the end.
        lease.0.unanswered.fetch_add(1, Ordering::SeqCst);
        if let Err(lost) = lease.check() {
            lease.0.unanswered.fetch_sub(1, Ordering::SeqCst);
            return Err(lost);
        }
        *left += 1;
        Ok(())
    }

    /// Records that so many requests of a write were answered.
    pub(crate) fn answered(&self, left: usize) {
        if let Some(lease) = &self.lease {
            lease.0.unanswered.fetch_sub(left, Ordering::SeqCst);
        }
    }
}

/// Returns the token in a document. One that cannot be compared counts as the greatest, so that nothing is written over it.
fn token_in(document: &Document, pointer: &str) -> Option<u64> {
    let found: Value = document
        .pointer(pointer)?
        .decode()
        .unwrap_or(Value::Bool(true));
    match found {
        Value::Null => None,
        Value::Number(number) => Some(number.as_u64().unwrap_or_else(|| {
            if number.as_f64().is_some_and(|number| number <= 0.0) {
                0
            } else {
                rounded_up(number.as_f64())
            }
        })),
        _ => Some(u64::MAX),
    }
}

/// Returns a token that is written as a fraction.
fn rounded_up(number: Option<f64>) -> u64 {
    let text = number.map(|number| format!("{:.0}", number.ceil()));
    text.and_then(|text| text.parse().ok()).unwrap_or(u64::MAX)
}
