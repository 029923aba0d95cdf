//! The services that grant leases, with a file for each.

pub(super) mod azure_blob;
pub(super) mod records;
mod responses;
pub(super) mod webdav;
