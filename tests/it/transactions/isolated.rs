//! Transactions under leases do not see each other's steps.

use ifmatch::testing::Clocks;
use ifmatch::{Client, ErrorKind, Leases};
use serde_json::{Value, json};

use super::Bank;
use crate::support::{Far, Server};

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

#[tokio::test(start_paused = true)]
async fn members_that_differ_only_in_their_query_share_a_lease() {
    let server = Server::with("/v1/notes/1", r#"{"n":1,"m":1}"#);
    let client = server.client();
    let leases = Leases::documents(&client, "leases");
    let one = client.collection::<Value>("notes").query("tenant", "a");
    let other = client.collection::<Value>("notes").query("tenant", "b");
    let transaction = client
        .transaction()
        .update(&one, 1, |note| note["n"] = 3.into())
        .update(&other, 1, |note| note["m"] = 3.into());
    transaction.isolated_by(&leases).commit().await.unwrap();
    assert_eq!(server.value("/v1/notes/1"), json!({"n": 3, "m": 3}));
    assert!(leases.look("/v1/notes/1").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn transactions_with_and_without_a_query_take_the_leases_in_one_order() {
    let server = Server::with("/v1/x/1", r#"{"n":0}"#);
    server.put("/v1/x/1/y", r#"{"n":0}"#);
    let run = |has_query: bool| {
        let client = Client::builder("http://server.test/v1").transport(Far(server.clone()));
        let client = client.build().unwrap();
        let leases = Leases::documents(&client, "leases").clock(Clocks::new());
        let whole = client.collection::<Value>("x");
        let whole = if has_query {
            whole.query("view", "full")
        } else {
            whole
        };
        let part = client.collection::<Value>("x/1");
        let add = |note: &mut Value| note["n"] = (note["n"].as_i64().unwrap() + 1).into();
        let transaction = client.transaction().update(&whole, 1, add);
        let transaction = transaction.update(&part, "y", add);
        tokio::spawn(transaction.isolated_by(&leases).commit())
    };
    for transaction in [run(false), run(true)] {
        transaction.await.unwrap().unwrap();
    }
    let numbers = ["/v1/x/1", "/v1/x/1/y"].map(|path| server.value(path)["n"].clone());
    assert_eq!(numbers, [json!(2), json!(2)]);
}
