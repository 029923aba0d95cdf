//! `Client::probe`: does an API really enforce preconditions?

mod checks;
mod report;
mod site;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::{HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::error::{Error, ErrorKind};
use crate::handle::Handle;
use crate::json::Document;
use crate::refusal::Envelope;
use crate::verbs::Lazy;
use crate::write::target::WriteMode;

use checks::{Checks, RACES};
pub use report::{ProbeCheck, ProbeFinding, ProbeReport, Verdict};
use site::Site;

/// An inspection under way; made by [`Client::probe`](crate::Client::probe).
///
/// It makes one throw-away resource under a random name, reads it, writes it, also in ways that an API
/// has to refuse, and removes it again. Nothing else is touched. It takes about fifty requests and one to ten seconds, and runs
/// on a task of the runtime, so that it cleans up behind itself even if this future is dropped.
#[must_use = "nothing is sent before it is awaited"]
pub struct Probe {
    call: Lazy<Settings, Result<ProbeReport, Error>>,
}

type MakeDraft = Box<dyn Fn(&str, u32) -> Result<Document, crate::json::JsonError> + Send>;

struct Settings {
    handle: Handle<Value>,
    timeout: Option<Duration>,
    draft: MakeDraft,
    suffix: String,
    races: u32,
}

impl Probe {
    pub(crate) fn new(handle: Handle<Value>) -> Self {
        Self {
            call: Lazy::new(Settings {
                handle,
                timeout: None,
                suffix: String::new(),
                races: RACES,
                draft: Box::new(|name, n| Document::encode(&json!({"name": name, "probe": n}))),
            }),
        }
    }

    fn set(self, change: impl FnOnce(&mut Settings)) -> Self {
        Self {
            call: self.call.set(change),
        }
    }

    /// The throw-away documents, for APIs that take no others: made of the random name and a number from
    /// 0 to 15, which is another one for each write. They must differ, in members of the outermost object.
    ///
    /// By default they are `{"name": name, "probe": number}`.
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
        self.set(|settings| settings.draft = draft)
    }

    /// What the random name ends with: file servers tell by `.json` what a file is, and some give a
    /// version to those they know alone.
    pub fn suffix(self, suffix: impl Into<String>) -> Self {
        let suffix = suffix.into();
        self.set(|settings| settings.suffix = suffix)
    }

    /// How often eight writes are sent at once with the same version, instead of three times.
    ///
    /// A server that checks the version and writes in two steps lets two of them pass only now and then. Three
    /// races showed it in 11 of 20 probes of Apache 2.4 (`mod_dav`), and in 14 of 20 of Kinto 26.5 in memory
    /// with ten threads that change places often; 200 races in 24 of 25 of the latter. So
    /// [`RacingWrites`](ProbeCheck::RacingWrites) that fails is a proof, and one that holds is a hint, the better
    /// the more races there were. After one that fails, the others are left out. Many of them need more
    /// time than [`Limits::time`](crate::Limits::time): see [`timeout`](Self::timeout).
    pub fn races(self, times: u32) -> Self {
        self.set(|settings| settings.races = times)
    }

    /// A header on every request of it.
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.set(|settings| drop(settings.handle.headers.insert(name, value)))
    }

    /// A query parameter on every request of it.
    pub fn query(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let pair = (name.into(), value.into());
        self.set(|settings| settings.handle.query.push(pair))
    }

    /// How changes are sent; by default the whole document, by `PUT`.
    pub fn write_mode(self, mode: WriteMode) -> Self {
        self.set(|settings| settings.handle.mode = mode)
    }

    /// Where the document lies inside the body, if otherwise than the profile says.
    pub fn envelope(self, envelope: Envelope) -> Self {
        self.set(|settings| settings.handle.envelope = Some(envelope))
    }

    /// The time of the checks, instead of [`Limits::time`](crate::Limits::time). Cleaning up has
    /// `Limits::time` for itself.
    pub fn timeout(self, time: Duration) -> Self {
        self.set(|settings| settings.timeout = Some(time))
    }
}

impl Future for Probe {
    type Output = Result<ProbeReport, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().call.poll_with(context, run)
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").finish_non_exhaustive()
    }
}

async fn run(settings: Settings) -> Result<ProbeReport, Error> {
    let handle = settings.handle;
    let time = settings
        .timeout
        .unwrap_or(handle.shared.exchange.limits.time);
    let name = format!("ifmatch-probe-{}{}", crate::ids::uuid(), settings.suffix);
    let drafts = (0..Checks::DRAFTS).map(|n| (settings.draft)(&name, n));
    let drafts = drafts
        .collect::<Result<Vec<Document>, _>>()
        .map_err(|error| {
            let what = format!("a throw-away document cannot be written as JSON: {error}");
            Error::config(what).with_source(error)
        })?;
    let site = Site::new(handle, name, drafts, time)?;
    // A future that is dropped leaves nothing behind: the task goes on to the end.
    tokio::spawn(inspect(site, settings.races))
        .await
        .unwrap_or_else(|_| {
            let why =
                "the runtime that carried the probe has ended; its resource may be left behind";
            Err(Error::new(ErrorKind::OutcomeUnknown, why))
        })
}

async fn inspect(mut site: Site, races: u32) -> Result<ProbeReport, Error> {
    let begun = Instant::now();
    let mut checks = Checks::of(&mut site, races);
    let made = checks.make().await;
    let stopped = match &made {
        Ok(()) => checks.all().await.err(),
        Err(_) => None,
    };
    let findings = checks.findings;
    let left_behind = site.clean_up().await;
    if let Err(error) = made {
        return Err(match left_behind {
            Some(left) => error.and(&format!("a resource is left behind: {left}")),
            None => error,
        });
    }
    Ok(ProbeReport {
        path: site.path().to_owned(),
        findings,
        stopped: stopped.map(|stop| stop.0),
        left_behind,
        requests: site.requests(),
        elapsed: begun.elapsed(),
    })
}
