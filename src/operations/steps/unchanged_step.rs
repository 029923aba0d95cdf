//! A step that only looks whether a resource is still as it was seen.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use super::record::{MadeBy, StepRecord};
use crate::journal::{
    GroupStep, Intent, IntentGoal, LeftOpen, MarkDocuments, StepEnd, StepRole, Stepped,
};
use crate::lease::Lease;
use crate::operations::outbox::temporary::read_may_pass;
use crate::operations::{Handle, ResourceData, read};
use crate::store::StoredSnapshot;
use crate::value::{Error, ErrorKind};
use crate::write::request::carrier::Carrier;
use crate::write::step::{Back, Made, Risk, Step, TakenBack, Tried};

pub(crate) struct UnchangedStep<T> {
    handle: Handle<T>,
    seen: StoredSnapshot,
    /// Its marks in the journal.
    record: Option<StepRecord>,
}

impl<T> UnchangedStep<T> {
    pub(crate) fn new(handle: Handle<T>, seen: StoredSnapshot) -> Self {
        Self {
            handle,
            seen,
            record: None,
        }
    }

    /// Creates the step of an earlier process, which has recorded it.
    pub(super) fn resumed(handle: Handle<T>, seen: StoredSnapshot, record: StepRecord) -> Self {
        Self {
            record: Some(record),
            ..Self::new(handle, seen)
        }
    }
}

#[async_trait]
impl<T: ResourceData> Step for UnchangedStep<T> {
    fn url(&self) -> Result<Url, Error> {
        Ok(self.handle.target()?.url)
    }

    fn operation(&self) -> &'static str {
        "unchanged"
    }

    fn risk(&self) -> Risk {
        Risk::Validates
    }

    fn has_lease(&self) -> bool {
        false
    }

    fn writes(&self) -> bool {
        false
    }

    fn carried_by(&mut self, _: Option<Arc<dyn Carrier>>) {}

    fn hold(&mut self, _: &Lease) {}

    async fn prepare(&mut self, _: Duration) -> Result<u32, Error> {
        Ok(0)
    }

    async fn run(&mut self, time: Duration) -> Result<Tried, Error> {
        let context = self.handle.call_context(Some(time)).await?;
        if let Some(record) = &self.record {
            record.check_owner(&self.handle, &context)?;
        }
        let now = match read::read_in(&context).await {
            Ok(now) => Some(now),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Gone) => None,
            Err(error) => {
                return Ok(Tried {
                    made: Made::NotApplied,
                    requests: 1,
                    may_pass: read_may_pass(&error),
                    error: Some(error),
                });
            }
        };
        let has_version = self.seen.validator.is_some();
        let is_same = now.as_ref().is_some_and(|now| {
            now.document == self.seen.document
                && (!has_version || now.validator == self.seen.validator)
        });
        let path = context.target.url.path();
        let changed = || {
            if has_version || now.is_none() {
                return Error::new(ErrorKind::Conflict, format!("{path}: it has changed since"));
            }
            // An item of a list, or a value that was written, need not show all of the document.
            let why = "the value that was read has no version and is not the document: read it with `get`";
            Error::new(ErrorKind::UnusableValidator, format!("{path}: {why}"))
        };
        Ok(Tried {
            made: if is_same {
                Made::Unchanged
            } else {
                Made::NotApplied
            },
            requests: 1,
            error: (!is_same).then(changed),
            may_pass: false,
        })
    }

    async fn fence(&mut self, _: Duration) -> Result<Tried, Error> {
        Ok(Tried {
            made: Made::NotApplied,
            requests: 0,
            error: None,
            may_pass: false,
        })
    }

    async fn undo(&mut self, _: Duration) -> Result<Back, Error> {
        Ok(Back {
            result: TakenBack::Undone,
            requests: 0,
            error: None,
            may_pass: false,
        })
    }

    async fn recorded(&mut self, of: GroupStep) -> Result<(Box<Intent>, MarkDocuments), Error> {
        let role = StepRole::Checks;
        let of = GroupStep { role, ..of };
        let documents = MarkDocuments {
            base: Some(self.seen.clone()),
            ..MarkDocuments::default()
        };
        let goal = IntentGoal::Replace;
        let record = StepRecord::new(&self.handle, of, goal, MadeBy::Caller, documents).await?;
        let recorded = record.recorded();
        self.record = Some(record);
        Ok(recorded)
    }

    fn ended(&self, end: StepEnd) -> Option<(Stepped, MarkDocuments)> {
        let record = self.record.as_ref()?;
        Some((record.stepped(end, None), MarkDocuments::default()))
    }

    fn left(&self, _: Option<&Error>) -> Option<LeftOpen> {
        None
    }
}
