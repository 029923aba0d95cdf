//! How a call gets a lease: in turn with the other calls of this process, and against other processes.
//!
//! The contest runs in a task of its own. If the call is dropped while a request is under way that may be granted, the task
//! releases what it gets.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::clock::{LeaseClock, LeaseTime};
use super::granted::{Facts, Lease, Rules};
use super::held::Held;
use super::holder::Holder;
use super::keeper::{Keeper, given_back, guarded};
use super::names::{Names, Passed, Turn, Waiter};
use super::service::{Granted, LeaseRequest, LeaseService, NotGranted};
use crate::retry::later;
use crate::support::ids;
use crate::value::{Error, ErrorKind, LeaseEvent, LeaseSeen, Observer, observer};

/// Where leases come from.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) service: Arc<dyn LeaseService>,
    pub(crate) clock: Arc<dyn LeaseClock>,
    pub(crate) names: Arc<Names>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

/// What a call wants.
pub(crate) struct Order {
    pub(crate) name: String,
    pub(crate) owner: Option<String>,
    pub(crate) ttl: Duration,
    pub(crate) at_most: Option<Duration>,
    pub(crate) deadline: Instant,
}

/// What a contender has met so far.
type Met = Arc<Mutex<Option<NotGranted>>>;

/// Gets a lease, and tells the observer.
pub(crate) async fn acquire(place: Place, order: Order) -> Result<Held, Error> {
    let (name, observer, since) = (order.name.clone(), place.observer.clone(), Instant::now());
    let acquired = in_turn(place, order).await;
    let waited = since.elapsed();
    let event = match &acquired {
        Ok(held) => LeaseEvent::Acquired {
            waited,
            token: held.token(),
        },
        Err(error) => LeaseEvent::NotAcquired {
            waited,
            error: error.kind(),
        },
    };
    observer::lease(observer.as_deref(), &LeaseSeen::new(&name, event));
    acquired
}

/// Gets a lease, in turn with the other calls of this process.
async fn in_turn(place: Place, order: Order) -> Result<Held, Error> {
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
    // A call that does not wait tries once.
    let once = later(Instant::now(), order.ttl / 4);
    let (deadline, name, met) = (order.deadline.max(once), order.name.clone(), Met::default());
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

/// A lease that was won.
struct Won {
    granted: Granted,
    request: LeaseRequest,
    /// When the request left that was granted.
    sent: LeaseTime,
    holder: Holder,
    rules: Rules,
}

/// The attempt to get a lease.
struct Contest {
    place: Place,
    order: Order,
    met: Met,
}

impl Contest {
    async fn run(self, turn: Turn, mut reply: oneshot::Sender<Result<Held, Error>>) {
        let Won {
            granted,
            request,
            sent,
            holder,
            rules,
        } = match self.win(&mut reply).await {
            Some(Ok(won)) => *won,
            Some(Err(error)) => {
                // The caller may have stopped waiting.
                let _ = reply.send(Err(error));
                return;
            }
            None => return,
        };
        let (commands, received) = mpsc::channel(1);
        let lease = Lease::new(
            self.place.service,
            self.place.clock,
            Facts { granted, holder },
            commands.downgrade(),
            rules,
            self.place.observer,
        );
        let held = Held::new(lease.clone(), commands);
        // If the caller has stopped waiting, the guard is dropped here, and the lease is released.
        let _ = reply.send(Ok(held));
        Keeper::new(turn, request, lease, received, sent)
            .run()
            .await;
    }

    /// Tries until the lease is granted, the time is over, or the call no longer waits (`None`).
    async fn win(
        &self,
        reply: &mut oneshot::Sender<Result<Held, Error>>,
    ) -> Option<Result<Box<Won>, Error>> {
        let Order {
            name,
            owner,
            ttl,
            deadline,
            ..
        } = &self.order;
        let request = LeaseRequest {
            name: name.clone(),
            owner: owner.clone(),
            session: ids::uuid(),
            ttl: *ttl,
            clock: self.place.clock.clone(),
        };
        let service = &self.place.service;
        let mut was_at_once = false;
        loop {
            if reply.is_closed() {
                return None;
            }
            let sent = self.place.clock.now();
            let asked = tokio::select! {
                asked = guarded(service.acquire(&request)) => asked,
                // The call no longer waits, and what the service may still grant would be over by now.
                () = async { reply.closed().await; tokio::time::sleep(*ttl).await } => return None,
            };
            let met = match asked {
                Ok(granted) => {
                    let holder = Holder::new(granted.ttl, sent, self.order.at_most);
                    let rules = Rules::of(&**service, &granted);
                    let is_over = holder.remaining(self.place.clock.now()).is_zero();
                    match rules {
                        Ok(rules) if !is_over => {
                            return Some(Ok(Box::new(Won {
                                granted,
                                request,
                                sent,
                                holder,
                                rules,
                            })));
                        }
                        rules => {
                            let _ = given_back(&**service, &granted).await;
                            if let Err(panicked) = rules {
                                return Some(Err(Error::config(panicked.to_string())));
                            }
                            NotGranted::held(None, None)
                        }
                    }
                }
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
                } if !left.is_zero() => drawn.min(*left),
                // It was free a moment ago. If this does not help, it is not tried in a loop.
                NotGranted::Held {
                    for_at_most: Some(_),
                    ..
                } if !was_at_once => Duration::ZERO,
                _ => drawn,
            };
            was_at_once = wait.is_zero();
            self.meet(met);
            let until = later(Instant::now(), wait);
            if until >= *deadline {
                if *deadline <= Instant::now() {
                    // The call waits for this one try only.
                    return Some(Err(too_late(name, &self.met)));
                }
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
