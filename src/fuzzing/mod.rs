//! Doors for the fuzz targets to what has no public face; compiled with `--cfg fuzzing` only.
#![expect(clippy::panic, reason = "a finding is a panic")]

mod addresses;
mod machine;

pub use addresses::addresses;
pub use machine::machine;
