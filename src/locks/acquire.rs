//! `acquire`: waits for a lease.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::lease::{self, Held, Order, Place};
use crate::operations::Lazy;
use crate::retry::later;
use crate::value::Error;

/// A pending acquisition, returned by [`Leases::acquire`](crate::Leases::acquire).
///
/// It waits for its turn in this process, and then for the service. If it is dropped while a request is under way that may
/// be granted, the lease is released.
#[must_use = "nothing is asked before it is awaited"]
pub struct Acquire {
    call: Lazy<Settings, Result<Held, Error>>,
}

struct Settings {
    place: Result<Place, String>,
    name: String,
    ttl: Duration,
    wait: Duration,
    owner: Option<String>,
    at_most: Option<Duration>,
}

impl Acquire {
    pub(super) fn new(
        place: Result<Place, String>,
        name: String,
        ttl: Duration,
        wait: Duration,
    ) -> Self {
        Self {
            call: Lazy::new(Settings {
                place,
                name,
                ttl,
                wait,
                owner: None,
                at_most: None,
            }),
        }
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        Self {
            call: self.call.set(change),
        }
    }

    /// Sets how long to wait for the lease (default [`Limits::time`](crate::Limits::time) of the client, or 30 seconds
    /// without a client).
    pub fn wait(self, time: Duration) -> Self {
        self.with(|settings| settings.wait = time)
    }

    /// Sets who is shown to others as the holder (default a part of a random id).
    pub fn owner(self, owner: impl Into<String>) -> Self {
        let owner = owner.into();
        self.with(|settings| settings.owner = Some(owner))
    }

    /// Sets how long the lease may be held, renewals included (default without a limit).
    ///
    /// A holder whose work hangs would otherwise keep the lease for ever.
    pub fn at_most(self, time: Duration) -> Self {
        self.with(|settings| settings.at_most = Some(time))
    }
}

impl Future for Acquire {
    type Output = Result<Held, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().call.poll_with(context, |settings| {
            Box::pin(async move {
                let place = settings.place.map_err(Error::config)?;
                let order = Order {
                    name: settings.name,
                    owner: settings.owner,
                    ttl: settings.ttl,
                    at_most: settings.at_most,
                    deadline: later(Instant::now(), settings.wait),
                };
                lease::acquire(place, order).await
            })
        })
    }
}

impl fmt::Debug for Acquire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").finish_non_exhaustive()
    }
}
