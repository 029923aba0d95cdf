//! The conflict service of a client: its addresses, and which resource it tells of.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use url::Url;

use super::open::ConflictSettings;
use crate::address;
use crate::client::{Client, Collection};
use crate::json::Document;
use crate::operations::{Handle, ResourceData};
use crate::protocol::{ConflictService, Envelope, ToldConflict, next_link};
use crate::value::Error;
use crate::watch::OpenWatch;

/// How many resources the query of a subscription names at most.
const MOST_IN_QUERY: usize = 100;
/// How many pages of a list are read at most.
const MOST_PAGES: u32 = 1_000;

/// What is needed to follow and resolve the conflicts of one collection.
pub(super) struct Service<T> {
    pub(super) client: Client,
    pub(super) handle: Handle<T>,
    pub(super) rules: ConflictService,
    /// The ids of the resources that are followed, if not all are.
    only: Option<BTreeSet<String>>,
    own: Url,
}

impl<T: ResourceData> Service<T> {
    pub(super) fn of(settings: ConflictSettings<T>) -> Result<Self, Error> {
        let handle = settings.collection.handle().clone();
        if !Arc::ptr_eq(&handle.shared, settings.client.shared()) {
            return Err(Error::config("the collection is one of another client"));
        }
        let own = handle.url.clone().map_err(|why| Error::config(&*why))?;
        Ok(Self {
            client: settings.client,
            handle,
            rules: settings.service,
            only: settings.only,
            own,
        })
    }

    /// Returns the path of a resource below the base URL.
    pub(super) fn path_of(&self, url: &Url) -> String {
        let base = self.client.base().path().trim_end_matches('/');
        let path = url.path();
        let below = path.strip_prefix(base).unwrap_or(path);
        below.trim_start_matches('/').to_owned()
    }

    /// Returns the paths of what is followed.
    fn resources(&self) -> Result<Vec<String>, Error> {
        let Some(only) = &self.only else {
            return Ok(vec![self.path_of(&self.own)]);
        };
        let path = |id: &String| Ok(self.path_of(&address::item(&self.own, id)?));
        only.iter().map(path).collect()
    }

    /// Returns the notifications as a collection of conflicts.
    fn notifications(&self) -> Collection<Value> {
        self.client
            .collection::<Value>(self.rules.notifications.as_str())
            .envelope(Envelope::none())
    }

    /// Returns the watch of the notifications. A service that is subscribed to by `POST` is asked first.
    pub(super) async fn subscribe(&self) -> Result<OpenWatch<Value>, Error> {
        let resources = self.resources()?;
        let conflicts = if self.rules.subscribes_by_post {
            self.subscribed(&resources).await?
        } else {
            if resources.len() > MOST_IN_QUERY {
                return Err(Error::config(format!(
                    "{} resources do not fit into a query: follow the whole collection, or set \
                     `ConflictService::subscribe_by_post`",
                    resources.len()
                )));
            }
            let name = &self.rules.resource_query;
            let all = resources.iter().fold(self.notifications(), |all, path| {
                all.query(name.as_str(), path)
            });
            all.handle().target()?;
            all
        };
        Ok(conflicts.watch().feed(self.rules.feed()))
    }

    async fn subscribed(&self, resources: &[String]) -> Result<Collection<Value>, Error> {
        let path = self.rules.notifications.as_str();
        let request = self.client.request(Method::POST, path);
        let response = request.json(&json!({"resources": resources})).await?;
        let response = response.error_for_status()?;
        let at = response.location().ok_or_else(|| {
            Error::undecoded(format!(
                "{path}: the response to the subscription names no address in `Location`"
            ))
        })?;
        let at = self.notifications().handle().at(at, None)?;
        Ok(Collection::new(at))
    }

    /// Returns the id of the resource of a conflict, if it is one that is followed.
    ///
    /// The service names the resource by its path below the base URL, by its address, or by its id alone.
    pub(super) fn id_of(&self, told: &ToldConflict) -> Option<String> {
        let text = told.resource.as_str();
        let id = if text.contains('/') {
            let url = address::link(self.client.base(), text).ok()?;
            let is_ours = address::item(&self.own, &address::last_segment(&url)?);
            let path = |url: &Url| decoded(url.path().trim_end_matches('/'));
            let is_ours = is_ours.is_ok_and(|ours| path(&ours) == path(&url));
            is_ours.then(|| address::last_segment(&url))??
        } else {
            text.to_owned()
        };
        let is_followed = self.only.as_ref().is_none_or(|only| only.contains(&id));
        is_followed.then_some(id)
    }

    /// Whether the service still lists a conflict as open.
    pub(super) async fn lists(&self, told: &ToldConflict) -> Result<bool, Error> {
        let path = self.rules.notifications.as_str();
        let mut request = self.client.request(Method::GET, path);
        request = request.query(self.rules.resource_query.as_str(), &told.resource);
        for _ in 0..MOST_PAGES {
            let response = request.retry().await?.error_for_status()?;
            let listed = Document::parse(response.bytes());
            let listed = listed.map_err(|error| Error::decode(path, error))?;
            let listed = self.rules.list(&listed).ok_or_else(|| {
                Error::undecoded(format!("{path}: the conflicts are not in their place"))
            })?;
            if listed.contains(&told.id) {
                return Ok(true);
            }
            let Some(next) = next_link(response.headers(), response.url()) else {
                break;
            };
            request = self.client.follow(Method::GET, next);
        }
        Ok(false)
    }
}

fn decoded(path: &str) -> Vec<String> {
    path.split('/')
        .map(|segment| address::decoded(segment).unwrap_or_else(|| segment.to_owned()))
        .collect()
}
