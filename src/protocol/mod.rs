//! What requests and responses say: bytes in, meaning out.
//!
//! `headers` and `problem` read what every server sends in the same way; `versioning`, `envelope` and the other files
//! hold what differs between families of APIs, and `profiles` the known families. Nothing here sends, waits or reads
//! a clock. Each reader takes bytes from strangers: its size and depth are bounded, and nonsense becomes a value,
//! never a panic.

mod envelope;
mod generic;
pub mod headers;
mod hidden;
mod kind;
mod meaning;
mod message_words;
mod problem;
mod profile;
pub mod profiles;
mod route;
mod unsupported;
mod versioning;

pub use envelope::Envelope;
pub(crate) use envelope::Unwrapped;
pub use generic::Generic;
pub use headers::*;
pub use hidden::HiddenRefusal;
pub(crate) use hidden::{SuccessVerdict, is_no_representation, judge_success};
pub use kind::RefusalKind;
pub(crate) use meaning::{Meaning, RefusalStanding, RequestFacts, meaning};
pub use profile::Profile;
use profile::{JSON, MERGE_PATCH, usual_monitors};
pub use route::WriteRoute;
pub(crate) use versioning::{Creation, FoundVersion, PlacedPart, VersionTarget};
pub use versioning::{Versioning, WeakTags};
