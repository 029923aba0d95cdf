//! A decision about a reported conflict: how it is sent, and how the resource shows that it was carried out.

use std::sync::Arc;

use ifmatch_merge::internal::{Sight, Sighting, push_token, sightings};
use serde_json::{Map, Value, json};

use super::reported::Shown;
use crate::address;
use crate::json::Document;
use crate::lease::LeaseBinding;
use crate::merge::{Policy, changes};
use crate::operations::decision::Decision;
use crate::operations::{Action, ResourceData};
use crate::protocol::Validator;
use crate::value::{Error, WriteReport};
use crate::write::recovery::stamp;

/// A decision, and how the resource shows that it was carried out.
pub(super) struct Decided {
    pub(super) decision: Decision,
    /// The word for it in the resolution.
    word: &'static str,
    /// The document that is sent, with its stamp.
    sent: Option<Document>,
    key: String,
    pub(super) evidence: Arc<Evidence>,
}

/// How a state of the resource shows that a decision was carried out.
pub(super) enum Evidence {
    /// The resource is gone.
    Absence,
    /// Its list of stamps has this id.
    Stamp(String, String),
    /// It has everything that the decision changes.
    Changes {
        policy: Arc<Policy>,
        shown: Document,
        decided: Document,
    },
    /// Nothing does.
    None,
}

impl Evidence {
    pub(super) fn is_in(&self, state: Option<&Document>) -> bool {
        match (self, state) {
            (Self::Absence, state) => state.is_none(),
            (Self::Stamp(pointer, id), Some(state)) => stamp::holds(pointer, id, state),
            (
                Self::Changes {
                    policy,
                    shown,
                    decided,
                },
                Some(state),
            ) => {
                // Another client may have counted to the same number.
                let made = changes(shown, decided, policy);
                let counts = made.iter().any(|change| change.operation_like);
                // A person has decided on values, so no rule of the type puts others in their place.
                let seen = sightings(shown, decided, state, &Policy::default());
                let is_there = |seen: &Sighting| matches!(seen.sight, Sight::After | Sight::Within);
                !counts && seen.iter().all(is_there)
            }
            (Self::Stamp(..) | Self::Changes { .. } | Self::None, _) => false,
        }
    }
}

impl<T: ResourceData> Shown<T> {
    /// Adds to a decision what is sent, and how it is recognised later.
    pub(super) fn decided(&self, decision: Decision) -> Result<Decided, Error> {
        let remote = self.remote.as_ref().map(|remote| &remote.document);
        let mut word = "merged";
        let decision = match decision {
            Decision::Write(document) => {
                if self.told.local.document() == Some(&document) {
                    word = "local";
                }
                let document = self.keeping(document)?;
                // A document that changes nothing keeps the remote side.
                if Some(&document) == remote {
                    Decision::KeepRemote
                } else {
                    Decision::Write(document)
                }
            }
            decision => decision,
        };
        let (word, document) = match &decision {
            Decision::Write(document) => (word, Some(document)),
            Decision::Remove => ("delete", None),
            Decision::KeepRemote => ("remote", None),
        };
        let id = self.digest(word, document);
        let handle = &self.service.handle;
        let (sent, evidence) = match (document, remote, &handle.stamp) {
            (Some(document), Some(remote), Some(pointer)) => {
                let stamped = stamp::stamped(document, remote, pointer, &id);
                let stamped = stamped.map_err(Error::unwritable)?;
                let evidence = Evidence::Stamp(pointer.clone(), id);
                (Some(self.marked(stamped)?), evidence)
            }
            (Some(document), Some(remote), None) => {
                let evidence = Evidence::Changes {
                    policy: handle.policy.clone(),
                    shown: remote.clone(),
                    decided: document.clone(),
                };
                (Some(self.marked(document.clone())?), evidence)
            }
            (Some(document), None, _) => (Some(document.clone()), Evidence::None),
            // An absence that was shown proves nothing.
            (None, Some(_), _) if decision == Decision::Remove => (None, Evidence::Absence),
            (None, ..) => (None, Evidence::None),
        };
        // A key names one document, also where that has the token of a lease.
        let key = self.digest(word, sent.as_ref());
        Ok(Decided {
            decision,
            word,
            sent,
            key,
            evidence: Arc::new(evidence),
        })
    }

    /// Puts into a decided document what a write keeps of the state that it replaces: its version, its stamps, and the members
    /// of a lease. The refused write has older ones.
    fn keeping(&self, document: Document) -> Result<Document, Error> {
        let Some(remote) = &self.remote else {
            return Ok(document);
        };
        let handle = self.service.handle.item(&self.resource);
        let target = handle.target()?;
        let envelope = target.envelope();
        let parts = match &remote.validator {
            Some(Validator::Version(version)) => target.versioning.placed(version, false),
            _ => Ok(Vec::new()),
        };
        let versions = parts.unwrap_or_default().into_iter();
        let versions = versions.filter_map(|part| envelope.within(part.origin?).map(str::to_owned));
        let lease = handle.lease.iter().flat_map(LeaseBinding::places);
        let places = versions.chain(lease).chain(handle.stamp.clone());
        places
            .filter(|at| !at.is_empty())
            .try_fold(document, |document, at| {
                match remote.document.pointer(&at) {
                    Some(member) => document.with(&at, &member).map_err(Error::unwritable),
                    None => Ok(document.without(&at)),
                }
            })
    }

    /// Puts the fencing token of the lease into a document that is sent.
    fn marked(&self, document: Document) -> Result<Document, Error> {
        let remote = self.remote.as_ref().map(|remote| &remote.document);
        match &self.service.handle.lease {
            Some(lease) => lease.mark(document, remote).map_err(Error::unwritable),
            None => Ok(document),
        }
    }

    /// Returns a digest of a decision. It is the same whenever the same decision is made about the same state.
    fn digest(&self, word: &str, document: Option<&Document>) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("ifmatch resolution of a conflict");
        let version = self.version().unwrap_or_default();
        let document = document.map_or("", Document::as_str);
        for part in [&self.told.id, &self.resource, &version, word, document] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let digest = hasher.finalize().to_hex();
        digest.as_str().chars().take(32).collect()
    }

    /// Returns the version that was shown, as the API spells it.
    fn version(&self) -> Option<String> {
        match self.remote.as_ref()?.validator.as_ref()? {
            Validator::Tag(tag) => Some(tag.to_string()),
            Validator::Version(version) => Some(version.clone()),
            Validator::LastModified(date) => Some(date.to_string()),
        }
    }

    /// Sends a resolution to the service.
    pub(super) async fn send(&self, decided: &Decided) -> Result<WriteReport, Error> {
        let service = &self.service;
        let (rules, client) = (&service.rules, &service.client);
        let mut url = address::lead_plain(client.base(), rules.resolutions.as_str())?;
        if let Some(version) = &client.shared().version {
            version.put_on(&mut url);
        }
        let members = &rules.members;
        let mut body = Map::new();
        let mut set = |name: &String, value: Value| body.insert(name.clone(), value);
        set(&members.conflict, json!(self.told.id));
        set(&members.resource, json!(self.told.resource));
        set(&members.resolution, json!(decided.word));
        set(&members.version, json!(self.version()));
        let mut body = Document::from_value(&Value::Object(body));
        if let Some(document) = &decided.sent {
            // As it is, with the text of its numbers.
            let mut at = String::new();
            push_token(&mut at, &members.document);
            body = body.with(&at, document).map_err(Error::unwritable)?;
        }
        let mut handle = service.handle.item(&self.resource).as_documents();
        handle.lease.clone_from(&service.handle.lease);
        handle.require_proof = service.handle.require_proof;
        let action = Action::elsewhere(handle, url, self.remote.clone());
        let action = action.idempotency_key(&decided.key);
        let action = match &*decided.evidence {
            // A repetition of these for the same version changes nothing.
            Evidence::Absence | Evidence::None => action.idempotent(),
            Evidence::Stamp(..) | Evidence::Changes { .. } => {
                let evidence = decided.evidence.clone();
                action.done_when(move |state: &Value| {
                    evidence.is_in(Some(&Document::from_value(state)))
                })
            }
        };
        let reply = action.send::<()>(&body).await?;
        Ok(reply.report().clone())
    }
}
