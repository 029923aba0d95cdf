//! What a step has changed, by which it is taken back.

use http::HeaderMap;
use url::Url;

use crate::journal::{IntentGoal, MarkDocuments};
use crate::json::Document;
use crate::store::StoredSnapshot;
use crate::write::in_flight::LostWrite;
use crate::write::machine::events::{Goal, OutcomeKind};
use crate::write::outcome::WriteOutcome;

/// What a step has changed, by which it is taken back.
#[derive(Clone)]
pub(super) enum Done {
    /// It created a resource, at this address if it is not the one that was asked for.
    Created(StoredSnapshot, Option<Url>),
    Changed {
        before: Document,
        after: Document,
        stored: Option<StoredSnapshot>,
    },
    /// It removed this state, as the server has said itself.
    Removed(Document),
    /// It was applied, and it cannot be told what exactly is its own.
    Unclear(&'static str),
}

impl Done {
    pub(super) fn of(done: &WriteOutcome) -> Self {
        let is_certain = done.kind == OutcomeKind::Stored;
        let base = done.state.base_document().cloned();
        if done.goal == Goal::Delete || done.stored.is_none() {
            return match base {
                Some(before) if is_certain => Self::Removed(before),
                // Another client may have removed it.
                _ => Self::Unclear("it is not known who has removed the resource"),
            };
        }
        let (before, after) = match &done.lost[..] {
            _ if is_certain => (base, done.state.local.clone()),
            [lost, others @ ..] if others.iter().all(|other| is_same(lost, other)) => {
                (lost.base.clone(), Some(lost.sent.clone()))
            }
            [] => (base, done.state.local.clone()),
            // Each of them may be the one that was applied.
            _ => return Self::Unclear("it is not known which of several requests was applied"),
        };
        let stored = done.stored.clone();
        match (before, after) {
            (None, Some(after)) => {
                // What was found may contain changes of others already.
                let own = || StoredSnapshot::new(after.clone(), None, HeaderMap::new());
                let stored = stored.filter(|_| is_certain).unwrap_or_else(own);
                let elsewhere = done.diagnosis.location.clone();
                let own = StoredSnapshot {
                    validator: stored.validator.clone().filter(|_| elsewhere.is_none()),
                    ..stored
                };
                Self::Created(own, elsewhere)
            }
            (Some(before), Some(after)) => Self::Changed {
                before,
                after,
                stored: stored.filter(|_| is_certain),
            },
            (_, None) => Self::Unclear("it is not known what was written"),
        }
    }

    /// Returns the address of what was created, if it is not the one that was asked for.
    pub(super) fn elsewhere(&self) -> Option<&Url> {
        match self {
            Self::Created(_, elsewhere) => elsewhere.as_ref(),
            Self::Changed { .. } | Self::Removed(_) | Self::Unclear(_) => None,
        }
    }

    /// Returns what the journal keeps of it: its documents, and the URL of what was created elsewhere.
    pub(super) fn kept(&self) -> (MarkDocuments, Option<Box<str>>) {
        let none = MarkDocuments::default();
        match self {
            Self::Created(stored, elsewhere) => (
                MarkDocuments {
                    remote: Some(stored.clone()),
                    ..none
                },
                elsewhere.as_ref().map(|url| url.as_str().into()),
            ),
            Self::Changed {
                before,
                after,
                stored,
            } => (
                MarkDocuments {
                    base: Some(unversioned(before)),
                    local: Some(after.clone()),
                    remote: stored.clone(),
                    ..none
                },
                None,
            ),
            Self::Removed(before) => (
                MarkDocuments {
                    base: Some(unversioned(before)),
                    ..none
                },
                None,
            ),
            Self::Unclear(_) => (none, None),
        }
    }

    /// Returns it from what the journal has kept.
    pub(super) fn from_kept(kept: MarkDocuments, elsewhere: Option<&str>) -> Self {
        let before = kept.base.map(|base| base.document);
        match (before, kept.local, kept.remote) {
            (None, None, Some(stored)) => {
                Self::Created(stored, elsewhere.and_then(|url| Url::parse(url).ok()))
            }
            (Some(before), Some(after), stored) => Self::Changed {
                before,
                after,
                stored,
            },
            (Some(before), None, None) => Self::Removed(before),
            _ => Self::Unclear("it is not known what was written"),
        }
    }

    /// Returns the goal and the documents of a write that takes it back, for a person: what was written as the base, and what
    /// was there before.
    pub(super) fn taken_back(&self) -> Option<(IntentGoal, MarkDocuments)> {
        let documents = |base, local| MarkDocuments {
            base,
            local,
            ..MarkDocuments::default()
        };
        match self {
            Self::Created(stored, _) => {
                Some((IntentGoal::Delete, documents(Some(stored.clone()), None)))
            }
            Self::Changed {
                before,
                after,
                stored,
            } => {
                let base = stored.clone().unwrap_or_else(|| unversioned(after));
                let documents = documents(Some(base), Some(before.clone()));
                Some((IntentGoal::Replace, documents))
            }
            Self::Removed(before) => {
                Some((IntentGoal::Create, documents(None, Some(before.clone()))))
            }
            Self::Unclear(_) => None,
        }
    }
}

/// Whether one request is the other one, sent again.
fn is_same(lost: &LostWrite, other: &LostWrite) -> bool {
    (&lost.base, &lost.sent) == (&other.base, &other.sent)
}

pub(super) fn unversioned(document: &Document) -> StoredSnapshot {
    StoredSnapshot::new(document.clone(), None, HeaderMap::new())
}
