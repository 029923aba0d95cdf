//! The contents of HTTP responses as data: validators, preconditions, waits, media types, problems.

mod caching;
mod dav;
mod entity_tag;
mod last_modified;
mod link;
mod lock_bodies;
mod media_type;
mod precondition;
mod rate_limit;
mod retry_after;
mod tag_field;
mod validator;

pub use super::problem::{FieldError, Problem};
pub(crate) use caching::forbid_keeping;
pub(crate) use dav::{LockTimeout, LockToken};
pub use entity_tag::EntityTag;
pub use last_modified::{InvalidValidator, LastModified};
pub(crate) use link::{linked, next_page};
pub(crate) use lock_bodies::{ActiveLock, FIND_LOCKS, active_locks, lock_info};
pub(crate) use media_type::is_coded;
pub use media_type::{essence, is_html, is_json, is_problem, is_xml};
pub(crate) use precondition::CONDITIONS;
pub use precondition::Precondition;
pub(crate) use rate_limit::{Quota, rate_limit};
pub use retry_after::{LONGEST_WAIT, retry_after};
pub use tag_field::{TagField, entity_tag_of};
pub use validator::Validator;
