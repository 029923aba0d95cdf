//! Addresses, which are paths beneath a base URL and may contain an API version.

mod api_version;
mod path;
pub(crate) mod percent;
mod template;

pub use api_version::ApiVersion;
pub use path::IntoPath;
pub(crate) use path::{
    PathError, base, beneath, collection_of, decoded, encode, item, join_all, last_segment, lead,
    set_parameter,
};
pub(crate) use template::UrlTemplate;
