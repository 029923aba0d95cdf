//! A lease that is held, as writes are bound to it.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use url::Url;

use super::clock::LeaseClock;
use super::holder::Holder;
use super::keeper::Command;
use super::service::{Granted, LeaseService, SERVICE};
use crate::retry::later;
use crate::support::panics::{self, Panicked};
use crate::value::{Error, ErrorKind, LeaseEvent, LeaseSeen, Observer, observer};

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
    /// What the service demands of writes under the lease.
    pub(super) rules: Rules,
    /// Requests of writes that were sent and not answered.
    pub(super) unanswered: AtomicUsize,
    pub(super) observer: Option<Arc<dyn Observer>>,
}

/// What a service demands of writes under a lease.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) fence: Option<String>,
    pub(super) carried: Option<String>,
    pub(super) is_enforced: bool,
    pub(super) protects: Option<Url>,
}

impl Rules {
    /// Asks the service, which belongs to the application.
    pub(super) fn of(service: &dyn LeaseService, granted: &Granted) -> Result<Self, Panicked> {
        panics::catch(SERVICE, || Self {
            fence: service.fence(),
            carried: service.carried(),
            is_enforced: service.is_enforced(),
            protects: service.protects(granted),
        })
    }
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
        rules: Rules,
        observer: Option<Arc<dyn Observer>>,
    ) -> Self {
        Self(Arc::new(State {
            name: facts.granted.name.clone(),
            service,
            clock,
            facts: Mutex::new(facts),
            lost: watch::Sender::default(),
            keeper,
            rules,
            unanswered: AtomicUsize::default(),
            observer,
        }))
    }

    /// Returns the name of the lease.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the fencing token, which is greater than that of any earlier holder of this lease in another process. Give it
    /// to other systems, so that they can refuse an earlier holder.
    ///
    /// Calls of one process that pass the lease on among themselves share its token. Zero if the service has no tokens.
    pub fn token(&self) -> u64 {
        self.facts().granted.token
    }

    /// Returns for how long the lease can be vouched for, if it is not renewed. Zero once it is lost.
    pub fn remaining(&self) -> Duration {
        if self.is_lost() {
            return Duration::ZERO;
        }
        let now = self.0.clock.now();
        self.facts().holder.remaining(now)
    }

    /// Whether it was lost or released.
    pub(super) fn is_lost(&self) -> bool {
        self.0.lost.borrow().is_some()
    }

    /// Waits until the lease is lost or released, and returns why.
    pub async fn lost(&self) -> LeaseLost {
        let mut lost = self.0.lost.subscribe();
        loop {
            if let Some(lost) = lost.borrow_and_update().clone() {
                return lost;
            }
            // The task that renews it may have ended with its runtime.
            let remaining = self.remaining();
            if remaining.is_zero() {
                self.end(LostBecause::Expired);
                continue;
            }
            tokio::select! {
                _ = lost.changed() => {}
                () = tokio::time::sleep(remaining) => {}
            }
        }
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
    pub(super) async fn verify(&self, deadline: Instant) -> Result<(), LeaseLost> {
        let known = || self.0.lost.borrow().clone();
        let Some(keeper) = self.0.keeper.upgrade() else {
            return Err(known().unwrap_or_else(|| self.because(LostBecause::Released)));
        };
        let asking = async {
            let (asked, answer) = oneshot::channel();
            // The task may have ended.
            let _ = keeper.send(Command::Verify(asked)).await;
            answer.await
        };
        match tokio::time::timeout_at(deadline, asking).await {
            Ok(Ok(Verified::Held)) => Ok(()),
            Ok(Ok(Verified::Lost(lost))) => Err(lost),
            Ok(Err(_)) => Err(known().unwrap_or_else(|| self.because(LostBecause::Released))),
            Ok(Ok(Verified::Unknown)) | Err(_) => Err(self.because(LostBecause::NotVerified)),
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
        let event = match &because {
            LostBecause::Released => LeaseEvent::Released,
            because => LeaseEvent::Lost {
                because: because.to_string(),
            },
        };
        let lost = self.because(because);
        let is_first = self.0.lost.send_if_modified(|known| {
            let is_first = known.is_none();
            if is_first {
                *known = Some(lost);
            }
            is_first
        });
        if is_first {
            let seen = LeaseSeen::new(&self.0.name, event);
            observer::lease(self.0.observer.as_deref(), &seen);
        }
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
