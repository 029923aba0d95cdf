//! Entry points for fuzz targets into private code, compiled with `--cfg fuzzing` only.
#![expect(clippy::panic, reason = "a finding is a panic")]

mod addresses;
mod batches;
mod feeds;
mod locks;
mod machine;
mod stored;
mod translations;

pub use addresses::addresses;
pub use batches::batches;
pub use feeds::feeds;
pub use locks::locks;
pub use machine::machine;
pub use stored::stored_snapshot;
pub use translations::translations;
