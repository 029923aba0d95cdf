//! A resilient, typed HTTP client that resolves write conflicts by itself.
//!
//! `ifmatch` remembers the version (`ETag`) of each resource that it reads and makes every write conditional on
//! that version (`If-Match`). If the server refuses a write because another client wrote first (412 or 409),
//! `ifmatch` fetches the new state. It then runs the edit again on that state, or does a three-way merge (base,
//! local, remote), and writes again. It repeats this until the write succeeds, a limit is reached, or a person
//! has to decide. If a response is lost, it finds out whether the write was applied before it does anything else.
//!
//! The [`guide`] has a page for each task. Begin with [`guide::start`]. [`guide::concepts`] explains the words that this
//! documentation uses.
//!
//! # Which operation to use
//!
//! | operation | works on | after a race | who decides | after a lost response |
//! |---|---|---|---|---|
//! | [`update`], [`try_update`] | an id and an edit | the edit runs again, on the new state | the edit; a strategy only if [the call sets one](Update::strategy) | success, if the new state shows the edit or repeating the edit is harmless; [`OutcomeUnknown`] for operations such as "add one" |
//! | [`save`] | a value that was read and changed | base, local and remote are merged | the strategy, then a person | success, if the new state shows all changes; [`OutcomeUnknown`] if it shows only some of them, or if a counter leaves the question open |
//! | [`create`] | an id and a value | the call ends as [`AlreadyExists`](ErrorKind::AlreadyExists) | the [refusal handler](Collection::on_refusal) | success, if the stored state is what was sent |
//! | [`post`] | a draft to which the server assigns an id | (it has no precondition) | the refusal handler | [`OutcomeUnknown`], unless the server honours idempotency keys |
//! | [`delete`] | a value that was read, or an id | a value: the strategy decides; an id: the new state is removed if it equals the state that was read | the strategy | success, if the resource no longer exists |
//! | [`action`] | a resource and a request below it, such as "ship" | its [guard](Action::guard) is asked about the new state; without a guard the call ends as [`Conflict`](ErrorKind::Conflict) | the guard | [`OutcomeUnknown`], unless [`done_when`](Action::done_when) is set: then success, if the new state shows the action; otherwise it is sent again, for the version that its guard accepts |
//! | [`get`], [`get_opt`], [`refresh`], [`list`] | reads | | | the read is retried |
//! | [`request`] | any method at any path | (nothing is conditional) | the caller | an error; [`OutcomeUnknown`] if the method is not safe |
//!
//! An `update` is *serializable*: the last run of its edit was on exactly the state that the write replaces. A
//! guard inside the edit therefore holds. Two clients that each take one from a stock of ten leave eight. The
//! changes of a `save` were made to an older state, so they are merged.
//!
//! [`update`]: Collection::update
//! [`try_update`]: Collection::try_update
//! [`save`]: Collection::save
//! [`create`]: Collection::create
//! [`post`]: Collection::post
//! [`delete`]: Collection::delete
//! [`get`]: Collection::get
//! [`get_opt`]: Collection::get_opt
//! [`refresh`]: Collection::refresh
//! [`list`]: Collection::list
//! [`action`]: Resource::action
//! [`request`]: Client::request
//! [`OutcomeUnknown`]: ErrorKind::OutcomeUnknown
//!
//! # Edit a resource
//!
//! ```no_run
//! use ifmatch::{Client, Merge};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Serialize, Deserialize, Merge)]
//! struct Article {
//!     title: String,
//!     #[merge(text)]
//!     body: String,
//!     #[merge(set)]
//!     tags: Vec<String>,
//!     #[merge(counter)]
//!     views: u64,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), ifmatch::Error> {
//! let client = Client::new("https://api.example.com/v1")?;
//! let articles = client.collection::<Article>("articles");
//!
//! // Read, change, save: pinned to the version that was read.
//! let mut article = articles.get("42").await?;
//! article.title = "New title".into();
//! let saved = articles.save(&article).await?;
//! println!("{} requests", saved.report().requests);
//!
//! // Or pass the edit itself. The resource is read only if no snapshot is cached.
//! articles.update("42", |article| article.views += 1).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Decide a conflict
//!
//! A conflict that the merge rules cannot resolve goes to the next strategy ([`MergeStrategy::or_else`]) or to a
//! person ([`Collection::ask_with`]). Otherwise, it is returned as an error that holds all sides:
//!
//! ```no_run
//! # use ifmatch::{Client, Collection, Error, LocalWins, Merge, MergeStrategy, ThreeWay};
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Serialize, Deserialize, Merge)]
//! # struct Article { title: String }
//! # async fn f(articles: Collection<Article>) -> Result<(), Error> {
//! let articles = articles.strategy(ThreeWay::of::<Article>().or_else(LocalWins));
//! # let article = articles.get("42").await?;
//! if let Err(error) = articles.save(&article).await {
//!     let sides = error.into_sides::<Article>()?;
//!     if let (Some(mine), Some(mut theirs)) = (sides.local, sides.remote) {
//!         theirs.title = mine.title;
//!         articles.save(theirs).await?; // pinned to the version that was seen
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Every successful write returns a [`WriteReport`], and every error has a [`kind`](Error::kind), which shows what to do
//! next. [`ErrorKind::OutcomeUnknown`] means that you have to look before you try again; see [`guide::lost`].
//!
//! # Promises and limits
//!
//! 1. No lost update. Once a version is known, no write is sent without a precondition, not even if the local
//!    side is to win.
//! 2. No phantom success and no double application. A write whose response was lost is settled, or reported as
//!    [`OutcomeUnknown`]. It is never resent blindly. A write that the server has accepted (202) is followed.
//! 3. None of your data is dropped. Errors carry all sides, and fields that the type does not know survive
//!    every write, including the text of their numbers.
//! 4. No endless loop. Every loop is bounded in rounds and in time ([`Limits`]).
//! 5. Only races are merged. A 409 is merged only if the version has changed.
//! 6. One round trip without contention, if a snapshot is cached.
//! 7. Hostile input is data. Sizes, depths, times and redirects are bounded, and secrets stay out of messages.
//! 8. An `update` is serializable. Its edit last ran on exactly the state that the write replaces.
//! 9. The request says what the caller meant. A document is not sent if it would not read back as the value
//!    that was passed in.
//! 10. `Ok` needs evidence. A response counts as success only if it says so itself, and only for what it says.
//!     Anything that contradicts success leads to a read. A read can prove that a write was applied, but never that it
//!     was not, because replicas lag. Only the server can prove that, by accepting the next write on a state
//!     without it, or by the response itself, if it names the previous version or a problem and a read confirms it.
//!
//! Three limits hold for every client:
//!
//! - Two identical operations ("add one") look alike behind an intermediary that resends requests by itself.
//!   They also look alike with a server that answers 2xx to a stale write because it "appears to have been
//!   applied already" (RFC 9110 13.1.1). A write stamp tells them apart.
//! - Where entity tags are hashes of the content, a state that was changed and changed back (A, B, A) has its
//!   old tag again. A request that was given up may then still be applied to it.
//! - Absence has no version. A creation that was applied and then removed by another client looks as if it had never
//!   been applied. One that was given up beside another client's resource may still be applied if that resource is
//!   removed before the request arrives.
//!
//! # More than one request
//!
//! | for | use | guide |
//! |---|---|---|
//! | writes without a network, and across restarts | [`Journal`], `queue` of an operation, [`Client::outbox`] | [`offline`](guide::offline) |
//! | exclusive access for a time | [`Leases`], [`Collection::under`], [`Collection::fenced`] | [`locks`](guide::locks) |
//! | several resources, or none of them | [`Client::transaction`] | [`transactions`](guide::transactions) |
//! | changes, and fresh snapshots | [`Collection::watch`], [`Snapshots::keep_fresh`] | [`watches`](guide::watches) |
//! | conflicts that wait for a person | [`Client::watch_conflicts`] | [`watches`](guide::watches) |
//!
//! # Your own parts
//!
//! | trait | for | default |
//! |---|---|---|
//! | [`Profile`] | how an API represents versions and refusals | [`Generic`], which fits most APIs |
//! | [`Format`] | bodies that are not JSON | JSON |
//! | [`MergeStrategy`], [`RefusalHandler`] | decisions about conflicts, and about other refusals | the rules of the type; none |
//! | [`Authenticator`] | credentials that change | none |
//! | [`Transport`] | how requests are sent | reqwest |
//! | [`SnapshotStore`] | where snapshots are cached | in memory |
//! | [`Observer`] | what you want to know | none |
//!
//! # Features
//!
//! | feature | default | purpose |
//! |---|---|---|
//! | `rustls` | yes | TLS by rustls |
//! | `native-tls` | no | TLS by the system's library |
//! | `tracing` | yes | spans for calls and requests, events for refusals and waits, see [`guide::seen`] |
//! | `metrics` | no | counters, histograms and gauges for the crate `metrics`, see [`guide::seen`] |
//! | `backoff` | no | retry schedules from the crate `backoff` |
//! | `tower` | no | any tower service as the [`Transport`], and tower layers around it |
//! | `middleware` | no | a client of the crate `reqwest-middleware` as the [`Transport`] |
//! | `durable` | no | `Journal::open` and `FileStore`: queued writes and snapshots that survive the process, see [`guide::offline`] |
//! | `redis` | no | `RedisStore`, a snapshot store that processes and machines share |
//! | `testing` | no | a stateful server, a lossy proxy, tests without waits, and laws of merging, for your own tests |
//!
//! The types of the crates `http` and `url` that signatures here mention are re-exported: [`HeaderMap`],
//! [`HeaderName`], [`HeaderValue`], [`Method`], [`StatusCode`], [`Url`], and [`transport::Bytes`] of the crate
//! `bytes`.
//!
//! Streaming bodies, a blocking API and wasm are not supported yet.

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod address;
mod client;
mod conflicts;
#[cfg(feature = "durable")]
mod durable;
mod exchange;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod guide;
mod journal;
pub mod lease;
mod locks;
mod operations;
mod probe;
mod protocol;
mod queue;
mod resolve;
mod retry;
mod store;
mod support;
#[cfg(feature = "testing")]
pub mod testing;
mod transaction;
mod value;
mod watch;
mod write;

pub use ::async_trait::async_trait;
#[doc(no_inline)]
pub use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
#[doc(no_inline)]
pub use ::url::Url;
pub use address::{ApiVersion, IntoPath};
pub use client::{Client, ClientBuilder, Collection, Commit, Resource, Transaction};
pub use conflicts::{ConflictNotice, ConflictNotices, ReportedConflict, Resolved, WatchConflicts};
pub use exchange::{AttemptSeen, Authenticator, RequestPurpose, Transport, transport};
pub use ifmatch_merge::{BoxError, FieldConflict, Merge, Policy, Rule, ThreeWay};
pub use ifmatch_merge::{json, lens, merge};
#[cfg(feature = "durable")]
pub use journal::JournalBuilder;
pub use journal::{IntentId, InvalidIntentId, Journal, JournalError};
pub use json::Document;
pub use lease::{Held, Lease};
pub use locks::{Acquire, LeaseTarget, Leases};
pub use locks::{LeaseCheck, LeaseFinding, LeaseProbeReport};
pub use locks::{LockApi, LockPlace, LockRequest, LockValue};
pub use operations::{
    Action, Conflicts, Create, Delete, Drained, Get, GetOpt, GuardResult, Head, HeadResponse,
    IntoSave, IntoTarget, List, Local, OpenWrite, Outbox, Page, PlainRequest, PlainResponse, Post,
    Queued, QueuedKind, QueuedState, QueuedWrite, Refresh, Reply, ResourceData, Revalidated, Save,
    SeenVersion, SendAction, SendsQueued, Update,
};
pub use probe::{BatchCheck, BatchFinding, BatchProbeReport, ProbeBatch};
pub use probe::{Probe, ProbeCheck, ProbeFinding, ProbeReport, Verdict};
pub use protocol::headers as header_fields;
pub use protocol::{
    Batch, ConflictService, EntityTag, Envelope, Feed, Format, Generic, HiddenRefusal, Problem,
    Profile, RefusalKind, Translation, Validator, Versioning, WeakTags, WriteRoute, profiles,
};
pub use protocol::{event_stream, format, json_lines};
pub use resolve::{
    Answer, AskFn, Conflict, LastWriteWins, LocalWins, MergeFn, MergeStrategy, OrElse, Refusal,
    RefusalHandler, RemoteWins, Resolution, ask_fn, merge_fn,
};
pub use retry::{Limits, RetryPolicy, WaitReason};
#[cfg(feature = "durable")]
pub use store::{FileStore, FileStoreError};
pub use store::{MemoryStore, SnapshotKey, SnapshotKeyError, SnapshotStore, StoredSnapshot};
#[cfg(feature = "redis")]
pub use store::{RedisStore, RedisStoreError};
pub use transaction::{Committed, CommittedBy, OnCrash, TransactionReport};
pub use value::{
    AlteredSeen, ConflictSeen, Error, ErrorKind, ErrorReport, IntoBoxError, IntoDocument,
    IntoValidator, LeaseEvent, LeaseSeen, Observer, OpenSeen, Saved, Sides, Snapshot, StepReport,
    StepState, TransactionSeen, Versioned, WaitSeen, WatchEvent, WatchSeen, WriteReport, WriteSeen,
    box_error,
};
pub use watch::{
    Change, KeepFresh, Live, LiveRef, OpenLive, OpenWatch, Position, Snapshots, Watch,
};
pub use write::request::target::WriteMode;

/// Compiles and runs the code in the README with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
