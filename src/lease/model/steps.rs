//! What can happen next, and what comes of it.

use super::flaws::Flaw;
use super::promises;
use super::setting::{Setting, at, ticks};
use super::world::{Message, Record, Who, World};
use crate::lease::NextTry;
use crate::lease::fence::fence_allows;
use crate::lease::holder::{Holder, Next};
use crate::support::explore::Model;

/// One step of a walk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Time passes for all who do not stand still.
    Tick,
    /// The clock of the second process gets ahead.
    Ahead,
    StandStill,
    GoOn,
    Renew(Who),
    Release,
    Look,
    Read(Who),
    Write(Who),
    /// A message arrives.
    Arrive(usize),
    /// A message is duplicated.
    Copy(usize),
}

impl Model for Setting {
    type State = World;
    type Step = Step;

    fn start(&self) -> World {
        World::new(self)
    }

    fn steps(&self, world: &World) -> Vec<Step> {
        let [first, second] = &world.processes;
        let mut steps = Vec::new();
        if second.clock < self.horizon {
            steps.push(Step::Tick);
            let moved = if first.has_stood_still {
                second.clock
            } else {
                first.clock
            };
            if second.clock.saturating_sub(moved) < self.ahead {
                steps.push(Step::Ahead);
            }
        }
        if first.is_still {
            steps.push(Step::GoOn);
        } else if self.may_stand_still && !first.has_stood_still {
            steps.push(Step::StandStill);
        }
        for who in [Who::First, Who::Second] {
            let process = world.process(who);
            if process.is_still {
                continue;
            }
            let next = process.holder.map(|holder| holder.next(at(process.clock)));
            if world.renewals > 0 && next == Some(Next::Renew) {
                steps.push(Step::Renew(who));
            }
            if process.writes > 0 {
                match process.read {
                    None if process.believes() => steps.push(Step::Read(who)),
                    None => {}
                    Some(_) => steps.push(Step::Write(who)),
                }
            }
        }
        if first.believes() && !first.is_still && self.writes == 0 {
            steps.push(Step::Release);
        }
        if world.looks > 0 && !second.believes() {
            steps.push(Step::Look);
        }
        for (place, message) in world.messages.iter().enumerate() {
            let receiver = message.receiver();
            if receiver.is_none_or(|who| !world.process(who).is_still) {
                steps.push(Step::Arrive(place));
            }
            if world.copies > 0 && receiver.is_none() {
                steps.push(Step::Copy(place));
            }
        }
        steps
    }

    fn take(&self, world: &World, step: &Step) -> World {
        let mut world = world.clone();
        match *step {
            Step::Tick => {
                for process in &mut world.processes {
                    process.clock += u8::from(!process.is_still);
                }
            }
            Step::Ahead => world.process_mut(Who::Second).clock += 1,
            Step::StandStill => {
                let first = world.process_mut(Who::First);
                (first.is_still, first.has_stood_still) = (true, true);
            }
            Step::GoOn => world.process_mut(Who::First).is_still = false,
            Step::Renew(who) => renew(&mut world, who),
            Step::Release => {
                world.process_mut(Who::First).holder = None;
                if world.record.holder == Some(Who::First) {
                    let onto = world.record.nonce;
                    world.send(Message::Release { onto });
                }
            }
            Step::Look => {
                world.looks -= 1;
                let second = world.process_mut(Who::Second);
                second.holder = None;
                let sent = second.clock;
                world.send(Message::Look { sent });
            }
            Step::Read(who) => world.process_mut(who).read = Some(world.shown),
            Step::Write(who) => self.write(&mut world, who),
            Step::Arrive(place) => {
                let message = world.messages.remove(place);
                self.arrive(&mut world, message);
            }
            Step::Copy(place) => {
                world.copies -= 1;
                let message = world.messages[place];
                world.send(message);
            }
        }
        world.forget_refused(self);
        world
    }

    fn fault(&self, world: &World, _: bool) -> Option<String> {
        promises::broken(world)
    }
}

impl Setting {
    /// Checks the lease and the token, and sends a write.
    fn write(&self, world: &mut World, by: Who) {
        let process = world.process_mut(by);
        let (believes, own) = (process.believes(), process.token);
        let Some(onto) = process.read.take() else {
            return;
        };
        let is_allowed = match self.flaw {
            Some(Flaw::NoLeaseCheck) => fence_allows(own, onto.fence),
            Some(Flaw::NoTokenCheck) => believes,
            _ => believes && fence_allows(own, onto.fence),
        };
        if !is_allowed {
            process.holder = None;
            return;
        }
        process.writes -= 1;
        world.has_left_unvouched |= !believes;
        world.send(Message::Write { token: own, onto });
    }

    fn arrive(&self, world: &mut World, message: Message) {
        match message {
            Message::Look { sent } => {
                let record = world.record;
                world.send(Message::Seen { sent, record });
            }
            Message::Seen { sent, record } => self.see(world, sent, record),
            Message::Take { since, onto } => {
                let unpinned = self.flaw == Some(Flaw::TakeoverUnpinned);
                let onto = if unpinned { world.record.nonce } else { onto };
                let is_own = world.record.holder == Some(Who::Second);
                let token = world.record.token + u64::from(!is_own);
                if world.record(onto, Some(Who::Second), token) {
                    grant(world, Who::Second, since, true);
                }
            }
            Message::Renew { by, sent, onto } => {
                let token = world.record.token;
                if world.record(onto, Some(by), token) {
                    grant(world, by, sent, false);
                }
            }
            Message::Granted {
                to,
                since,
                token,
                is_new,
            } => {
                let process = world.process_mut(to);
                let late = self.flaw == Some(Flaw::HeldFromResponse);
                let since = if late { process.clock } else { since };
                if is_new && process.holder.is_none() {
                    process.holder = Some(Holder::new(ticks(self.ttl), at(since), None));
                    process.token = token;
                } else if !is_new && process.believes() {
                    let mut holder = process.holder;
                    if let Some(holder) = &mut holder {
                        holder.renewed(at(since), ticks(self.ttl));
                    }
                    process.holder = holder;
                }
            }
            Message::Release { onto } => {
                let token = world.record.token;
                world.record(onto, None, token);
            }
            Message::Write { token, onto } => world.write(self, token, onto),
        }
    }

    /// Lets the contender decide about the record that it has read.
    fn see(&self, world: &mut World, sent: u8, record: Record) {
        let second = world.process(Who::Second);
        if second.holder.is_some() {
            return;
        }
        let now = match self.flaw {
            Some(Flaw::WatchedFromRequest) => sent,
            _ => second.clock,
        };
        let ttl = match self.flaw {
            Some(Flaw::EarlyTakeover) => ticks(self.ttl / 3),
            _ => ticks(self.ttl),
        };
        let mark = match self.flaw {
            Some(Flaw::RenewalUnseen) => format!("{:?}", record.holder),
            _ => record.nonce.to_string(),
        };
        let next = match record.holder {
            Some(Who::First) => world.contender.sees(&mark, ttl, at(now)),
            // Its own record, whose response was lost, is written anew, so that its time begins with this call.
            Some(Who::Second) | None => NextTry::TakeOver,
        };
        if next == NextTry::TakeOver {
            let (since, onto) = (sent, record.nonce);
            world.send(Message::Take { since, onto });
        }
    }
}

fn grant(world: &mut World, to: Who, since: u8, is_new: bool) {
    let token = world.record.token;
    world.send(Message::Granted {
        to,
        since,
        token,
        is_new,
    });
}

/// Renews a lease whose record is still that of its holder.
fn renew(world: &mut World, by: Who) {
    world.renewals -= 1;
    if world.record.holder == Some(by) {
        let (sent, onto) = (world.process(by).clock, world.record.nonce);
        world.send(Message::Renew { by, sent, onto });
    } else {
        world.process_mut(by).holder = None;
    }
}
