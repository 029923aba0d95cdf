//! Lists of the collection, item by item.

use std::collections::{HashSet, VecDeque};

use http::header::{ACCEPT, ETAG};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::body::TURTLE;
use super::{ClientGone, Driver, Told, address};
use crate::exchange::transport::Response;
use crate::json::Document;
use crate::protocol::{
    ListForm, ListPosition, PREFERRED_WAIT, TagField, Validator, entity_tag_of, essence,
    members_of, next_page,
};
use crate::store::{SnapshotOrigin, StoredSnapshot};
use crate::value::Error;
use crate::watch::machine::{Failure, Look};
use crate::watch::request::{Refused, ask_if_changed};
use crate::write::request::reading;
use crate::write::request::target::Target;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// The longest position that is kept, in bytes.
const LONGEST_POSITION: usize = 4_096;
/// The largest number of pages of one list.
const MOST_PAGES: usize = 10_000;

/// A list that is being read.
pub(super) struct ListRun {
    next: Option<Url>,
    /// The addresses of the pages so far.
    pages: HashSet<Url>,
    items: VecDeque<Item>,
    /// The position from which the feed continues: that of the first page, before which nothing is left out.
    position: Option<String>,
    tag: Option<Validator>,
    waited: bool,
}

pub(super) struct Item {
    pub(super) id: String,
    pub(super) validator: Option<Validator>,
    /// The state, or why it cannot be read.
    pub(super) snapshot: Result<StoredSnapshot, Error>,
}

impl Driver {
    /// Tells the machine the next item, or the end.
    pub(super) async fn list(&mut self, anew: bool) -> Result<(), ClientGone> {
        if anew && !self.core.machine().lists_again() {
            // What was told before may have to be told again.
            self.validators.clear();
        }
        let documents = self.documents()?;
        let target = match documents.target() {
            Ok(target) => target,
            Err(error) => {
                self.list_fails(Refused {
                    failure: Failure::Final,
                    error,
                });
                return Ok(());
            }
        };
        if let Some(id) = self.scope.only.clone() {
            return self.list_one(id).await;
        }
        let mut run = match self.list.take().filter(|_| !anew) {
            Some(run) => run,
            None => match address(&target, &self.scope.collection, &self.feed.list.path) {
                Ok(mut url) => {
                    if !self.feed.list.query.is_empty() {
                        url.query_pairs_mut().extend_pairs(&self.feed.list.query);
                    }
                    ListRun::at(url)
                }
                Err(refused) => {
                    self.list_fails(refused);
                    return Ok(());
                }
            },
        };
        while run.items.is_empty()
            && let Some(page) = run.next.take()
        {
            match self.page(&target, &mut run, page).await {
                Ok(true) => {}
                Ok(false) => {
                    self.core.machine().list_is_unchanged(run.waited);
                    return Ok(());
                }
                Err(refused) => {
                    self.list_fails(refused);
                    return Ok(());
                }
            }
        }
        let Some(item) = run.items.pop_front() else {
            self.list_tag = run.tag.filter(|_| run.pages.len() == 1);
            if run.pages.len() > 1 {
                self.core.machine().list_has_pages();
            }
            let now = self.started.elapsed();
            self.core
                .machine()
                .list_ended(now, run.position, run.waited);
            return Ok(());
        };
        self.list = Some(run);
        self.listed(item).await;
        Ok(())
    }

    async fn listed(&mut self, item: Item) {
        let Item {
            id,
            validator,
            snapshot,
        } = item;
        let state = snapshot.as_ref().ok();
        let shown = self.version(validator.as_ref(), state.map(|state| &state.document));
        if let (Some(keeper), Ok(documents)) = (self.keeper, self.documents()) {
            // An item without a version says no more than that something has changed, and only if it has.
            let says = validator.is_some() || !self.core.machine().is_listed(&id, shown);
            if says {
                let version = validator.is_some().then_some(shown);
                let state = state.filter(|_| version.is_some());
                keeper.told(&documents.item(&id), version, state).await;
            }
        }
        self.remember(&id, validator.as_ref());
        let told = match snapshot {
            Ok(snapshot) => Told::State(Box::new(snapshot)),
            Err(error) => Told::Problem(Box::new(error)),
        };
        self.core.machine().listed(id, shown, told);
    }

    /// Lists the only resource that is watched.
    async fn list_one(&mut self, id: String) -> Result<(), ClientGone> {
        if self.list.take().is_none() {
            match self.read_resource(&id).await? {
                Look::Same => {
                    self.core.machine().list_is_unchanged(false);
                    return Ok(());
                }
                Look::State(version, state) => {
                    let shown = version.unwrap_or_else(|| self.version(None, None));
                    self.core.machine().listed(id, shown, state);
                    self.list = Some(ListRun::done());
                    return Ok(());
                }
                Look::Problem(Told::Problem(error)) => {
                    self.list_fails(Refused {
                        failure: Failure::Final,
                        error: *error,
                    });
                    return Ok(());
                }
                Look::Failed(Told::Problem(error)) => {
                    let retry_after = error.report().retry_after;
                    let failure = Failure::Temporary(retry_after);
                    self.list_fails(Refused {
                        failure,
                        error: *error,
                    });
                    return Ok(());
                }
                Look::Absent | Look::Problem(Told::State(_)) | Look::Failed(Told::State(_)) => {}
            }
        }
        let now = self.started.elapsed();
        self.core.machine().list_ended(now, None, false);
        Ok(())
    }

    /// Reads one page. Returns whether the list has changed since the last one.
    async fn page(
        &mut self,
        target: &Target,
        run: &mut ListRun,
        url: Url,
    ) -> Result<bool, Refused> {
        let mut call = reading::read_call(target, Method::GET, false);
        call.url = url;
        reading::ask_past_caches(target, &mut call.headers);
        let is_container = self.feed.list.form == ListForm::Container;
        if is_container {
            call.headers
                .insert(ACCEPT, HeaderValue::from_static(TURTLE));
        }
        let is_repeated = run.pages.is_empty() && self.core.machine().lists_again();
        // A response that is held back would hold the feed back too.
        if is_repeated && !is_container && self.core.machine().polls() {
            let longest = target.shared.exchange.limits.request / 2;
            let wait = PREFERRED_WAIT.min(longest).as_secs();
            if let Ok(value) = HeaderValue::from_str(&format!("wait={wait}")) {
                call.headers.insert(PREFER, value);
            }
        }
        let known = self.list_tag.as_ref();
        let known = known.filter(|_| is_repeated && !is_container);
        let (reply, has_changed) = ask_if_changed(target, &mut call, known).await?;
        run.pages.insert(call.url.clone());
        let applied = reply.headers.get(PREFERENCE_APPLIED);
        run.waited = applied.is_some_and(|applied| applied.as_bytes().starts_with(b"wait"));
        if !has_changed {
            return Ok(false);
        }
        let path = call.url.path();
        let body = if is_container {
            run.items.extend(Self::contained(&call.url, &reply)?);
            Document::from_trusted("null")
        } else {
            let body = reading::body(target, &reply);
            let body = body.map_err(|error| Refused::unusable(format!("{path}: {error}")))?;
            let items = self.items(target, path, &body, reply.origin)?;
            run.items.extend(items);
            body
        };
        let shape = &self.feed.list;
        if run.pages.len() == 1 {
            run.tag = match entity_tag_of(&reply.headers) {
                TagField::Found(tag) => Some(Validator::Tag(tag)),
                TagField::Missing | TagField::Unusable(_) => None,
            };
            run.position = match &shape.position {
                Some(ListPosition::Tag) => reply.headers.get(ETAG).and_then(bare),
                Some(ListPosition::Member(at)) => body.pointer(at).and_then(|at| at.as_id()),
                None => None,
            };
            run.position = run
                .position
                .take()
                .filter(|at| at.len() <= LONGEST_POSITION);
        }
        let next = next_page(&reply.headers, &call.url);
        if let Some(next) = next {
            let unusable = |why: &str| Refused::unusable(format!("{path}: {why}"));
            let next = crate::address::within_origin(&call.url, &next)
                .ok_or_else(|| unusable("the next page is on another origin"))?;
            if run.pages.contains(&next) {
                return Err(unusable(
                    "the next page of the list is one that was read already",
                ));
            }
            if run.pages.len() >= MOST_PAGES {
                return Err(unusable("the list has more than 10 000 pages"));
            }
            run.next = Some(next);
        }
        Ok(true)
    }

    /// Returns the resources that a container names. What it says about each stands for its state, which is to be read.
    fn contained(container: &Url, reply: &Response) -> Result<Vec<Item>, Refused> {
        let path = container.path();
        let kind = essence(&reply.headers);
        if kind.as_deref() != Some(TURTLE) {
            let kind = kind.unwrap_or_else(|| "without a content type".to_owned());
            let message = format!("{path}: the list is {kind}, and not Turtle");
            return Err(Refused::unusable(message));
        }
        let members = members_of(container, &reply.body);
        let members = members.map_err(|error| Refused::unusable(format!("{path}: {error}")))?;
        let items = members.into_iter().map(|member| {
            // Without a time of its last change, it may have changed since every list.
            let digest = member.digest.unwrap_or_else(|| fastrand::u64(..));
            let document = Document::from_trusted(format!("{digest}"));
            Item {
                id: member.id,
                validator: None,
                snapshot: Ok(StoredSnapshot::new(document, None, HeaderMap::new())),
            }
        });
        Ok(items.collect())
    }

    fn items(
        &self,
        target: &Target,
        path: &str,
        body: &Document,
        origin: SnapshotOrigin,
    ) -> Result<Vec<Item>, Refused> {
        let at = &self.feed.list.items;
        let is_empty = || target.envelope().tells_absence(body);
        if self.feed.list.form == ListForm::Members {
            let members = body.members_at(at);
            let members = members.or_else(|| is_empty().then(Vec::new));
            let members = members.ok_or_else(|| no_list(path, "object", at))?;
            let items = members.into_iter();
            return Ok(items
                .map(|(id, state)| self.told_item(target, path, id, &state, origin))
                .collect());
        }
        let list = body.elements_at(at);
        let list = list.or_else(|| is_empty().then(Vec::new));
        let list = list.ok_or_else(|| no_list(path, "array", at))?;
        let items = list.iter();
        let items = items.map(|element| self.item(target, path, element, origin));
        items.filter_map(Result::transpose).collect()
    }

    /// Returns an item that is the state of a resource.
    pub(super) fn told_item(
        &self,
        target: &Target,
        path: &str,
        id: String,
        state: &Document,
        origin: SnapshotOrigin,
    ) -> Item {
        let validator = self.version_in(target, state);
        let usable = validator.clone().filter(|_| self.feed.list.is_whole);
        let snapshot = Self::snapshot(target, state, usable, origin);
        let snapshot = snapshot.ok_or_else(|| unreadable(path, &id));
        Item {
            id,
            validator,
            snapshot,
        }
    }

    fn item(
        &self,
        target: &Target,
        path: &str,
        element: &Document,
        origin: SnapshotOrigin,
    ) -> Result<Option<Item>, Refused> {
        let shape = &self.feed.list;
        let is_wrapped = !shape.document.is_empty();
        if is_wrapped && self.feed.reader.is_removal(element) {
            return Ok(None);
        }
        let Some(id) = element.pointer(&shape.id).and_then(|id| id.as_id()) else {
            let at = &shape.id;
            return Err(Refused::unusable(format!(
                "{path}: an item has no id at {at:?}: set its place with `Feed::item_id_at`"
            )));
        };
        let Some(document) = element.pointer(&shape.document) else {
            return Ok(None);
        };
        let validator = self.version_in(target, &document);
        let validator = validator.or_else(|| self.feed.reader.version_of(element));
        let usable = validator.clone().filter(|_| shape.is_whole);
        let snapshot = Self::snapshot(target, &document, usable, origin);
        let snapshot = snapshot.ok_or_else(|| unreadable(path, &id));
        Ok(Some(Item {
            id,
            validator,
            snapshot,
        }))
    }
}

/// Returns the error of a list without its items.
fn no_list(path: &str, what: &str, at: &str) -> Refused {
    Refused::unusable(format!(
        "{path}: there is no {what} at {at:?} in the list: set its place with `Feed::items_at`"
    ))
}

fn unreadable(path: &str, id: &str) -> Error {
    Error::undecoded(format!("{path}: the item {id:?} cannot be read"))
}

impl ListRun {
    /// Makes a list of what the feed has told.
    pub(super) fn of_feed(items: Vec<Item>) -> Self {
        Self {
            items: items.into(),
            ..Self::done()
        }
    }

    fn at(url: Url) -> Self {
        Self {
            next: Some(url),
            ..Self::done()
        }
    }

    fn done() -> Self {
        Self {
            next: None,
            pages: HashSet::new(),
            items: VecDeque::new(),
            position: None,
            tag: None,
            waited: false,
        }
    }
}

/// Returns an entity tag without its quotes.
fn bare(tag: &HeaderValue) -> Option<String> {
    let tag = tag.to_str().ok()?;
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    Some(tag.trim_matches('"').to_owned())
}
