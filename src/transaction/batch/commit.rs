//! Runs the members of an atomic batch side by side, and concludes what became of them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::dispatch::{Dispatched, Dispatcher};
use super::endpoint::Endpoint;
use super::gathering::concluded;
use super::side_by_side::{self, left, made};
use crate::retry::later;
use crate::support::ids;
use crate::transaction::machine::Standing;
use crate::value::{Error, ErrorKind};
use crate::write::step::{Made, Risk, Step, Tried, still_unknown};

/// What became of a batch.
pub(crate) enum Ended {
    /// The writes do not fit into one request. Nothing was applied.
    Misfit(Error),
    /// What became of each step.
    Made(Outcome),
}

/// What became of each step of a batch.
pub(crate) struct Outcome {
    pub(crate) standings: Vec<Standing>,
    pub(crate) errors: Vec<Option<Arc<Error>>>,
    /// The error that ended the batch.
    pub(crate) first: Option<Arc<Error>>,
    pub(crate) requests: u32,
}

/// The steps of a transaction, as members of one request.
struct Members<'a> {
    steps: &'a mut [Box<dyn Step>],
    urls: &'a [Url],
    endpoint: &'a Endpoint,
    id: String,
    made: Vec<Made>,
    errors: Vec<Option<Error>>,
    requests: u32,
    disagrees: bool,
    /// Whether doubts are being settled, so that a run that does not begin leaves them as they are.
    in_doubt: bool,
    misfit: Option<String>,
}

/// Makes the steps by one atomic request. Settling a doubt has the same time once more.
pub(crate) async fn make(
    steps: &mut [Box<dyn Step>],
    urls: &[Url],
    endpoint: &Endpoint,
    time: Duration,
    time_for_doubts: Duration,
) -> Ended {
    if let Err(misfit) = check(steps, urls, endpoint) {
        return Ended::Misfit(misfit);
    }
    let mut members = Members {
        made: vec![Made::Unknown; steps.len()],
        errors: steps.iter().map(|_| None).collect(),
        steps,
        urls,
        endpoint,
        id: ids::uuid(),
        requests: 0,
        disagrees: false,
        in_doubt: false,
        misfit: None,
    };
    let deadline = later(Instant::now(), time);
    if members.validate(deadline).await {
        members.run(deadline).await;
    }
    if let Some(misfit) = members.misfit.take() {
        return Ended::Misfit(Error::config(misfit));
    }
    members.settle(later(Instant::now(), time_for_doubts)).await;
    Ended::Made(members.outcome())
}

/// Checks what can be seen before anything is sent.
pub(crate) fn check(
    steps: &[Box<dyn Step>],
    urls: &[Url],
    endpoint: &Endpoint,
) -> Result<(), Error> {
    if steps.iter().any(|step| step.risk() == Risk::Pivot) {
        let why = "a `post` is no part of an atomic request, because its response would not name what was made";
        return Err(Error::config(why));
    }
    let writes = steps.iter().zip(urls).filter(|(step, _)| step.writes());
    let writes: Vec<_> = writes.map(|(_, url)| url).collect();
    let address = endpoint.batch.address(&endpoint.url, &writes);
    address
        .map(drop)
        .map_err(|misfit| Error::config(misfit.to_string()))
}

impl Members<'_> {
    /// Runs the steps that only check, one after the other. Returns whether all of them hold.
    async fn validate(&mut self, deadline: Instant) -> bool {
        for at in 0..self.steps.len() {
            if self.steps[at].writes() {
                continue;
            }
            let tried = self.steps[at].run(left(deadline)).await;
            self.tried(at, tried);
            if self.made[at] != Made::Unchanged {
                // Nothing was sent for the others.
                self.made = vec![Made::NotApplied; self.steps.len()];
                return false;
            }
        }
        true
    }

    /// Runs all members that are not certain side by side, with one request for all of them.
    async fn run(&mut self, deadline: Instant) {
        let open: Vec<usize> = (0..self.steps.len())
            .filter(|at| self.steps[*at].writes() && self.made[*at] == Made::Unknown)
            .collect();
        let (endpoint, id) = (self.endpoint, &self.id);
        let gather = |members, inbox| Dispatcher::new(endpoint, id, members, inbox).run();
        let ran = side_by_side::run(self.steps, self.urls, &open, deadline, gather);
        let (tried, dispatched) = ran.await;
        for (at, tried) in open.iter().zip(tried) {
            self.tried(*at, tried);
        }
        self.dispatched(&open, dispatched);
    }

    fn tried(&mut self, at: usize, tried: Result<Tried, Error>) {
        let tried = if self.in_doubt {
            still_unknown(tried)
        } else {
            tried
        };
        self.made[at] = made(&tried);
        let (requests, error) = match tried {
            Ok(tried) => (tried.requests, tried.error),
            Err(error) => (0, Some(error)),
        };
        self.requests = self.requests.saturating_add(requests);
        self.errors[at] = error;
    }

    fn dispatched(&mut self, open: &[usize], dispatched: Dispatched) {
        self.requests = self.requests.saturating_add(dispatched.requests);
        self.disagrees |= dispatched.disagrees;
        for place in dispatched.turned_away {
            // The error of the member that failed says why.
            if let Some(at) = open
                .get(place)
                .filter(|at| self.made[**at] == Made::NotApplied)
            {
                self.errors[*at] = None;
            }
        }
        let stands = |made: &Made| matches!(made, Made::Applied | Made::Unknown);
        if !self.made.iter().any(stands) {
            self.misfit = dispatched.misfit.map(|misfit| misfit.to_string());
        }
    }

    /// Ends the doubts: by what other members have found, by another run, or by moving a version.
    async fn settle(&mut self, deadline: Instant) {
        self.conclude();
        self.in_doubt = true;
        if self.made.contains(&Made::Unknown) && !self.disagrees {
            self.run(deadline).await;
            self.conclude();
        }
        for at in 0..self.steps.len() {
            if self.made[at] != Made::Unknown {
                continue;
            }
            let fenced = still_unknown(self.steps[at].fence(left(deadline)).await);
            if made(&fenced) != Made::Unknown {
                self.tried(at, fenced);
            } else if let Ok(fenced) = fenced {
                self.requests = self.requests.saturating_add(fenced.requests);
            }
            self.conclude();
        }
    }

    fn conclude(&mut self) {
        let concluded = concluded(&self.made, self.disagrees);
        for (at, made) in concluded.into_iter().enumerate() {
            if made != Made::Unknown && made != self.made[at] {
                self.errors[at] = None;
            }
            self.made[at] = made;
        }
    }

    fn outcome(self) -> Outcome {
        let has = |made| self.made.contains(&made);
        let is_partial = has(Made::Applied) && (has(Made::NotApplied) || has(Made::Unknown));
        let standings = self.made.iter().map(|made| match made {
            Made::Applied if is_partial => Standing::Stands,
            Made::Applied => Standing::Applied,
            Made::Unchanged => Standing::Unchanged,
            Made::NotApplied => Standing::NotApplied,
            Made::Unknown => Standing::Unknown,
        });
        let standings = standings.collect();
        let errors: Vec<_> = self.errors.into_iter().map(|it| it.map(Arc::new)).collect();
        let first = if is_partial && self.disagrees {
            let path = self.endpoint.url.path();
            let why =
                format!("{path} is not atomic: it has applied some of the writes of one request");
            Some(Arc::new(Error::new(ErrorKind::Refused, why)))
        } else {
            errors.iter().flatten().next().cloned()
        };
        Outcome {
            standings,
            errors,
            first,
            requests: self.requests,
        }
    }
}
