//! Transactions that are kept in a journal.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod decided;
mod doubts;
mod ends;
mod kinds;
mod left;
mod lost_leases;

use serde::{Deserialize, Serialize};

use crate::{BoxError, Merge};

#[derive(Clone, Debug, Default, Serialize, Deserialize, Merge)]
struct Account {
    #[merge(counter)]
    balance: i64,
    #[serde(default)]
    note: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    writes: Vec<String>,
}

/// Takes 20 from an account, unless it has less.
fn take(account: &mut Account) -> Result<(), BoxError> {
    account.balance -= 20;
    if account.balance < 0 {
        return Err("too little".into());
    }
    Ok(())
}
