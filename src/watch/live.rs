//! The newest state of one resource, kept up to date by a task.

use std::fmt;
use std::ops::Deref;

use tokio::runtime::Handle as Runtime;
use tokio::sync::watch::{Receiver, Ref, Sender, channel};
use tokio::task::AbortHandle;

use super::change::Change;
use super::open::OpenWatch;
use super::stream::Watch;
use crate::client::Resource;
use crate::operations::{Handle, Lazy, ResourceData, operation};
use crate::value::{Error, ErrorKind, Versioned};

/// A [`Live`] that is not open yet, returned by [`Resource::live`](crate::Resource::live).
#[must_use = "nothing is sent before it is awaited"]
pub struct OpenLive<T> {
    call: Lazy<LiveSettings<T>, Result<Live<T>, Error>>,
}

struct LiveSettings<T> {
    handle: Handle<T>,
    watch: OpenWatch<T>,
}

/// The newest state of a resource.
///
/// A task of the runtime follows the resource, as a [`Watch`] does. It ends when this value is dropped.
pub struct Live<T> {
    state: Receiver<LiveState<T>>,
    task: AbortHandle,
}

struct LiveState<T> {
    value: Versioned<T>,
    is_gone: bool,
    ending: Option<Error>,
}

/// The newest state, borrowed from a [`Live`].
///
/// While it is held, no newer state can come in, so do not keep it across an await.
pub struct LiveRef<'a, T>(Ref<'a, LiveState<T>>);

impl<T> Deref for LiveRef<'_, T> {
    type Target = Versioned<T>;

    fn deref(&self) -> &Versioned<T> {
        &self.0.value
    }
}

impl<T> fmt::Debug for LiveRef<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveRef")
            .field(self.0.value.snapshot())
            .finish()
    }
}

impl<T> Live<T> {
    /// Returns the newest state. If the resource is gone, it is the last one.
    pub fn borrow(&self) -> LiveRef<'_, T> {
        LiveRef(self.state.borrow())
    }

    /// Whether the resource is gone.
    pub fn is_gone(&self) -> bool {
        self.state.borrow().is_gone
    }

    /// Waits until the state has changed since the last call, or the resource is gone.
    ///
    /// # Errors
    ///
    /// Returns the error that has ended the watch, as [`Watch::next`] does. After that, it returns a `Transport` error.
    pub async fn changed(&mut self) -> Result<(), Error> {
        let is_over = self.state.changed().await.is_err();
        if !is_over && self.state.borrow().ending.is_none() {
            return Ok(());
        }
        let over = || Error::new(ErrorKind::Transport, "the watch of this resource is over");
        // The error is not `Clone`, so its text is given.
        let state = self.state.borrow();
        let ending = state.ending.as_ref().filter(|_| !is_over);
        Err(ending.map_or_else(over, |error| Error::new(error.kind(), error.to_string())))
    }
}

impl<T> Drop for Live<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<T> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

operation!(OpenLive<T> => Result<Live<T>, Error>, "live", |it| it.handle.shown(false), open);

async fn open<T: ResourceData>(settings: LiveSettings<T>) -> Result<Live<T>, Error> {
    let no_runtime = |_| {
        Error::config("`live` follows the resource in a task, which needs the runtime of tokio")
    };
    let runtime = Runtime::try_current().map_err(no_runtime)?;
    let mut watch = settings.watch.await?;
    let value = loop {
        match watch.next().await? {
            Some(Change::Put(value)) => break value,
            Some(Change::Reset) => {}
            Some(Change::Gone(_) | Change::CaughtUp) | None => {
                let path = settings.handle.target()?.url.path().to_owned();
                let message = format!("{path}: the resource does not exist");
                return Err(Error::new(ErrorKind::NotFound, message));
            }
        }
    };
    let (sender, state) = channel(LiveState {
        value,
        is_gone: false,
        ending: None,
    });
    let task = runtime.spawn(follow(watch, sender));
    Ok(Live {
        state,
        task: task.abort_handle(),
    })
}

async fn follow<T: ResourceData>(mut watch: Watch<T>, state: Sender<LiveState<T>>) {
    let mut problem = None;
    loop {
        match watch.next().await {
            Ok(Some(Change::Put(value))) => state.send_modify(|state| {
                (state.value, state.is_gone) = (value, false);
            }),
            Ok(Some(Change::Gone(_))) => state.send_modify(|state| state.is_gone = true),
            Ok(Some(Change::Reset | Change::CaughtUp)) => {}
            // An error about the resource itself. If the watch has ended with it, the next call says so.
            Err(error) => problem = Some(error),
            Ok(None) => break,
        }
    }
    state.send_modify(|state| state.ending = problem);
}

impl<T: ResourceData> Resource<T> {
    /// Keeps the newest state of the resource at hand.
    ///
    /// # Errors
    ///
    /// Returns `NotFound` if the resource does not exist, `Config` outside of a runtime of tokio, and otherwise the errors
    /// of [`Collection::get`](crate::Collection::get).
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn f(articles: ifmatch::Collection<serde_json::Value>) -> Result<(), ifmatch::Error> {
    /// let mut live = articles.item("42").live().await?;
    /// loop {
    ///     println!("{}", live.borrow()["title"]);
    ///     live.changed().await?;
    /// }
    /// # }
    /// ```
    pub fn live(&self) -> OpenLive<T> {
        OpenLive {
            call: Lazy::new(LiveSettings {
                handle: self.handle(),
                watch: self.watch(),
            }),
        }
    }
}
