//! Requests that carry several writes: how an API spells them, and whether it applies all of them or none.

mod bulk;
mod bulk_docs;
mod bundle;
mod change_set;
mod misfit;
mod reply;
mod requests;

use std::fmt;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use url::Url;

use crate::BoxError;
use crate::address::collection_of;
use crate::protocol::{RequestParts, ResponseParts};
pub(crate) use misfit::Misfit;
pub(crate) use reply::BatchReply;
use reply::{is_one_each, of_refusal};

/// How many writes one request carries if the API says nothing else.
const AT_MOST: usize = 100;
/// How long a request may be if the API says nothing else, in bytes.
const MAX_BYTES: usize = 4 * 1_024 * 1_024;
/// Headers that say how the response is to look, or that the server may ignore. Not every part has a place for them.
const LEFT_OUT: [HeaderName; 5] = [
    ACCEPT,
    ACCEPT_ENCODING,
    CONTENT_TYPE,
    HeaderName::from_static("prefer"),
    HeaderName::from_static("idempotency-key"),
];

/// A request of an API that carries several writes.
///
/// A [transaction](crate::Transaction) whose writes fit into one *atomic* request is committed by it: the API applies all
/// of them, or none. By a [plain](Self::plain) one, its steps are tried together, and taken back if one of them is refused.
/// A profile names the request of its API, and [`Generic::batch`](crate::Generic::batch) sets that of an API of your own.
///
/// Whether an endpoint is atomic, and whether it keeps the preconditions of its parts, is not visible in its name.
/// [`Client::probe_batch`](crate::Client::probe_batch) finds out.
///
/// # Default
///
/// | setting | default |
/// |---|---|
/// | [`at_most`](Self::at_most) | 100 writes |
/// | [`max_bytes`](Self::max_bytes) | 4 MiB |
/// | [`same_before`](Self::same_before) | none: the writes may be to any resources of the API |
/// | [`plain`](Self::plain) | no: the request is atomic, but for [`bulk_docs`](Self::bulk_docs) and [`bulk`](Self::bulk) |
///
/// # Example
///
/// ```
/// use ifmatch::{Batch, Generic};
///
/// // An OData service that takes at most 50 changes in one change set.
/// let profile = Generic::new().batch(Batch::change_set("$batch").at_most(50));
/// # let _ = profile;
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Batch {
    at: String,
    form: Form,
    at_most: usize,
    max_bytes: usize,
    same_before: Option<&'static str>,
    is_plain: bool,
}

/// How the writes stand in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    ChangeSet,
    Bundle,
    Requests,
    BulkDocs,
    Bulk,
}

impl Batch {
    /// Creates a change set (`OData` 4.01, 11.7.7): a `multipart/mixed` body, in which each part is a request.
    ///
    /// The address is a path below the base URL, which may have a query.
    pub fn change_set(at: impl Into<String>) -> Self {
        Self::of(at, Form::ChangeSet)
    }

    /// Creates a transaction bundle of FHIR (3.2.0.11.2).
    ///
    /// The address is a path below the base URL, which may have a query. `""` is the base URL itself.
    pub fn bundle(at: impl Into<String>) -> Self {
        Self::of(at, Form::Bundle)
    }

    /// Creates a JSON body `{"requests": [{"method", "path", "headers", "body"}]}`, whose response has the statuses,
    /// headers and bodies in `responses`, in the same order.
    ///
    /// If the API does not apply all of the requests or none, as Kinto, declare it as [`plain`](Self::plain).
    pub fn requests(at: impl Into<String>) -> Self {
        Self::of(at, Form::Requests)
    }

    /// Creates `_bulk_docs` of `CouchDB`: a JSON body with the documents, each with its `_id` and `_rev`.
    ///
    /// The address is a path below the collection of the writes, which is the database. Writes to different databases do
    /// not fit into one request. It is [plain](Self::plain).
    ///
    /// The `_rev` comes from the document, from `rev` in the query, or from `If-Match`. A removal without any does not
    /// fit.
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::profiles::CouchDb;
    /// use ifmatch::{Batch, Generic};
    ///
    /// // A server that takes at most ten documents in one request.
    /// let profile = Generic::over(CouchDb).batch(Batch::bulk_docs("_bulk_docs").at_most(10));
    /// # let _ = profile;
    /// ```
    pub fn bulk_docs(at: impl Into<String>) -> Self {
        Self::of(at, Form::BulkDocs).plain()
    }

    /// Creates `_bulk` of Elasticsearch and `OpenSearch`: a line with the action and a line with the document for each
    /// write to `{index}/_doc/{id}`.
    ///
    /// The address is a path below the base URL, which may have a query. It is [plain](Self::plain).
    ///
    /// `if_seq_no`, `if_primary_term`, `op_type` and `routing` of a write become members of its action, and so do
    /// `version`, `version_type`, `pipeline` and `require_alias`. A write with another parameter fits only if the address
    /// of the request has the same one.
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::profiles::Elasticsearch;
    /// use ifmatch::{Batch, Generic};
    ///
    /// // Handles with `.query("refresh", "wait_for")` take this request, too.
    /// let batch = Batch::bulk("_bulk?refresh=wait_for");
    /// let profile = Generic::over(Elasticsearch).batch(batch);
    /// # let _ = profile;
    /// ```
    pub fn bulk(at: impl Into<String>) -> Self {
        Self::of(at, Form::Bulk).plain()
    }

    fn of(at: impl Into<String>, form: Form) -> Self {
        Self {
            at: at.into(),
            form,
            at_most: AT_MOST,
            max_bytes: MAX_BYTES,
            same_before: None,
            is_plain: false,
        }
    }

    /// Declares that the API applies each write by itself.
    ///
    /// A transaction then tries all of its steps in one request. If one of them is refused, those that were applied are taken
    /// back, as without such a request.
    pub fn plain(self) -> Self {
        Self {
            is_plain: true,
            ..self
        }
    }

    /// Whether the API applies each write by itself.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Sets how many writes one request carries at most.
    pub fn at_most(self, writes: usize) -> Self {
        Self {
            at_most: writes,
            ..self
        }
    }

    /// Sets how long the body of the request may be, in bytes.
    pub fn max_bytes(self, bytes: usize) -> Self {
        Self {
            max_bytes: bytes,
            ..self
        }
    }

    /// Sets a text before which the addresses of all writes have to be the same, such as `,RowKey=` for an API that takes
    /// the entities of one partition together.
    pub fn same_before(self, text: &'static str) -> Self {
        Self {
            same_before: Some(text),
            ..self
        }
    }

    /// Returns the path of the endpoint below the base URL, and how the writes stand in its requests.
    #[cfg(feature = "testing")]
    pub(crate) fn place(&self) -> (String, Form) {
        let path = self.at.split('?').next().unwrap_or_default();
        (format!("/{}", path.trim_start_matches('/')), self.form)
    }

    /// Returns the address of the endpoint below an API, or below a collection. `None` if it cannot be built, or leaves the
    /// base.
    pub(crate) fn endpoint(&self, base: &Url) -> Option<Url> {
        let (path, query) = match self.at.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (&*self.at, None),
        };
        let root = base.path().trim_end_matches('/');
        let path = path.trim_start_matches('/');
        let whole = match path {
            "" => root.to_owned(),
            path => format!("{root}/{path}"),
        };
        let mut url = base.clone();
        url.set_path(&whole);
        url.set_query(query);
        // Dot segments are resolved by now.
        url.path().starts_with(root).then_some(url)
    }

    /// Returns the address of the request that carries writes to these addresses. The endpoint is that below the base of the
    /// API.
    pub(crate) fn address(&self, endpoint: &Url, urls: &[&Url]) -> Result<Url, Misfit> {
        self.check(endpoint, urls)?;
        let (Form::BulkDocs, Some((first, others))) = (self.form, urls.split_first()) else {
            return Ok(endpoint.clone());
        };
        let collection = collection_of(first);
        if others
            .iter()
            .any(|url| collection_of(url).path() != collection.path())
        {
            return Err(Misfit::OtherCollection);
        }
        let mut url = self.endpoint(&collection).ok_or(Misfit::Outside)?;
        // It may have the version of the API.
        url.set_query(endpoint.query());
        Ok(url)
    }

    /// Checks what the addresses of the writes show.
    fn check(&self, endpoint: &Url, urls: &[&Url]) -> Result<(), Misfit> {
        if urls.len() > self.at_most {
            return Err(Misfit::TooMany(self.at_most));
        }
        if urls.iter().any(|url| url.origin() != endpoint.origin()) {
            return Err(Misfit::OtherOrigin);
        }
        let Some(text) = self.same_before else {
            return Ok(());
        };
        let mut before = urls.iter().map(|url| before(url, text));
        let first = before.next().flatten().ok_or(Misfit::OtherPartition)?;
        let is_same = before.all(|other| other.as_ref() == Some(&first));
        is_same.then_some(()).ok_or(Misfit::OtherPartition)
    }

    /// Returns the request for these writes. The id makes the boundaries of its parts.
    pub(crate) fn encode(
        &self,
        endpoint: &Url,
        id: &str,
        writes: &[RequestParts<'_>],
    ) -> Result<BatchRequest, Misfit> {
        let urls: Vec<_> = writes.iter().map(|write| write.url).collect();
        self.address(endpoint, &urls)?;
        let request = match self.form {
            Form::ChangeSet => change_set::encode(id, writes)?,
            Form::Bundle => bundle::encode(endpoint, writes)?,
            Form::Requests => requests::encode(writes)?,
            Form::BulkDocs => bulk_docs::encode(endpoint, writes)?,
            Form::Bulk => bulk::encode(endpoint, writes)?,
        };
        if request.body.len() > self.max_bytes {
            return Err(Misfit::TooLarge(self.max_bytes));
        }
        Ok(request)
    }

    /// Reads what the response says about each of the writes.
    ///
    /// # Errors
    ///
    /// Returns an error if a success cannot be read. The writes may have been applied.
    pub(crate) fn decode(
        &self,
        writes: &[RequestParts<'_>],
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<BatchReply, BoxError> {
        if !status.is_success() {
            return Ok(of_refusal(self.form, status, headers, body));
        }
        let reply = match self.form {
            Form::ChangeSet => change_set::decode(writes.len(), headers, body)?,
            Form::Bundle => BatchReply::Each(bundle::decode(body)?),
            Form::Requests => BatchReply::Each(requests::decode(body)?),
            Form::BulkDocs => BatchReply::Each(bulk_docs::decode(writes, body)?),
            Form::Bulk => BatchReply::Each(bulk::decode(writes, body)?),
        };
        if let BatchReply::Each(parts) = &reply {
            is_one_each(parts.len(), writes)?;
        }
        Ok(reply)
    }
}

/// Returns the query parameters of a write for which a part needs a place. The request has the others.
fn own_parameters(endpoint: &Url, url: &Url) -> Vec<(String, String)> {
    let of_all: Vec<_> = endpoint.query_pairs().collect();
    let own = url.query_pairs().filter(|pair| !of_all.contains(pair));
    own.map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// Returns a response whose body is JSON.
fn json_part(status: StatusCode, body: impl Into<Bytes>) -> ResponseParts {
    let media_type = HeaderValue::from_static("application/json");
    ResponseParts {
        status,
        headers: HeaderMap::from_iter([(CONTENT_TYPE, media_type)]),
        body: body.into(),
    }
}

/// Returns the value of a header as text.
fn text_of<'v>(name: &HeaderName, value: &'v HeaderValue) -> Result<&'v str, Misfit> {
    value.to_str().map_err(|_| Misfit::Header(name.to_string()))
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query may hold a signature.
        let path = self.at.split('?').next();
        f.debug_struct("Batch")
            .field("at", &path)
            .field("form", &self.form)
            .field("at_most", &self.at_most)
            .field("max_bytes", &self.max_bytes)
            .field("same_before", &self.same_before)
            .field("is_plain", &self.is_plain)
            .finish()
    }
}

/// Returns what stands before a text in the path of an address, percent-decoded.
fn before(url: &Url, text: &str) -> Option<Vec<u8>> {
    let path = crate::address::percent::decode(url.path()).into_owned();
    let at = path
        .windows(text.len())
        .position(|it| it == text.as_bytes())?;
    Some(path[..at].to_vec())
}

/// A request that carries several writes. Its method is `POST`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BatchRequest {
    pub(crate) media_type: HeaderValue,
    pub(crate) body: Bytes,
}

#[cfg(test)]
mod tests;
