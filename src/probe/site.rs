//! The throw-away resource: made, read, written and removed, one plain request at a time.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use ::http::header::ACCEPT_ENCODING;
use ::http::{HeaderValue, Method, StatusCode};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::error::{Error, ErrorKind};
use crate::exchange::{Call, Errand, NoReply};
use crate::handle::Handle;
use crate::http::{EntityTag, Problem, TagField, Validator, entity_tag_of};
use crate::json::Document;
use crate::refusal::{Creation, Found, RefusalKind, Versioning};
use crate::retry::later;
use crate::store::StoredSnapshot;
use crate::transport::{Fate, Response};
use crate::write::payload::Draft;
use crate::write::plan::Condition;
use crate::write::reading;
use crate::write::target::Target;

/// How often a request is tried that met a passing cause.
const TRIES: u32 = 4;
/// How long a passing cause, a young version or a job of the server's is given, each time.
pub(super) const PAUSE: Duration = Duration::from_millis(300);
/// How often it is given.
pub(super) const PATIENCE: u32 = 8;

/// Why the checks cannot go on.
#[derive(Debug)]
pub(super) struct Stop(pub(super) String);

/// What a read showed.
pub(super) struct Seen {
    pub(super) snapshot: StoredSnapshot,
    pub(super) found: Found,
    /// Which of the throw-away documents it is.
    pub(super) draft: Option<usize>,
}

impl Seen {
    pub(super) fn version(&self) -> Option<&Validator> {
        match &self.found {
            Found::Version(version) => Some(version),
            _ => None,
        }
    }
}

/// How a write was answered.
pub(super) enum Answered {
    /// With success, or with 202; and the version that the reply tells.
    Done(StatusCode, Option<Validator>),
    Refused(RefusalKind, Box<Problem>),
}

pub(super) struct Site {
    handle: Handle<Value>,
    /// The resource once it is made, the collection before.
    target: Target,
    name: String,
    drafts: Vec<Document>,
    deadline: Instant,
    requests: u32,
    there: Presence,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    No,
    /// A creation was sent; what became of it is not known.
    Perhaps,
    Yes,
    /// Made, and the server did not say where.
    Nameless,
}

impl Site {
    pub(super) fn new(
        handle: Handle<Value>,
        name: String,
        drafts: Vec<Document>,
        time: Duration,
    ) -> Result<Self, Error> {
        let target = handle.target()?;
        let all_differ = drafts
            .iter()
            .enumerate()
            .all(|(at, draft)| !drafts[..at].contains(draft));
        if !all_differ {
            return Err(Error::config(
                "the throw-away documents must differ from each other",
            ));
        }
        Ok(Self {
            handle,
            target,
            name,
            drafts,
            deadline: later(Instant::now(), time),
            requests: 0,
            there: Presence::No,
        })
    }

    pub(super) fn path(&self) -> &str {
        self.target.url.path()
    }

    pub(super) fn requests(&self) -> u32 {
        self.requests
    }

    pub(super) fn versioning(&self) -> &Versioning {
        &self.target.versioning
    }

    pub(super) fn set_versioning(&mut self, versioning: Versioning) {
        self.target.versioning = versioning;
    }

    /// Makes the resource: by `PUT` on the condition that nothing is there, or by `POST` where the API
    /// makes its own names. Tells the method and the status.
    pub(super) async fn make(&mut self) -> Result<(Method, StatusCode), Error> {
        let collection = self.target.clone();
        let mut refused = None;
        if !matches!(collection.versioning.creation(), Creation::Never) {
            self.target = self.handle.item(&self.name).target()?;
            let reply = self.create(&Condition::Absent).await?;
            if reply.status.is_success() {
                return Ok((Method::PUT, reply.status));
            }
            self.there = Presence::No;
            if !matches!(reply.status.as_u16(), 404 | 405 | 501) {
                return Err(self.not_made(&reply));
            }
            refused = Some(self.not_made(&reply));
        }
        self.target = collection;
        let reply = self.create(&Condition::None).await?;
        if !reply.status.is_success() {
            self.there = Presence::No;
            return Err(refused.unwrap_or_else(|| self.not_made(&reply)));
        }
        let Some(at) = reading::location(&self.target, &reply) else {
            self.there = Presence::Nameless;
            let what = format!(
                "{}: a resource was made, and the reply does not name it",
                self.path()
            );
            return Err(Error::new(ErrorKind::Decode, what));
        };
        self.target = self.handle.at(self.handle.with_query(at), None)?.target()?;
        Ok((Method::POST, reply.status))
    }

    async fn create(&mut self, condition: &Condition<Validator>) -> Result<Response, Error> {
        let call = self.call(condition, None, Some(&self.drafts[0]));
        let call = call.map_err(|Stop(why)| Error::config(why))?;
        self.there = Presence::Perhaps;
        self.send(&call).await.map_err(|Stop(why)| {
            let what = format!("{}: {why}", self.path());
            Error::new(ErrorKind::Transport, what)
        })
    }

    fn not_made(&self, reply: &Response) -> Error {
        let (kind, problem) = self.read_refusal(reply, true);
        let what = format!(
            "{}: no throw-away resource could be made: {problem}",
            self.path()
        );
        let error = match (kind, reply.status.as_u16()) {
            (RefusalKind::UnsupportedApiVersion, _) => ErrorKind::UnsupportedApiVersion,
            (_, 404) => ErrorKind::NotFound,
            _ => ErrorKind::Status,
        };
        Error::new(error, what).with_problem(Some(problem), Some(kind))
    }

    fn read_refusal(&self, reply: &Response, pinned: bool) -> (RefusalKind, Problem) {
        let url = &self.target.url;
        let problem = Problem::read(reply.status, &reply.headers, &reply.body, url);
        (self.target.shared.classify(&problem, pinned), problem)
    }

    /// The bytes of one write; without a document, of a removal.
    fn call(
        &self,
        condition: &Condition<Validator>,
        base: Option<&StoredSnapshot>,
        local: Option<&Document>,
    ) -> Result<Call, Stop> {
        let draft = Draft {
            target: &self.target,
            condition,
            base,
            local,
            post: local.is_some() && base.is_none() && *condition == Condition::None,
            write_id: &self.name,
            key: None,
        };
        let payload = draft.payload();
        Ok(payload.map_err(|error| Stop(error.to_string()))?.call)
    }

    /// Sends one request. Reads are repeated after any passing cause, writes only where the server says
    /// that it did nothing.
    async fn send(&mut self, call: &Call) -> Result<Response, Stop> {
        let is_read = call.method == Method::GET;
        let target = self.target.clone();
        let exchange = &target.shared.exchange;
        for left in (0..TRIES).rev() {
            self.requests += 1;
            let mut waited = Duration::ZERO;
            let errand = Errand {
                deadline: self.deadline,
                waited: &mut waited,
                sent: &mut |_| {},
            };
            let reply = exchange.send(call, errand).await;
            let (wait, why) = match reply {
                Ok(reply) => {
                    let status = reply.status.as_u16();
                    let passing = matches!(status, 429 | 503) || is_read && status >= 500;
                    if !passing && (is_read || status < 500) {
                        return Ok(reply);
                    }
                    let why = format!("{} was answered {status}", call.method);
                    let told = reading::told_to_wait(&reply.headers).unwrap_or(PAUSE);
                    (passing.then_some(told), why)
                }
                Err(NoReply::Gated(wait)) => {
                    return Err(Stop(format!("the server asks to wait {wait:?}")));
                }
                Err(NoReply::Credentials(error)) => {
                    return Err(Stop(format!("the credentials could not be had: {error}")));
                }
                Err(NoReply::Transport(error)) => {
                    let again =
                        error.fate == Fate::NotSent || is_read && error.fate == Fate::Unknown;
                    (again.then_some(PAUSE), format!("{}: {error}", call.method))
                }
            };
            match wait.filter(|_| left > 0) {
                Some(wait) if later(Instant::now(), wait) < self.deadline => {
                    tokio::time::sleep(wait).await;
                }
                _ => return Err(Stop(why)),
            }
        }
        Err(Stop("it was tried often enough".to_owned()))
    }

    /// Reads the resource; `None`: nothing is there.
    pub(super) async fn read(&mut self) -> Result<Option<Seen>, Stop> {
        let call = reading::read_call(&self.target, Method::GET, true);
        let reply = self.send(&call).await?;
        if matches!(reply.status.as_u16(), 404 | 410) {
            return Ok(None);
        }
        if !reply.status.is_success() {
            let (_, problem) = self.read_refusal(&reply, false);
            return Err(Stop(format!("it cannot be read: {problem}")));
        }
        let read = reading::representation(&self.target, &reply);
        let read = read.map_err(|error| Stop(error.to_string()))?;
        self.there = Presence::Yes;
        Ok(Some(Seen {
            draft: self.which(&read.snapshot.document),
            snapshot: read.snapshot,
            found: read.found,
        }))
    }

    /// The entity tag that a client sees who asks for `gzip`.
    pub(super) async fn read_coded_tag(&mut self) -> Result<Option<EntityTag>, Stop> {
        let mut call = reading::read_call(&self.target, Method::GET, true);
        call.headers
            .insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let reply = self.send(&call).await?;
        Ok(match entity_tag_of(&reply.headers) {
            TagField::Found(tag) if reply.status == StatusCode::OK => Some(tag),
            _ => None,
        })
    }

    /// Writes the throw-away document of that number onto a state that was seen.
    pub(super) async fn write(
        &mut self,
        condition: &Condition<Validator>,
        onto: &StoredSnapshot,
        draft: usize,
    ) -> Result<Answered, Stop> {
        let changed = self.laid_over(&onto.document, draft)?;
        let call = self.call(condition, Some(onto), Some(&changed))?;
        let reply = self.send(&call).await?;
        Ok(self.answered(&reply))
    }

    /// Writes several documents at the same time onto one state; whoever gets no answer is left out.
    pub(super) async fn race(
        &mut self,
        condition: &Condition<Validator>,
        onto: &StoredSnapshot,
        drafts: Range<usize>,
    ) -> Result<Vec<Answered>, Stop> {
        let mut racing = JoinSet::new();
        for draft in drafts {
            let changed = self.laid_over(&onto.document, draft)?;
            let call = self.call(condition, Some(onto), Some(&changed))?;
            let (target, deadline) = (self.target.clone(), self.deadline);
            self.requests += 1;
            racing.spawn(async move {
                let mut waited = Duration::ZERO;
                let errand = Errand {
                    deadline,
                    waited: &mut waited,
                    sent: &mut |_| {},
                };
                target.shared.exchange.send(&call, errand).await
            });
        }
        let mut answered = Vec::new();
        while let Some(reply) = racing.join_next().await {
            if let Ok(Ok(reply)) = reply
                && !reply.status.is_server_error()
            {
                answered.push(self.answered(&reply));
            }
        }
        Ok(answered)
    }

    /// Removes it.
    pub(super) async fn remove(
        &mut self,
        condition: &Condition<Validator>,
        seen: &StoredSnapshot,
    ) -> Result<Answered, Stop> {
        let call = self.call(condition, Some(seen), None)?;
        let reply = self.send(&call).await?;
        Ok(self.answered(&reply))
    }

    fn answered(&self, reply: &Response) -> Answered {
        if !reply.status.is_success() {
            let (kind, problem) = self.read_refusal(reply, true);
            return Answered::Refused(kind, Box::new(problem));
        }
        let depth = self.target.shared.exchange.limits.depth;
        let body = Document::parse_with_depth(&reply.body, depth).ok();
        let versioning = &self.target.versioning;
        let told = match versioning.of_reply(&reply.headers, body.as_ref(), SystemTime::now()) {
            Found::Version(version) => Some(version),
            _ => None,
        };
        Answered::Done(reply.status, told)
    }

    /// A document with what the throw-away documents differ in, and everything else as the server has it.
    fn laid_over(&self, document: &Document, draft: usize) -> Result<Document, Stop> {
        let (mut laid, draft) = (document.clone(), &self.drafts[draft]);
        let Some(members) = self.changing() else {
            return Ok(draft.clone());
        };
        for pointer in members {
            if let Some(value) = draft.pointer(&pointer) {
                let with = laid.with(&pointer, &value);
                laid = with.map_err(|error| Stop(error.to_string()))?;
            }
        }
        Ok(laid)
    }

    /// Which throw-away document this is, as far as they differ.
    fn which(&self, document: &Document) -> Option<usize> {
        let members = self.changing();
        self.drafts.iter().position(|draft| match &members {
            None => draft == document,
            Some(members) => members
                .iter()
                .all(|pointer| draft.pointer(pointer) == document.pointer(pointer)),
        })
    }

    /// The members in which the throw-away documents differ; `None`: they are no objects.
    fn changing(&self) -> Option<Vec<String>> {
        let values: Vec<Value> = self.drafts.iter().map(Document::to_value).collect();
        let objects: Option<Vec<_>> = values.iter().map(Value::as_object).collect();
        let objects = objects?;
        let first = objects.first()?;
        let changing = first.keys().filter(|name| {
            objects
                .iter()
                .any(|object| object.get(*name) != first.get(*name))
        });
        let escaped = changing.map(|name| name.replace('~', "~0").replace('/', "~1"));
        Some(escaped.map(|name| format!("/{name}")).collect())
    }

    /// Removes whatever may be there; tells why it is still there, if it is.
    pub(super) async fn clean_up(&mut self) -> Option<String> {
        if self.there == Presence::Nameless {
            let path = self.path();
            return Some(format!(
                "the reply to POST {path} did not name what was made"
            ));
        }
        if self.there == Presence::No {
            return None;
        }
        // The checks may have used up their time.
        let time = self.target.shared.exchange.limits.time;
        self.deadline = later(Instant::now(), time);
        let (mut why, mut absent) = (String::new(), 0);
        for attempt in 0..PATIENCE {
            if attempt > 1 {
                tokio::time::sleep(PAUSE).await;
            }
            let seen = match self.read().await {
                Ok(Some(seen)) => seen,
                Ok(None) => {
                    // A creation of which nobody knows may still be under way.
                    absent += 1;
                    if self.there == Presence::Yes || absent == PATIENCE / 2 {
                        self.there = Presence::No;
                        return None;
                    }
                    continue;
                }
                Err(Stop(unread)) => {
                    why = unread;
                    continue;
                }
            };
            // Nobody else knows the name, so what cannot be pinned is removed all the same.
            let pinned = seen.version().filter(|_| attempt % 2 == 0).cloned();
            let condition = pinned.map_or(Condition::None, Condition::Match);
            why = match self.remove(&condition, &seen.snapshot).await {
                Ok(Answered::Done(status, _)) => {
                    format!(
                        "DELETE was answered {}, and it is still there",
                        status.as_u16()
                    )
                }
                Ok(Answered::Refused(_, problem)) => format!("DELETE was refused: {problem}"),
                Err(Stop(why)) => why,
            };
        }
        match self.read().await {
            Ok(None) => None,
            _ => Some(why),
        }
    }

    /// Waits for a young version, or for a job of the server's.
    pub(super) async fn pause(&self) -> Result<(), Stop> {
        if later(Instant::now(), PAUSE) >= self.deadline {
            return Err(Stop("the time is over".to_owned()));
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }
}
