//! What the wire says, as data: validators, preconditions, waits, media types, problems.
//!
//! The ground floor: nothing here sends, waits or reads a clock. Every reader takes bytes from
//! strangers, so each is bounded in size and depth and answers nonsense with a value, never with a
//! panic.

mod caching;
mod entity_tag;
mod last_modified;
mod link;
mod media_type;
mod percent;
mod precondition;
mod problem;
mod rate_limit;
mod retry_after;
mod tag_field;
mod validator;

pub(crate) use caching::forbid_keeping;
pub use entity_tag::EntityTag;
pub use last_modified::{InvalidValidator, LastModified};
pub(crate) use link::next_link;
pub(crate) use media_type::is_coded;
pub use media_type::{essence, is_html, is_json, is_problem, is_xml};
pub(crate) use percent::decode as percent_decoded;
pub(crate) use precondition::CONDITIONS;
pub use precondition::Precondition;
pub use problem::{FieldError, Problem};
pub(crate) use rate_limit::{Quota, rate_limit};
pub use retry_after::{LONGEST_WAIT, retry_after};
pub use tag_field::{TagField, entity_tag_of};
pub use validator::Validator;
