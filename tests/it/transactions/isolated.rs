//! Transactions under leases do not see each other's steps.

use ifmatch::{ErrorKind, Leases};

use super::Bank;

#[tokio::test(start_paused = true)]
async fn transactions_under_the_same_leases_take_turns() {
    let bank = Bank::new();
    let leases = Leases::documents(&bank.client, "leases");
    let transfers = (0..10).map(|_| bank.transfer(3).isolated_by(&leases).commit());
    let transfers: Vec<_> = transfers.map(tokio::spawn).collect();
    for transfer in transfers {
        transfer.await.unwrap().unwrap();
    }
    assert_eq!(bank.balances(), (20, 40));
    assert!(leases.look("/v1/accounts/anna").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_member_that_another_one_holds_ends_the_transaction_before_it_begins() {
    let bank = Bank::new();
    let other = Bank::of(&bank.server);
    let held = Leases::documents(&other.client, "leases");
    let held = held.acquire("/v1/accounts/ben").await.unwrap();
    let leases = Leases::documents(&bank.client, "leases");
    let error = bank.transfer(20).isolated_by(&leases).commit().await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undone, "{error}");
    assert_eq!(bank.balances(), (50, 10));
    held.release().await.unwrap();
    bank.transfer(20)
        .isolated_by(&leases)
        .commit()
        .await
        .unwrap();
}
