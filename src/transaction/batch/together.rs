//! Sends the first requests of several steps as one, to an endpoint that applies each of them by itself.
//!
//! Each step is an ordinary write. Only its first request is held back, until every other step has one too or has nothing to
//! write. From then on, each step sends its requests alone: after a race, it need not wait for the others.

use http::StatusCode;
use tokio::sync::mpsc;
use tokio::time::Instant;
use url::Url;

use super::dispatch::TurnedAway;
use super::endpoint::{Endpoint, response, same};
use super::seat::{Asked, Message, Turn, lost, may_leave};
use super::side_by_side::{self, made};
use crate::exchange::transport::{Fate, Response};
use crate::exchange::{NoResponse, RequestStats};
use crate::protocol::BatchReply;
use crate::support::ids;
use crate::value::Error;
use crate::write::step::{Made, Risk, Step, Tried};

/// What became of the steps that were tried together.
pub(crate) struct Together {
    /// The step, and what became of it.
    pub(crate) tried: Vec<(usize, Result<Tried, Error>)>,
    /// The number of requests that no step has counted.
    pub(crate) requests: u32,
}

/// Tries the writes of a transaction together. Returns `None` if they do not fit into one request, and nothing was sent.
pub(crate) async fn together(
    steps: &mut [Box<dyn Step>],
    urls: &[Url],
    endpoint: &Endpoint,
    deadline: Instant,
) -> Option<Together> {
    let open: Vec<usize> = (0..steps.len())
        .filter(|at| steps[*at].writes() && steps[*at].risk() != Risk::Pivot)
        .collect();
    let addresses: Vec<&Url> = open.iter().map(|at| &urls[*at]).collect();
    let fits = endpoint.batch.address(&endpoint.url, &addresses).is_ok();
    if open.len() < 2 || !fits {
        return None;
    }
    let gather = |members, inbox| Gatherer::new(endpoint, members, inbox).run();
    let ended = side_by_side::run(steps, urls, &open, deadline, gather).await;
    let (mut tried, gathered) = ended;
    for member in gathered.turned_away {
        // The error of the step that failed says why.
        if let Some(Ok(tried)) = tried.get_mut(member) {
            tried.error = tried
                .error
                .take()
                .filter(|_| tried.made != Made::NotApplied);
        }
    }
    Some(Together {
        tried: open.into_iter().zip(tried).collect(),
        requests: gathered.requests,
    })
}

/// What the gatherer has done.
struct Gathered {
    requests: u32,
    /// The members for which nothing was sent.
    turned_away: Vec<usize>,
}

/// Gathers the first requests of the members.
struct Gatherer<'a> {
    endpoint: &'a Endpoint,
    inbox: mpsc::UnboundedReceiver<Message>,
    asked: Vec<Option<Box<Asked>>>,
    /// What became of each member that has come to its end.
    ended: Vec<Option<Made>>,
    stats: RequestStats,
    turned_away: Vec<usize>,
}

impl<'a> Gatherer<'a> {
    fn new(
        endpoint: &'a Endpoint,
        members: usize,
        inbox: mpsc::UnboundedReceiver<Message>,
    ) -> Self {
        Self {
            endpoint,
            inbox,
            asked: (0..members).map(|_| None).collect(),
            ended: vec![None; members],
            stats: RequestStats::default(),
            turned_away: Vec::new(),
        }
    }

    async fn run(mut self) -> Gathered {
        while !self.is_gathered() {
            match self.inbox.recv().await {
                Some(message) => self.take(message),
                None => break,
            }
        }
        let members: Vec<usize> = (0..self.asked.len())
            .filter(|member| self.asked[*member].is_some())
            .collect();
        let has_failed =
            |made: &Option<Made>| matches!(made, Some(Made::NotApplied | Made::Unknown));
        if self.ended.iter().any(has_failed) {
            // The transaction is taken back, so nothing more is written.
            for member in members {
                self.turn_away(member);
            }
        } else {
            self.send(members).await;
        }
        while self.ended.iter().any(Option::is_none) {
            match self.inbox.recv().await {
                Some(message) => self.take(message),
                None => break,
            }
            for member in 0..self.asked.len() {
                self.alone(member);
            }
        }
        Gathered {
            requests: self.stats.requests,
            turned_away: self.turned_away,
        }
    }

    /// Whether each member has a request or has come to its end.
    fn is_gathered(&self) -> bool {
        let mut members = self.asked.iter().zip(&self.ended);
        members.all(|(asked, ended)| asked.is_some() || ended.is_some())
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Asks(member, asked) => {
                if let Some(place) = self.asked.get_mut(member) {
                    *place = Some(asked);
                }
            }
            Message::Withdraws(member) => drop(self.forget(member)),
            Message::Alone(requests)
            | Message::Unmoved(_, requests)
            | Message::Moved(_, requests) => {
                self.stats.requests = self.stats.requests.saturating_add(requests);
            }
            Message::Ended(member, made) => {
                if let Some(ended) = self.ended.get_mut(member) {
                    *ended = Some(made);
                }
            }
        }
    }

    fn forget(&mut self, member: usize) -> Option<Box<Asked>> {
        self.asked.get_mut(member)?.take()
    }

    /// Gives a member the result of its request.
    fn answer(&mut self, member: usize, answer: Result<Response, NoResponse>) {
        if let Some(asked) = self.forget(member) {
            // A member that is gone has told so.
            let _ = asked.turns.send(Turn::Answer(Box::new(answer)));
        }
    }

    /// Lets a member send its request by itself.
    fn alone(&mut self, member: usize) {
        if let Some(asked) = self.forget(member) {
            let _ = asked.turns.send(Turn::Alone);
        }
    }

    /// Sends the requests of the members as one.
    async fn send(&mut self, members: Vec<usize>) {
        let asked = members.iter().filter_map(|it| self.asked[*it].as_deref());
        let fitting = self.endpoint.request(&ids::uuid(), asked);
        let (request, limits) = match fitting {
            Ok(fitting) if members.len() > 1 => fitting,
            _ => return self.all_alone(&members),
        };
        let allowed = may_leave(&self.asked, &members).await;
        if allowed.contains(&false) {
            // The transaction is taken back, so nothing is written.
            for (member, allowed) in members.into_iter().zip(allowed) {
                if !allowed {
                    self.forget(member);
                } else if let Some(asked) = &self.asked[member] {
                    let _ = asked.turns.send(Turn::Stays);
                    self.turn_away(member);
                }
            }
            return;
        }
        let sending = self.endpoint.send(request, limits, &mut self.stats, 0);
        let reply = sending.await;
        self.replied(&members, reply);
    }

    fn turn_away(&mut self, member: usize) {
        self.turned_away.push(member);
        self.answer(member, Err(NoResponse::Withheld(TurnedAway.into())));
    }

    fn all_alone(&mut self, members: &[usize]) {
        for member in members {
            self.alone(*member);
        }
    }

    fn replied(&mut self, members: &[usize], reply: Result<Response, NoResponse>) {
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                for member in members {
                    self.answer(*member, Err(same(&error)));
                }
                return;
            }
        };
        let asked = members.iter().filter_map(|it| self.asked[*it].as_deref());
        match self.endpoint.decode(asked, &reply) {
            Ok(BatchReply::Each(parts)) => {
                for (member, part) in members.iter().zip(parts) {
                    if part.status == StatusCode::FAILED_DEPENDENCY {
                        // It was not applied because of another one (RFC 4918 11.4).
                        self.alone(*member);
                    } else {
                        self.answer(*member, Ok(response(&reply, part)));
                    }
                }
            }
            // Nothing was applied.
            Ok(BatchReply::NoEndpoint(_) | BatchReply::Refused(..)) => self.all_alone(members),
            Ok(BatchReply::Whole) => {
                for member in members {
                    self.answer(*member, Ok(reply.clone()));
                }
            }
            Err(error) => {
                let why = format!("the response to the batch cannot be read: {error}");
                for member in members {
                    self.answer(*member, Err(lost(Fate::Unknown, &why)));
                }
            }
        }
    }
}

/// Whether a step that was tried may have been applied, although nothing shows it.
pub(crate) fn is_unknown(tried: &Result<Tried, Error>) -> bool {
    made(tried) == Made::Unknown
}
