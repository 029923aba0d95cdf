//! Promise 6. One round trip without contention, if a snapshot is cached.

mod preferences;
mod reading;
mod round_trips;
mod stored;
