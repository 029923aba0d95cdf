//! The task that gets a lease, renews it, and releases it or passes it on.
//!
//! It runs apart from the call that wants the lease. If that call is dropped while a request is under way that may be
//! granted, the task releases what it gets.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::clock::{LeaseClock, LeaseTime};
use super::granted::{Facts, Lease, LostBecause, Verified};
use super::held::Held;
use super::holder::{Ended, Holder, Next};
use super::names::{Names, Passed, Turn, Waiter};
use super::service::{Granted, LeaseRequest, LeaseService, NotGranted};
use crate::retry::later;
use crate::support::{ids, panics};
use crate::value::{Error, ErrorKind};

/// How often a lease is passed on within this process before others can get it.
const HANDOVERS: u32 = 16;

/// Where leases come from.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) service: Arc<dyn LeaseService>,
    pub(crate) clock: Arc<dyn LeaseClock>,
    pub(crate) names: Arc<Names>,
}

/// What a call wants.
pub(crate) struct Order {
    pub(crate) name: String,
    pub(crate) owner: Option<String>,
    pub(crate) ttl: Duration,
    pub(crate) at_most: Option<Duration>,
    pub(crate) deadline: Instant,
}

/// What the guard and the handles ask of the task.
pub(super) enum Command {
    Release(oneshot::Sender<Result<(), Error>>),
    Verify(oneshot::Sender<Verified>),
}

/// What a contender has met so far.
type Met = Arc<Mutex<Option<NotGranted>>>;

/// Gets a lease, in turn with the other calls of this process.
pub(crate) async fn acquire(place: Place, order: Order) -> Result<Held, Error> {
    let (passed, waiting) = oneshot::channel();
    let waiter = Waiter {
        owner: order.owner.clone(),
        at_most: order.at_most,
        passed,
    };
    let turn = match place.names.enter(&order.name, waiter) {
        Some(turn) => turn,
        None => match tokio::time::timeout_at(order.deadline, waiting).await {
            Ok(Ok(Passed::Held(held))) => return Ok(held),
            Ok(Ok(Passed::Turn(turn))) => turn,
            Ok(Err(_)) | Err(_) => {
                let why = "other calls of this process hold it or wait for it";
                return Err(Error::new(ErrorKind::Locked, not_got(&order.name, why)));
            }
        },
    };
    let (deadline, name, met) = (order.deadline, order.name.clone(), Met::default());
    let (granted, waiting) = oneshot::channel();
    let contender = Contest {
        place,
        order,
        met: met.clone(),
    };
    tokio::spawn(contender.run(turn, granted));
    match tokio::time::timeout_at(deadline, waiting).await {
        Ok(Ok(held)) => held,
        Ok(Err(_)) => Err(Error::config("the task that gets the lease has ended")),
        Err(_) => Err(too_late(&name, &met)),
    }
}

fn not_got(name: &str, why: &str) -> String {
    format!("the lease `{name}` was not granted in time: {why}")
}

/// Returns the error of a call whose time is over.
fn too_late(name: &str, met: &Met) -> Error {
    let met = met.lock().unwrap_or_else(PoisonError::into_inner).take();
    match met {
        Some(NotGranted::Failed(error)) => error,
        Some(NotGranted::Unknown(error)) => {
            let why = "it is not known whether it was granted";
            Error::new(ErrorKind::OutcomeUnknown, not_got(name, why)).with_source(error)
        }
        Some(NotGranted::Held { by: Some(by), .. }) => {
            let why = format!("`{by}` holds it");
            Error::new(ErrorKind::Locked, not_got(name, &why))
        }
        Some(NotGranted::Held { .. } | NotGranted::Lost { .. }) => {
            Error::new(ErrorKind::Locked, not_got(name, "another holder has it"))
        }
        None => Error::new(
            ErrorKind::Exhausted,
            not_got(name, "the service has not answered"),
        ),
    }
}

/// The attempt to get a lease.
struct Contest {
    place: Place,
    order: Order,
    met: Met,
}

impl Contest {
    async fn run(self, turn: Turn, mut reply: oneshot::Sender<Result<Held, Error>>) {
        let (granted, request, sent) = match self.win(&mut reply).await {
            Some(Ok(won)) => won,
            Some(Err(error)) => {
                // The caller may have stopped waiting.
                let _ = reply.send(Err(error));
                return;
            }
            None => return,
        };
        let holder = Holder::new(granted.ttl, sent, self.order.at_most);
        let (commands, received) = mpsc::channel(1);
        let keeper = Keeper {
            turn,
            service: self.place.service.clone(),
            clock: self.place.clock.clone(),
            request,
            lease: Lease::new(
                self.place.service,
                self.place.clock,
                Facts { granted, holder },
                commands.downgrade(),
            ),
            commands: received,
            since: sent,
            handovers: 0,
        };
        let held = Held::new(keeper.lease.clone(), commands);
        // If the caller has stopped waiting, the guard is dropped here, and the lease is released.
        let _ = reply.send(Ok(held));
        keeper.run().await;
    }

    /// Tries until the lease is granted, the time is over, or nobody waits any more (`None`).
    async fn win(
        &self,
        reply: &mut oneshot::Sender<Result<Held, Error>>,
    ) -> Option<Result<(Granted, LeaseRequest, LeaseTime), Error>> {
        let Order {
            name,
            owner,
            ttl,
            deadline,
            ..
        } = &self.order;
        let mut request = LeaseRequest {
            name: name.clone(),
            owner: owner.clone(),
            session: ids::uuid(),
            ttl: *ttl,
            now: LeaseTime::default(),
        };
        loop {
            if reply.is_closed() {
                return None;
            }
            let sent = self.place.clock.now();
            request.now = sent;
            let met = match guarded(self.place.service.acquire(&request)).await {
                Ok(granted) => return Some(Ok((granted, request, sent))),
                Err(NotGranted::Failed(error)) if !is_temporary(&error) => {
                    return Some(Err(error));
                }
                Err(met) => met,
            };
            // Between a tenth and a quarter of the ttl.
            let drawn = *ttl / 10 + (*ttl / 20 * 3).mul_f64(fastrand::f64());
            let wait = match &met {
                NotGranted::Held {
                    for_at_most: Some(left),
                    ..
                } => drawn.min((*left).max(Duration::from_millis(1))),
                _ => drawn,
            };
            self.meet(met);
            let until = later(Instant::now(), wait);
            if until >= *deadline {
                // At its deadline, the call itself takes what was met, and stops waiting.
                reply.closed().await;
                return None;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    fn meet(&self, met: NotGranted) {
        let mut known = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        // A doubt stays: what came after it does not settle it.
        if !matches!(*known, Some(NotGranted::Unknown(_))) {
            *known = Some(met);
        }
    }
}

/// Whether a request that failed like this may succeed later.
fn is_temporary(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Transport
            | ErrorKind::Exhausted
            | ErrorKind::Locked
            | ErrorKind::OutcomeUnknown
            | ErrorKind::Accepted
    ) || error
        .status()
        .is_some_and(|status| status.is_server_error())
}

/// Runs a method of a service, which belongs to the application.
async fn guarded<O>(method: impl Future<Output = Result<O, NotGranted>>) -> Result<O, NotGranted> {
    let caught = panics::catch_in("the lease service", method).await;
    caught.unwrap_or_else(|panicked| Err(NotGranted::Failed(Error::config(panicked.to_string()))))
}

/// Keeps a lease for its holders in this process, one after the other.
struct Keeper {
    turn: Turn,
    service: Arc<dyn LeaseService>,
    clock: Arc<dyn LeaseClock>,
    request: LeaseRequest,
    lease: Lease,
    commands: mpsc::Receiver<Command>,
    /// When the lease was acquired from the service.
    since: LeaseTime,
    handovers: u32,
}

impl Keeper {
    async fn run(mut self) {
        loop {
            let next = self.lease.facts().holder.next(self.clock.now());
            match next {
                Next::Ended(Ended::Expired) => return self.lease.end(LostBecause::Expired),
                Next::Ended(Ended::AtMost) => {
                    self.lease.end(LostBecause::AtMost);
                    // It is still ours, so others need not wait for its end.
                    let _ = self.give_back().await;
                    return;
                }
                Next::Renew => {
                    if matches!(self.renew().await, Verified::Lost(_)) {
                        return;
                    }
                }
                Next::Wait(time) => tokio::select! {
                    command = self.commands.recv() => match command {
                        Some(Command::Verify(answer)) => {
                            let verified = self.renew().await;
                            let is_lost = matches!(verified, Verified::Lost(_));
                            let _ = answer.send(verified);
                            if is_lost {
                                return;
                            }
                        }
                        Some(Command::Release(answer)) => {
                            if !self.pass_on(Some(answer)).await {
                                return;
                            }
                        }
                        None => {
                            if !self.pass_on(None).await {
                                return;
                            }
                        }
                    },
                    () = tokio::time::sleep(time) => {}
                },
            }
        }
    }

    /// Renews the lease once.
    async fn renew(&mut self) -> Verified {
        let sent = self.clock.now();
        self.request.now = sent;
        let (granted, remaining) = {
            let facts = self.lease.facts();
            (facts.granted.clone(), facts.holder.remaining(sent))
        };
        let renewed = guarded(self.service.renew(&granted, &self.request));
        let renewed = tokio::time::timeout(remaining, renewed).await;
        match renewed {
            Ok(Ok(granted)) => {
                let mut facts = self.lease.facts();
                facts.holder.renewed(sent, granted.ttl);
                facts.granted = granted;
                Verified::Held
            }
            Ok(Err(NotGranted::Lost { by } | NotGranted::Held { by, .. })) => {
                let because = LostBecause::Taken { by };
                self.lease.end(because.clone());
                Verified::Lost(self.lease.because(because))
            }
            Ok(Err(NotGranted::Failed(_) | NotGranted::Unknown(_))) | Err(_) => {
                let now = self.clock.now();
                let mut facts = self.lease.facts();
                facts.holder.failed(now, fastrand::f64());
                Verified::Unknown
            }
        }
    }

    /// Ends the current holder, and gives the lease to the next one in this process, or back. Returns whether it is still
    /// held.
    async fn pass_on(&mut self, answer: Option<oneshot::Sender<Result<(), Error>>>) -> bool {
        let is_expired = self.lease.check().is_err();
        self.lease.end(LostBecause::Released);
        if !is_expired && self.hand_over() {
            if let Some(answer) = answer {
                let _ = answer.send(Ok(()));
            }
            return true;
        }
        let given_back = self.give_back().await;
        if let Some(answer) = answer {
            let _ = answer.send(given_back);
        }
        if self.handovers > 0 && self.turn.has_next() {
            // Other processes look for it in intervals of up to twice this time.
            tokio::time::sleep(self.request.ttl / 8).await;
        }
        false
    }

    /// Gives the lease to the next call that waits in this process.
    fn hand_over(&mut self) -> bool {
        let now = self.clock.now();
        let in_a_row = now.longest_since(self.since);
        // The token stays the same, so nothing of the holder before may be under way.
        if self.handovers >= HANDOVERS
            || in_a_row >= self.request.ttl / 2
            || self.lease.has_unanswered()
        {
            return false;
        }
        while let Some(waiter) = self.turn.next() {
            let (commands, received) = mpsc::channel(1);
            let facts = {
                let facts = self.lease.facts();
                Facts {
                    granted: facts.granted.clone(),
                    holder: facts.holder.handed_over(now, waiter.at_most),
                }
            };
            let (service, clock) = (self.service.clone(), self.clock.clone());
            let lease = Lease::new(service, clock, facts, commands.downgrade());
            let held = Held::new(lease.clone(), commands);
            if waiter.passed.send(Passed::Held(held)).is_ok() {
                self.request.owner = waiter.owner;
                self.handovers += 1;
                (self.lease, self.commands) = (lease, received);
                return true;
            }
        }
        false
    }

    /// Releases the lease at the service.
    async fn give_back(&self) -> Result<(), Error> {
        let granted = self.lease.facts().granted.clone();
        let released = guarded(self.service.release(&granted));
        // After this time, it has ended by itself.
        match tokio::time::timeout(granted.ttl, released).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(NotGranted::Lost { by } | NotGranted::Held { by, .. })) => {
                Err(self.lease.because(LostBecause::Taken { by }).into())
            }
            Ok(Err(NotGranted::Failed(error) | NotGranted::Unknown(error))) => Err(error),
            Err(_) => Err(self.lease.because(LostBecause::Expired).into()),
        }
    }
}
