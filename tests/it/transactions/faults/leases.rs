//! Transactions under leases.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Client, ErrorKind, Leases, Limits, StepState, async_trait};

use super::super::{ANNA, Account, BEN, Bank};
use crate::support::Server;

#[tokio::test(start_paused = true)]
async fn members_on_two_hosts_do_not_wait_for_each_others_leases() {
    let bank = Bank::new();
    bank.server.put("/v1/transfers/1", r#"{"amount":1}"#);
    let leases = Leases::documents(&bank.client, "leases");
    let elsewhere = bank
        .client
        .collection::<Account>("http://other.test/v1/accounts");
    let done = bank
        .client
        .transaction()
        .update(&bank.accounts, "anna", |anna| anna.balance += 1)
        .update(&elsewhere, "anna", |anna| anna.balance += 1)
        .isolated_by(&leases)
        .commit()
        .await;
    assert!(
        done.as_ref()
            .map_or_else(|error| error.kind() == ErrorKind::Config, |_| true),
        "{done:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn leases_are_free_after_a_member_could_not_be_had() {
    let bank = Bank::new();
    let other = Bank::of(&bank.server);
    let held = Leases::documents(&other.client, "leases");
    let held = held.acquire("/v1/accounts/ben").await.unwrap();
    let leases = Leases::documents(&bank.client, "leases");
    let commit = bank.transfer(20).isolated_by(&leases).commit();
    let error = commit.timeout(Duration::from_secs(3)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undone);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(leases.look("/v1/accounts/anna").await.unwrap().is_none());
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_lease_the_caller_already_has_is_not_waited_for() {
    let bank = Bank::new();
    let leases = Leases::documents(&bank.client, "leases");
    let held = leases.acquire(ANNA).await.unwrap();
    let mine = bank.accounts.clone().under(&held);
    let done = bank
        .client
        .transaction()
        .update(&mine, "anna", |anna| anna.balance -= 20)
        .update(&bank.accounts, "ben", |ben| ben.balance += 20)
        .isolated_by(&leases)
        .commit()
        .await;
    assert!(done.is_ok(), "{done:?}");
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn transactions_in_opposite_order_under_leases_all_end() {
    let bank = Bank::new();
    let other = Bank::of(&bank.server);
    let mut running = Vec::new();
    for nth in 0..10 {
        let bank = if nth % 2 == 0 { &bank } else { &other };
        let leases = Leases::documents(&bank.client, "leases");
        let (one, two) = if nth % 2 == 0 {
            ("anna", "ben")
        } else {
            ("ben", "anna")
        };
        let commit = bank
            .client
            .transaction()
            .update(&bank.accounts, one, |it| it.balance -= 1)
            .update(&bank.accounts, two, |it| it.balance += 1)
            .isolated_by(&leases)
            .commit();
        running.push(tokio::spawn(commit.timeout(Duration::from_secs(300))));
    }
    for commit in running {
        commit.await.unwrap().unwrap();
    }
    assert_eq!(bank.balances(), (50, 10));
}

/// A server whose leases can no longer be reached after the first write to Anna's account.
#[derive(Clone)]
struct NoLeases(Server, Arc<Mutex<bool>>);

#[async_trait]
impl Transport for NoLeases {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let path = request.url.path().to_owned();
        let is_lease = path.contains("/leases/");
        if is_lease && *self.1.lock().unwrap() {
            return Err(TransportError::new(Fate::NotSent, "no connection"));
        }
        let is_write = request.method != Method::GET;
        if is_write && path == ANNA {
            *self.1.lock().unwrap() = true;
        }
        if is_write && path == BEN {
            // Longer than any lease.
            tokio::time::sleep(Duration::from_secs(500)).await;
        }
        self.0.send(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_lost_in_the_middle_is_told_truthfully() {
    let bank = Bank::new();
    let limits = Limits::default().time(Duration::from_secs(2000));
    let transport = NoLeases(bank.server.clone(), Arc::default());
    let client = Client::builder("http://server.test/v1").transport(transport);
    let client = client.limits(limits).build().unwrap();
    let accounts = client
        .collection::<Account>("accounts")
        .write_stamp("/writes");
    let leases = Leases::documents(&client, "leases");
    let ended = client
        .transaction()
        .try_update(&accounts, "anna", |anna| {
            anna.balance -= 20;
            Ok(())
        })
        .update(&accounts, "ben", |ben| ben.balance += 20)
        .isolated_by(&leases)
        .commit()
        .await;
    tokio::time::sleep(Duration::from_secs(2000)).await;
    let told = match &ended {
        Ok(done) => format!("{done:?}"),
        Err(error) => format!("{error} {:?}", error.steps()),
    };
    println!("{told} {:?}", bank.balances());
    match ended {
        Ok(_) => assert_eq!(bank.balances(), (30, 30), "{told}"),
        Err(error) if error.kind() == ErrorKind::Undone => {
            assert_eq!(bank.balances(), (50, 10), "{told}");
        }
        Err(error) => {
            let stands = |nth: usize| error.steps()[nth].state();
            let (anna, ben) = bank.balances();
            if stands(0) == StepState::Undone {
                assert_eq!(anna, 50, "{told}");
            }
            if stands(0) == StepState::Stands {
                assert_eq!(anna, 30, "{told}");
            }
            if stands(1) == StepState::NotApplied {
                assert_eq!(ben, 10, "{told}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn members_with_fencing_tokens_are_written_under_the_leases_of_the_transaction() {
    let bank = Bank::new();
    let leases = Leases::documents(&bank.client, "leases");
    let fenced = bank.accounts.clone().fenced("/fence");
    let done = bank
        .client
        .transaction()
        .update(&fenced, "anna", |anna| anna.balance -= 20)
        .update(&fenced, "ben", |ben| ben.balance += 20)
        .isolated_by(&leases)
        .commit()
        .await;
    let told = match &done {
        Ok(done) => format!("{done:?}"),
        Err(error) => format!("{error} {:?}", error.steps()),
    };
    assert!(done.is_ok(), "{told}");
    assert!(bank.server.value(ANNA)["fence"].is_number());
}
