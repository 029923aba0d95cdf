//! The settings of a watch for conflicts.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use super::notices::ConflictNotices;
use super::service::Service;
use crate::client::{Client, Collection};
use crate::operations::{Lazy, ResourceData, operation};
use crate::protocol::ConflictService;
use crate::value::Error;

/// A watch for conflicts that is not open yet, returned by [`Client::watch_conflicts`].
///
/// Awaiting it returns [`ConflictNotices`].
///
/// # Default
///
/// | setting | default |
/// |---|---|
/// | [`of`](Self::of) | all resources of the collection |
/// | [`service`](Self::service) | that of the profile: `conflict-notifications` and `resolve-conflict` below the base URL |
/// | [`idle_timeout`](Self::idle_timeout) | three heartbeats, 45 seconds until one was seen |
#[must_use = "nothing is sent before it is awaited"]
pub struct WatchConflicts<T> {
    call: Lazy<ConflictSettings<T>, Result<ConflictNotices<T>, Error>>,
}

pub(super) struct ConflictSettings<T> {
    pub(super) client: Client,
    pub(super) collection: Collection<T>,
    pub(super) service: ConflictService,
    pub(super) only: Option<BTreeSet<String>>,
    pub(super) idle_time: Option<Duration>,
}

impl Client {
    /// Follows the conflicts in a collection that wait for a person.
    ///
    /// These are the conflicts of which the API tells by its [`ConflictService`], and the
    /// [open writes](crate::Collection::conflicts) of the client's journal.
    ///
    /// # Errors
    ///
    /// Returns a `Config` error if the collection is one of another client, an address is invalid, or more than 100 resources
    /// are named. With [`ConflictService::subscribe_by_post`], also the errors of that request.
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::{Client, ConflictNotice, Resolution, testing::ResourceServer};
    /// use serde_json::{Value, json};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = ResourceServer::start().await;
    /// server.put("/articles/42", r#"{"title": "Theirs"}"#);
    /// server.conflicts().report("/articles/42", Some(&json!({"title": "Old"})), &json!({"title": "Mine"}));
    ///
    /// let client = Client::new(server.uri())?;
    /// let articles = client.collection::<Value>("articles");
    /// let mut notices = client.watch_conflicts(&articles).await?;
    /// while let Some(notice) = notices.next().await? {
    ///     match notice {
    ///         ConflictNotice::Reported(found) => {
    ///             println!("{}", found.conflict().diff()); // show it to a person
    ///             found.resolve(Resolution::KeepLocal).await?;
    ///         }
    ///         ConflictNotice::CaughtUp => break,
    ///         _ => {}
    ///     }
    /// }
    /// assert_eq!(server.text("/articles/42").as_deref(), Some(r#"{"title": "Mine"}"#));
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch_conflicts<T: ResourceData>(
        &self,
        collection: &Collection<T>,
    ) -> WatchConflicts<T> {
        WatchConflicts {
            call: Lazy::new(ConflictSettings {
                client: self.clone(),
                collection: collection.clone(),
                service: self.shared().profile.conflict_service(),
                only: None,
                idle_time: None,
            }),
        }
    }
}

impl<T: ResourceData> WatchConflicts<T> {
    /// Follows only the conflicts of these resources (default all of the collection).
    pub fn of(self, ids: impl IntoIterator<Item = impl Display>) -> Self {
        let ids: BTreeSet<String> = ids.into_iter().map(|id| id.to_string()).collect();
        Self {
            call: self.call.set(|settings| settings.only = Some(ids)),
        }
    }

    /// Sets where the API tells of conflicts (default as the profile says).
    pub fn service(self, service: ConflictService) -> Self {
        Self {
            call: self.call.set(|settings| settings.service = service),
        }
    }

    /// Sets for how long a connection may give no sign of life (default three heartbeats, and 45 seconds until one was
    /// seen).
    pub fn idle_timeout(self, time: Duration) -> Self {
        Self {
            call: self.call.set(|settings| settings.idle_time = Some(time)),
        }
    }
}

operation!(WatchConflicts<T> => Result<ConflictNotices<T>, Error>, "watch conflicts", |it| it.collection.handle().shown(false), open);

async fn open<T: ResourceData>(settings: ConflictSettings<T>) -> Result<ConflictNotices<T>, Error> {
    let idle_time = settings.idle_time;
    let service = Arc::new(Service::of(settings).await?);
    let mut watch = service.watch();
    if let Some(time) = idle_time {
        watch = watch.idle_timeout(time);
    }
    Ok(ConflictNotices::new(service, watch.await?))
}
