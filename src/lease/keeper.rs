//! The task that renews a lease, and releases it or passes it on.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::error::Elapsed;

use super::clock::{LeaseClock, LeaseTime};
use super::granted::{Facts, Lease, LostBecause, Verified};
use super::held::Held;
use super::holder::{Ended, Next};
use super::names::{Passed, Turn};
use super::service::{Granted, LeaseRequest, LeaseService, NotGranted, SERVICE};
use crate::support::panics;
use crate::value::Error;

/// How often a lease is passed on within this process before others can get it.
const HANDOVERS: u32 = 16;

/// How long a release may take. The caller may wait for it.
const RELEASE: Duration = Duration::from_secs(15);

/// What the guard and the handles ask of the task.
pub(super) enum Command {
    Release(oneshot::Sender<Result<(), Error>>),
    Verify(oneshot::Sender<Verified>),
}

/// Runs a method of a service, which belongs to the application.
pub(super) async fn guarded<O>(
    method: impl Future<Output = Result<O, NotGranted>>,
) -> Result<O, NotGranted> {
    let caught = panics::catch_in(SERVICE, method).await;
    caught.unwrap_or_else(|panicked| Err(NotGranted::Failed(Error::config(panicked.to_string()))))
}

/// Releases a lease, within a time after which it ends by itself or can wait no longer.
pub(super) async fn given_back(
    service: &dyn LeaseService,
    granted: &Granted,
) -> Result<Result<(), NotGranted>, Elapsed> {
    let most = granted.ttl.min(RELEASE);
    tokio::time::timeout(most, guarded(service.release(granted))).await
}

/// Keeps a lease for its holders in this process, one after the other.
pub(super) struct Keeper {
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
    /// Takes over a lease that was granted to a request that left at this time.
    pub(super) fn new(
        turn: Turn,
        request: LeaseRequest,
        lease: Lease,
        commands: mpsc::Receiver<Command>,
        since: LeaseTime,
    ) -> Self {
        Self {
            turn,
            service: lease.0.service.clone(),
            clock: lease.0.clock.clone(),
            request,
            lease,
            commands,
            since,
            handovers: 0,
        }
    }

    /// Keeps the lease until it is lost or released.
    pub(super) async fn run(mut self) {
        loop {
            let now = self.clock.now();
            if self.lease.is_lost() {
                // A later holder has written, or a reader has seen that the time is over.
                let _ = given_back(&*self.service, &self.granted()).await;
                return;
            }
            let next = self.lease.facts().holder.next(now);
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
        let (known, remaining) = {
            let facts = self.lease.facts();
            (facts.granted.clone(), facts.holder.remaining(sent))
        };
        let renewed = guarded(self.service.renew(&known, &self.request));
        let renewed = tokio::time::timeout(remaining, renewed).await;
        match renewed {
            Ok(Ok(granted)) => {
                let mut facts = self.lease.facts();
                facts.holder.renewed(sent, granted.ttl);
                facts.granted = Granted {
                    name: known.name,
                    token: granted.token.max(known.token),
                    ..granted
                };
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
        let lost = self.lease.check().err();
        self.lease.end(LostBecause::Released);
        if lost.is_none() && self.hand_over() {
            if let Some(answer) = answer {
                let _ = answer.send(Ok(()));
            }
            return true;
        }
        let given_back = self.give_back().await;
        if let Some(answer) = answer {
            let _ = answer.send(match lost {
                Some(lost) => Err(lost.into()),
                None => given_back,
            });
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
            let (rules, observer) = (self.lease.0.rules.clone(), self.lease.0.observer.clone());
            let lease = Lease::new(service, clock, facts, commands.downgrade(), rules, observer);
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

    fn granted(&self) -> Granted {
        self.lease.facts().granted.clone()
    }

    /// Releases the lease at the service.
    async fn give_back(&self) -> Result<(), Error> {
        match given_back(&*self.service, &self.granted()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(NotGranted::Lost { by } | NotGranted::Held { by, .. })) => {
                Err(self.lease.because(LostBecause::Taken { by }).into())
            }
            Ok(Err(NotGranted::Failed(error) | NotGranted::Unknown(error))) => Err(error),
            Err(_) => Err(self.lease.because(LostBecause::Expired).into()),
        }
    }
}
