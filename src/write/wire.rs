//! The driver's side towards the server: what it reads and sends.

use std::sync::Arc;

use ::http::{Method, StatusCode};

use super::abandoned::Sent;
use super::driver::{Driver, LostWrite, Origin};
use super::ending::Trouble;
use super::payload::{Draft, NoPayload, Payload};
use super::plan::{Condition, Event, Failure, Goal, Refused};
use super::reading;
use crate::exchange::{Call, Errand, NoReply};
use crate::http::Validator;
use crate::json::Document;
use crate::store::StoredSnapshot;
use crate::transport::{Fate, Response};

impl Driver<'_> {
    /// Sends a call. `going_out`: what is to be remembered from the moment in which it does.
    pub(super) async fn exchange(
        &mut self,
        call: &Call,
        going_out: Option<Sent>,
    ) -> Result<Response, Failure> {
        let deadline = self.deadline();
        let exchange = &self.target.shared.exchange;
        let (whose, out) = (self.out.key().who(), &mut self.out);
        let mut sent = || {
            if let Some(going_out) = &going_out {
                out.send(going_out.clone());
            }
        };
        let errand = Errand {
            deadline,
            course: &mut self.course,
            whose: Some(whose),
            sent: &mut sent,
        };
        match exchange.send(call, errand).await {
            Ok(reply) => {
                self.last_status = Some(reply.status);
                Ok(reply)
            }
            Err(NoReply::Transport(error)) => {
                let failure = match error.fate {
                    Fate::NotSent => Failure::NotSent,
                    Fate::Impossible => Failure::Permanent,
                    Fate::TooLarge if call.method == Method::GET => Failure::Permanent,
                    _ => Failure::InFlight,
                };
                self.trouble = Some(Trouble::Transport(error));
                Err(failure)
            }
            Err(NoReply::Gated(held)) => {
                self.told = self.told.max(held.told());
                self.trouble = Some(Trouble::Gated(held));
                Err(Failure::Permanent)
            }
            Err(NoReply::Credentials(error)) => {
                self.trouble = Some(Trouble::Credentials(error));
                Err(Failure::Permanent)
            }
        }
    }

    pub(super) async fn read(&mut self) -> Event<Validator> {
        let call = reading::read_call(self.target, Method::GET, true);
        let reply = match self.exchange(&call, None).await {
            Ok(reply) => reply,
            Err(failure) => {
                return Event::Failed {
                    failure,
                    wait: None,
                };
            }
        };
        match reply.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => self.absent().await,
            status if status.is_success() => self.take(&reply).await,
            _ => self.failed(&reply),
        }
    }

    pub(super) async fn send(
        &mut self,
        condition: &Condition<Validator>,
        delete: bool,
        resend: bool,
    ) -> Event<Validator> {
        if let Condition::Match(version) = condition {
            self.pin(version);
        }
        if !self.machine.in_doubt() {
            self.lost.clear();
        }
        let payload = match self.payload.clone() {
            Some(payload) if resend => payload,
            _ => match self.draft(condition, delete) {
                Ok(payload) => Arc::new(payload),
                Err(error) => {
                    self.trouble = Some(match error {
                        NoPayload::Unpinned(why) => Trouble::Unusable(why),
                        NoPayload::Other(error) => Trouble::Payload(error),
                    });
                    return Event::Failed {
                        failure: Failure::Permanent,
                        wait: None,
                    };
                }
            },
        };
        self.payload = Some(payload.clone());
        let onto = self.base.as_ref().and_then(|base| base.validator.clone());
        let onto = onto.filter(|_| *condition != Condition::Absent);
        let document = payload.document.clone();
        let going_out = (self.machine.goal() != Goal::Append).then_some(Sent { onto, document });
        let event = match self.exchange(&payload.call, going_out).await {
            Ok(reply) => self.replied(&payload, &reply),
            Err(failure) => Event::Failed {
                failure,
                wait: None,
            },
        };
        if matches!(
            &event,
            Event::Accepted { .. }
                | Event::Failed {
                    failure: Failure::InFlight | Failure::Answered | Failure::Doubtful,
                    ..
                }
                | Event::Refused {
                    kind: Refused::Contradicted { .. },
                    ..
                }
        ) {
            self.remember(&payload);
        }
        let refused = match &event {
            Event::Refused { kind, .. } => !matches!(kind, Refused::Contradicted { .. }),
            Event::Failed { failure, .. } => {
                matches!(failure, Failure::NotSent | Failure::Throttled)
            }
            _ => false,
        };
        if refused && !self.machine.in_doubt() {
            // Nothing of ours is under way: a write dropped from here on leaves nothing behind.
            self.out.settled();
        }
        event
    }

    /// Keeps a request in mind that may have been applied.
    fn remember(&mut self, payload: &Payload) {
        let Some(sent) = payload.document.clone() else {
            return;
        };
        if self
            .lost
            .last()
            .is_none_or(|last| !last.sent.same_text(&sent))
        {
            let edited = self.local.clone();
            let edited = edited.filter(|_| self.origin == Origin::Edited);
            self.lost.push(LostWrite {
                base: self.base.as_ref().map(|base| base.document.clone()),
                sent,
                edited,
            });
        }
    }

    /// Makes the state of this version the base, if it was read for the write and not edited.
    fn pin(&mut self, version: &Validator) {
        let of = |side: &Option<StoredSnapshot>| {
            side.as_ref()
                .is_some_and(|side| side.validator.as_ref() == Some(version))
        };
        if !of(&self.base) && of(&self.remote) {
            self.rebase();
        }
    }

    fn draft(
        &mut self,
        condition: &Condition<Validator>,
        delete: bool,
    ) -> Result<Payload, NoPayload> {
        let honours = self.target.shared.profile.honours_idempotency_keys();
        if self.machine.goal() == Goal::Append || honours {
            let local = self.local.clone().filter(|_| !delete);
            let another = |(known, document): &(Condition<Validator>, Option<Document>)| {
                let same = |a: &Document, b: &Document| a.same_text(b);
                let same_document = match (document, &local) {
                    (Some(known), Some(local)) => same(known, local),
                    (None, None) => true,
                    _ => false,
                };
                known != condition || !same_document
            };
            // A key names one request: another document or condition gets another key.
            if self.idempotency_key.is_none() || self.keyed.as_ref().is_some_and(another) {
                self.idempotency_key = Some(crate::ids::uuid());
            }
            self.keyed = Some((condition.clone(), local));
        }
        Draft {
            target: self.target,
            condition,
            base: self.base.as_ref(),
            local: if delete { None } else { self.local.as_ref() },
            post: self.machine.goal() == Goal::Append,
            write_id: self.write_id.as_deref(),
            key: self.idempotency_key.as_deref(),
        }
        .payload()
    }

    pub(super) async fn file(&mut self, snapshot: StoredSnapshot) {
        let (store, until) = (&self.target.shared.store, self.deadline());
        store.put(self.out.key(), snapshot, until).await;
    }

    pub(super) async fn forget(&mut self) {
        let (store, until) = (&self.target.shared.store, self.deadline());
        store.remove(self.out.key(), until).await;
    }
}
