//! Watches: what changes on the server is told, and cached snapshots are kept fresh.
//!
//! `machine` decides, and is pure. `driver` carries out each step, and runs only while the watch is polled. `keep` decides
//! what may replace a cached snapshot.

mod change;
mod driver;
mod keep;
mod live;
mod machine;
mod notify;
mod open;
mod position;
mod request;
mod snapshots;
mod stream;

pub use change::Change;
pub use live::{Live, LiveRef, OpenLive};
pub use open::OpenWatch;
pub use position::Position;
pub use snapshots::{KeepFresh, Snapshots};
pub use stream::Watch;
