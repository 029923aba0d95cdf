//! Cached snapshots that are kept fresh in the background.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::runtime::Handle as Runtime;

use super::driver::{Core, Driver};
use super::open::prepare;
use crate::client::{Client, Collection};
use crate::operations::{Handle, Lazy, ResourceData, operation};
use crate::value::Error;

/// The cached snapshots of a client, returned by [`Client::snapshots`].
#[derive(Clone, Copy, Debug)]
pub struct Snapshots<'a> {
    client: &'a Client,
}

/// A pending call, returned by [`Snapshots::keep_fresh`].
#[must_use = "nothing is sent before it is awaited"]
pub struct KeepFresh<T> {
    call: Lazy<KeepSettings<T>, Result<(), Error>>,
}

struct KeepSettings<T> {
    handle: Handle<T>,
    /// Whether the collection is one of this client.
    is_own: bool,
}

impl Client {
    /// Returns the cached snapshots of this client.
    pub fn snapshots(&self) -> Snapshots<'_> {
        Snapshots { client: self }
    }
}

impl Snapshots<'_> {
    /// Keeps the cached snapshots of a collection fresh, so that fewer writes are refused.
    ///
    /// A task follows the feed of the collection, and reads resources of which a snapshot is cached when the feed tells of
    /// them. It ends with the last handle of the client, or if the server refuses the feed for good. See
    /// [`OpenWatch::refresh_snapshots`](crate::OpenWatch::refresh_snapshots) for what may replace a snapshot.
    ///
    /// # Errors
    ///
    /// Returns a `Config` error if the collection is one of another client or its address is invalid, or outside of a
    /// runtime of tokio.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn f(client: ifmatch::Client, articles: ifmatch::Collection<serde_json::Value>) -> Result<(), ifmatch::Error> {
    /// client.snapshots().keep_fresh(&articles).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn keep_fresh<T: ResourceData>(&self, collection: &Collection<T>) -> KeepFresh<T> {
        KeepFresh {
            call: Lazy::new(KeepSettings {
                is_own: Arc::ptr_eq(&collection.handle().shared, self.client.shared()),
                handle: collection.handle().clone(),
            }),
        }
    }
}

operation!(KeepFresh<T> => Result<(), Error>, "keep_fresh", |it| it.handle.shown(false), |settings: KeepSettings<T>| async move {
    start(&settings)
});

fn start<T: ResourceData>(settings: &KeepSettings<T>) -> Result<(), Error> {
    if !settings.is_own {
        let why = "the collection is one of another client, which has its own snapshots";
        return Err(Error::config(why));
    }
    let no_runtime = |_| {
        Error::config("`keep_fresh` follows the feed in a task, which needs the runtime of tokio")
    };
    let runtime = Runtime::try_current().map_err(no_runtime)?;
    let (core, mut driver) = prepare(&settings.handle, false, None, |_| None)?;
    driver.refresh_snapshots();
    driver.is_for_snapshots = true;
    runtime.spawn(keep(core, driver));
    Ok(())
}

/// Runs the driver, and drops what it delivers.
async fn keep(core: Core, driver: Driver) {
    let mut driver = pin!(driver.run());
    let ending = poll_fn(|context| {
        loop {
            let polled = driver.as_mut().poll(context);
            if let Poll::Ready(ending) = polled {
                return Poll::Ready(ending);
            }
            if !core.take_all() {
                return Poll::Pending;
            }
        }
    });
    let ending = ending.await;
    #[cfg(feature = "tracing")]
    if let Some(error) = ending {
        tracing::warn!(%error, "cached snapshots are no longer kept fresh");
    }
    #[cfg(not(feature = "tracing"))]
    drop(ending);
}

impl Core {
    /// Drops all changes that are ready. Returns whether there were any.
    fn take_all(&self) -> bool {
        let mut machine = self.machine();
        let mut had_any = false;
        while machine.take().is_some() {
            machine.ask();
            had_any = true;
        }
        had_any
    }
}
