//! Addresses, which are paths beneath a base URL and may contain an API version.

mod api_version;
mod path;
pub(crate) mod percent;
mod template;

pub use api_version::ApiVersion;
pub use path::IntoPath;
pub(crate) use path::{
    PathError, base, below, beneath, collection_of, decoded, encode, item, last_segment, lead,
    lead_plain, link, set_parameter, within_origin, without_user,
};
pub(crate) use template::UrlTemplate;
