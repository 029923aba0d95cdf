//! The throw-away resource: made, read, written and removed, one plain request at a time.

mod drafts;
mod life;

use std::ops::Range;
use std::time::{Duration, SystemTime};

use ::http::header::ACCEPT_ENCODING;
use ::http::{HeaderValue, Method, StatusCode};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::error::Error;
use crate::exchange::{Call, Course, Errand, NoReply};
use crate::handle::Handle;
use crate::http::{EntityTag, Problem, TagField, Validator, entity_tag_of};
use crate::json::Document;
use crate::refusal::{Found, RefusalKind, Told, Versioning};
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

/// What a refusal means, and its words.
type Refusal = (RefusalKind, Problem);

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

    /// What a reply to a write refuses; `None`: it says success.
    fn refusal(&self, call: &Call, reply: &Response) -> Option<Refusal> {
        if !reply.status.is_success() {
            return Some(self.read_refusal(reply, true));
        }
        let sent = || Document::parse(&call.body).into_iter().collect();
        match self.target.shared.told(reply, sent) {
            Told::Refused(RefusalKind::Unknown) => Some(self.read_refusal(reply, true)),
            Told::Refused(kind) => Some((kind, self.read_refusal(reply, true).1)),
            Told::Success | Told::Doubtful => None,
        }
    }

    fn read_refusal(&self, reply: &Response, pinned: bool) -> Refusal {
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
            write_id: None,
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
        let mut course = Course::default();
        for left in (0..TRIES).rev() {
            self.requests += 1;
            let errand = Errand {
                deadline: self.deadline,
                course: &mut course,
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
        Ok(match entity_tag_of(&self.versioning().headers_of(&reply)) {
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
        Ok(self.answered(&call, &reply))
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
                let mut course = Course::default();
                let errand = Errand {
                    deadline,
                    course: &mut course,
                    sent: &mut |_| {},
                };
                let reply = target.shared.exchange.send(&call, errand).await;
                reply.map(|reply| (call, reply))
            });
        }
        let mut answered = Vec::new();
        while let Some(reply) = racing.join_next().await {
            if let Ok(Ok((call, reply))) = reply
                && !reply.status.is_server_error()
            {
                answered.push(self.answered(&call, &reply));
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
        Ok(self.answered(&call, &reply))
    }

    fn answered(&self, call: &Call, reply: &Response) -> Answered {
        if let Some((kind, problem)) = self.refusal(call, reply) {
            return Answered::Refused(kind, Box::new(problem));
        }
        let depth = self.target.shared.exchange.limits.depth;
        let body = Document::parse_with_depth(&reply.body, depth).ok();
        let versioning = &self.target.versioning;
        let headers = versioning.headers_of(reply);
        let told = match versioning.of_reply(&headers, body.as_ref(), SystemTime::now()) {
            Found::Version(version) => Some(version),
            _ => None,
        };
        Answered::Done(reply.status, told)
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
