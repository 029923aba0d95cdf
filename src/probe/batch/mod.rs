//! `Client::probe_batch` checks whether an endpoint for several writes is atomic, and keeps their preconditions.

mod checks;
mod report;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::{Value, json};

use super::site::{Drafts, MakeDraft, Site};
use crate::json::{Document, JsonError};
use crate::operations::{Handle, Lazy};
use crate::support::ids;
use crate::transaction::Endpoint;
use crate::value::{Error, ErrorKind};
use checks::Checks;
pub use report::{BatchCheck, BatchFinding, BatchProbeReport};

/// How many resources are written at once. The stale write is between two good ones.
const MEMBERS: usize = 3;

/// A probe of an endpoint for several writes, created by [`Client::probe_batch`](crate::Client::probe_batch).
///
/// It creates three temporary resources under random names, writes them together twice, once with a stale version among
/// them, looks what was stored, and removes them again. It takes about twenty requests. It runs on a task of the runtime,
/// so it cleans up even if this future is dropped.
///
/// It returns a [`BatchProbeReport`]. Print it, or check [`is_atomic`](BatchProbeReport::is_atomic) in a test.
#[must_use = "nothing is sent before it is awaited"]
pub struct ProbeBatch {
    call: Lazy<Settings, Result<BatchProbeReport, Error>>,
}

struct Settings {
    handle: Handle<Value>,
    endpoint: Option<Endpoint>,
    timeout: Option<Duration>,
    make: Arc<MakeShared>,
    id: Box<dyn Fn(&str) -> String + Send>,
}

/// Makes the documents of all resources.
type MakeShared = dyn Fn(&str, u32) -> Result<Document, JsonError> + Send + Sync + 'static;

impl ProbeBatch {
    pub(crate) fn new(handle: Handle<Value>, endpoint: Option<Endpoint>) -> Self {
        Self {
            call: Lazy::new(Settings {
                handle,
                endpoint,
                timeout: None,
                make: Arc::new(|name, n| Document::encode(&json!({"name": name, "probe": n}))),
                id: Box::new(str::to_owned),
            }),
        }
    }

    fn set(self, change: impl FnOnce(&mut Settings)) -> Self {
        Self {
            call: self.call.set(change),
        }
    }

    /// Sets the documents that the probe writes, for APIs that refuse the default ones.
    ///
    /// Each document is made from the [id](Self::id) of its resource and a number that counts up from 0. All documents of one
    /// resource must be different, in members of the outermost object.
    ///
    /// Default: `{"name": id, "probe": number}`.
    ///
    /// # Errors
    ///
    /// A document that cannot be written as JSON, or that repeats an earlier one, is a `Config` error.
    ///
    /// # Example
    ///
    /// ```
    /// # async fn f(client: ifmatch::Client) -> Result<(), ifmatch::Error> {
    /// use serde_json::json;
    ///
    /// let report = client
    ///     .probe_batch("orders")
    ///     .document(|id, n| json!({"customer": id, "quantity": n + 1}))
    ///     .await?;
    /// # let _ = report;
    /// # Ok(())
    /// # }
    /// ```
    pub fn document<V: Serialize>(
        self,
        make: impl Fn(&str, u32) -> V + Send + Sync + 'static,
    ) -> Self {
        self.set(|settings| {
            settings.make = Arc::new(move |name, n| Document::encode(&make(name, n)));
        })
    }

    /// Sets how the id of a resource is made from its random name (default: it is the name).
    ///
    /// # Example
    ///
    /// ```
    /// # async fn f(client: ifmatch::Client) -> Result<(), ifmatch::Error> {
    /// use serde_json::json;
    ///
    /// let report = client
    ///     .probe_batch("")
    ///     .id(|name| format!("people(PartitionKey='probe',RowKey='{name}')"))
    ///     .document(|_, n| json!({"n": n}))
    ///     .await?;
    /// # let _ = report;
    /// # Ok(())
    /// # }
    /// ```
    pub fn id(self, make: impl Fn(&str) -> String + Send + 'static) -> Self {
        self.set(|settings| settings.id = Box::new(make))
    }

    /// Adds a header to every request about a resource.
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.set(|settings| settings.handle.headers.insert(name, value))
    }

    /// Adds a query parameter to every request about a resource.
    pub fn query(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let pair = (name.into(), value.into());
        self.set(|settings| settings.handle.query.push(pair))
    }

    /// Sets the time limit of the checks (default [`Limits::time`](crate::Limits::time)). The clean-up of each resource has
    /// `Limits::time` of its own.
    pub fn timeout(self, time: Duration) -> Self {
        self.set(|settings| settings.timeout = Some(time))
    }
}

impl Future for ProbeBatch {
    type Output = Result<BatchProbeReport, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut()
            .call
            .poll_with(context, |settings| Box::pin(run(settings)))
    }
}

impl fmt::Debug for ProbeBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeBatch").finish_non_exhaustive()
    }
}

async fn run(settings: Settings) -> Result<BatchProbeReport, Error> {
    let Some(endpoint) = settings.endpoint else {
        let why =
            "the profile of the client names no request for several writes: see `Generic::batch`";
        return Err(Error::config(why));
    };
    let time = settings
        .timeout
        .unwrap_or(endpoint.shared.exchange.limits.time);
    let mut sites = Vec::with_capacity(MEMBERS);
    for _ in 0..MEMBERS {
        let name = (settings.id)(&format!("ifmatch-probe-{}", ids::uuid()));
        let make = settings.make.clone();
        let make: MakeDraft = Box::new(move |name, n| make(name, n));
        let drafts = Drafts::new(name, make, false)?;
        sites.push(Site::new(
            settings.handle.clone(),
            drafts,
            Vec::new(),
            time,
        )?);
    }
    // The task runs to its end even if this future is dropped, so it leaves no resource behind.
    tokio::spawn(inspect(sites, endpoint))
        .await
        .unwrap_or_else(|_| {
            let why = "the runtime ended during the probe, whose resources may be left behind";
            Err(Error::new(ErrorKind::OutcomeUnknown, why))
        })
}

async fn inspect(sites: Vec<Site>, endpoint: Endpoint) -> Result<BatchProbeReport, Error> {
    let mut checks = Checks::new(sites, endpoint);
    let outcome = checks.all().await;
    let left_behind = checks.clean_up().await;
    match outcome {
        Ok(stopped) => Ok(checks.report(stopped, left_behind)),
        Err(error) => Err(match left_behind {
            Some(left) => error.and(&format!("a resource is left behind: {left}")),
            None => error,
        }),
    }
}
