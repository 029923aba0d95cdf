//! The services that grant leases, with a file for each.

use ifmatch_merge::internal::one_line;

pub(super) mod azure_blob;
mod etcd;
mod lock_api;
pub(super) mod records;
#[cfg(feature = "redis")]
mod redis_lock;
mod responses;
pub(super) mod webdav;

/// The most characters that are shown of a holder whom a service names.
const SHOWN: usize = 200;

/// Returns the name of a holder as messages may show it. It comes from the network.
fn shown(holder: &str) -> String {
    one_line(holder, SHOWN)
}
