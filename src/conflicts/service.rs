//! The conflict service of a client: its addresses, and which resource it tells of.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;

use super::open::ConflictSettings;
use crate::address;
use crate::client::{Client, Collection};
use crate::exchange::RequestPurpose;
use crate::operations::{AskRules, Handle, ResourceData, ask_by};
use crate::protocol::{ConflictService, Envelope, ToldConflict, next_page};
use crate::value::Error;
use crate::watch::OpenWatch;
use crate::write::request::reading;

/// How many resources the query of a subscription names at most.
const MOST_IN_QUERY: usize = 100;
/// How many pages of a list are read at most.
const MOST_PAGES: usize = 1_000;

/// What is needed to follow and resolve the conflicts of one collection.
pub(super) struct Service<T> {
    pub(super) client: Client,
    pub(super) handle: Handle<T>,
    pub(super) rules: ConflictService,
    /// The ids of the resources that are followed, if not all are.
    only: Option<BTreeSet<String>>,
    own: Url,
    /// The notifications, as they were subscribed to.
    subscription: Collection<Value>,
}

impl<T: ResourceData> Service<T> {
    /// Returns the service, to whose notifications it subscribes.
    pub(super) async fn of(settings: ConflictSettings<T>) -> Result<Self, Error> {
        let handle = settings.collection.handle().clone();
        if !Arc::ptr_eq(&handle.shared, settings.client.shared()) {
            return Err(Error::config("the collection is one of another client"));
        }
        let own = handle.url.clone().map_err(|why| Error::config(&*why))?;
        let notifications = settings
            .client
            .collection::<Value>(settings.service.notifications.as_str())
            .envelope(Envelope::none());
        let mut service = Self {
            client: settings.client,
            handle,
            rules: settings.service,
            only: settings.only,
            own,
            subscription: notifications,
        };
        service.subscription = service.subscribed().await?;
        Ok(service)
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

    /// Returns the watch of the notifications.
    pub(super) fn watch(&self) -> OpenWatch<Value> {
        self.subscription.watch().feed(self.rules.feed())
    }

    /// Returns the notifications for what is followed. A service that is subscribed to by `POST` is asked first.
    async fn subscribed(&self) -> Result<Collection<Value>, Error> {
        let (resources, notifications) = (self.resources()?, self.subscription.clone());
        if self.rules.subscribes_by_post {
            return self.subscribed_by_post(&resources).await;
        }
        if resources.len() > MOST_IN_QUERY {
            return Err(Error::config(format!(
                "{} resources do not fit into a query: follow the whole collection, or set \
                 `ConflictService::subscribe_by_post`",
                resources.len()
            )));
        }
        let name = &self.rules.resource_query;
        let all = resources
            .iter()
            .fold(notifications, |all, path| all.query(name.as_str(), path));
        all.handle().target()?;
        Ok(all)
    }

    async fn subscribed_by_post(&self, resources: &[String]) -> Result<Collection<Value>, Error> {
        let path = self.rules.notifications.as_str();
        let request = self.client.request(Method::POST, path);
        let response = request.json(&json!({"resources": resources})).await?;
        let response = response.error_for_status()?;
        let at = response.location().ok_or_else(|| {
            Error::undecoded(format!(
                "{path}: the response to the subscription names no address in `Location`"
            ))
        })?;
        let at = self.subscription.handle().at(at, None)?;
        Ok(Collection::new(at))
    }

    /// Returns the id of the resource of a conflict, if it is one that is followed.
    ///
    /// The service names the resource by its path below the base URL, by its address, or by its id alone.
    pub(super) fn id_of(&self, told: &ToldConflict) -> Option<String> {
        let text = told.resource.as_str();
        let id = if text.contains('/') {
            // A path that begins with a slash is below the base URL, or below the host.
            let below = text.trim_start_matches('/');
            self.item_at(text).or_else(|| self.item_at(below))?
        } else {
            text.to_owned()
        };
        let is_followed = self.only.as_ref().is_none_or(|only| only.contains(&id));
        is_followed.then_some(id)
    }

    /// Returns the id of the item of the collection at an address.
    fn item_at(&self, address: &str) -> Option<String> {
        let url = address::link(self.client.base(), address).ok()?;
        let id = address::last_segment(&url)?;
        let ours = address::item(&self.own, &id).ok()?;
        let path = |url: &Url| decoded(url.path().trim_end_matches('/'));
        (path(&ours) == path(&url)).then_some(id)
    }

    /// Returns a conflict as the service lists it now, if it is still open.
    ///
    /// It is asked as the notifications were subscribed to. Other words for the resource may select nothing, which would look
    /// as if the conflict were resolved.
    pub(super) async fn listed(&self, told: &ToldConflict) -> Result<Option<ToldConflict>, Error> {
        let target = self.subscription.handle().target()?;
        let (path, started) = (target.url.path(), Instant::now());
        let mut next = target.url.clone();
        let mut pages = HashSet::new();
        while pages.len() < MOST_PAGES {
            if !pages.insert(next.clone()) {
                let why = "the next page of the conflicts is one that was read already";
                return Err(Error::undecoded(format!("{path}: {why}")));
            }
            let mut call = reading::read_call(&target, Method::GET, false);
            call.url = next;
            reading::ask_past_caches(&target, &mut call.headers);
            let rules = AskRules {
                purpose: RequestPurpose::Read,
                retries: true,
                returns_any_status: false,
            };
            let asked = ask_by(&target.shared, &target, &call, None, started, rules);
            let (reply, _) = asked.await?;
            let listed =
                reading::body(&target, &reply).map_err(|error| Error::decode(path, error))?;
            let items = self.rules.list(&listed).ok_or_else(|| {
                Error::undecoded(format!("{path}: the conflicts are not in their place"))
            })?;
            let found = self.rules.find(&items, told);
            if found.is_some() {
                return Ok(found);
            }
            let Some(page) = next_page(&reply.headers, &call.url) else {
                return Ok(None);
            };
            next = address::within_origin(&call.url, &page).ok_or_else(|| {
                Error::undecoded(format!("{path}: the next page is on another origin"))
            })?;
        }
        let why = format!("{path}: the list of conflicts has more than {MOST_PAGES} pages");
        Err(Error::undecoded(why))
    }
}

fn decoded(path: &str) -> Vec<String> {
    path.split('/')
        .map(|segment| address::decoded(segment).unwrap_or_else(|| segment.to_owned()))
        .collect()
}
