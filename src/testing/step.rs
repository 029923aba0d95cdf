//! [`Step`].

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::reply::Reply;

/// What one request meets: another writer, a delay, a lost reply, an answer of the test's own.
///
/// What is said here happens in this order: the request may be lost; somebody else edits or removes
/// the resource; the request is answered or carried out; the reply is held up; the reply may be lost.
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
/// // The first write meets another writer, the reply to the second is lost, the third has to wait.
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

/// What of an exchange was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The request: the server never saw it.
    Request,
    /// The reply: the server did what it was asked.
    Reply,
}

/// What somebody else does.
pub(super) enum ForeignChange {
    Edit(Box<dyn FnOnce(&mut Value) + Send>),
    Remove,
}

/// What a test answers instead of the server.
pub(super) enum ScriptedAnswer {
    Instead(Reply),
    After(Reply),
}

impl Step {
    /// Nothing unusual.
    pub fn new() -> Self {
        Self::default()
    }

    /// Somebody else edits the resource before the request is looked at, if it is there.
    pub fn edit(mut self, edit: impl FnOnce(&mut Value) + Send + 'static) -> Self {
        self.change = Some(ForeignChange::Edit(Box::new(edit)));
        self
    }

    /// Somebody else removes the resource before the request is looked at.
    pub fn remove(mut self) -> Self {
        self.change = Some(ForeignChange::Remove);
        self
    }

    /// It is answered so, and not carried out.
    pub fn answer(mut self, reply: Reply) -> Self {
        self.answer = Some(ScriptedAnswer::Instead(reply));
        self
    }

    /// It is carried out, and answered so: a gateway that lost patience, say.
    pub fn answer_after(mut self, reply: Reply) -> Self {
        self.answer = Some(ScriptedAnswer::After(reply));
        self
    }

    /// The reply comes so much later.
    pub fn delay(mut self, time: Duration) -> Self {
        self.delay = time;
        self
    }

    /// The connection is cut before the server sees the request.
    pub fn lose_request(mut self) -> Self {
        self.lost = Some(Lost::Request);
        self
    }

    /// The connection is cut after the server did what it was asked, before the reply.
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
