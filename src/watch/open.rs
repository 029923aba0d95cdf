//! The settings of a watch.

use std::time::Duration;

use super::driver::{Core, Driver, Scope};
use super::keep::Keeper;
use super::machine::{Machine, Rules};
use super::position::Position;
use super::stream::Watch;
use crate::client::{Collection, Resource};
use crate::operations::{Handle, Lazy, ResourceData, operation};
use crate::protocol::{Feed, FeedForm, ListForm};
use crate::value::Error;

/// A watch that is not open yet, returned by [`Collection::watch`](crate::Collection::watch).
///
/// Awaiting it returns a [`Watch`].
///
/// # Default
///
/// | setting | default |
/// |---|---|
/// | [`from`](Self::from) | the whole collection is told first, then its changes |
/// | [`feed`](Self::feed) | that of the profile, or polling |
/// | [`idle_timeout`](Self::idle_timeout) | three heartbeats, 45 seconds until one was seen |
/// | [`refresh_snapshots`](Self::refresh_snapshots) | no |
/// | [`allow_origin`](Self::allow_origin) | only the origin of the API |
#[must_use = "nothing is sent before it is awaited"]
pub struct OpenWatch<T> {
    call: Lazy<WatchSettings<T>, Result<Watch<T>, Error>>,
}

struct WatchSettings<T> {
    handle: Handle<T>,
    is_single: bool,
    feed: Option<Feed>,
    from: Option<Position>,
    idle_time: Option<Duration>,
    refreshes: bool,
    elsewhere: Vec<String>,
}

impl<T: ResourceData> OpenWatch<T> {
    fn new(handle: Handle<T>, is_single: bool) -> Self {
        Self {
            call: Lazy::new(WatchSettings {
                handle,
                is_single,
                feed: None,
                from: None,
                idle_time: None,
                refreshes: false,
                elsewhere: Vec::new(),
            }),
        }
    }

    /// Continues from a position of an earlier watch, instead of telling the whole first.
    ///
    /// If the server cannot continue from there, or cannot say whether it does, the watch begins with a
    /// [`Reset`](crate::Change::Reset).
    pub fn from(self, position: impl Into<Option<Position>>) -> Self {
        let position = position.into();
        Self {
            call: self.call.set(|settings| settings.from = position),
        }
    }

    /// Sets the feed to follow (default that of the profile, or polling).
    pub fn feed(self, feed: Feed) -> Self {
        Self {
            call: self.call.set(|settings| settings.feed = Some(feed)),
        }
    }

    /// Sets for how long a connection may give no sign of life (default three heartbeats, and 45 seconds until one was
    /// seen).
    ///
    /// Set it for a feed that sends no heartbeats and may be quiet for longer, because each silence leads to a reconnect.
    pub fn idle_timeout(self, time: Duration) -> Self {
        Self {
            call: self.call.set(|settings| settings.idle_time = Some(time)),
        }
    }

    /// Lets the feed lie on another origin, such as `https://stream.example.com`. It can be called several times.
    ///
    /// Some APIs redirect a feed to another host (307), or link to one there. Only origins that are named here are followed.
    /// No credentials and no default headers are sent to them, and no query parameters that are not part of the address
    /// that the server gives. Lists and reads go to the origin of the API only.
    ///
    /// A text that is no URL makes the call return a `Config` error.
    pub fn allow_origin(self, origin: impl Into<String>) -> Self {
        let origin = origin.into();
        Self {
            call: self.call.set(|settings| settings.elsewhere.push(origin)),
        }
    }

    /// Keeps the cached snapshots of the collection fresh, so that fewer writes are refused.
    ///
    /// Only resources are refreshed of which a snapshot is cached. A newer state replaces it if its version tells that it is
    /// newer, or if it was read after the feed had told of it. Otherwise the next write reads first. A write is as
    /// safe as without it, whatever the feed says.
    ///
    /// It works while the watch is polled. [`Snapshots::keep_fresh`](crate::Snapshots::keep_fresh) works on its own.
    pub fn refresh_snapshots(self) -> Self {
        Self {
            call: self.call.set(|settings| settings.refreshes = true),
        }
    }
}

operation!(OpenWatch<T> => Result<Watch<T>, Error>, "watch", |it| it.handle.shown(false), |settings: WatchSettings<T>| async move {
    open(settings)
});

fn open<T: ResourceData>(settings: WatchSettings<T>) -> Result<Watch<T>, Error> {
    let handle = settings.handle;
    let refreshes = settings.refreshes;
    let (core, driver) = prepare(&handle, settings.is_single, settings.feed, |rules| {
        rules.idle_time = settings.idle_time;
        settings.from
    })?;
    let mut driver = driver;
    for origin in &settings.elsewhere {
        let url = crate::address::base(origin)?;
        driver.elsewhere.push(url.origin());
    }
    if refreshes {
        driver.refresh_snapshots();
    }
    Ok(Watch::new(handle, settings.is_single, core, driver.run()))
}

/// Prepares the machine and the driver of a watch. Nothing is sent.
pub(super) fn prepare<T: ResourceData>(
    handle: &Handle<T>,
    is_single: bool,
    feed: Option<Feed>,
    set: impl FnOnce(&mut Rules) -> Option<Position>,
) -> Result<(Core, Driver), Error> {
    let url = handle.target()?.url;
    let own = handle.url.clone().map_err(|why| Error::config(&*why))?;
    let is_item = is_single && handle.id.is_some();
    let scope = Scope {
        collection: if is_item {
            crate::address::collection_of(&own)
        } else {
            own
        },
        only: is_single.then(|| {
            let named = || crate::address::last_segment(&url).unwrap_or_default();
            handle.id.clone().unwrap_or_else(named)
        }),
    };
    let of_profile = || handle.shared.profile.feed();
    let feed = match feed {
        Some(feed) => feed,
        // A feed is that of a collection.
        None if is_single && !is_item => Feed::polling(),
        None => of_profile().unwrap_or_else(Feed::polling),
    };
    let feed = if is_single { feed.of_one() } else { feed };
    // All pages of a collection cost more than reading one resource again and again.
    let polls = feed.form == FeedForm::Polling || (is_single && feed.form == FeedForm::Pages);
    let mut rules = Rules {
        signals_gaps: feed.signals_gaps,
        lists_first: feed.list.position.is_some() && !polls && !is_single,
        polls,
        is_paged: feed.form == FeedForm::Pages,
        items_are_whole: feed.list.is_whole || is_single,
        items_are_names: feed.list.form == ListForm::Container && !is_single,
        misses_changes: feed.misses_changes,
        begins_with_whole: feed.begins_with_whole(),
        tells_states: feed.tells_states(),
        interval: feed.interval,
        ..Rules::polling()
    };
    let from = set(&mut rules);
    let core = Core::new(Machine::new(rules, from.map(|from| from.0)));
    let driver = Driver::new(&handle.as_documents(), scope, feed, core.clone());
    Ok((core, driver))
}

impl Driver {
    /// Keeps cached snapshots fresh.
    pub(super) fn refresh_snapshots(&mut self) {
        self.keeper = Some(Keeper {
            counts_up: self.feed.counts_up,
        });
    }
}

impl<T: ResourceData> Collection<T> {
    /// Follows the changes of the collection.
    ///
    /// The whole collection is told first, then its changes. See [`Watch`] for what it promises, and [`Feed`] for how an API
    /// tells of changes. Nothing is sent before the first [`Watch::next`].
    ///
    /// # Errors
    ///
    /// Returns a `Config` error if the address or the settings of the handle are invalid. Errors of requests are returned
    /// by [`Watch::next`].
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::{Change, Client, testing::ResourceServer};
    /// use serde_json::Value;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = ResourceServer::start().await;
    /// server.put("/articles/42", r#"{"id": "42", "title": "Old"}"#);
    /// let articles = Client::new(server.uri())?.collection::<Value>("articles");
    ///
    /// let mut changes = articles.watch().await?;
    /// while let Some(change) = changes.next().await? {
    ///     match change {
    ///         Change::Put(article) => println!("{:?}: {}", article.snapshot().id(), article["title"]),
    ///         Change::Gone(id) => println!("{id} is gone"),
    ///         Change::Reset => println!("again from the start"),
    ///         Change::CaughtUp => break,
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(&self) -> OpenWatch<T> {
        OpenWatch::new(self.handle().clone(), false)
    }
}

impl<T: ResourceData> Resource<T> {
    /// Follows the changes of the resource; see [`Collection::watch`](crate::Collection::watch).
    ///
    /// An item of a collection is followed by the feed of the collection. Another resource is polled, unless
    /// [`OpenWatch::feed`] names its feed.
    ///
    /// # Errors
    ///
    /// As for [`Collection::watch`](crate::Collection::watch).
    pub fn watch(&self) -> OpenWatch<T> {
        OpenWatch::new(self.handle(), true)
    }
}
