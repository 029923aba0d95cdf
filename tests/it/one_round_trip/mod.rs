//! Promise 6. One round trip without contention, if a snapshot is cached.

#[cfg(feature = "durable")]
pub(crate) mod file_store;
mod preferences;
mod reading;
mod round_trips;
#[cfg(feature = "redis")]
mod shared_store;
mod stored;
