//! The history of a feed of the test server, and its open streams.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::feed_step::{FeedStep, GoneForm};
use super::reply::{Reply, tag};
use crate::address;

/// The default for the number of changes that are kept.
const HISTORY: usize = 100;

pub(super) struct FeedState {
    /// Whether it tells the changes of documents.
    pub(super) is_of_documents: bool,
    history: VecDeque<Change>,
    most: usize,
    pub(super) last_id: u64,
    pub(super) heartbeat: Option<Duration>,
    pub(super) steps: VecDeque<FeedStep>,
    /// Counts the times at which all streams were cut. Its receivers are the open streams, and are told of each change.
    cuts: watch::Sender<u64>,
}

/// One change, as it is sent.
#[derive(Clone)]
struct Change {
    id: u64,
    event: Arc<str>,
}

/// What a request for a feed gets.
pub(super) enum Opening {
    Reply(Reply),
    Stream {
        step: FeedStep,
        /// The id of the last change that is not sent.
        after: u64,
        /// Text that is sent before all changes.
        first: String,
        cuts: watch::Receiver<u64>,
        heartbeat: Option<Duration>,
    },
}

impl Default for FeedState {
    fn default() -> Self {
        Self {
            is_of_documents: true,
            history: VecDeque::new(),
            most: HISTORY,
            last_id: 0,
            heartbeat: None,
            steps: VecDeque::new(),
            cuts: watch::Sender::new(0),
        }
    }
}

impl FeedState {
    pub(super) fn set_history(&mut self, changes: usize) {
        self.most = changes;
        self.forget_old();
    }

    fn forget_old(&mut self) {
        let surplus = self.history.len().saturating_sub(self.most);
        self.history.drain(..surplus);
    }

    /// Records that a document was stored, or removed if it has no version and text.
    pub(super) fn changed(&mut self, path: &str, stored: Option<(u64, &str)>) {
        if !self.is_of_documents {
            return;
        }
        let segment = path.trim_end_matches('/').rsplit('/').next();
        let segment = segment.unwrap_or_default();
        let id = address::decoded(segment).unwrap_or_else(|| segment.to_owned());
        let (path, id) = (json!(path), json!(id));
        let (event_type, data) = match stored {
            Some((version, text)) => {
                // The text of numbers stays, but a line of the feed has no line breaks.
                let text = text.replace(['\r', '\n'], " ");
                let version = json!(tag(version));
                let head = format!(r#"{{"path":{path},"id":{id},"version":{version}"#);
                ("put", format!(r#"{head},"document":{text}}}"#))
            }
            None => ("gone", format!(r#"{{"path":{path},"id":{id}}}"#)),
        };
        self.push(event_type, &data);
    }

    /// Adds an event.
    pub(super) fn push(&mut self, event_type: &str, data: &str) {
        self.last_id += 1;
        let event = event(self.last_id, event_type, data);
        self.history.push_back(Change {
            id: self.last_id,
            event: event.into(),
        });
        self.forget_old();
        self.cuts.send_modify(|_| ());
    }

    pub(super) fn cut(&mut self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    pub(super) fn restart(&mut self) {
        self.history.clear();
        self.last_id = 0;
        self.cut();
    }

    pub(super) fn open_streams(&self) -> usize {
        self.cuts.receiver_count()
    }

    /// Opens a stream after an id.
    pub(super) fn open(&mut self, last_event_id: Option<&str>) -> Opening {
        let step = self.steps.pop_front().unwrap_or_default();
        if let Some(reply) = step.answer {
            return Opening::Reply(reply);
        }
        if step.gone == Some(GoneForm::Status) {
            let reply = Reply::problem(410, "position-lost", "The position is not known any more");
            return Opening::Reply(reply);
        }
        let oldest = self
            .history
            .front()
            .map_or(self.last_id, |change| change.id - 1);
        let asked = last_event_id.map(|id| id.parse().ok());
        let after = match asked {
            None => self.last_id,
            Some(Some(id)) if (oldest..=self.last_id).contains(&id) && !step.forgets_id => id,
            Some(_) => oldest,
        };
        let first = match step.gone {
            Some(GoneForm::Event) => said(
                "error",
                &json!({"type": "ERROR", "object": {
                    "kind": "Status", "status": "Failure", "reason": "Expired", "code": 410,
                }}),
            ),
            Some(GoneForm::Canceled) => said(
                "message",
                &json!({"result": {
                    "canceled": true, "compact_revision": (oldest + 1).to_string(),
                }}),
            ),
            _ => String::new(),
        };
        Opening::Stream {
            after,
            first,
            cuts: self.cuts.subscribe(),
            heartbeat: self.heartbeat,
            step,
        }
    }

    /// Returns the events after an id in their order, and the id of the last one.
    pub(super) fn after(&self, id: u64) -> Option<(Vec<Arc<str>>, u64)> {
        let last = self.history.back().filter(|last| last.id > id)?;
        let later = self.history.iter().filter(|change| change.id > id);
        Some((later.map(|change| change.event.clone()).collect(), last.id))
    }
}

fn event(id: u64, event_type: &str, data: &str) -> String {
    format!("id: {id}\nevent: {event_type}\ndata: {data}\n\n")
}

/// An event without an id.
fn said(event_type: &str, data: &Value) -> String {
    format!("event: {event_type}\ndata: {data}\n\n")
}
