//! Whatever wraps the transport, a write is sent once and its outcome is known.

mod layers;
#[cfg(feature = "middleware")]
mod middleware;
mod sent_once;
#[cfg(all(feature = "tower", feature = "middleware"))]
mod streams;
#[cfg(feature = "tower")]
mod tower;
