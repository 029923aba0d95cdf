//! The guard of a lease that is held.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::task::Poll;

use tokio::sync::{mpsc, oneshot};

use super::granted::Lease;
use super::keeper::Command;
use crate::value::Error;

/// A lease that is held until this is released or dropped.
///
/// A task renews it. If it can no longer be vouched for, [`lost`](Lease::lost) returns, [`run`](Self::run) drops its work,
/// and no write under it is sent any more.
///
/// Dropping it releases the lease in the background, with at most one request. If the runtime has ended, nothing is sent,
/// and the lease ends by itself.
pub struct Held {
    lease: Lease,
    keeper: mpsc::Sender<Command>,
}

impl Held {
    pub(super) fn new(lease: Lease, keeper: mpsc::Sender<Command>) -> Self {
        Self { lease, keeper }
    }

    /// Releases the lease.
    ///
    /// A call in this process that waits for it may get it at once, without a request.
    ///
    /// # Errors
    ///
    /// Returns `LeaseLost` if it was lost before, and the error of the request if it could not be released. No other
    /// client gets it then before its time is over.
    pub async fn release(self) -> Result<(), Error> {
        let (asked, answer) = oneshot::channel();
        // The task ends only with the lease.
        let _ = self.keeper.send(Command::Release(asked)).await;
        match answer.await {
            Ok(released) => released,
            Err(_) => Err(self.lease.lost().await.into()),
        }
    }

    /// Runs work under the lease, and releases it afterwards. The work is not polled any more once the lease can no longer be
    /// vouched for, and is dropped.
    ///
    /// # Errors
    ///
    /// Returns `LeaseLost` if the lease was lost before the work ended, also if that was just before. If only the release fails, the result of the work is
    /// returned, and the lease ends by itself.
    pub async fn run<O>(self, work: impl Future<Output = O>) -> Result<O, Error> {
        let mut work = std::pin::pin!(work);
        // A machine that slept must not go on with the work before the loss is noticed.
        let vouched = std::future::poll_fn(|context| match self.lease.check() {
            Ok(_) => work.as_mut().poll(context).map(Ok),
            Err(lost) => Poll::Ready(Err(lost)),
        });
        let output = tokio::select! {
            biased;
            lost = self.lease.lost() => return Err(lost.into()),
            output = vouched => output?,
        };
        self.lease.check()?;
        let _ = self.release().await;
        Ok(output)
    }
}

impl Deref for Held {
    type Target = Lease;

    fn deref(&self) -> &Lease {
        &self.lease
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lease.fmt(f)
    }
}
