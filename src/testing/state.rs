//! The documents of the test server, and its handling of requests.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::batch::BatchEndpoint;
use super::conflicts::ConflictState;
use super::dialect::Dialect;
use super::feed_state::{FeedState, Opening};
use super::recorded::Recorded;
use super::reply::{Reply, tag};
use super::step::{ForeignChange, Lost, ScriptedAnswer, Step};
use crate::json::Document;
use crate::json::patch::{PatchError, apply_json_patch, apply_merge_patch};
use crate::merge::{Policy, transplant};

/// A request over a socket or within the process.
pub(super) struct IncomingRequest {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// The result of a request.
pub(super) struct OutgoingReply {
    /// The response. `None` cuts the connection.
    pub(super) reply: Option<Reply>,
    pub(super) delay: Duration,
}

pub(super) struct SimulatedState {
    pub(super) resources: BTreeMap<String, StoredResource>,
    /// The paths that are listed even if nothing is beneath them.
    pub(super) collections: BTreeSet<String>,
    /// The largest number of items in a page.
    pub(super) page_size: usize,
    named: u64,
    pub(super) dialect: Dialect,
    pub(super) stale_status: Option<StatusCode>,
    /// The endpoint that takes several writes.
    pub(super) batch: Option<BatchEndpoint>,
    pub(super) locked: BTreeSet<String>,
    pub(super) reads: VecDeque<Step>,
    pub(super) writes: VecDeque<Step>,
    pub(super) log: Vec<Recorded>,
    /// The feeds, by path.
    pub(super) feeds: BTreeMap<String, FeedState>,
    /// The conflict service, if there is one.
    pub(super) conflicts: Option<ConflictState>,
}

/// The resource at one path. Versions count on after a removal, so no tag is used twice.
#[derive(Clone, Default)]
pub(super) struct StoredResource {
    version: u64,
    pub(super) text: Option<String>,
}

impl SimulatedState {
    pub(super) fn new() -> Self {
        Self {
            resources: BTreeMap::new(),
            collections: BTreeSet::new(),
            page_size: usize::MAX,
            named: 0,
            dialect: Dialect::ProblemDetails,
            stale_status: None,
            batch: None,
            locked: BTreeSet::new(),
            reads: VecDeque::new(),
            writes: VecDeque::new(),
            log: Vec::new(),
            feeds: BTreeMap::new(),
            conflicts: None,
        }
    }

    pub(super) fn store(&mut self, path: &str, text: String) -> u64 {
        let resource = self.resources.entry(path.to_owned()).or_default();
        resource.version += 1;
        for feed in self.feeds.values_mut() {
            feed.changed(path, Some((resource.version, &text)));
        }
        resource.text = Some(text);
        resource.version
    }

    pub(super) fn remove(&mut self, path: &str) -> bool {
        let resource = self.resources.get_mut(path);
        let was_there = resource.is_some_and(|resource| resource.text.take().is_some());
        if was_there {
            for feed in self.feeds.values_mut() {
                feed.changed(path, None);
            }
        }
        was_there
    }

    /// The version and text of the current document.
    pub(super) fn current(&self, path: &str) -> Option<(u64, &str)> {
        let resource = self.resources.get(path)?;
        Some((resource.version, resource.text.as_deref()?))
    }

    /// Whether the next request of this kind, or its response, will be lost.
    pub(super) fn loses(&self, method: &Method) -> bool {
        let script = if is_read(method) {
            &self.reads
        } else {
            &self.writes
        };
        script.front().is_some_and(|step| step.lost.is_some())
    }

    pub(super) fn handle(&mut self, asked: IncomingRequest) -> OutgoingReply {
        let script = if is_read(&asked.method) {
            &mut self.reads
        } else {
            &mut self.writes
        };
        let step = script.pop_front().unwrap_or_default();
        let reply = (step.lost != Some(Lost::Request)).then(|| {
            let first = self
                .batch
                .as_ref()
                .and_then(|batch| batch.first_path(&asked))
                .or_else(|| self.resolved_path(&asked));
            self.somebody_else(first.as_ref().unwrap_or(&asked.path), step.change);
            match step.answer {
                Some(ScriptedAnswer::Instead(reply)) => reply,
                Some(ScriptedAnswer::After(reply)) => {
                    let _ = self.carry_out(&asked);
                    reply
                }
                None => self.carry_out(&asked),
            }
        });
        self.log
            .push(Recorded::new(asked, reply.as_ref(), step.lost));
        OutgoingReply {
            reply: reply.filter(|_| step.lost.is_none()),
            delay: step.delay,
        }
    }

    /// Opens a feed, if the request is for one. Otherwise, it is returned.
    pub(super) fn open_feed(
        &mut self,
        asked: IncomingRequest,
    ) -> Result<Opening, Box<IncomingRequest>> {
        let conflicts = self.conflicts.as_ref();
        if conflicts.is_some_and(|of| of.is_for_list(&asked.path, &asked.headers)) {
            return Err(Box::new(asked));
        }
        let feed = self.feeds.get_mut(&asked.path);
        let Some(feed) = feed.filter(|_| asked.method == Method::GET) else {
            return Err(Box::new(asked));
        };
        let last_event_id = asked.headers.get("last-event-id");
        let opening = feed.open(last_event_id.and_then(|id| id.to_str().ok()));
        let reply = match &opening {
            Opening::Reply(reply) => reply.clone(),
            Opening::Stream { .. } => stream_head(),
        };
        self.log.push(Recorded::new(asked, Some(&reply), None));
        Ok(opening)
    }

    fn somebody_else(&mut self, path: &str, change: Option<ForeignChange>) {
        match change {
            Some(ForeignChange::Remove) => drop(self.remove(path)),
            Some(ForeignChange::Edit(edit)) => {
                let document = self.current(path).map(|(_, text)| text.parse::<Document>());
                if let Some(Ok(document)) = document {
                    let mut value = document.to_value();
                    let before = Document::from_value(&value);
                    edit(&mut value);
                    // Text that the edit left unchanged stays, because a server does not rewrite numbers.
                    let after = Document::from_value(&value);
                    let edited = transplant(&document, &before, &after, &Policy::new());
                    self.store(path, edited.as_str().to_owned());
                }
            }
            None => {}
        }
    }

    pub(super) fn carry_out(&mut self, asked: &IncomingRequest) -> Reply {
        if let Some(batch) = self.batch.clone().filter(|batch| batch.is_for(asked)) {
            return batch.carry_out(self, asked);
        }
        let batch = self.batch.as_ref();
        if let Some(single) = batch.and_then(|batch| batch.single(asked)) {
            let reply = self.carry_out_one(&single);
            return BatchEndpoint::answer_single(&single, &reply);
        }
        self.carry_out_one(asked)
    }

    /// Carries out a request for one resource.
    pub(super) fn carry_out_one(&mut self, asked: &IncomingRequest) -> Reply {
        if let Some(reply) = self.ask_desk(asked) {
            return reply;
        }
        let reply = match asked.method.as_str() {
            "GET" | "HEAD" => self.read(asked),
            "PUT" | "PATCH" | "DELETE" => self.write(asked),
            "POST" => self.append(asked),
            _ => Err(Wrong(405, "method", "This method is not supported")),
        };
        let mut reply =
            reply.unwrap_or_else(|Wrong(status, kind, title)| Reply::problem(status, kind, title));
        if asked.method == Method::HEAD {
            reply.body.clear();
        }
        reply
    }

    fn read(&self, asked: &IncomingRequest) -> Result<Reply, Wrong> {
        let Some((version, text)) = self.current(&asked.path) else {
            return self.list(asked).ok_or(NOT_FOUND);
        };
        Ok(if names(asked, &IF_NONE_MATCH, version) {
            Reply::new(304).version(version)
        } else {
            document(200, version, text)
        })
    }

    fn write(&mut self, asked: &IncomingRequest) -> Result<Reply, Wrong> {
        if self.locked.contains(&asked.path) {
            return Err(Wrong(423, "locked", "Another client holds a lock on it"));
        }
        let current = self.current(&asked.path);
        let pinned = asked.headers.contains_key(IF_MATCH);
        let stale = match current {
            Some((version, _)) => {
                pinned && !names(asked, &IF_MATCH, version) || names(asked, &IF_NONE_MATCH, version)
            }
            None => pinned,
        };
        if stale {
            return Ok(self.dialect.refusal(self.stale_status, current));
        }
        let text = match (asked.method.as_str(), current) {
            ("PUT", _) => json(&asked.body)?.as_str().to_owned(),
            (_, None) => return Err(NOT_FOUND),
            ("PATCH", Some((_, text))) => patched(asked, &json(text.as_bytes())?)?,
            _ => {
                self.remove(&asked.path);
                return Ok(Reply::new(204));
            }
        };
        let status = if current.is_some() { 204 } else { 201 };
        let version = self.store(&asked.path, text);
        Ok(Reply::new(status).version(version))
    }

    fn append(&mut self, asked: &IncomingRequest) -> Result<Reply, Wrong> {
        let text = json(&asked.body)?.as_str().to_owned();
        let slash = if asked.path.ends_with('/') { "/" } else { "" };
        let collection = asked.path.trim_end_matches('/');
        let location = loop {
            self.named += 1;
            let location = format!("{collection}/{}{slash}", self.named);
            if self.current(&location).is_none() {
                break location;
            }
        };
        let version = self.store(&location, text.clone());
        Ok(document(201, version, &text).header(LOCATION.as_str(), &location))
    }
}

/// The head of a stream.
pub(super) fn stream_head() -> Reply {
    Reply::new(200)
        .header(CONTENT_TYPE.as_str(), "text/event-stream")
        .header(CACHE_CONTROL.as_str(), "no-cache")
}

/// A refusal by the server itself: status, kind and title of a problem.
pub(super) struct Wrong(
    pub(super) u16,
    pub(super) &'static str,
    pub(super) &'static str,
);

const NOT_FOUND: Wrong = Wrong(404, "not-found", "There is no resource here");

pub(super) fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn document(status: u16, version: u64, text: &str) -> Reply {
    Reply::new(status)
        .body("application/json", text)
        .version(version)
}

fn json(body: &[u8]) -> Result<Document, Wrong> {
    Document::parse(body).map_err(|_| Wrong(400, "not-json", "This is not JSON"))
}

/// Whether a condition names this version, or any version.
pub(super) fn names(asked: &IncomingRequest, header: &HeaderName, version: u64) -> bool {
    let value = asked
        .headers
        .get(header)
        .and_then(|value| value.to_str().ok());
    value
        .is_some_and(|value| value == "*" || value.split(',').any(|one| one.trim() == tag(version)))
}

fn patched(asked: &IncomingRequest, target: &Document) -> Result<String, Wrong> {
    let media_type = asked.headers.get(CONTENT_TYPE);
    let patched = match media_type.map(HeaderValue::as_bytes) {
        Some(b"application/merge-patch+json") => apply_merge_patch(target, &json(&asked.body)?),
        Some(b"application/json-patch+json") => apply_json_patch(target, &json(&asked.body)?)
            .map_err(|error| match error {
                PatchError::NotAPatch => Wrong(400, "no-patch", "A JSON Patch is an array"),
                PatchError::TestFailed(_) => {
                    Wrong(409, "test-failed", "A test of the patch failed")
                }
                _ => Wrong(422, "impossible", "This operation cannot be applied here"),
            })?,
        _ => {
            return Err(Wrong(
                415,
                "patch-type",
                "This server accepts merge patches and JSON Patches",
            ));
        }
    };
    Ok(patched.as_str().to_owned())
}
