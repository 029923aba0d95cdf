//! The services that grant leases, with a file for each.

mod etcd;
mod lock_api;
pub(super) mod records;
#[cfg(feature = "redis")]
mod redis_lock;

/// The most characters that are shown of a holder whom a service names.
const SHOWN: usize = 200;

/// Bounds the name of a holder, which comes from the network and goes into messages.
fn shown(holder: String) -> String {
    match holder.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &holder[..end]),
        None => holder,
    }
}
