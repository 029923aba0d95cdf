//! The script of one request, a [`Step`].

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::reply::Reply;

/// The script of one request: a write by another client, a delay, a lost response, a response made by the test.
///
/// The parts take effect in this order:
///
/// 1. The request may be lost.
/// 2. Another client edits or removes the resource.
/// 3. The server carries out the request or sends the scripted response.
/// 4. The response is delayed.
/// 5. The response may be lost.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use ifmatch::testing::{Reply, ResourceServer, Step};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let server = ResourceServer::start().await;
/// // The first write meets another client, the response to the second is lost, the third has to wait.
/// server.next_write(Step::new().edit(|article| article["title"] = "Theirs".into()));
/// server.next_write(Step::new().lose_reply());
/// server.next_write(Step::new().answer(Reply::new(503).retry_after(Duration::from_secs(2))));
/// # }
/// ```
#[derive(Default)]
#[must_use]
pub struct Step {
    pub(super) lost: Option<Lost>,
    pub(super) change: Option<ForeignChange>,
    pub(super) answer: Option<ScriptedAnswer>,
    pub(super) delay: Duration,
}

/// The part of an exchange that was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The request. The server never saw it.
    Request,
    /// The response. The server carried out the request.
    Reply,
}

/// A change by another client.
pub(super) enum ForeignChange {
    Edit(Box<dyn FnOnce(&mut Value) + Send>),
    Remove,
}

/// A response that replaces the server's own.
pub(super) enum ScriptedAnswer {
    Instead(Reply),
    After(Reply),
}

impl Step {
    /// Creates a step that changes nothing about its request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets another client edit the resource, if it exists, before the request is handled.
    pub fn edit(mut self, edit: impl FnOnce(&mut Value) + Send + 'static) -> Self {
        self.change = Some(ForeignChange::Edit(Box::new(edit)));
        self
    }

    /// Lets another client remove the resource before the request is handled.
    pub fn remove(mut self) -> Self {
        self.change = Some(ForeignChange::Remove);
        self
    }

    /// Sends this response without carrying out the request.
    pub fn answer(mut self, reply: Reply) -> Self {
        self.answer = Some(ScriptedAnswer::Instead(reply));
        self
    }

    /// Carries out the request and then sends this response, like a gateway that timed out.
    pub fn answer_after(mut self, reply: Reply) -> Self {
        self.answer = Some(ScriptedAnswer::After(reply));
        self
    }

    /// Delays the response by this time.
    pub fn delay(mut self, time: Duration) -> Self {
        self.delay = time;
        self
    }

    /// Cuts the connection before the server sees the request.
    pub fn lose_request(mut self) -> Self {
        self.lost = Some(Lost::Request);
        self
    }

    /// Cuts the connection after the server carried out the request, before the response.
    pub fn lose_reply(mut self) -> Self {
        self.lost = Some(Lost::Reply);
        self
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let change = self.change.as_ref().map(|change| match change {
            ForeignChange::Edit(_) => "edit",
            ForeignChange::Remove => "remove",
        });
        let answer = self.answer.as_ref().map(|answer| match answer {
            ScriptedAnswer::Instead(reply) | ScriptedAnswer::After(reply) => reply.status.as_u16(),
        });
        f.debug_struct("Step")
            .field("lost", &self.lost)
            .field("change", &change)
            .field("answer", &answer)
            .field("delay", &self.delay)
            .finish()
    }
}
