//! Transfers by this crate, each of them under one lease for all accounts.

use std::time::Duration;

use ifmatch::Leases;

use crate::bank::Bank;
use crate::sagas::{Account, take};
use crate::{Outcome, Transfer};

pub(crate) async fn make(bank: &Bank, transfers: Vec<Transfer>) -> Outcome<Duration> {
    let client = bank.client()?;
    let leases = Leases::documents(&client, "leases");
    let accounts = client
        .collection::<Account>("accounts")
        .write_stamp("/writes");
    crate::all(transfers, |transfer| {
        let Transfer { from, to, amount } = transfer;
        let lease = leases.acquire("transfers").wait(Duration::from_secs(600));
        let accounts = accounts.clone();
        async move {
            let made = async {
                let held = lease.await?;
                let taken = accounts
                    .try_update(from, move |account| take(account, amount))
                    .await;
                if taken.is_ok() {
                    accounts
                        .update(to, move |account| account.balance += amount)
                        .await?;
                }
                held.release().await
            };
            if let Err(error) = made.await {
                eprintln!("{error}");
            }
        }
    })
    .await
}
