//! A new transaction: what is checked, prepared and recorded before its first step is made.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::batch::{self, Endpoint};
use super::machine::Machine;
use super::record::{OnCrash, Record};
use super::report::Committed;
use super::run::Run;
use crate::lease::{Held, Isolation};
use crate::value::Error;
use crate::write::step::{Risk, Step};

/// The most steps of a transaction.
const MOST_STEPS: usize = 100;

/// A transaction that is to be made.
pub(crate) struct Plan {
    pub(crate) steps: Vec<Box<dyn Step>>,
    pub(crate) isolation: Option<Arc<dyn Isolation>>,
    /// How long the steps may take.
    pub(crate) time: Duration,
    pub(crate) atomic_only: bool,
    /// Its marks, if the client has a journal.
    pub(crate) record: Option<Record>,
    pub(crate) on_crash: OnCrash,
    /// The request of the API for several writes, if it has one.
    pub(crate) endpoint: Option<Endpoint>,
}

/// Makes the steps of a transaction, or takes them back.
pub(crate) async fn run(plan: Plan) -> Result<Committed, Error> {
    let Plan {
        mut steps,
        isolation,
        time,
        atomic_only,
        record,
        on_crash,
        endpoint,
    } = plan;
    checked(&steps)?;
    let (for_tries, endpoint) = match endpoint {
        Some(endpoint) if endpoint.batch.is_plain() => (Some(endpoint), None),
        endpoint => (None, endpoint),
    };
    steps.sort_by_key(|step| step.risk());
    let urls = checked(&steps)?;
    if atomic_only {
        can_be_atomic(&steps, &urls, endpoint.as_ref())?;
    }
    // One write alone leaves nothing half done, and a later process does not hold the leases of this one.
    let is_recorded = steps.len() > 1 && !steps.iter().any(|step| step.has_lease());
    let mut run = Run::new(steps, urls, time);
    let is_isolated = isolation.is_some();
    let held = match run.hold(isolation.as_deref()).await {
        Ok(held) => held,
        Err((step, error)) => return Err(run.unbegun(step, error)),
    };
    for step in 0..run.steps.len() {
        let left = run.left();
        match run.steps[step].prepare(left).await {
            Ok(requests) => run.requests = run.requests.saturating_add(requests),
            Err(error) => return Err(run.unbegun(step, error)),
        }
    }
    // It leaves nothing half done if the process ends, so it is not recorded.
    let by_batch = match &endpoint {
        Some(endpoint) if atomic_only || run.steps.len() > 1 => run.by_batch(endpoint).await,
        _ => Err(Error::config(NO_ATOMIC_REQUEST)),
    };
    let misfit = match by_batch {
        Ok(ended) => {
            release(held).await;
            return ended;
        }
        Err(misfit) => misfit,
    };
    if atomic_only {
        release(held).await;
        return Err(misfit);
    }
    if let Some(record) = record.filter(|_| is_recorded) {
        record.begin(&mut run.steps, on_crash, is_isolated).await?;
        run.record = Some(record);
    }
    let machine = match &for_tries {
        Some(endpoint) if run.steps.len() > 1 => run.together(endpoint).await,
        _ => Machine::new(run.steps.len()),
    };
    let ended = run.make(machine).await;
    release(held).await;
    ended
}

const NO_ATOMIC_REQUEST: &str =
    "this API has no atomic request for several resources, and `atomic_only` forbids any other way";

/// Checks what `atomic_only` asks for before anything is sent.
fn can_be_atomic(
    steps: &[Box<dyn Step>],
    urls: &[Url],
    endpoint: Option<&Endpoint>,
) -> Result<(), Error> {
    let endpoint = endpoint.ok_or_else(|| Error::config(NO_ATOMIC_REQUEST))?;
    batch::check(steps, urls, endpoint)?;
    if steps.iter().any(|step| !step.writes()) {
        let why = "`unchanged` cannot be a part of the atomic request of this API, and `atomic_only` forbids any other way";
        return Err(Error::config(why));
    }
    Ok(())
}

/// Checks what can be checked before anything is sent, and returns the addresses of the steps.
pub(super) fn checked(steps: &[Box<dyn Step>]) -> Result<Vec<Url>, Error> {
    if steps.len() > MOST_STEPS {
        let why = format!("a transaction has at most {MOST_STEPS} steps");
        return Err(Error::config(why));
    }
    let others = steps.split_last().map_or(&[][..], |(_, others)| others);
    if others.iter().any(|step| step.risk() == Risk::Pivot) {
        let why = "a `post` cannot be taken back, so it has to be the last step of a transaction";
        return Err(Error::config(why));
    }
    let mut urls = Vec::with_capacity(steps.len());
    for step in steps {
        let url = step.url()?;
        if urls.contains(&url) {
            let path = url.path();
            return Err(Error::config(format!(
                "{path}: two steps are about one address"
            )));
        }
        urls.push(url);
    }
    Ok(urls)
}

pub(super) async fn release(held: Vec<Held>) {
    for lease in held {
        // The transaction has ended. A lease that cannot be released ends by itself.
        let _ = lease.release().await;
    }
}
