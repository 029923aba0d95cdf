//! The probed resource: created, read, written and removed, one plain request at a time.

mod drafts;
mod existing;
mod life;
mod send;

use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::Value;
use tokio::time::Instant;

use crate::exchange::Call;
use crate::exchange::transport::Response;
use crate::json::{Document, JsonError};
use crate::operations::Handle;
use crate::protocol::{FoundVersion, Problem, RefusalKind, SuccessVerdict, Validator, Versioning};
use crate::retry::later;
use crate::store::StoredSnapshot;
use crate::value::Error;
use crate::write::machine::events::Condition;
use crate::write::request::payload::RequestDraft;
use crate::write::request::target::Target;
pub(super) use drafts::Drafts;

/// Makes a draft from a name and a number.
pub(super) type MakeDraft = Box<dyn Fn(&str, u32) -> Result<Document, JsonError> + Send>;
/// Makes the value of a header from the name and the number of a draft.
pub(super) type MakeHeader = Box<dyn Fn(&str, u32) -> String + Send + Sync>;

/// Number of attempts for a request that met a transient failure.
const TRIES: u32 = 4;
/// Pause for a transient failure, a young version or a job of the server.
pub(super) const PAUSE: Duration = Duration::from_millis(300);
/// The largest number of these pauses.
pub(super) const MAX_PAUSES: u32 = 8;

/// The reason why the checks cannot continue.
#[derive(Debug)]
pub(super) struct Stop(pub(super) String);

/// What a read showed.
pub(super) struct ProbeRead {
    pub(super) snapshot: StoredSnapshot,
    pub(super) found: FoundVersion,
    /// The number of the draft that it shows.
    pub(super) draft: Option<usize>,
}

impl ProbeRead {
    pub(super) fn version(&self) -> Option<&Validator> {
        match &self.found {
            FoundVersion::Version(version) => Some(version),
            _ => None,
        }
    }
}

/// The meaning of a refusal, with its problem.
type ReadRefusal = (RefusalKind, Problem);

/// The response to a write.
pub(super) enum WriteAnswer {
    /// A success or a 202.
    Done(Done),
    Refused(RefusalKind, Box<Problem>),
}

impl WriteAnswer {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Done(done) => done.status,
            Self::Refused(_, problem) => problem.status(),
        }
    }
}

/// The content of a success response to a write.
pub(super) struct Done {
    pub(super) status: StatusCode,
    /// The version in the response.
    pub(super) version: Option<Validator>,
    /// Whether the response shows a document.
    pub(super) shows_document: bool,
}

pub(super) struct Site {
    handle: Handle<Value>,
    /// The resource once it is created, the collection before.
    target: Target,
    pub(super) drafts: Drafts,
    /// Headers of the writes that carry a draft.
    headers: Vec<(HeaderName, MakeHeader)>,
    /// The original document of a resource that existed before.
    original: Option<Document>,
    deadline: Instant,
    requests: u32,
    there: Presence,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    No,
    /// A creation was sent, and its outcome is not known.
    Perhaps,
    Yes,
    /// Created at an address that the server did not name.
    Nameless,
}

impl Site {
    /// Pauses, within the time of the probe.
    async fn wait(&mut self, time: Duration) {
        let waits = self.target.shared.exchange.server.waits;
        waits.pass(time).await;
        self.deadline = waits.earlier(self.deadline, time);
    }

    pub(super) fn new(
        handle: Handle<Value>,
        drafts: Drafts,
        headers: Vec<(HeaderName, MakeHeader)>,
        time: Duration,
    ) -> Result<Self, Error> {
        let target = handle.target()?;
        Ok(Self {
            handle,
            target,
            drafts,
            headers,
            original: None,
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

    /// Returns the refusal in a response to a write, or `None` for a success.
    fn refusal(&self, call: &Call, reply: &Response) -> Option<ReadRefusal> {
        if !reply.status.is_success() {
            return Some(self.read_refusal(reply, true));
        }
        let sent = || Document::parse(&call.body).into_iter().collect();
        match self.target.shared.success_verdict(reply, sent) {
            SuccessVerdict::Refused(RefusalKind::Unknown) => Some(self.read_refusal(reply, true)),
            SuccessVerdict::Refused(kind) => Some((kind, self.read_refusal(reply, true).1)),
            SuccessVerdict::Success | SuccessVerdict::Doubtful => None,
        }
    }

    fn read_refusal(&self, reply: &Response, pinned: bool) -> ReadRefusal {
        let url = &self.target.url;
        let problem = Problem::read(reply.status, &reply.headers, &reply.body, url);
        (self.target.shared.classify(&problem, pinned), problem)
    }

    /// Creates the request that writes this draft.
    fn draft_call(
        &self,
        condition: &Condition<Validator>,
        base: Option<&StoredSnapshot>,
        document: &Document,
        draft: usize,
    ) -> Result<Call, Stop> {
        let mut call = self.call(condition, base, Some(document))?;
        for (name, make) in &self.headers {
            let value = make(self.drafts.name(), u32::try_from(draft).unwrap_or(u32::MAX));
            let value = HeaderValue::from_str(&value).map_err(|_| {
                Stop(format!(
                    "the header {name} of draft number {draft} has characters that are invalid in a header: \
                     {value:?}"
                ))
            })?;
            call.headers.insert(name.clone(), value);
        }
        Ok(call)
    }

    /// Creates the request of one write, or of a removal if there is no document.
    fn call(
        &self,
        condition: &Condition<Validator>,
        base: Option<&StoredSnapshot>,
        local: Option<&Document>,
    ) -> Result<Call, Stop> {
        let draft = RequestDraft {
            action: None,
            target: &self.target,
            condition,
            base,
            local,
            is_post: local.is_some() && base.is_none() && *condition == Condition::None,
            write_id: None,
            key: None,
        };
        let payload = draft.payload();
        Ok(payload.map_err(|error| Stop(error.to_string()))?.call)
    }
}
