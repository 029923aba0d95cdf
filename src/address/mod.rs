//! Addresses, which are paths beneath a base URL and may contain an API version.

mod api_version;
mod into_path;
mod link;
mod path;
pub(crate) mod percent;
mod template;
mod user;

pub use api_version::ApiVersion;
pub use into_path::IntoPath;
pub(crate) use link::{link, within_origin};
pub(crate) use path::{
    PathError, base, below, beneath, collection_of, decoded, encode, item, last_segment, lead,
    lead_plain, set_parameter, without_user,
};
pub(crate) use template::UrlTemplate;
pub(crate) use user::take_user;
