//! Transfers as transactions.

use std::time::Duration;

use ifmatch::{ErrorKind, Merge};
use serde::{Deserialize, Serialize};

use crate::bank::Bank;
use crate::{Outcome, Transfer};

#[derive(Serialize, Deserialize, Merge)]
pub(crate) struct Account {
    #[merge(counter)]
    pub(crate) balance: i64,
}

pub(crate) fn take(account: &mut Account, amount: i64) -> Result<(), ifmatch::BoxError> {
    if account.balance < amount {
        return Err("too little money".into());
    }
    account.balance -= amount;
    Ok(())
}

pub(crate) async fn make(bank: &Bank, transfers: Vec<Transfer>) -> Outcome<Duration> {
    let client = bank.client()?;
    let accounts = client
        .collection::<Account>("accounts")
        .write_stamp("/writes");
    crate::all(transfers, |transfer| {
        let Transfer { from, to, amount } = transfer;
        let made = client
            .transaction()
            .try_update(&accounts, from, move |account| take(account, amount))
            .update(&accounts, to, move |account| account.balance += amount)
            .commit();
        async move {
            if let Err(error) = made.await
                && error.kind() != ErrorKind::Undone
            {
                eprintln!("{error}");
            }
        }
    })
    .await
}
