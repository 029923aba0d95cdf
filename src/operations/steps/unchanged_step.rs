//! A step that only looks whether a resource is still as it was seen.

use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use crate::lease::Lease;
use crate::operations::{Handle, ResourceData, read};
use crate::store::StoredSnapshot;
use crate::transaction::{Back, Made, Risk, Step, TakenBack, Tried};
use crate::value::{Error, ErrorKind};

pub(crate) struct UnchangedStep<T> {
    handle: Handle<T>,
    seen: StoredSnapshot,
}

impl<T> UnchangedStep<T> {
    pub(crate) fn new(handle: Handle<T>, seen: StoredSnapshot) -> Self {
        Self { handle, seen }
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

    fn hold(&mut self, _: &Lease) {}

    async fn prepare(&mut self, _: Duration) -> Result<u32, Error> {
        Ok(0)
    }

    async fn run(&mut self, time: Duration) -> Result<Tried, Error> {
        let context = self.handle.call_context(Some(time)).await?;
        let now = match read::read_in(&context).await {
            Ok(now) => Some(now),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Gone) => None,
            Err(error) => return Err(error),
        };
        let is_same = now.is_some_and(|now| {
            now.validator == self.seen.validator && now.document == self.seen.document
        });
        let path = context.target.url.path();
        let changed = || Error::new(ErrorKind::Conflict, format!("{path}: it has changed since"));
        Ok(Tried {
            made: if is_same {
                Made::Unchanged
            } else {
                Made::NotApplied
            },
            requests: 1,
            error: (!is_same).then(changed),
        })
    }

    async fn fence(&mut self, _: Duration) -> Result<Tried, Error> {
        Ok(Tried {
            made: Made::NotApplied,
            requests: 0,
            error: None,
        })
    }

    async fn undo(&mut self, _: Duration) -> Result<Back, Error> {
        Ok(Back {
            result: TakenBack::Undone,
            requests: 0,
            error: None,
        })
    }
}
