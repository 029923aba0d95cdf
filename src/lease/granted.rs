//! A lease that is held, as writes are bound to it.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use url::{Position, Url};

use super::clock::LeaseClock;
use super::fence::fence_allows;
use super::holder::Holder;
use super::keeper::Command;
use super::service::{Granted, LeaseService};
use crate::json::Document;
use crate::retry::later;
use crate::value::{Error, ErrorKind};

/// A lease that was acquired, to which writes are bound with [`Collection::under`](crate::Collection::under).
///
/// It is cheap to clone, and does not keep the lease held: the [`Held`](crate::Held) does that.
#[derive(Clone)]
pub struct Lease(pub(super) Arc<State>);

pub(super) struct State {
    pub(super) name: String,
    pub(super) service: Arc<dyn LeaseService>,
    pub(super) clock: Arc<dyn LeaseClock>,
    pub(super) facts: Mutex<Facts>,
    /// Why it was lost, once it was.
    pub(super) lost: watch::Sender<Option<LeaseLost>>,
    /// The task that renews it. It ends with the lease.
    pub(super) keeper: mpsc::WeakSender<Command>,
    /// Requests of writes that were sent and not answered.
    unanswered: AtomicUsize,
}

pub(super) struct Facts {
    pub(super) granted: Granted,
    pub(super) holder: Holder,
}

/// Why a lease is no longer held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the lease `{name}` is lost: {because}")]
#[non_exhaustive]
pub struct LeaseLost {
    /// The name of the lease.
    pub name: String,
    /// The reason.
    pub because: LostBecause,
}

/// The reason why a lease is no longer held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LostBecause {
    /// It was not renewed in time: the service could not be reached, or the process or the machine stood still.
    #[error("it was not renewed in time")]
    Expired,
    /// It was held for as long as [`Acquire::at_most`](crate::Acquire::at_most) allows.
    #[error("it was held for as long as `at_most` allows")]
    AtMost,
    /// The service says that it is not held, or held by another one.
    #[error("{}", taken_by(.by.as_deref()))]
    Taken {
        /// The holder, for people, if the service tells.
        by: Option<String>,
    },
    /// A document has the fencing token of a later holder.
    #[error("a later holder, with the fencing token {token}, has written")]
    Fenced {
        /// The token in the document.
        token: u64,
    },
    /// It was released.
    #[error("it was released")]
    Released,
    /// It is not known whether it is still held, because the service could not be asked.
    #[error("the service could not be asked whether it is still held")]
    NotVerified,
}

fn taken_by(holder: Option<&str>) -> String {
    match holder {
        Some(holder) => format!("`{holder}` holds it"),
        None => "the service no longer grants it".to_owned(),
    }
}

impl From<LeaseLost> for Error {
    fn from(lost: LeaseLost) -> Self {
        Self::new(ErrorKind::LeaseLost, lost.to_string()).with_said(lost)
    }
}

impl Lease {
    pub(super) fn new(
        service: Arc<dyn LeaseService>,
        clock: Arc<dyn LeaseClock>,
        facts: Facts,
        keeper: mpsc::WeakSender<Command>,
    ) -> Self {
        Self(Arc::new(State {
            name: facts.granted.name.clone(),
            service,
            clock,
            facts: Mutex::new(facts),
            lost: watch::Sender::default(),
            keeper,
            unanswered: AtomicUsize::default(),
        }))
    }

    /// Returns the name of the lease.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the fencing token, which is greater than that of any earlier holder of this lease. Give it to other systems,
    /// so that they can refuse an earlier holder.
    pub fn token(&self) -> u64 {
        self.facts().granted.token
    }

    /// Returns for how long the lease can be vouched for, if it is not renewed. Zero once it is lost.
    pub fn remaining(&self) -> Duration {
        if self.0.lost.borrow().is_some() {
            return Duration::ZERO;
        }
        self.facts().holder.remaining(self.0.clock.now())
    }

    /// Waits until the lease is lost or released, and returns why.
    pub async fn lost(&self) -> LeaseLost {
        let mut lost = self.0.lost.subscribe();
        let lost = lost.wait_for(Option::is_some).await;
        let lost = lost.ok().and_then(|lost| lost.clone());
        lost.unwrap_or_else(|| self.because(LostBecause::Released))
    }

    /// Checks that the lease can be vouched for. Returns until when.
    pub(crate) fn check(&self) -> Result<Instant, LeaseLost> {
        if let Some(lost) = self.0.lost.borrow().clone() {
            return Err(lost);
        }
        let remaining = self.remaining();
        if remaining.is_zero() {
            return Err(self.because(LostBecause::Expired));
        }
        Ok(later(Instant::now(), remaining))
    }

    /// Asks the service whether the lease is still held.
    pub(crate) async fn verify(&self) -> Result<(), LeaseLost> {
        let (asked, answer) = oneshot::channel();
        if let Some(keeper) = self.0.keeper.upgrade() {
            // The task may have ended.
            let _ = keeper.send(Command::Verify(asked)).await;
        }
        match answer.await {
            Ok(Verified::Held) => Ok(()),
            Ok(Verified::Lost(lost)) => Err(lost),
            Ok(Verified::Unknown) => Err(self.because(LostBecause::NotVerified)),
            Err(_) => {
                let lost = self.0.lost.borrow().clone();
                Err(lost.unwrap_or_else(|| self.because(LostBecause::Released)))
            }
        }
    }

    pub(super) fn because(&self, because: LostBecause) -> LeaseLost {
        LeaseLost {
            name: self.0.name.clone(),
            because,
        }
    }

    /// Ends the lease for all who use it. The first reason stays.
    pub(super) fn end(&self, because: LostBecause) {
        let lost = self.because(because);
        self.0.lost.send_if_modified(|known| {
            let is_first = known.is_none();
            if is_first {
                *known = Some(lost);
            }
            is_first
        });
    }

    /// Whether a write under the lease may still be on its way.
    pub(super) fn has_unanswered(&self) -> bool {
        self.0.unanswered.load(Ordering::SeqCst) > 0
    }

    // No code panics while holding this lock, so a poisoned lock is safe to use.
    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// Leaves out the id, which lets others write.
impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("name", &self.0.name)
            .field("token", &self.token())
            .finish_non_exhaustive()
    }
}

/// The answer of a service that was asked about a lease.
pub(crate) enum Verified {
    Held,
    Lost(LeaseLost),
    Unknown,
}

/// The lease of a handle, and where its documents keep the fencing token.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeaseBinding {
    lease: Option<Lease>,
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
    /// Binds a handle to a lease. A fence that was set before stays.
    pub(crate) fn new(lease: &Lease, before: Option<Self>) -> Self {
        let fence = before.and_then(|before| before.fence);
        Self {
            lease: Some(lease.clone()),
            fence: fence.or_else(|| lease.0.service.fence()),
        }
    }

    /// Sets where the documents keep the fencing token.
    pub(crate) fn fenced(before: Option<Self>, pointer: String) -> Self {
        Self {
            fence: Some(pointer),
            ..before.unwrap_or_default()
        }
    }

    /// Returns why the handle cannot be used, if it cannot.
    pub(crate) fn check_settings(&self, url: &Url) -> Result<(), String> {
        let Some(lease) = &self.lease else {
            return Err("`fenced` needs a lease: set one with `under`".to_owned());
        };
        let granted = lease.facts().granted.clone();
        match lease.0.service.protects(&granted) {
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
    pub(crate) fn fence(&self) -> Option<(&str, u64)> {
        let pointer = self.fence.as_deref()?;
        Some((pointer, self.lease.as_ref()?.token()))
    }

    /// Checks that a write may be built on this state. Returns until when a request may be under way.
    pub(crate) fn check(&self, base: Option<&Document>) -> Result<Option<Instant>, LeaseLost> {
        let Some(lease) = &self.lease else {
            return Ok(None);
        };
        let until = lease.check()?;
        if let (Some((pointer, own)), Some(base)) = (self.fence(), base)
            && let Some(token) = base.pointer(pointer).and_then(|token| token.decode().ok())
            && !fence_allows(own, Some(token))
        {
            return Err(lease.because(LostBecause::Fenced { token }));
        }
        Ok(Some(until))
    }

    /// Adds what proves the lease to the headers of a write.
    pub(crate) fn stamp(&self, headers: &mut HeaderMap) {
        if let Some(lease) = &self.lease {
            let granted = lease.facts().granted.clone();
            lease.0.service.stamp(&granted, headers);
        }
    }

    /// Asks the service whether the lease is still held, if a refusal may be about it.
    pub(crate) async fn verify(&self) -> Result<(), LeaseLost> {
        match &self.lease {
            Some(lease) if lease.0.service.is_enforced() => lease.verify().await,
            _ => Ok(()),
        }
    }

    /// Records that a request of a write leaves. It counts as under way until it is answered.
    pub(crate) fn leaves(&self) {
        if let Some(lease) = &self.lease {
            lease.0.unanswered.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Records that a request of a write was answered.
    pub(crate) fn answered(&self) {
        if let Some(lease) = &self.lease {
            lease.0.unanswered.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
