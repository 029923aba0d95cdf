//! `list`: reads the resources of a collection, page by page.

use std::fmt::Display;
use std::time::Duration;

use http::{HeaderMap, Method};
use tokio::time::Instant;
use url::Url;

use super::{Lazy, operation};
use crate::address::within_origin;
use crate::json::Document;
use crate::operations::{Handle, ResourceData};
use crate::protocol::{FoundVersion, next_page};
use crate::store::SnapshotOrigin;
use crate::value::{Error, ErrorKind, Versioned};
use crate::write::request::reading;
use crate::write::request::target::Target;

/// A pending listing, returned by [`Collection::list`](crate::Collection::list).
///
/// It returns a [`Page`]. Use its [`items`](Page::items), and await the listing that [`Page::next`] returns
/// until there is none left.
///
/// # Default
///
/// The body is an array of resources. Each resource has its id in the member `id`. The address of the next page
/// is in the `Link` header (RFC 8288) with `rel="next"`.
#[must_use = "nothing is sent before it is awaited"]
pub struct List<T> {
    call: Lazy<ListSettings<T>, Result<Page<T>, Error>>,
}

struct ListSettings<T> {
    handle: Handle<T>,
    shape: ListShape,
    page: Option<Url>,
    query: Vec<(String, String)>,
    timeout: Option<Duration>,
}

#[derive(Clone)]
struct ListShape {
    items: String,
    id: String,
    next: Option<NextPage>,
    items_are_whole: bool,
}

/// Where a body leads to the next page.
#[derive(Clone)]
enum NextPage {
    /// The JSON Pointer of its address.
    Address(String),
    /// The JSON Pointer of a token, and the query parameter that takes it.
    Token(String, String),
}

/// One page of a listing.
#[non_exhaustive]
pub struct Page<T> {
    /// The resources. Saving one reads it first and merges, because a listing seldom contains versions and
    /// may omit members. [`List::whole_items`] changes this.
    pub items: Vec<Versioned<T>>,
    handle: Handle<T>,
    shape: ListShape,
    next: Option<Url>,
    timeout: Option<Duration>,
}

impl<T: ResourceData> List<T> {
    pub(crate) fn new(handle: Handle<T>) -> Self {
        Self {
            call: Lazy::new(ListSettings {
                handle,
                shape: ListShape {
                    items: String::new(),
                    id: "/id".to_owned(),
                    next: None,
                    items_are_whole: false,
                },
                page: None,
                query: Vec::new(),
                timeout: None,
            }),
        }
    }

    /// Adds a query parameter to the address of this listing, such as a filter, an order or a page size.
    ///
    /// The parameter applies only to the listing. Items have their own addresses, which include only the query
    /// of the handle ([`Collection::query`](crate::Collection::query)). The server provides the address of the
    /// next page.
    ///
    /// # Example: open orders, 50 to a page
    ///
    /// ```
    /// use ifmatch::{Client, testing::ResourceServer};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = ResourceServer::start().await;
    /// server.put("/orders/7", r#"{"id": 7, "status": "open"}"#);
    /// server.put("/orders/8", r#"{"id": 8, "status": "paid"}"#);
    /// let orders = Client::new(server.uri())?.collection::<serde_json::Value>("orders");
    ///
    /// let mut page = orders.list().query("status", "open").query("per_page", 50).await?;
    /// let mut open = page.items.len();
    /// while let Some(next) = page.next() {
    ///     page = next.await?;
    ///     open += page.items.len();
    /// }
    /// assert_eq!(open, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn query(self, name: impl Into<String>, value: impl Display) -> Self {
        let pair = (name.into(), value.to_string());
        Self {
            call: self.call.set(|settings| settings.query.push(pair)),
        }
    }

    /// Sets where the array of resources is in the body, as a JSON Pointer. The default is the whole body.
    pub fn items_at(self, pointer: impl Into<String>) -> Self {
        let pointer = pointer.into();
        Self {
            call: self.call.set(|settings| settings.shape.items = pointer),
        }
    }

    /// Sets where a resource contains its id, as a JSON Pointer (default `/id`).
    pub fn id_at(self, pointer: impl Into<String>) -> Self {
        let pointer = pointer.into();
        Self {
            call: self.call.set(|settings| settings.shape.id = pointer),
        }
    }

    /// Sets where the body contains the address of the next page, as a JSON Pointer.
    ///
    /// The default is the `Link` header.
    pub fn next_at(self, pointer: impl Into<String>) -> Self {
        let pointer = pointer.into();
        Self {
            call: self
                .call
                .set(|settings| settings.shape.next = Some(NextPage::Address(pointer))),
        }
    }

    /// Sets where the body contains the token of the next page, as a JSON Pointer, and the query parameter that takes
    /// it, such as `/nextPageToken` and `pageToken`.
    ///
    /// The rest of the query stays. There is no next page if the token is missing, `null` or empty.
    pub fn next_token_at(self, pointer: impl Into<String>, parameter: impl Into<String>) -> Self {
        let next = NextPage::Token(pointer.into(), parameter.into());
        Self {
            call: self.call.set(|settings| settings.shape.next = Some(next)),
        }
    }

    /// Declares that items are complete, with every member that a read of the resource itself shows.
    ///
    /// By default, an item is read before it is saved, and merged, because saving an item that lacks members
    /// would remove them. With this setting, the version inside an item pins a write, without a read.
    pub fn whole_items(self) -> Self {
        Self {
            call: self
                .call
                .set(|settings| settings.shape.items_are_whole = true),
        }
    }

    /// Sets the deadline of this call, waits included, instead of [`Limits::time`](crate::Limits::time).
    pub fn timeout(self, time: Duration) -> Self {
        Self {
            call: self.call.set(|settings| settings.timeout = Some(time)),
        }
    }
}

impl<T: ResourceData> Page<T> {
    /// Returns the pending listing of the next page, or `None` if this is the last one.
    pub fn next(&self) -> Option<List<T>> {
        Some(List {
            call: Lazy::new(ListSettings {
                handle: self.handle.clone(),
                shape: self.shape.clone(),
                page: Some(self.next.clone()?),
                // The address of the page, from the server, includes the query.
                query: Vec::new(),
                timeout: self.timeout,
            }),
        })
    }
}

impl<T> std::fmt::Debug for Page<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Page")
            .field("items", &self.items.len())
            .field("has_next", &self.next.is_some())
            .finish_non_exhaustive()
    }
}

operation!(List<T> => Result<Page<T>, Error>, "list", |it| it.handle.shown(false), run);

async fn run<T: ResourceData>(settings: ListSettings<T>) -> Result<Page<T>, Error> {
    let handle = settings.handle;
    let collection = handle.target()?;
    let mut target = collection.clone();
    if !settings.query.is_empty() {
        target.url.query_pairs_mut().extend_pairs(&settings.query);
    }
    if let Some(page) = settings.page {
        target.template = target.template.or(&collection.url);
        target.url = page;
        if let Some(version) = &target.shared.version {
            version.put_on(&mut target.url);
        }
    }
    let mut call = reading::read_call(&target, Method::GET, false);
    call.url = target.url.clone();
    let reply = super::ask::ask(&target, &call, settings.timeout, Instant::now()).await?;
    let path = target.url.path();
    let body = reading::body(&target, &reply).map_err(|error| Error::decode(path, error))?;
    let shape = settings.shape;
    let list = body.elements_at(&shape.items);
    // Where `null` or a mark stands for what is not there, it also stands for a list without items.
    let is_empty = list.is_none() && target.envelope().tells_absence(&body);
    let Some(list) = list.or_else(|| is_empty.then(Vec::new)) else {
        return Err(Error::new(
            ErrorKind::Decode,
            format!(
                "{path}: there is no array at {:?} in the body: set its place with `items_at`",
                shape.items
            ),
        ));
    };
    // The query of this handle may be a filter for the list. The handle that saves an item adds its own query.
    let address = handle.url.clone().map_err(|why| Error::config(&*why))?;
    let mut items = Vec::with_capacity(list.len());
    for element in &list {
        items.push(item(
            &handle,
            &target,
            &address,
            &shape,
            element,
            reply.origin,
        )?);
    }
    let named = |pointer: &str| {
        let named = body.pointer(pointer).and_then(|next| next.as_id());
        named.filter(|next| !next.is_empty())
    };
    let next = match &shape.next {
        Some(NextPage::Address(pointer)) => named(pointer),
        Some(NextPage::Token(pointer, parameter)) => named(pointer).map(|token| {
            let mut page = target.url.clone();
            crate::address::set_parameter(&mut page, parameter, &token);
            page.into()
        }),
        None => next_page(&reply.headers, &target.url),
    };
    let next = next.map(|next| follow(&target.url, &next)).transpose()?;
    Ok(Page {
        items,
        handle,
        shape,
        next,
        timeout: settings.timeout,
    })
}

fn item<T: ResourceData>(
    handle: &Handle<T>,
    target: &Target,
    collection: &Url,
    shape: &ListShape,
    item: &Document,
    origin: SnapshotOrigin,
) -> Result<Versioned<T>, Error> {
    let no_headers = HeaderMap::new();
    let versioning = &target.versioning;
    // Only a version inside the item counts, because the headers of a page do not describe its items.
    let validator = match versioning.of_read(&no_headers, item, std::time::SystemTime::now()) {
        FoundVersion::Version(validator) if shape.items_are_whole => Some(validator),
        _ => None,
    };
    let id = item.pointer(&shape.id).and_then(|id| id.as_id());
    let depth = target.shared.exchange.limits.depth;
    let is_whole = shape.items_are_whole;
    let unwrapped = target.envelope().unwrap_item(item, is_whole, depth);
    let mut url = match &id {
        Some(id) => crate::address::item(collection, id)?,
        None => {
            return Err(Error::new(
                ErrorKind::Decode,
                format!(
                    "{}: an item has no id at {:?}: set its place with `id_at`",
                    collection.path(),
                    shape.id
                ),
            ));
        }
    };
    let unreadable = || Error::undecoded(format!("{}: the item cannot be read", url.path()));
    let unwrapped = unwrapped.ok_or_else(unreadable)?;
    target.route.add_suffix(&mut url);
    let snapshot = reading::snapshot(unwrapped, validator, no_headers, origin);
    Versioned::new(snapshot, url, id)
        .map(|item: Versioned<T>| item.listed_with(handle.query.clone()))
        .map_err(|error| Error::decode("an item of the list cannot be read", error))
}

/// Resolves the address of the next page. It must stay on the origin, because credentials are sent to it.
fn follow(from: &Url, next: &str) -> Result<Url, Error> {
    within_origin(from, next).ok_or_else(|| {
        Error::new(
            ErrorKind::Status,
            format!("{}: the next page is on another origin", from.path()),
        )
    })
}
