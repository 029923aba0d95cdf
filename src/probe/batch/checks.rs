//! The checks: a batch of good writes, and one with a stale write between good ones.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};

use super::report::{BatchCheck, BatchFinding, BatchProbeReport};
use crate::exchange::Call;
use crate::exchange::transport::Response;
use crate::probe::Verdict;
use crate::probe::site::{ProbeRead, Site, Stop};
use crate::protocol::{BatchReply, Misfit, RequestParts, ResponseParts, Validator};
use crate::support::ids;
use crate::transaction::Endpoint;
use crate::value::Error;

pub(super) struct Checks {
    sites: Vec<Site>,
    endpoint: Endpoint,
    /// The path to which the last request went.
    path: String,
    findings: Vec<BatchFinding>,
}

/// What became of one batch.
struct Tried {
    reply: BatchReply,
    /// The status of the response around the parts.
    status: u16,
    /// Whether each resource shows what was written.
    applied: Vec<bool>,
    now: Vec<ProbeRead>,
}

impl Tried {
    /// Returns the responses to the writes, if there is one for each.
    fn each(&self) -> Option<&[ResponseParts]> {
        match &self.reply {
            BatchReply::Each(parts) => Some(parts),
            _ => None,
        }
    }

    /// Whether the response says that this write was refused.
    fn is_refused(&self, at: usize) -> bool {
        match &self.reply {
            BatchReply::Each(parts) => parts.get(at).is_some_and(|part| !part.status.is_success()),
            _ => true,
        }
    }

    /// Returns which write alone is at fault, if the response says so.
    fn at_fault(&self) -> Option<usize> {
        match &self.reply {
            BatchReply::Refused(at, _) => *at,
            BatchReply::Each(parts) => {
                let depends = http::StatusCode::FAILED_DEPENDENCY;
                let is_at_fault =
                    |part: &&ResponseParts| !part.status.is_success() && part.status != depends;
                let at = parts.iter().position(|part| is_at_fault(&part))?;
                (parts.iter().filter(is_at_fault).count() == 1).then_some(at)
            }
            BatchReply::NoEndpoint(_) | BatchReply::Whole => None,
        }
    }

    /// Returns the responses in a few words.
    fn told(&self) -> String {
        let status = self.status;
        match &self.reply {
            BatchReply::Each(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| part.status.as_str()).collect();
                format!("the response was {status} with {}", parts.join(", "))
            }
            BatchReply::Refused(_, part) if part.status.as_u16() != status => {
                format!("the response was {status} with {}", part.status.as_str())
            }
            _ => format!("the response was {status}"),
        }
    }
}

impl Checks {
    pub(super) fn new(sites: Vec<Site>, endpoint: Endpoint) -> Self {
        Self {
            sites,
            path: endpoint.url.path().to_owned(),
            endpoint,
            findings: Vec::new(),
        }
    }

    /// Creates the resources and runs the checks. Returns why they ended early, if they did.
    pub(super) async fn all(&mut self) -> Result<Option<String>, Error> {
        for site in &mut self.sites {
            let draft = site.drafts.fresh();
            let draft = draft.map_err(|Stop(why)| Error::config(why))?;
            site.make(draft).await?;
        }
        Ok(self.checked().await.err().map(|Stop(why)| why))
    }

    async fn checked(&mut self) -> Result<(), Stop> {
        let mut first = Vec::with_capacity(self.sites.len());
        for site in &mut self.sites {
            first.push(seen(site).await?);
        }
        let versions = versions(&first)?;
        let good = self.batch(&versions, &first).await?;
        if !self.good(&good) {
            return Ok(());
        }
        let mut stale = self::versions(&good.now)?;
        let at = stale.len() / 2;
        stale[at].clone_from(&versions[at]);
        let tried = self.batch(&stale, &good.now).await?;
        self.stale(&tried, at);
        Ok(())
    }

    /// Judges a batch without a stale version. Returns whether it was applied.
    fn good(&mut self, tried: &Tried) -> bool {
        use BatchCheck as Check;
        let count = tried.applied.iter().filter(|applied| **applied).count();
        let of = tried.applied.len();
        let seen = format!("{count} of {of} writes were stored; {}", tried.told());
        self.found(Check::Applies, count == of, seen);
        if count < of {
            return false;
        }
        let is_told = (0..of).all(|at| !tried.is_refused(at));
        self.found(Check::TellsSuccess, is_told, tried.told());
        let versions = tried.each().unwrap_or_default().iter().zip(&self.sites);
        let versions = versions.zip(&tried.now).filter(|((part, site), now)| {
            let told = site.version_in(&response(part));
            told.is_some() && told.as_ref() == now.version()
        });
        let told = versions.count();
        let seen = format!("{told} of {of} responses have the version that was stored");
        self.found(Check::TellsVersions, told == of, seen);
        true
    }

    /// Judges a batch with one stale version.
    fn stale(&mut self, tried: &Tried, at: usize) {
        use BatchCheck as Check;
        let is_kept = !tried.applied[at];
        let seen = if is_kept {
            "the stale write was not stored"
        } else {
            "the stale write was stored"
        };
        self.found(Check::KeepsPreconditions, is_kept, seen);
        let told = tried.told();
        let others = tried.applied.iter().enumerate();
        let others = others.filter(|(other, applied)| *other != at && **applied);
        let (stored, of) = (others.count(), tried.applied.len() - 1);
        if is_kept {
            self.found(Check::TellsRefusal, tried.is_refused(at), told.clone());
            let seen = format!("{stored} of the {of} writes beside it were stored");
            self.found(Check::Atomic, stored == 0, seen);
            let named = match tried.at_fault() {
                Some(named) if named == at => "the response names the stale write",
                Some(_) => "the response names another write",
                None => "the response does not name the stale write",
            };
            self.found(Check::NamesRefused, tried.at_fault() == Some(at), named);
        } else {
            let seen = "nothing was refused";
            for check in [Check::TellsRefusal, Check::Atomic, Check::NamesRefused] {
                self.add(check, Verdict::Unknown, seen);
            }
        }
    }

    /// Writes a new draft to each resource in one request, onto these versions, and reads what is stored.
    async fn batch(&mut self, versions: &[Validator], onto: &[ProbeRead]) -> Result<Tried, Stop> {
        let (mut calls, mut drafts) = (Vec::new(), Vec::new());
        for ((site, version), onto) in self.sites.iter_mut().zip(versions).zip(onto) {
            let draft = site.drafts.fresh()?;
            calls.push(site.write_call(version, &onto.snapshot, draft)?);
            drafts.push(draft);
        }
        let writes: Vec<_> = calls.iter().map(RequestParts::from).collect();
        let (batch, endpoint) = (&self.endpoint.batch, &self.endpoint.url);
        let urls: Vec<_> = writes.iter().map(|write| write.url).collect();
        let misfit = |misfit: Misfit| Stop(misfit.to_string());
        let url = batch.address(endpoint, &urls).map_err(misfit)?;
        let request = batch.encode(endpoint, &ids::uuid(), &writes);
        let request = request.map_err(misfit)?;
        self.path = url.path().to_owned();
        let call = Call {
            method: Method::POST,
            url,
            headers: HeaderMap::from_iter([(CONTENT_TYPE, request.media_type)]),
            body: request.body,
        };
        let reply = self.sites[0].send(&call).await?;
        let decoded = batch.decode(&writes, reply.status, &reply.headers, &reply.body);
        let decoded = decoded
            .map_err(|error| Stop(format!("the response to the batch cannot be read: {error}")))?;
        let (mut now, mut applied) = (Vec::new(), Vec::new());
        for (site, draft) in self.sites.iter_mut().zip(drafts) {
            let read = seen(site).await?;
            applied.push(read.draft == Some(draft));
            now.push(read);
        }
        Ok(Tried {
            reply: decoded,
            status: reply.status.as_u16(),
            applied,
            now,
        })
    }

    fn found(&mut self, check: BatchCheck, holds: bool, seen: impl Into<String>) {
        let verdict = if holds {
            Verdict::Holds
        } else {
            Verdict::Fails
        };
        self.add(check, verdict, seen);
    }

    fn add(&mut self, check: BatchCheck, verdict: Verdict, seen: impl Into<String>) {
        self.findings.push(BatchFinding {
            check,
            verdict,
            seen: seen.into(),
        });
    }

    /// Removes the resources. Returns why one of them is still there.
    pub(super) async fn clean_up(&mut self) -> Option<String> {
        let mut left_behind = None;
        for site in &mut self.sites {
            let left = site.clean_up().await;
            left_behind = left_behind.or(left);
        }
        left_behind
    }

    pub(super) fn report(
        &self,
        stopped: Option<String>,
        left_behind: Option<String>,
    ) -> BatchProbeReport {
        BatchProbeReport {
            path: self.path.clone(),
            findings: self.findings.clone(),
            stopped,
            left_behind,
            requests: self.sites.iter().map(Site::requests).sum(),
        }
    }
}

/// Reads a resource that must be there.
async fn seen(site: &mut Site) -> Result<ProbeRead, Stop> {
    let read = site.read().await?;
    read.ok_or_else(|| Stop("a resource of the probe is gone".to_owned()))
}

fn versions(reads: &[ProbeRead]) -> Result<Vec<Validator>, Stop> {
    let versions = reads.iter().map(|read| read.version().cloned());
    let versions: Option<_> = versions.collect();
    versions.ok_or_else(|| Stop("a read returns no usable version".to_owned()))
}

fn response(part: &ResponseParts) -> Response {
    Response::new(part.status, part.headers.clone(), Bytes::clone(&part.body))
}
