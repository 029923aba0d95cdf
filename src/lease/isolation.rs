//! The seam by which a transaction takes leases on its members.

use std::time::Duration;

use async_trait::async_trait;

use super::held::Held;
use crate::value::Error;

/// Leases that isolate transactions, for
/// [`Transaction::isolated_by`](crate::Transaction::isolated_by): [`Leases`](crate::Leases).
#[async_trait]
pub trait Isolation: Send + Sync + 'static {
    /// Acquires the lease of a name, and waits for at most this time.
    async fn hold(&self, name: &str, wait: Duration) -> Result<Held, Error>;
}
