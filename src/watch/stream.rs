//! A watch, as its consumer holds it.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::change::Change;
use super::driver::{Core, Told};
use super::machine::Delivery;
use super::position::Position;
use crate::operations::{Handle, ResourceData};
use crate::store::StoredSnapshot;
use crate::support::panics;
use crate::value::{Error, Versioned, WatchEvent};

/// Follows the changes of a collection or a resource.
///
/// [`Collection::watch`](crate::Collection::watch) and [`Resource::watch`](crate::Resource::watch) open it. It is also a
/// `Stream` of the crate `futures-core`.
///
/// Everything happens while [`next`](Self::next) is awaited: nothing is read before it is asked for, no task runs, and
/// dropping the watch closes the connection. So the memory of a watch is bounded, however slow its consumer is.
///
/// # Promises
///
/// 1. Every state that stays for longer than a reconnect takes is told, or a [`Reset`](Change::Reset) is. States in between
///    may be left out, and a state may be told more than once. The states of one resource never go back in time, unless a
///    `Reset` stands between, as far as the server's reads do not.
/// 2. After a `Reset` the whole is told, removals included, then [`CaughtUp`](Change::CaughtUp).
/// 3. A connection that gives no sign of life for the idle time is left.
/// 4. The [position](Self::position) moves on only after the consumer has asked for the next change.
///
/// # Bounds
///
/// | what | bound |
/// |---|---|
/// | changes ahead of the consumer | 1 024 resources, each with its newest state; then nothing more is read |
/// | resources that are remembered, to find removals | 100 000, and 8 MiB of ids |
/// | reads to compare what was told after a reconnect | 1 000, spread over 10 seconds; above that a `Reset` |
/// | wait before a reconnect | 1 to 60 seconds with full jitter, or what the server asks for, up to an hour |
/// | silence of a connection | three heartbeats, 45 seconds until one was seen |
/// | connections without any sign of life | 3 in a row, then the collection is polled |
pub struct Watch<T> {
    handle: Handle<T>,
    /// Whether a single resource is watched.
    is_single: bool,
    core: Core,
    driver: Option<Pin<Box<dyn Future<Output = Option<Error>> + Send>>>,
    ending: Option<Error>,
    /// Whether the consumer has asked since the last change.
    has_asked: bool,
}

impl<T: ResourceData> Watch<T> {
    pub(super) fn new(
        handle: Handle<T>,
        is_single: bool,
        core: Core,
        driver: impl Future<Output = Option<Error>> + Send + 'static,
    ) -> Self {
        Self {
            handle,
            is_single,
            core,
            driver: Some(Box::pin(driver)),
            ending: None,
            has_asked: false,
        }
    }

    /// Waits for the next change. Returns `None` once the watch has ended.
    ///
    /// The future may be dropped before it is ready. Nothing is lost then.
    ///
    /// # Errors
    ///
    /// An error about one resource is returned once, and the watch goes on: one that cannot be read (`Status`, `Refused`),
    /// or that does not match the type (`Decode`). It does not mean that the resource is gone. One whose reads got no usable
    /// response (`Transport`, `Exhausted`) is read again from time to time, and its state is told as soon as it can be.
    ///
    /// After an error that ends the watch, the next call returns `None`. That is a response that another try would get
    /// again: 204, or any 4xx except 408 and 429, except 410 to a request that named a position, and except the first 401.
    pub async fn next(&mut self) -> Result<Option<Change<T>>, Error> {
        poll_fn(|context| self.poll_change(context)).await
    }

    fn poll_change(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Change<T>>, Error>> {
        if !self.has_asked {
            self.core.machine().ask();
            self.has_asked = true;
        }
        if let Some(driver) = &mut self.driver {
            let polled = panics::catch("the watch", || driver.as_mut().poll(context));
            let polled = polled
                .unwrap_or_else(|panicked| Poll::Ready(Some(Error::config(panicked.to_string()))));
            if let Poll::Ready(ending) = polled {
                self.driver = None;
                self.ending = ending;
            }
        }
        let delivery = self.core.machine().take();
        match delivery {
            Some(delivery) => {
                self.has_asked = false;
                Poll::Ready(self.change(delivery).map(Some))
            }
            None if self.driver.is_none() => Poll::Ready(match self.ending.take() {
                Some(error) => Err(error),
                None => Ok(None),
            }),
            None => Poll::Pending,
        }
    }

    fn change(&self, delivery: Delivery<String, Told>) -> Result<Change<T>, Error> {
        Ok(match delivery {
            Delivery::Put(id, Told::State(state)) | Delivery::Problem(id, Told::State(state)) => {
                Change::Put(self.versioned(&id, *state)?)
            }
            Delivery::Put(_, Told::Problem(error)) | Delivery::Problem(_, Told::Problem(error)) => {
                return Err(*error);
            }
            Delivery::Gone(id) => Change::Gone(id),
            Delivery::Reset => {
                super::driver::tell(&self.handle, WatchEvent::Reset);
                Change::Reset
            }
            Delivery::CaughtUp => Change::CaughtUp,
        })
    }

    fn versioned(&self, id: &str, state: StoredSnapshot) -> Result<Versioned<T>, Error> {
        let item = if self.is_single {
            self.handle.clone()
        } else {
            self.handle.item(id)
        };
        let has_version = state.validator.is_some();
        let url = if has_version {
            item.target()?.url
        } else {
            let mut url = item.url.clone().map_err(|why| Error::config(&*why))?;
            item.shared.profile.write_route().add_suffix(&mut url);
            url
        };
        let path = url.path().to_owned();
        let versioned = panics::catch(panics::VALUE, || {
            Versioned::new(state, url, item.id.clone())
        });
        let versioned = versioned.map_err(|panicked| Error::config(panicked.to_string()))?;
        let versioned = versioned.map_err(|error| Error::decode(&path, error))?;
        Ok(if has_version {
            versioned
        } else {
            // An item of a list may show less than the resource, so saving it reads first.
            versioned.listed_with(item.query.clone())
        })
    }
}

impl<T> Watch<T> {
    /// Returns the position up to which every change was handled: those before the last call of [`next`](Self::next).
    ///
    /// It is `None` if the feed has no positions, or has not named one yet. Keep it after a change was handled and the next
    /// one was asked for, and continue with [`OpenWatch::from`](crate::OpenWatch::from).
    pub fn position(&self) -> Option<Position> {
        self.core.machine().position().cloned().map(Position)
    }

    /// Whether a [`Reset`](Change::Reset) is followed by all removals.
    ///
    /// It is `false` once more than 100 000 resources, or 8 MiB of ids, were told, because then some are not remembered. Treat every resource
    /// as gone that was not told between a `Reset` and `CaughtUp`.
    pub fn tells_all_removals(&self) -> bool {
        self.core.machine().tells_all_removals()
    }

    /// Whether the feed was given up for polling, because its connections gave no sign of life.
    pub fn has_fallen_back(&self) -> bool {
        self.core.machine().has_fallen_back()
    }
}

impl<T: ResourceData> Stream for Watch<T> {
    type Item = Result<Change<T>, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_change(context).map(Result::transpose)
    }
}

// The driver is pinned in its box, and nothing else refers to the watch itself.
impl<T> Unpin for Watch<T> {}

impl<T> fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
