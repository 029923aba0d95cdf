//! The endpoint of the test server that takes several writes in one request.

mod bulk;
mod bulk_docs;
mod bundle;
mod change_set;
mod requests;

use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{Method, StatusCode};

use super::reply::Reply;
use super::state::{IncomingRequest, SimulatedState};
use crate::Batch;
use crate::protocol::Form;

/// How the endpoint of a test server behaves that takes several writes in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchBehaviour {
    /// It applies all of the writes or none, and keeps their preconditions.
    Atomic,
    /// It applies each write by itself, and tells what became of each.
    Plain,
    /// It applies each write by itself, and answers as if it were atomic.
    Liar,
    /// It applies all of the writes or none, and drops their preconditions.
    DropsConditions,
}

/// The endpoint of one server.
#[derive(Clone)]
pub(super) struct BatchEndpoint {
    path: String,
    form: Form,
    behaviour: BatchBehaviour,
}

/// The writes of a request, as far as they can be read.
type Writes = Option<Vec<IncomingRequest>>;

impl BatchEndpoint {
    pub(super) fn new(batch: &Batch, behaviour: BatchBehaviour) -> Self {
        let (path, form) = batch.place();
        Self {
            path,
            form,
            behaviour,
        }
    }

    pub(super) fn is_for(&self, asked: &IncomingRequest) -> bool {
        asked.method == Method::POST && self.root(asked).is_some()
    }

    /// Returns the path below which the endpoint is, if the request is for it.
    fn root<'a>(&self, asked: &'a IncomingRequest) -> Option<&'a str> {
        let root = asked.path.strip_suffix(&self.path)?;
        (root.is_empty() || self.form == Form::BulkDocs).then_some(root)
    }

    /// Returns the path of the first write, if the request is for this endpoint.
    pub(super) fn first_path(&self, asked: &IncomingRequest) -> Option<String> {
        let writes = self.is_for(asked).then(|| self.writes(asked))?;
        Some(writes?.first()?.path.clone())
    }

    fn writes(&self, asked: &IncomingRequest) -> Writes {
        match self.form {
            Form::ChangeSet => change_set::writes(asked),
            Form::Bundle => bundle::writes(&asked.body),
            Form::Requests => requests::writes(&asked.body),
            Form::BulkDocs => bulk_docs::writes(self.root(asked)?, &asked.body),
            Form::Bulk => bulk::writes(self.root(asked)?, &asked.body),
        }
    }

    pub(super) fn carry_out(&self, state: &mut SimulatedState, asked: &IncomingRequest) -> Reply {
        let Some(mut writes) = self.writes(asked) else {
            return Reply::problem(400, "no-batch", "This is not a batch");
        };
        let before = state.resources.clone();
        if self.behaviour == BatchBehaviour::DropsConditions {
            for write in &mut writes {
                write.headers.remove(IF_MATCH);
                write.headers.remove(IF_NONE_MATCH);
            }
        }
        let replies: Vec<_> = writes
            .iter()
            .map(|write| state.carry_out_one(write))
            .collect();
        let is_refused = |reply: &Reply| !reply.status.is_success();
        let refused = replies.iter().position(is_refused);
        match (self.behaviour, refused) {
            (_, None) | (BatchBehaviour::Plain, _) => self.each(&writes, &replies),
            (behaviour, Some(at)) => {
                if behaviour != BatchBehaviour::Liar {
                    state.resources = before;
                }
                self.refused(at, &writes, &replies)
            }
        }
    }

    /// Returns a request for a single document as the test server spells it, if the API of this endpoint spells it in
    /// another way.
    pub(super) fn single(&self, asked: &IncomingRequest) -> Option<IncomingRequest> {
        let is_bulk = self.form == Form::Bulk;
        is_bulk.then(|| bulk::single(asked)).flatten()
    }

    /// Returns the response to a request for a single document as the API of this endpoint spells it.
    pub(super) fn answer_single(asked: &IncomingRequest, reply: &Reply) -> Reply {
        bulk::answer(asked, reply)
    }

    /// The response that tells what became of each write.
    fn each(&self, writes: &[IncomingRequest], replies: &[Reply]) -> Reply {
        match self.form {
            Form::ChangeSet => change_set::each(replies),
            Form::Bundle => bundle::each(replies),
            Form::Requests => requests::each(replies),
            Form::BulkDocs => bulk_docs::each(writes, replies),
            Form::Bulk => bulk::each(writes, replies),
        }
    }

    /// The response that says that nothing was applied because of one write.
    fn refused(&self, at: usize, writes: &[IncomingRequest], replies: &[Reply]) -> Reply {
        let refused = &replies[at];
        match self.form {
            Form::ChangeSet => change_set::refused(at, refused),
            Form::Bundle => refused.clone(),
            Form::Requests | Form::BulkDocs | Form::Bulk => {
                let depends = Reply::new(StatusCode::FAILED_DEPENDENCY.as_u16());
                let mut all = vec![depends; replies.len()];
                all[at] = refused.clone();
                self.each(writes, &all)
            }
        }
    }
}
