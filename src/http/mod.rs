//! What the wire says, as data: validators, preconditions, waits, media types, problems.

mod media_type;
mod precondition;
mod problem;
mod retry_after;
mod validator;

pub use media_type::essence;
pub use precondition::{Precondition, TagField, entity_tag_of};
pub use problem::{FieldError, Problem};
pub use retry_after::retry_after;
pub use validator::{EntityTag, LastModified, Validator};
