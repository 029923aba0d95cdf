//! A step of an earlier process that cannot begin again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use crate::journal::{GroupStep, Intent, LeftOpen, MarkDocuments, StepEnd, Stepped};
use crate::lease::Lease;
use crate::transaction::{Left, OnCrash, Record, WentOn, go_on};
use crate::write::queued::OutboxState;
use crate::write::request::carrier::Carrier;
use crate::write::step::{Back, Risk, Step, TakenBack, Tried};
use crate::{Error, Journal};

/// A step that cannot begin, and counts how often it is taken back.
struct Stuck {
    path: &'static str,
    undone: Arc<AtomicU32>,
}

#[async_trait]
impl Step for Stuck {
    fn url(&self) -> Result<Url, Error> {
        Ok(Url::parse("http://h")
            .and_then(|url| url.join(self.path))
            .unwrap())
    }

    fn operation(&self) -> &'static str {
        "save"
    }

    fn risk(&self) -> Risk {
        Risk::Seldom
    }

    fn has_lease(&self) -> bool {
        false
    }

    fn writes(&self) -> bool {
        true
    }

    fn carried_by(&mut self, _: Option<Arc<dyn Carrier>>) {}

    fn hold(&mut self, _: &Lease) {}

    async fn prepare(&mut self, _: Duration) -> Result<u32, Error> {
        Ok(0)
    }

    async fn run(&mut self, _: Duration) -> Result<Tried, Error> {
        Err(Error::config("the step cannot begin"))
    }

    async fn fence(&mut self, _: Duration) -> Result<Tried, Error> {
        Err(Error::config("the fence cannot begin"))
    }

    async fn undo(&mut self, _: Duration) -> Result<Back, Error> {
        self.undone.fetch_add(1, Ordering::Relaxed);
        Ok(Back {
            result: TakenBack::Undone,
            requests: 1,
            error: None,
            may_pass: false,
        })
    }

    async fn recorded(&mut self, _: GroupStep) -> Result<(Box<Intent>, MarkDocuments), Error> {
        Err(Error::config("it is recorded already"))
    }

    fn ended(&self, _: StepEnd) -> Option<(Stepped, MarkDocuments)> {
        None
    }

    fn left(&self, _: Option<&Error>) -> Option<LeftOpen> {
        None
    }
}

#[tokio::test]
async fn nothing_is_taken_back_while_a_step_in_doubt_cannot_begin() {
    for on_crash in [OnCrash::Forward, OnCrash::Back] {
        let (journal, undone) = (Journal::in_memory(), Arc::<AtomicU32>::default());
        let outbox = OutboxState::of(Some(journal.clone()));
        let key = ([0; 16], [1; 16]);
        let running = outbox.begin(key).unwrap();
        let step = |path| -> Box<dyn Step> {
            let undone = undone.clone();
            Box::new(Stuck { path, undone })
        };
        let went_on = go_on(Left {
            steps: vec![step("/a"), step("/b")],
            ends: vec![Some(StepEnd::Applied), None],
            in_doubt: vec![false, true],
            isolation: None,
            time: Duration::from_secs(1),
            record: Record::new(journal, key, running),
            on_crash,
        })
        .await;
        assert!(matches!(went_on, WentOn::Unknown(_)), "{went_on:?}");
        assert_eq!(undone.load(Ordering::Relaxed), 0);
    }
}
