//! `transaction`: what is to be written together.

use std::fmt::{self, Display};
use std::sync::{Arc, Mutex};

use super::commit::Commit;
use serde::Serialize;

use crate::BoxError;
use crate::client::{Client, Collection};
use crate::json::Document;
use crate::lease::Isolation;
use crate::operations::steps::{Input, UnchangedStep, WriteStep};
use crate::operations::typed_edit::Edit;
use crate::operations::{DeleteInput, Handle, IntoSave, IntoTarget, PreparedSave, ResourceData};
use crate::support::panics;
use crate::transaction::Endpoint;
use crate::value::Error;
use crate::write::request::target::Shared;
use crate::write::step::{Risk, Step};

/// Writes to several resources, made together or not at all, returned by [`Client::transaction`](crate::Client::transaction).
///
/// Nothing is sent before [`commit`](Self::commit) is awaited. Then all edits run on the states that are cached, or on the
/// current ones. If one of them refuses, nothing is written. Otherwise the steps are made one after the other: first those that only check
/// ([`unchanged`](Self::unchanged)), then those that are likely to be refused ([`try_update`](Self::try_update),
/// [`create`](Self::create)), and then the others. If a step is refused, those before it are taken back in reverse.
///
/// Taking back is a three-way merge, written under the version that it was made from. So it takes back the change of this
/// transaction and keeps what others have changed since. Where they have changed the same places, the step stands, and is
/// reported.
///
/// Where the API takes several writes in one atomic request ([`Profile::batch`](crate::Profile::batch)), and the steps fit
/// into it, the transaction is that request. Others then see all of it or nothing, and
/// [`TransactionReport::by`](crate::TransactionReport::by) says so. [`Commit::atomic_only`](crate::Commit::atomic_only)
/// forbids any other way. The endpoint must be atomic and keep the preconditions of its parts:
/// [`Client::probe_batch`](crate::Client::probe_batch) checks it. Steps that only check are made before the request. An
/// endpoint that applies each write by itself ([`Batch::plain`](crate::Batch::plain)) saves requests: the steps are tried
/// together, and taken back as said if one of them is refused.
///
/// Otherwise others see the steps in between, and may build on them, unless they respect the leases of
/// [`isolated_by`](Self::isolated_by). If the program ends while the transaction is being made, the steps that were made
/// stand, unless the client has a [journal](crate::Journal): then the [outbox](crate::Client::outbox) of a later process goes
/// on with it. See [`guide::transactions`](crate::guide::transactions).
///
/// # Example
///
/// ```
/// use ifmatch::{ErrorKind, Merge, testing::ResourceServer};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Merge)]
/// struct Account {
///     #[merge(counter)]
///     balance: i64,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ifmatch::Error> {
/// let server = ResourceServer::start().await;
/// server.put("/accounts/anna", r#"{"balance": 50}"#);
/// server.put("/accounts/ben", r#"{"balance": 10}"#);
/// let client = server.in_process().build()?;
/// let accounts = client.collection::<Account>("accounts");
///
/// let transfer = |amount: i64| {
///     client
///         .transaction()
///         .try_update(&accounts, "anna", move |anna| {
///             anna.balance -= amount;
///             if anna.balance < 0 { Err("too little money".into()) } else { Ok(()) }
///         })
///         .update(&accounts, "ben", move |ben| ben.balance += amount)
///         .commit()
/// };
/// transfer(20).await?;
/// assert_eq!(server.text("/accounts/ben").as_deref(), Some(r#"{"balance": 30}"#));
///
/// let refused = transfer(40).await.unwrap_err();
/// assert_eq!(refused.kind(), ErrorKind::Undone);
/// assert_eq!(server.text("/accounts/anna").as_deref(), Some(r#"{"balance": 30}"#));
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent before `commit` is awaited"]
pub struct Transaction {
    shared: Arc<Shared>,
    steps: Vec<Box<dyn Step>>,
    isolation: Option<Arc<dyn Isolation>>,
    endpoint: Option<Endpoint>,
    fault: Option<Error>,
}

impl Client {
    /// Begins a transaction: writes to several resources that are made together, or taken back.
    ///
    /// See [`Transaction`].
    pub fn transaction(&self) -> Transaction {
        Transaction {
            shared: self.shared().clone(),
            steps: Vec::new(),
            isolation: None,
            endpoint: self.batch_endpoint(),
            fault: None,
        }
    }
}

impl Client {
    /// Returns the request of the API for several writes, if it has one.
    pub(in crate::client) fn batch_endpoint(&self) -> Option<Endpoint> {
        let shared = self.shared();
        let batch = panics::named("the profile", || shared.profile.batch())?;
        let mut url = batch.endpoint(self.base())?;
        if let Some(version) = &shared.version {
            version.put_on(&mut url);
        }
        Some(Endpoint {
            shared: shared.clone(),
            batch,
            url,
        })
    }
}

impl Transaction {
    /// Adds an edit, which runs again after a race; see [`Collection::update`](crate::Collection::update).
    pub fn update<T, F>(self, collection: &Collection<T>, id: impl Display, edit: F) -> Self
    where
        T: ResourceData,
        F: Fn(&mut T) + Send + 'static,
    {
        let edit: Edit<T> = Box::new(move |value| {
            edit(value);
            Ok(())
        });
        self.edit(collection.handle_of(id), edit, "update", Risk::Seldom)
    }

    /// Adds an edit that may refuse; see [`Collection::try_update`](crate::Collection::try_update).
    ///
    /// If it refuses, the transaction is undone, and [`Error::edit_error`] returns its error.
    pub fn try_update<T, F>(self, collection: &Collection<T>, id: impl Display, edit: F) -> Self
    where
        T: ResourceData,
        F: Fn(&mut T) -> Result<(), BoxError> + Send + 'static,
    {
        self.edit(
            collection.handle_of(id),
            Box::new(edit),
            "try_update",
            Risk::May,
        )
    }

    fn edit<T: ResourceData>(
        self,
        handle: Handle<T>,
        edit: Edit<T>,
        operation: &'static str,
        risk: Risk,
    ) -> Self {
        let input = Input::Edit(Arc::new(Mutex::new(edit)));
        self.with(handle, input, operation, risk)
    }

    /// Adds a value that was read and changed, which is merged after a race; see
    /// [`Collection::save`](crate::Collection::save).
    pub fn save<T: ResourceData>(
        self,
        collection: &Collection<T>,
        value: impl IntoSave<T>,
    ) -> Self {
        match PreparedSave::of(collection.handle(), value.into_save()) {
            Ok(PreparedSave {
                handle,
                base,
                local,
            }) => self.with(handle, Input::Save(base, local), "save", Risk::Seldom),
            Err(error) => self.failed(error),
        }
    }

    /// Adds a creation; see [`Collection::create`](crate::Collection::create).
    ///
    /// To take it back, the resource is removed, unless others have changed it since. A refusal handler may adopt or change,
    /// but not rename.
    pub fn create<T: ResourceData>(
        self,
        collection: &Collection<T>,
        id: impl Display,
        value: &T,
    ) -> Self {
        let handle = collection.handle_of(id);
        let document = Document::encode(value).map_err(Error::unwritable);
        let checked = document.and_then(|document| {
            handle.check_new(&document)?;
            Ok(document)
        });
        match checked {
            Ok(document) => self.with(handle, Input::Create(document), "create", Risk::May),
            Err(error) => self.failed(error),
        }
    }

    /// Adds a document for a collection, which assigns its id; see [`Collection::post`](crate::Collection::post).
    ///
    /// It cannot be taken back, so it has to be the last step: all others are made before it. If its response is lost, and the
    /// server does not honour [idempotency keys](crate::Profile::honours_idempotency_keys), the transaction ends as
    /// [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown), and nothing is taken back.
    pub fn post<T: ResourceData>(
        self,
        collection: &Collection<T>,
        draft: &(impl Serialize + ?Sized),
    ) -> Self {
        match Document::encode(draft) {
            Ok(draft) => {
                let handle = collection.handle().clone();
                self.with(handle, Input::Post(draft), "post", Risk::Pivot)
            }
            Err(error) => self.failed(Error::unwritable(error)),
        }
    }

    /// Adds a removal: of the version that was read, or, given an id, of the current one.
    ///
    /// To take it back, the resource is created again with its last state, unless the address is taken by then. If only an
    /// absence shows that it was removed, because the response was lost, it is not created again, and the step stands.
    pub fn delete<T: ResourceData>(
        self,
        collection: &Collection<T>,
        what: impl IntoTarget<T>,
    ) -> Self {
        let (handle, seen) = match seen_at(collection, what.into_target()) {
            Ok(found) => found,
            Err(error) => return self.failed(error),
        };
        self.with(handle, Input::Delete(seen), "delete", Risk::Seldom)
    }

    /// Adds the condition that a resource is still in the version that was read. Nothing is written to it.
    ///
    /// It is checked once, before the first write. A value that has no version, such as an item of a list, is compared with
    /// the document.
    pub fn unchanged<T: ResourceData>(
        mut self,
        collection: &Collection<T>,
        seen: impl IntoTarget<T>,
    ) -> Self {
        match seen_at(collection, seen.into_target()) {
            Ok((handle, _)) if !Arc::ptr_eq(&handle.shared, &self.shared) => {
                self.failed(another_client())
            }
            Ok((handle, Some(seen))) => {
                self.steps.push(Box::new(UnchangedStep::new(handle, seen)));
                self
            }
            Ok((_, None)) => {
                let why =
                    "`unchanged` needs the value that was read, because an id names no version";
                self.failed(Error::config(why))
            }
            Err(error) => self.failed(error),
        }
    }

    /// Takes a lease on each resource before the first step, in the order of their paths.
    ///
    /// The name of a lease is the path of its resource, so resources that differ only in their query have one lease.
    /// Transactions and other writers that take the same leases do not see
    /// each other's steps. See [`Leases`](crate::Leases).
    pub fn isolated_by(self, leases: &(impl Isolation + Clone)) -> Self {
        Self {
            isolation: Some(Arc::new(leases.clone())),
            ..self
        }
    }

    /// Makes the steps when it is awaited.
    ///
    /// Once it was polled, the transaction is brought to its end in a task of its own, also if the future is dropped.
    ///
    /// # Errors
    ///
    /// - `Undone` if nothing of it stands. One of the [steps](crate::Error::steps) has the error.
    /// - `HalfDone` if something stands that could not be taken back.
    /// - `OutcomeUnknown` if it is not known whether a step was applied or taken back.
    /// - `Config` before anything is sent, for example if two steps write to one address, or if the client has a journal and
    ///   its authenticator does not [name](crate::Authenticator::identity) the user.
    /// - `Journal` before anything is sent, if the steps cannot be kept. If the disk has failed in the middle, they may be kept
    ///   all the same, and a later process makes them.
    ///
    /// If the client has a journal, and the steps were made one after the other, the outbox goes on with what ended as
    /// `OutcomeUnknown`, and the steps that stand after `HalfDone` are listed by
    /// [`conflicts`](crate::Collection::conflicts).
    ///
    /// After each of the first three, [`Error::steps`] has a line for each step.
    pub fn commit(self) -> Commit {
        Commit::new(
            &self.shared,
            self.steps,
            self.isolation,
            self.endpoint,
            self.fault,
        )
    }

    fn with<T: ResourceData>(
        mut self,
        handle: Handle<T>,
        input: Input<T>,
        operation: &'static str,
        risk: Risk,
    ) -> Self {
        if !Arc::ptr_eq(&handle.shared, &self.shared) {
            return self.failed(another_client());
        }
        let step = WriteStep::new(handle, input, operation, risk);
        self.steps.push(Box::new(step));
        self
    }

    /// Keeps the first fault, which ends the transaction before anything is sent.
    fn failed(mut self, error: Error) -> Self {
        self.fault.get_or_insert(error);
        self
    }
}

fn another_client() -> Error {
    Error::config("the steps of a transaction need the client that began it")
}

/// Returns the handle of a resource that was seen, or named by its id.
fn seen_at<T: ResourceData>(
    collection: &Collection<T>,
    target: DeleteInput,
) -> Result<(Handle<T>, Option<crate::store::StoredSnapshot>), Error> {
    match target {
        DeleteInput::Id(id) => Ok((collection.handle_of(id), None)),
        DeleteInput::Seen(base, address, id) => {
            let address = address.map_err(Error::config)?;
            let handle = collection.handle().at_snapshot(address, id)?;
            Ok((handle, Some(*base)))
        }
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("steps", &self.steps.len())
            .finish_non_exhaustive()
    }
}
