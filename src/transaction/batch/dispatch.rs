//! Sends the requests of all members as one, and gives each member the response to its own.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::endpoint::{Endpoint, response, same};
use super::gathering::{Act, Answer, Gathering};
use super::seat::{Asked, Message, Turn, lost, may_leave};
use crate::exchange::transport::{Fate, Response};
use crate::exchange::{NoResponse, RequestStats};
use crate::protocol::{BatchReply, Misfit, ResponseParts};

/// Nothing is sent for a member any more.
#[derive(Debug, thiserror::Error)]
#[error("another write of the batch was not applied")]
pub(super) struct TurnedAway;

/// What a batch took, and what it has shown.
pub(super) struct Dispatched {
    pub(super) requests: u32,
    /// Why the writes do not fit into one request. Nothing was applied.
    pub(super) misfit: Option<Misfit>,
    /// Whether the endpoint has applied some of the writes.
    pub(super) disagrees: bool,
    /// The members for which nothing was sent any more.
    pub(super) turned_away: Vec<usize>,
}

/// Gathers the requests of the members.
pub(super) struct Dispatcher<'a> {
    endpoint: &'a Endpoint,
    /// Makes the boundaries of the parts, so that the same requests are the same bytes.
    id: &'a str,
    inbox: mpsc::UnboundedReceiver<Message>,
    gathering: Gathering,
    asked: Vec<Option<Box<Asked>>>,
    /// A refusal about which the members look whether they are meant.
    looking: Option<Box<Response>>,
    stats: RequestStats,
    last_body: Option<Bytes>,
    resends: u32,
    misfit: Option<Misfit>,
    turned_away: Vec<usize>,
}

impl<'a> Dispatcher<'a> {
    pub(super) fn new(
        endpoint: &'a Endpoint,
        id: &'a str,
        members: usize,
        inbox: mpsc::UnboundedReceiver<Message>,
    ) -> Self {
        Self {
            endpoint,
            id,
            inbox,
            gathering: Gathering::new(members),
            asked: (0..members).map(|_| None).collect(),
            looking: None,
            stats: RequestStats::default(),
            last_body: None,
            resends: 0,
            misfit: None,
            turned_away: Vec::new(),
        }
    }

    /// Sends the members together until all have come to their ends.
    pub(super) async fn run(mut self) -> Dispatched {
        loop {
            while let Ok(message) = self.inbox.try_recv() {
                self.take(message);
            }
            match self.gathering.next() {
                Act::Wait => match self.inbox.recv().await {
                    Some(message) => self.take(message),
                    None => break,
                },
                Act::Send(members) => self.send(&members).await,
                Act::Reread(members) => {
                    for member in members {
                        let why = "another write of the same batch was applied";
                        self.answer(member, Err(lost(Fate::Unknown, why)), false);
                    }
                }
                Act::TurnAway(members) => self.turn_away(&members),
                Act::Finish => break,
            }
        }
        Dispatched {
            requests: self.stats.requests,
            misfit: self.misfit,
            disagrees: self.gathering.disagrees(),
            turned_away: self.turned_away,
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Asks(member, asked) => {
                if let Some(place) = self.asked.get_mut(member) {
                    *place = Some(asked);
                }
                self.gathering.asks(member);
            }
            Message::Withdraws(member) => {
                self.forget(member);
                self.gathering.withdraws(member);
            }
            Message::Unmoved(member, requests) => {
                self.stats.requests = self.stats.requests.saturating_add(requests);
                self.gathering.asks(member);
            }
            Message::Moved(member, requests) => {
                self.stats.requests = self.stats.requests.saturating_add(requests);
                self.forget(member);
                // The refusal was about this one.
                self.looking = None;
                self.gathering
                    .answered(member, Answer::Given { is_refused: true });
            }
            Message::Alone(requests) => {
                self.stats.requests = self.stats.requests.saturating_add(requests);
            }
            Message::Ended(member, made) => self.gathering.ended(member, made),
        }
    }

    fn forget(&mut self, member: usize) -> Option<Box<Asked>> {
        self.asked.get_mut(member)?.take()
    }

    /// Gives a member the result of its request.
    fn answer(&mut self, member: usize, answer: Result<Response, NoResponse>, is_refused: bool) {
        if let Some(asked) = self.forget(member) {
            // A member that is gone has told so.
            let _ = asked.turns.send(Turn::Answer(Box::new(answer)));
        }
        self.gathering
            .answered(member, Answer::Given { is_refused });
    }

    fn turn_away(&mut self, members: &[usize]) {
        for member in members {
            self.turned_away.push(*member);
            self.answer(*member, Err(NoResponse::Withheld(TurnedAway.into())), false);
        }
    }

    async fn send(&mut self, members: &[usize]) {
        if let Some(refusal) = self.looking.take() {
            // It was not about the version of any member, so it is about all of them. One of them tells it.
            if let Some((first, others)) = members.split_first() {
                self.gathering.is_over();
                self.answer(*first, Ok(*refusal), true);
                self.turn_away(others);
            }
            return;
        }
        let asked = members.iter().filter_map(|it| self.asked[*it].as_deref());
        let (request, limits) = match self.endpoint.request(self.id, asked) {
            Ok(fitting) => fitting,
            Err(misfit) => {
                self.misfit = Some(misfit);
                self.gathering.is_over();
                return self.turn_away(members);
            }
        };
        if !self.may_leave(members).await {
            return;
        }
        let body = Some(request.body.clone());
        let is_again = std::mem::replace(&mut self.last_body, body.clone()) == body;
        self.resends = if is_again { self.resends + 1 } else { 0 };
        let sending = self
            .endpoint
            .send(request, limits, &mut self.stats, self.resends);
        let reply = sending.await;
        self.replied(members, reply);
    }

    /// Asks each member whether its request may leave. If not, the others wait on.
    async fn may_leave(&mut self, members: &[usize]) -> bool {
        let allowed = may_leave(&self.asked, members).await;
        let all = allowed.iter().all(|allowed| *allowed);
        for (member, allowed) in members.iter().zip(allowed) {
            match (all, allowed) {
                (true, _) => self.gathering.sent(*member),
                (false, true) => {
                    if let Some(asked) = &self.asked[*member] {
                        let _ = asked.turns.send(Turn::Stays);
                    }
                }
                (false, false) => {
                    self.forget(*member);
                    self.gathering.withdraws(*member);
                }
            }
        }
        all
    }

    fn replied(&mut self, members: &[usize], reply: Result<Response, NoResponse>) {
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                for member in members {
                    self.answer(*member, Err(same(&error)), false);
                }
                return;
            }
        };
        let asked = members.iter().filter_map(|it| self.asked[*it].as_deref());
        match self.endpoint.decode(asked, &reply) {
            Ok(BatchReply::Each(parts)) => self.each(members, &reply, parts),
            Ok(BatchReply::Refused(Some(at), part)) => {
                for (place, member) in members.iter().enumerate() {
                    if place == at {
                        self.answer(*member, Ok(response(&reply, part.clone())), true);
                    } else {
                        self.gathering.answered(*member, Answer::Kept);
                    }
                }
            }
            Ok(BatchReply::Refused(None, part)) => {
                let refusal = response(&reply, part);
                self.looking = Some(Box::new(refusal.clone()));
                for member in members {
                    if let Some(asked) = &self.asked[*member] {
                        let _ = asked.turns.send(Turn::Look(Box::new(refusal.clone())));
                    }
                    self.gathering.withdraws(*member);
                }
            }
            Ok(BatchReply::NoEndpoint(status)) => {
                self.misfit = Some(Misfit::NoEndpoint(status));
                self.gathering.is_over();
                self.turn_away(members);
            }
            Ok(BatchReply::Whole) => {
                let is_refused = reply.status.is_client_error();
                for member in members {
                    self.answer(*member, Ok(reply.clone()), is_refused);
                }
            }
            Err(error) => {
                let why = format!("the response to the batch cannot be read: {error}");
                for member in members {
                    self.answer(*member, Err(lost(Fate::Unknown, &why)), false);
                }
            }
        }
    }

    /// Gives each member its part.
    fn each(&mut self, members: &[usize], reply: &Response, parts: Vec<ResponseParts>) {
        let is_success = |part: &ResponseParts| part.status.is_success();
        let contradicts = parts.iter().any(is_success) && !parts.iter().all(is_success);
        // A part that failed only because of another one (RFC 4918 11.4).
        let depends = |part: &ResponseParts| part.status == http::StatusCode::FAILED_DEPENDENCY;
        let is_told = parts.iter().any(|part| !is_success(part) && !depends(part));
        for (member, part) in members.iter().zip(parts) {
            let is_refused = !is_success(&part);
            if is_refused && depends(&part) && is_told && !contradicts {
                self.gathering.answered(*member, Answer::Kept);
            } else if contradicts && !is_refused {
                // An atomic request with a refusal applies nothing. Only the resource can tell.
                let why = "another write of the same batch was refused";
                self.answer(*member, Err(lost(Fate::Unknown, why)), false);
            } else {
                self.answer(*member, Ok(response(reply, part)), is_refused);
            }
        }
    }
}
