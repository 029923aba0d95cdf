//! The seat of a member: its requests wait here until all members can be sent.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use http::{Method, StatusCode};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::exchange::transport::{Fate, Response, TransportError};
use crate::exchange::{Call, NoResponse, RequestContext, RequestPurpose, RequestStats};
use crate::protocol::{FoundVersion, Validator};
use crate::store::CredentialsDigest;
use crate::write::machine::events::Condition;
use crate::write::request::carrier::{Carried, Carrier};
use crate::write::request::reading;
use crate::write::request::target::Target;
use crate::write::step::Made;

/// What a member tells the batch.
pub(super) enum Message {
    /// It has a request.
    Asks(usize, Box<Asked>),
    /// It gives its request up, whose time is over.
    Withdraws(usize),
    /// It has looked, and a refusal of the batch was not about its version. It has sent this many requests.
    Unmoved(usize, u32),
    /// It has looked, and its version has moved. It has sent this many requests.
    Moved(usize, u32),
    /// It has sent its request alone. It took this many requests.
    Alone(u32),
    /// It has come to its end.
    Ended(usize, Made),
}

/// A request that waits for the others.
pub(super) struct Asked {
    pub(super) call: Call,
    pub(super) deadline: Instant,
    pub(super) whose: CredentialsDigest,
    pub(super) turns: mpsc::UnboundedSender<Turn>,
}

/// What the batch tells a member.
pub(super) enum Turn {
    /// The request is about to leave. The member says whether it may.
    Leaves(oneshot::Sender<bool>),
    /// It has not left, because another member held its own back.
    Stays,
    /// The batch was refused, and the response does not say because of whom.
    Look(Box<Response>),
    Answer(Box<Result<Response, NoResponse>>),
    /// The member sends the request by itself.
    Alone,
}

/// The place of one member.
pub(super) struct Seat {
    member: usize,
    batch: mpsc::UnboundedSender<Message>,
    /// Lets the next member take its turn in the queue of its resource.
    next: Mutex<Option<oneshot::Sender<()>>>,
}

impl Seat {
    pub(super) fn new(
        member: usize,
        batch: mpsc::UnboundedSender<Message>,
        next: Option<oneshot::Sender<()>>,
    ) -> Self {
        Self {
            member,
            batch,
            next: Mutex::new(next),
        }
    }

    fn tell(&self, message: Message) {
        // The batch outlives its members.
        let _ = self.batch.send(message);
    }

    /// Tells that the member has come to its end.
    pub(super) fn ended(&self, made: Made) {
        self.begun();
        self.tell(Message::Ended(self.member, made));
    }
}

#[async_trait]
impl Carrier for Seat {
    fn begun(&self) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = next.take() {
            let _ = next.send(());
        }
    }

    async fn carry(&self, write: Carried<'_>) -> Result<Response, NoResponse> {
        let (turns, mut inbox) = mpsc::unbounded_channel();
        self.tell(Message::Asks(
            self.member,
            Box::new(Asked {
                call: write.call.clone(),
                deadline: write.deadline,
                whose: write.whose,
                turns,
            }),
        ));
        let mut has_left = false;
        loop {
            // A request that has left is answered by its own deadline.
            let turn = if has_left {
                inbox.recv().await
            } else if let Ok(turn) = timeout_at(write.deadline, inbox.recv()).await {
                turn
            } else {
                self.tell(Message::Withdraws(self.member));
                let why = "the other writes of the batch were not ready in time";
                return Err(lost(Fate::NotSent, why));
            };
            match turn {
                Some(Turn::Leaves(answer)) => {
                    let may = (write.sent)();
                    let _ = answer.send(may.is_ok());
                    may.map_err(NoResponse::Withheld)?;
                    has_left = true;
                }
                Some(Turn::Stays) => has_left = false,
                Some(Turn::Look(refusal)) => {
                    has_left = false;
                    let (target, condition) = (write.target, write.condition);
                    let look = has_moved(target, condition, write.deadline, write.whose);
                    let (has_moved, requests) = look.await;
                    if has_moved {
                        self.tell(Message::Moved(self.member, requests));
                        return Ok(*refusal);
                    }
                    self.tell(Message::Unmoved(self.member, requests));
                }
                Some(Turn::Answer(answer)) => return *answer,
                Some(Turn::Alone) => return self.alone(write, has_left).await,
                None => return Err(lost(Fate::Unknown, "the batch was stopped")),
            }
        }
    }
}

impl Seat {
    /// Sends a write by itself. What is called before it leaves was called already if it was about to leave with others.
    async fn alone(&self, write: Carried<'_>, has_left: bool) -> Result<Response, NoResponse> {
        let Carried {
            target,
            call,
            deadline,
            whose,
            sent,
            ..
        } = write;
        let mut stats = RequestStats::default();
        let context = RequestContext {
            deadline,
            stats: &mut stats,
            whose: Some(whose),
            sent: &mut || if has_left { Ok(()) } else { sent() },
            watched: target.watched(RequestPurpose::Write, 0),
        };
        let answer = target.shared.exchange.send(call, context).await;
        self.tell(Message::Alone(stats.requests));
        answer
    }
}

/// Whether the resource is no longer in the state that the condition asks for, and how many requests it took to see. A
/// read that fails shows nothing, so the write looks for itself.
async fn has_moved(
    target: &Target,
    condition: &Condition<Validator>,
    deadline: Instant,
    whose: CredentialsDigest,
) -> (bool, u32) {
    let exchange = &target.shared.exchange;
    let call = reading::read_call(target, Method::GET, true);
    let mut stats = RequestStats::default();
    let context = RequestContext {
        deadline,
        stats: &mut stats,
        whose: Some(whose),
        sent: &mut || Ok(()),
        watched: target.watched(RequestPurpose::Read, 0),
    };
    let has_moved = match exchange.send(&call, context).await {
        Ok(reply) => !is_met(target, condition, &reply),
        Err(_) => true,
    };
    (has_moved, stats.requests)
}

/// Whether a read shows the state that a condition asks for.
fn is_met(target: &Target, condition: &Condition<Validator>, reply: &Response) -> bool {
    let is_absent = matches!(reply.status, StatusCode::NOT_FOUND | StatusCode::GONE);
    match condition {
        Condition::None => true,
        Condition::Absent => is_absent,
        Condition::Match(version) => {
            let read = reading::representation(target, reply);
            read.is_ok_and(
                |read| matches!(&read.found, FoundVersion::Version(found) if found == version),
            )
        }
    }
}

/// Asks each member whether its request may leave, and returns their answers.
pub(super) async fn may_leave(asked: &[Option<Box<Asked>>], members: &[usize]) -> Vec<bool> {
    let mut allowed = Vec::with_capacity(members.len());
    for member in members {
        let (answer, allows) = oneshot::channel();
        if let Some(asked) = &asked[*member] {
            let _ = asked.turns.send(Turn::Leaves(answer));
        }
        // A member that is gone drops its end.
        allowed.push(allows.await.unwrap_or(false));
    }
    allowed
}

/// Returns the failure of a request without a response.
pub(super) fn lost(fate: Fate, why: &str) -> NoResponse {
    NoResponse::Transport(TransportError::new(fate, why))
}
