//! Reads the meaning of requests and responses from their bytes.
//!
//! `headers` and `problem` read what all servers send in the same way. `versioning`, `envelope` and the other
//! files hold what differs between families of APIs, and `profiles` holds the known families. Nothing here
//! sends, waits or reads a clock. The input is untrusted, so each reader limits its size and depth. Malformed
//! input becomes a value, never a panic.

mod batch;
mod conflict_service;
mod envelope;
pub mod event_stream;
mod feed;
pub mod format;
mod generic;
pub mod headers;
mod hidden;
pub mod json_lines;
mod kind;
mod lines;
mod meaning;
mod message_words;
pub(crate) mod multipart;
mod parts;
mod problem;
mod profile;
pub mod profiles;
mod route;
mod translation;
pub(crate) mod turtle;
mod unsupported;
mod versioning;

pub use batch::Batch;
#[cfg(feature = "testing")]
pub(crate) use batch::Form;
pub(crate) use batch::{BatchReply, BatchRequest, Misfit};
pub use conflict_service::ConflictService;
pub(crate) use conflict_service::{ToldConflict, ToldSide};
pub use envelope::Envelope;
pub(crate) use envelope::Unwrapped;
pub use feed::Feed;
pub(crate) use feed::{
    FeedForm, FeedReader, ListForm, ListPosition, Notice, PREFERRED_WAIT, StatementMembers,
    members_of,
};
pub use format::Format;
pub(crate) use format::is_same_media_type;
pub use generic::Generic;
pub use headers::*;
pub use hidden::HiddenRefusal;
pub(crate) use hidden::{SuccessVerdict, is_no_representation, judge_success};
pub use kind::RefusalKind;
pub(crate) use meaning::{Meaning, RefusalStanding, RequestFacts, meaning};
pub(crate) use parts::{RequestParts, ResponseParts};
pub use profile::Profile;
use profile::{JSON, MERGE_PATCH, usual_monitors};
pub use route::WriteRoute;
pub use translation::Translation;
pub(crate) use translation::{RemoteCall, Translate, Untranslated};
pub(crate) use versioning::{Creation, FoundVersion, PlacedPart, VersionTarget};
pub use versioning::{Versioning, WeakTags};
