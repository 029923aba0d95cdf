//! A resilient, typed HTTP client that resolves write conflicts by itself.
//!
//! `ifmatch` remembers the version (`ETag`) of what it reads and makes every write conditional on it
//! (`If-Match`). When the server refuses because somebody else wrote first (412, or 409), it fetches
//! the new state, runs the edit again on it or merges three ways (base, local, remote), and writes again:
//! until the edit is in, or a person has to decide. When a response is lost, it finds out whether the write
//! was applied before it does anything else.
//!
//! # Which operation to use
//!
//! | operation | works on | after a race | who decides | a lost response ends in |
//! |---|---|---|---|---|
//! | [`update`], [`try_update`] | an id and an edit | the edit runs again, on the new state | the edit; a strategy only where [the call names one](Update::strategy) | success, if the edit shows in the new state or can be made again without harm; [`OutcomeUnknown`] for operations such as "add one" |
//! | [`save`] | a value that was read and changed | base, local and remote are merged | the strategy, then a person | success, if all changes are there; [`OutcomeUnknown`] where a counter or a part of them leaves it open |
//! | [`create`] | an id and a value | [`AlreadyExists`](ErrorKind::AlreadyExists) | the [refusal handler](Collection::on_refusal) | success, if what is there is what was sent |
//! | [`post`] | a draft that the server names | (it has no condition) | the refusal handler | [`OutcomeUnknown`], unless the server honours idempotency keys |
//! | [`delete`] | a value that was read, or an id | a value: the strategy; an id: the new state is removed if it is as it was seen | the strategy | success, if nothing is there any more |
//! | [`get`], [`get_opt`], [`refresh`], [`list`] | reads | | | another try |
//!
//! An `update` is *serializable*: its edit was run, last, on exactly the state that it is written over. So a
//! guard inside it holds, and two clients that each take one from a stock of ten leave eight. A `save` was
//! made by someone who saw an older state, so it is merged.
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
//! // Or say what to change; it is read only if no snapshot is at hand.
//! articles.update("42", |article| article.views += 1).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Decide a conflict
//!
//! What the rules cannot settle goes to the next strategy ([`MergeStrategy::or_else`]), to a person
//! ([`Collection::ask_with`]), or comes back as an error that holds all sides:
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
//! # Know what happened
//!
//! Every successful write has a [`WriteReport`], every error a [`kind`](Error::kind) named by what to
//! do next, the [`Sides`] of the write, and a [report](Error::report) that says why it was not tried
//! again. [`ErrorKind::OutcomeUnknown`] is the one that says "look before you try again": a reply was
//! lost, and nothing tells whether the write was applied. [A write
//! stamp](Collection::write_stamp) makes that knowable for every kind of edit.
//!
//! # What is promised, and what cannot be
//!
//! 1. No lost update. No write goes out without a condition once a version is known, "mine wins" included.
//! 2. No phantom success, no double apply. A write whose response was lost is settled, or reported as
//!    [`OutcomeUnknown`]; it is never sent blindly twice. One that the server has accepted (202) is followed.
//! 3. Nothing of yours is dropped. Errors carry all sides, and fields that the type does not know survive
//!    every write, with the text of their numbers.
//! 4. No endless loop. Every loop is bounded in rounds and in time ([`Limits`]).
//! 5. Only races are merged. A 409 is merged only if the version has moved.
//! 6. One round trip without contention, if a snapshot is at hand.
//! 7. Hostile input is data: sizes, depths, times and redirects are bounded, and secrets stay out of messages.
//! 8. An `update` is serializable, as said above.
//! 9. What goes out is what was meant: a document that would not read as the value that was handed in is not
//!    sent.
//! 10. `Ok` needs evidence. A response counts as success only as far as it says so itself; what contradicts
//!     it leads to a read. Reads can prove that a write was applied, and never that it was not, because
//!     replicas lag: that is proven by the server alone, when it takes the next write onto a state without it.
//!
//! Two things no client can promise. Behind an intermediary that resends requests by itself, or with
//! a server that answers 2xx to a stale write because it "appears to have been applied already"
//! (RFC 9110 13.1.1), two identical operations ("add one") look alike; a write stamp tells them apart.
//! And where tags are hashes of the content, a state that was changed and changed back (A, B, A) has
//! its old tag again, so a request that was given up may still be applied to it.
//!
//! # Other APIs
//!
//! [`Versioning`] says where versions travel, a [`Profile`] what refusals mean, and a [`HiddenRefusal`]
//! which replies of status 200 are refusals; [`Generic`] does for most. [`Transport`], [`SnapshotStore`],
//! [`Authenticator`] and [`Observer`] are seams for parts of one's own.
//!
//! # Features
//!
//! | feature | default | what for |
//! |---|---|---|
//! | `rustls` | yes | TLS by rustls |
//! | `native-tls` | no | TLS by the system's library |
//! | `tracing` | yes | events of refusals and writes |
//! | `backoff` | no | schedules of the crate `backoff` |
//! | `testing` | no | a stateful server and a lossy proxy for tests of one's own |
//!
//! Streaming bodies, a blocking face and wasm are not there yet.

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod address;
mod client;
mod exchange;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
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
mod value;
mod write;

pub use ::async_trait::async_trait;
pub use address::{ApiVersion, IntoPath};
pub use client::{Client, ClientBuilder, Collection, Resource};
pub use exchange::{Authenticator, Transport, transport};
pub use ifmatch_merge::{BoxError, FieldConflict, Merge, Policy, Rule, ThreeWay};
pub use ifmatch_merge::{json, lens, merge};
pub use json::Document;
pub use operations::{
    Create, Delete, Get, GetOpt, Head, HeadResponse, IntoSave, IntoTarget, List, Page, Post,
    Refresh, ResourceData, Revalidated, Save, Update,
};
pub use probe::{Probe, ProbeCheck, ProbeFinding, ProbeReport, Verdict};
pub use protocol::headers as http;
pub use protocol::{
    EntityTag, Envelope, Generic, HiddenRefusal, Problem, Profile, RefusalKind, Validator,
    Versioning, WeakTags, WriteRoute, profiles,
};
pub use resolve::{
    Answer, AskFn, Conflict, LastWriteWins, LocalWins, MergeFn, MergeStrategy, OrElse, Refusal,
    RefusalHandler, RemoteWins, Resolution, ask_fn, merge_fn,
};
pub use retry::{Limits, RetryPolicy};
pub use store::{MemoryStore, SnapshotKey, SnapshotKeyError, SnapshotStore, StoredSnapshot};
pub use value::{
    AlteredSeen, ConflictSeen, Error, ErrorKind, ErrorReport, IntoDocument, IntoValidator,
    Observer, Saved, Sides, Snapshot, Versioned, WriteReport, WriteSeen,
};
pub use write::request::target::WriteMode;

/// The README's code is compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
