//! `Client::probe` checks whether an API really enforces preconditions.

mod batch;
mod checks;
mod report;
mod site;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::json::Document;
use crate::operations::{Handle, Lazy};
use crate::protocol::Envelope;
use crate::value::{Error, ErrorKind};
use crate::write::request::target::WriteMode;

pub use batch::{BatchCheck, BatchFinding, BatchProbeReport, ProbeBatch};
use checks::{Checks, RACES};
pub use report::{ProbeCheck, ProbeFinding, ProbeReport, Verdict};
use site::Site;
use site::{Drafts, MakeDraft, MakeHeader};

/// A probe of an API, created by [`Client::probe`](crate::Client::probe).
///
/// It creates one temporary resource under a random name, reads it, writes it and removes it again. Some of the
/// writes are ones that an API has to refuse. The probe touches no other resource. It takes about ninety requests and
/// one to ten seconds. It runs on a task of the runtime, so it cleans up even if this future is dropped.
///
/// It returns a [`ProbeReport`]. Print it, or check [`enforces_preconditions`](ProbeReport::enforces_preconditions)
/// in a test.
///
/// To probe an API in which resources cannot be created or removed, use [`existing`](Self::existing).
#[must_use = "nothing is sent before it is awaited"]
pub struct Probe {
    call: Lazy<ProbeSettings, Result<ProbeReport, Error>>,
}

struct ProbeSettings {
    handle: Handle<Value>,
    timeout: Option<Duration>,
    draft: Option<MakeDraft>,
    headers: Vec<(HeaderName, MakeHeader)>,
    suffix: String,
    races: u32,
    is_existing: bool,
}

impl Probe {
    pub(crate) fn new(handle: Handle<Value>) -> Self {
        Self {
            call: Lazy::new(ProbeSettings {
                handle,
                timeout: None,
                suffix: String::new(),
                races: RACES,
                draft: None,
                headers: Vec::new(),
                is_existing: false,
            }),
        }
    }

    fn set(self, change: impl FnOnce(&mut ProbeSettings)) -> Self {
        Self {
            call: self.call.set(change),
        }
    }

    /// Sets the documents that the probe writes, for APIs that refuse the default ones.
    ///
    /// Each document is made from the random name and a number that counts up from 0. A probe needs about 20
    /// documents, and 16 more for each [race](Self::races). All documents must be different, because a repeated
    /// document brings its old version back where versions are made from the content. They must differ in members of
    /// the outermost object, or not be objects at all.
    ///
    /// Default: `{"name": name, "probe": number}`.
    ///
    /// # Errors
    ///
    /// A document that cannot be written as JSON, or that repeats an earlier one, ends the probe. The first 16
    /// documents are made before any request is sent, and the error for them is [`ErrorKind::Config`]. Later ones
    /// end the checks with [`ProbeReport::stopped`].
    ///
    /// # Example
    ///
    /// ```
    /// # async fn f(client: ifmatch::Client) -> Result<(), ifmatch::Error> {
    /// use serde_json::json;
    ///
    /// let report = client
    ///     .probe("orders")
    ///     .document(|name, n| json!({"customer": name, "quantity": n + 1}))
    ///     .await?;
    /// # let _ = report;
    /// # Ok(())
    /// # }
    /// ```
    pub fn document<V: Serialize>(self, make: impl Fn(&str, u32) -> V + Send + 'static) -> Self {
        let draft: MakeDraft = Box::new(move |name, n| Document::encode(&make(name, n)));
        self.set(|settings| settings.draft = Some(draft))
    }

    /// Probes an existing resource at the given address, such as a settings document, without creating or removing
    /// it.
    ///
    /// The probe writes its [documents](Self::document) over the members of the same names and leaves all other
    /// members unchanged. At the end it restores the members, unless that would overwrite another client's write. By
    /// default it writes one member, `ifmatch_probe`. Checks that need a removal are [not
    /// asked](ProbeReport::not_asked). If the server ignores preconditions, a concurrent write of another client may
    /// be lost, as with any client, so choose a quiet time.
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::NotFound`] if the resource does not exist.
    ///
    /// # Example
    ///
    /// ```
    /// # async fn f(client: ifmatch::Client) -> Result<(), ifmatch::Error> {
    /// use serde_json::json;
    ///
    /// let report = client
    ///     .probe("settings/site")
    ///     .existing()
    ///     .document(|name, n| json!({"comment": format!("{name} {n}")}))
    ///     .await?;
    /// println!("{report}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn existing(self) -> Self {
        self.set(|settings| settings.is_existing = true)
    }

    /// Adds a header to each write that carries a document.
    ///
    /// Its value is made from the random name and the number of the document. It is for example a title, or a name
    /// that the server should choose (`Slug`).
    ///
    /// # Errors
    ///
    /// A value that is invalid in a header ends the probe. At the first document the error is [`ErrorKind::Config`].
    /// Later the checks end with [`ProbeReport::stopped`].
    ///
    /// # Example
    ///
    /// ```
    /// # async fn f(client: ifmatch::Client) -> Result<(), ifmatch::Error> {
    /// use http::HeaderName;
    ///
    /// let report = client
    ///     .probe("pages")
    ///     .document_header(HeaderName::from_static("slug"), |name, _| name.to_owned())
    ///     .await?;
    /// # let _ = report;
    /// # Ok(())
    /// # }
    /// ```
    pub fn document_header(
        self,
        name: HeaderName,
        make: impl Fn(&str, u32) -> String + Send + Sync + 'static,
    ) -> Self {
        self.set(|settings| settings.headers.push((name, Box::new(make))))
    }

    /// Sets the end of the random name, such as `.json` (default none).
    ///
    /// File servers derive the type of a file from it, and some give a version only to types that they know.
    pub fn suffix(self, suffix: impl Into<String>) -> Self {
        let suffix = suffix.into();
        self.set(|settings| settings.suffix = suffix)
    }

    /// Sets the number of races (default 3).
    ///
    /// A race sends eight writes at once with the same version, or eight creations of the same resource.
    ///
    /// A server that checks the version and writes in two steps lets two of them pass only occasionally. Three races
    /// showed it in 11 of 20 probes of Apache 2.4 (`mod_dav`), and in 14 of 20 of Kinto 26.5 in memory with ten
    /// threads that switch often. With 200 races, it showed in 24 of 25 probes of the latter. So a failed
    /// [`RacingWrites`](ProbeCheck::RacingWrites) is proof, and a passed one is evidence that grows stronger with
    /// more races. After a failed race the others are skipped. Many races need more time than
    /// [`Limits::time`](crate::Limits::time), which [`timeout`](Self::timeout) replaces.
    pub fn races(self, times: u32) -> Self {
        self.set(|settings| settings.races = times)
    }

    /// Adds a header to every request of the probe.
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.set(|settings| settings.handle.headers.insert(name, value))
    }

    /// Adds a query parameter to every request of the probe.
    pub fn query(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let pair = (name.into(), value.into());
        self.set(|settings| settings.handle.query.push(pair))
    }

    /// Sets how changes are sent (default: the whole document, by `PUT`).
    pub fn write_mode(self, mode: WriteMode) -> Self {
        self.set(|settings| settings.handle.mode = mode)
    }

    /// Sets the location of the document inside the body, if it differs from the profile's.
    pub fn envelope(self, envelope: Envelope) -> Self {
        self.set(|settings| settings.handle.envelope = Some(envelope))
    }

    /// Sets the time limit of the checks (default [`Limits::time`](crate::Limits::time)). The clean-up has
    /// `Limits::time` of its own.
    pub fn timeout(self, time: Duration) -> Self {
        self.set(|settings| settings.timeout = Some(time))
    }
}

impl Future for Probe {
    type Output = Result<ProbeReport, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut()
            .call
            .poll_with(context, |settings| Box::pin(run(settings)))
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").finish_non_exhaustive()
    }
}

async fn run(settings: ProbeSettings) -> Result<ProbeReport, Error> {
    let handle = settings.handle;
    let time = settings
        .timeout
        .unwrap_or(handle.shared.exchange.limits.time);
    let name = format!(
        "ifmatch-probe-{}{}",
        crate::support::ids::uuid(),
        settings.suffix
    );
    let make = settings.draft.unwrap_or(if settings.is_existing {
        Box::new(|name, n| Document::encode(&json!({"ifmatch_probe": format!("{name} {n}")})))
    } else {
        Box::new(|name, n| Document::encode(&json!({"name": name, "probe": n})))
    });
    let drafts = Drafts::new(name, make, settings.is_existing)?;
    let site = Site::new(handle, drafts, settings.headers, time)?;
    // The task runs to its end even if this future is dropped, so it leaves no resource behind.
    tokio::spawn(inspect(site, settings.races, settings.is_existing))
        .await
        .unwrap_or_else(|_| {
            let why = "the runtime ended during the probe, whose resource may be left behind";
            Err(Error::new(ErrorKind::OutcomeUnknown, why))
        })
}

async fn inspect(mut site: Site, races: u32, existing: bool) -> Result<ProbeReport, Error> {
    let begun = Instant::now();
    let mut checks = Checks::of(&mut site, races);
    let outcome = if existing {
        checks.of_an_existing_one().await
    } else {
        checks.of_a_new_one().await
    };
    let (findings, not_asked) = (checks.findings, checks.not_asked);
    let left_behind = site.clean_up().await;
    let stopped = match outcome {
        Ok(checked) => checked.err(),
        Err(error) => {
            return Err(match left_behind {
                Some(left) => error.and(&format!("a resource is left behind: {left}")),
                None => error,
            });
        }
    };
    Ok(ProbeReport {
        path: site.path().to_owned(),
        findings,
        not_asked,
        stopped: stopped.map(|stop| stop.0),
        left_behind,
        requests: site.requests(),
        elapsed: begun.elapsed(),
    })
}
