//! What a request asks for, read from its method, address, headers and body.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use url::Url;

use super::BATCH;
use super::change::Change;
use super::keys::{below, key_of};
use crate::BoxError;
use crate::json::Document;
use crate::protocol::RequestParts;

/// The paths of the gateway.
const CALLS: &str = "v3/";
/// The parameter of a list.
pub(super) const PREFIX: &str = "prefix";
/// The parameter of a watch.
pub(super) const WATCH: &str = "watch";
/// The revision of the last change that a watch has told.
pub(super) const SINCE: &str = "since";
/// The key at which the next page of a list begins, percent-encoded as in an address.
pub(super) const FROM: &str = "from";

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Key(Vec<u8>),
    Keys {
        collection: Vec<u8>,
        /// The key at which the page begins. `None` for the first page.
        from: Option<Vec<u8>>,
    },
    Watch {
        collection: Vec<u8>,
        since: Option<u64>,
    },
    Change(Change),
    /// All of them, or none.
    Changes(Vec<Change>),
}

impl Wanted {
    /// Reads a request. Returns `None` if it is a call of the gateway itself.
    pub(super) fn of(
        prefix: &str,
        base: &Url,
        request: &RequestParts<'_>,
    ) -> Result<Option<Self>, BoxError> {
        let RequestParts {
            method,
            url,
            headers,
            body,
        } = request;
        if **method == Method::POST
            && let Some(path) = below(base, url)
        {
            if path.starts_with(CALLS) {
                return Ok(None);
            }
            if path == BATCH {
                return changes(prefix, base, body).map(|changes| Some(Self::Changes(changes)));
            }
        }
        let key = key_of(prefix, base, url)?;
        if !matches!(**method, Method::GET | Method::HEAD) {
            no_parameters(url)?;
            return Change::of(method, headers, key, body).map(|change| Some(Self::Change(change)));
        }
        read(key, url).map(Some)
    }
}

/// Reads the parameters of a read.
fn read(key: Vec<u8>, url: &Url) -> Result<Wanted, BoxError> {
    let (mut is_list, mut is_watch, mut since, mut from) = (false, false, None, None);
    for (name, value) in url.query_pairs() {
        match &*name {
            PREFIX => is_list = value == "true",
            WATCH => is_watch = value == "true",
            SINCE => since = Some(number(&value)?),
            FROM => from = Some(crate::address::percent::decode(&value).into_owned()),
            _ => return Err(unknown(&name)),
        }
    }
    Ok(match (is_list, is_watch) {
        (true, true) => Wanted::Watch {
            collection: key,
            since,
        },
        (true, false) => Wanted::Keys {
            collection: key,
            from,
        },
        (false, _) => Wanted::Key(key),
    })
}

fn no_parameters(url: &Url) -> Result<(), BoxError> {
    let mut parameters = url.query_pairs();
    parameters
        .next()
        .map_or(Ok(()), |(name, _)| Err(unknown(&name)))
}

fn unknown(name: &str) -> BoxError {
    format!("the query parameter {name:?} is no part of a key of etcd").into()
}

fn number(text: &str) -> Result<u64, BoxError> {
    text.parse()
        .map_err(|_| format!("{text:?} is no revision of etcd").into())
}

/// Reads the writes of a batch, as [`Batch::requests`](crate::Batch::requests) spells them.
fn changes(prefix: &str, base: &Url, body: &Bytes) -> Result<Vec<Change>, BoxError> {
    let batch = Document::parse(body)?;
    let requests = batch.elements_at("/requests").unwrap_or_default();
    let change = |request: &Document| {
        let text = |at: &str| request.pointer(at).and_then(|text| text.as_id());
        let method = Method::from_bytes(text("/method").unwrap_or_default().as_bytes())?;
        let url = base.join(&text("/path").unwrap_or_default())?;
        no_parameters(&url)?;
        let value = request.pointer("/body");
        let value = value.map_or_else(Bytes::new, |value| value.to_bytes());
        let key = key_of(prefix, base, &url)?;
        Change::of(&method, &headers(request)?, key, &value)
    };
    requests.iter().map(change).collect()
}

fn headers(request: &Document) -> Result<HeaderMap, BoxError> {
    let mut headers = HeaderMap::new();
    let named = request.pointer("/headers").map(|named| named.to_value());
    for (name, value) in named
        .as_ref()
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let value = value.as_str().unwrap_or_default();
        let name = HeaderName::from_bytes(name.as_bytes())?;
        headers.append(name, HeaderValue::from_str(value)?);
    }
    Ok(headers)
}
