//! Leases as records in documents: in documents of their own, or in a member of the resource that they protect.
//!
//! Each change of a record is an edit with a guard, so the write loop settles lost responses, and no change is made onto a
//! record other than the one that the guard has seen.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::responses::missing;
use crate::BoxError;
use crate::client::Collection;
use crate::lease::{
    Contender, Granted, LeaseHolder, LeaseRequest, LeaseService, NextTry, NotGranted,
};
use crate::operations::GetOpt;
use crate::support::ids;
use crate::value::{Error, ErrorKind};

/// The most names that a contender watches. The records of others are watched anew.
const WATCHED: usize = 10_000;

/// Leases that are records.
pub(in crate::locks) struct Records {
    documents: Collection<Value>,
    place: RecordPlace,
    watched: Mutex<HashMap<String, Contender>>,
}

#[derive(Clone)]
enum RecordPlace {
    /// The record is the whole document, which is created if it is missing.
    Whole,
    /// The record is at this JSON Pointer in a document that exists.
    At(String),
}

/// The state of a lease.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    holder: Option<String>,
    /// The session of the holder and the number of its renewal. It differs in each state, so that contenders see a change
    /// where versions do not show it.
    nonce: String,
    token: u64,
    /// In milliseconds.
    ttl: u64,
    /// For people.
    #[serde(default)]
    since: String,
}

/// The record is not the one that the change was made for.
#[derive(Debug, thiserror::Error)]
#[error("the lease is held by another one")]
struct Moved {
    by: Option<String>,
}

/// The token has reached its greatest value.
#[derive(Debug, thiserror::Error)]
#[error("the token of the lease has reached its greatest value: use another name")]
struct Spent;

impl Record {
    fn is_of(&self, session: &str) -> bool {
        let rest = self.nonce.strip_prefix(session);
        self.holder.is_some() && rest.is_some_and(|rest| rest.starts_with('.'))
    }

    fn moved(&self) -> Moved {
        Moved {
            by: self.holder.clone(),
        }
    }
}

fn nonce(session: &str) -> String {
    format!("{session}.{}", ids::uuid())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Records {
    pub(in crate::locks) fn documents(documents: Collection<Value>) -> Self {
        Self::new(documents, RecordPlace::Whole)
    }

    pub(in crate::locks) fn field(documents: Collection<Value>, pointer: String) -> Self {
        Self::new(documents, RecordPlace::At(pointer))
    }

    fn new(documents: Collection<Value>, place: RecordPlace) -> Self {
        Self {
            // A write of the holder that hangs must not keep the lease from being renewed.
            documents: documents.without_queue(),
            place,
            watched: Mutex::default(),
        }
    }

    /// Reads a record. The outer `None` means that there is no document.
    async fn read(&self, name: &str) -> Result<Option<Option<Record>>, NotGranted> {
        let read: GetOpt<Value> = self.documents.get_opt(name);
        let found = read.await.map_err(failed)?;
        let record = found.map(|found| self.place.record(&found));
        let record = record.transpose();
        record.map_err(|error| NotGranted::Failed(not_a_lease(name, error)))
    }

    /// Creates the document of a lease.
    async fn create(&self, want: &LeaseRequest) -> Result<Granted, NotGranted> {
        let record = new_record(want, 1);
        let document = serde_json::to_value(&record).map_err(unwritable)?;
        // The contender itself tries again.
        let create = self.documents.create(&want.name, &document);
        match create.max_rounds(2).await {
            Ok(_) => Ok(granted(want, 1)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(NotGranted::held(None, Some(Duration::ZERO)))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Changes a record, if its guard accepts the record that is replaced. Returns the record as it is then.
    async fn change(
        &self,
        name: &str,
        change: impl Fn(Option<Record>) -> Result<Record, BoxError> + Send + Sync + 'static,
    ) -> Result<Record, NotGranted> {
        let place = self.place.clone();
        let edit = move |document: &mut Value| {
            let changed = change(place.record(document)?)?;
            place.put(document, &changed)?;
            Ok::<_, BoxError>(())
        };
        match self.documents.try_update(name, edit).await {
            Ok(saved) => match self.place.record(&saved) {
                Ok(Some(record)) => Ok(record),
                Ok(None) => Err(NotGranted::Lost { by: None }),
                Err(error) => Err(NotGranted::Failed(not_a_lease(name, error))),
            },
            Err(error) => match error.edit_error::<Moved>() {
                Some(Moved { by }) => Err(NotGranted::Lost { by: by.clone() }),
                // A person has removed the document.
                None if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Gone) => {
                    Err(NotGranted::Lost { by: None })
                }
                None => Err(failed(error)),
            },
        }
    }

    /// Takes over exactly the record that was read.
    async fn take(&self, want: &LeaseRequest, seen: Option<Record>) -> Result<Granted, NotGranted> {
        let (session, request) = (want.session.clone(), want.clone());
        let seen = seen.map(|seen| seen.nonce);
        let new = new_record(want, 0);
        let taken = self.change(&want.name, move |now| match now {
            Some(now) if now.nonce == new.nonce => Ok(now),
            // The response to an earlier request was lost. It is written again, because its time counts from this request.
            Some(now) if now.is_of(&session) => Ok(Record {
                nonce: new.nonce.clone(),
                ttl: millis(request.ttl),
                ..now
            }),
            Some(now) if Some(&now.nonce) != seen.as_ref() => Err(now.moved().into()),
            now => {
                let token = now.map_or(Some(1), |now| now.token.checked_add(1));
                Ok(Record {
                    token: token.ok_or(Spent)?,
                    ttl: millis(request.ttl),
                    ..new.clone()
                })
            }
        });
        match taken.await {
            Ok(record) => Ok(granted(want, record.token)),
            Err(NotGranted::Lost { by }) => Err(NotGranted::held(by, Some(Duration::ZERO))),
            Err(error) => Err(error),
        }
    }

    /// Decides about a record that another one holds.
    fn watches(&self, want: &LeaseRequest, seen: &Record) -> NextTry {
        // No code panics while holding this lock, so a poisoned lock is safe to use.
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if watched.len() >= WATCHED && !watched.contains_key(&want.name) {
            watched.clear();
        }
        let contender = watched.entry(want.name.clone()).or_default();
        contender.sees(&seen.nonce, Duration::from_millis(seen.ttl), want.now())
    }
}

impl RecordPlace {
    /// Returns the record of a document, or `None` if it has none.
    fn record(&self, document: &Value) -> Result<Option<Record>, serde_json::Error> {
        let found = match self {
            Self::Whole => Some(document),
            Self::At(pointer) => document.pointer(pointer),
        };
        let found = found.filter(|found| !found.is_null());
        found.map(Record::deserialize).transpose()
    }

    /// Puts a record into a document. Other members of the record stay.
    fn put(&self, document: &mut Value, record: &Record) -> Result<(), BoxError> {
        let slot = match self {
            Self::Whole => document,
            Self::At(pointer) => slot(document, pointer)
                .ok_or_else(|| format!("there is no place for a lease at `{pointer}`"))?,
        };
        let new = serde_json::to_value(record)?;
        match (slot, new) {
            (Value::Object(slot), Value::Object(new)) => slot.extend(new),
            (slot, new) => *slot = new,
        }
        Ok(())
    }
}

/// Returns the place at a JSON Pointer, whose parents are created.
fn slot<'d>(document: &'d mut Value, pointer: &str) -> Option<&'d mut Value> {
    let mut slot = document;
    for token in pointer.strip_prefix('/')?.split('/') {
        let name = token.replace("~1", "/").replace("~0", "~");
        if slot.is_null() {
            *slot = Value::Object(Map::new());
        }
        slot = slot.as_object_mut()?.entry(name).or_insert(Value::Null);
    }
    Some(slot)
}

/// Returns the holder as others see it.
fn shown(want: &LeaseRequest, session: &str) -> String {
    let unnamed = || session.split('-').next().unwrap_or_default().to_owned();
    want.owner.clone().unwrap_or_else(unnamed)
}

fn new_record(want: &LeaseRequest, token: u64) -> Record {
    let session = &want.session;
    Record {
        holder: Some(shown(want, session)),
        nonce: nonce(session),
        token,
        ttl: millis(want.ttl),
        since: httpdate::fmt_http_date(SystemTime::now()),
    }
}

fn granted(want: &LeaseRequest, token: u64) -> Granted {
    Granted::new(&want.name, &want.session, token, want.ttl)
}

fn failed(error: Error) -> NotGranted {
    match error.kind() {
        ErrorKind::OutcomeUnknown | ErrorKind::Accepted => NotGranted::Unknown(error),
        _ => NotGranted::Failed(error),
    }
}

fn not_a_lease(name: &str, error: serde_json::Error) -> Error {
    let why = format!("the document of the lease `{name}` is not a lease");
    Error::new(ErrorKind::Decode, why).with_source(error)
}

fn unwritable(error: serde_json::Error) -> NotGranted {
    NotGranted::Failed(Error::config("the lease cannot be written").with_source(error))
}

#[async_trait]
impl LeaseService for Records {
    async fn acquire(&self, want: &LeaseRequest) -> Result<Granted, NotGranted> {
        let found = self.read(&want.name).await?;
        let seen = match (found, &self.place) {
            (None, RecordPlace::Whole) => return self.create(want).await,
            (None, RecordPlace::At(_)) => return Err(missing(&want.name)),
            (Some(seen), _) => seen,
        };
        let held = seen
            .as_ref()
            .filter(|seen| seen.holder.is_some() && !seen.is_of(&want.session));
        if let Some(held) = held
            && let NextTry::Wait(left) = self.watches(want, held)
        {
            return Err(NotGranted::held(held.holder.clone(), Some(left)));
        }
        self.take(want, seen).await
    }

    async fn renew(&self, lease: &Granted, want: &LeaseRequest) -> Result<Granted, NotGranted> {
        let (session, request) = (lease.id.clone(), want.clone());
        let new = nonce(&session);
        let renewed = self.change(&lease.name, move |now| match now {
            Some(now) if now.is_of(&session) => Ok(Record {
                nonce: new.clone(),
                ttl: millis(request.ttl),
                holder: Some(shown(&request, &session)),
                ..now
            }),
            Some(now) => Err(now.moved().into()),
            None => Err(Moved { by: None }.into()),
        });
        let record = renewed.await?;
        Ok(Granted::new(&lease.name, &lease.id, record.token, want.ttl))
    }

    async fn release(&self, lease: &Granted) -> Result<(), NotGranted> {
        let session = lease.id.clone();
        let new = nonce(&session);
        // The document stays, because its token must never be used again.
        let released = self.change(&lease.name, move |now| match now {
            Some(now) if now.nonce == new => Ok(now),
            Some(now) if now.is_of(&session) => Ok(Record {
                holder: None,
                nonce: new.clone(),
                ..now
            }),
            Some(now) => Err(now.moved().into()),
            None => Err(Moved { by: None }.into()),
        });
        released.await.map(drop)
    }

    async fn look(&self, name: &str) -> Result<Option<LeaseHolder>, NotGranted> {
        let record = self.read(name).await?.flatten();
        let held = record.filter(|record| record.holder.is_some());
        Ok(held.map(|record| LeaseHolder::new(record.holder, Some(record.token))))
    }

    fn fence(&self) -> Option<String> {
        match &self.place {
            RecordPlace::Whole => None,
            RecordPlace::At(pointer) => Some(format!("{pointer}/token")),
        }
    }

    fn carried(&self) -> Option<String> {
        match &self.place {
            RecordPlace::Whole => None,
            RecordPlace::At(pointer) => Some(pointer.clone()),
        }
    }

    fn protects(&self, lease: &Granted) -> Option<url::Url> {
        match &self.place {
            RecordPlace::Whole => None,
            RecordPlace::At(_) => self.documents.url_of(&lease.name),
        }
    }
}
