//! Runs the steps of one request side by side, each in its seat.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use url::Url;

use super::seat::{Message, Seat};
use crate::support::join;
use crate::value::{Error, ErrorKind};
use crate::write::step::{Made, Step, Tried};

/// Runs the open steps. `gather` gets the number of seats and what they tell. Returns what became of each open step.
pub(super) async fn run<G: Future>(
    steps: &mut [Box<dyn Step>],
    urls: &[Url],
    open: &[usize],
    deadline: Instant,
    gather: impl FnOnce(usize, mpsc::UnboundedReceiver<Message>) -> G,
) -> (Vec<Result<Tried, Error>>, G::Output) {
    // Members take their turns in the queues of their resources in this order, so that two batches cannot wait for each
    // other.
    let mut order: Vec<usize> = (0..open.len()).collect();
    order.sort_by_key(|place| &urls[open[*place]]);
    let (batch, inbox) = mpsc::unbounded_channel();
    let mut starts: Vec<_> = open.iter().map(|_| (None, None)).collect();
    for pair in order.windows(2) {
        let (next, starts_next) = oneshot::channel();
        starts[pair[0]].0 = Some(next);
        starts[pair[1]].1 = Some(starts_next);
    }
    let mut starts = starts.into_iter();
    let mut runs = Vec::with_capacity(open.len());
    for (at, step) in steps.iter_mut().enumerate() {
        if !open.contains(&at) {
            continue;
        }
        let Some((next, start)) = starts.next() else {
            continue;
        };
        let seat = Arc::new(Seat::new(runs.len(), batch.clone(), next));
        runs.push(async move {
            if let Some(start) = start {
                // A member that ends without a turn starts the next one, too.
                let _: Result<(), _> = start.await;
            }
            step.carried_by(Some(seat.clone()));
            let tried = step.run(left(deadline)).await;
            step.carried_by(None);
            seat.ended(made(&tried));
            tried
        });
    }
    drop(batch);
    let gathering = gather(runs.len(), inbox);
    tokio::join!(join::all(runs), gathering)
}

/// Returns the time until a deadline.
pub(super) fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Returns what a run shows.
pub(super) fn made(tried: &Result<Tried, Error>) -> Made {
    match tried {
        Ok(tried) => tried.made,
        Err(error) if error.kind() == ErrorKind::OutcomeUnknown => Made::Unknown,
        Err(_) => Made::NotApplied,
    }
}
