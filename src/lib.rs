//! A resilient, typed HTTP client that resolves write conflicts by itself.

mod auth;
mod client;
mod collection;
mod document;
mod error;
mod exchange;
mod handler;
pub mod http;
mod ids;
pub mod json;
pub mod merge;
mod observe;
mod path;
mod refusal;
mod retry;
mod store;
mod strategy;
pub mod transport;
mod verbs;
mod write;

pub use ::async_trait::async_trait;
pub use auth::Authenticator;
pub use client::{Client, ClientBuilder};
pub use collection::{Collection, IntoDocument, IntoValidator, Resource, Resourceful};
pub use document::{Saved, Snapshot, Versioned, WriteReport};
pub use error::{Error, ErrorKind, ErrorReport, Sides};
pub use handler::{Answer, Refusal, RefusalHandler};
pub use http::{EntityTag, Problem, Validator};
pub use json::Document;
pub use merge::{BoxError, FieldConflict, Merge, Policy, Rule, ThreeWay};
pub use observe::{ConflictSeen, Observer, WriteSeen};
pub use path::IntoPath;
pub use refusal::{Generic, Profile, RefusalKind, Versioning, WeakTags};
pub use retry::{Limits, RetryPolicy};
pub use store::{MemoryStore, SnapshotKey, SnapshotStore, StoredSnapshot};
pub use strategy::{
    AskFn, Conflict, LastWriteWins, LocalWins, MergeFn, MergeStrategy, OrElse, RemoteWins,
    Resolution, ask_fn, merge_fn,
};
pub use transport::Transport;
pub use verbs::{
    Create, Delete, Get, GetOpt, Head, Headed, IntoSave, IntoTarget, List, Page, Post, Refresh,
    Refreshed, Save, Update,
};
pub use write::target::WriteMode;
