//! The server applies a write, and its response is lost.
//!
//! Run it with `cargo run --example unknown_outcome`. Three edits lose their responses. A read
//! shows whether a field was set, but not whether a counter was increased. A write stamp shows both.

use ifmatch::testing::{LossyProxy, ResourceServer};
use ifmatch::{Client, Merge};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Account {
    owner: String,
    #[merge(counter)]
    balance: i64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = ResourceServer::start().await;
    server.put("/accounts/7", r#"{"owner": "Anna", "balance": 100}"#);
    let proxy = LossyProxy::in_front_of(&server.uri()).await?;
    let accounts = Client::new(proxy.uri())?.collection::<Account>("accounts");
    let stored = || server.text("/accounts/7").unwrap_or_default();

    println!("1. Setting a field. The write is applied, and the response is cut off.");
    accounts.get(7).await?;
    proxy.lose_next_reply();
    let saved = accounts
        .update(7, |account| account.owner = "Anna B.".into())
        .await?;
    let report = saved.report();
    println!(
        "   settled: {}, {} requests",
        report.settled, report.requests
    );
    println!("   stored:  {}", stored());
    assert!(report.settled);

    println!("2. Adding 10. The stored state does not show whose 10 was added.");
    proxy.lose_next_reply();
    let outcome = accounts.update(7, |account| account.balance += 10).await;
    let error = outcome.err().ok_or("the outcome cannot be known")?;
    println!("   error:   {error}");
    println!("   report:  {}", error.report());
    assert!(error.is_outcome_unknown());
    let sides = error.into_sides::<Account>()?;
    let remote = sides.remote.map(|remote| remote.balance);
    let (base, local) = (
        sides.base.map(|a| a.balance),
        sides.local.map(|a| a.balance),
    );
    println!("   balance before {base:?}, wanted {local:?}, on the server {remote:?}");

    println!("3. Adding 10 with a write stamp. The document contains the id of each write.");
    let stamped = accounts.write_stamp("/meta/writes");
    proxy.pass_next();
    proxy.lose_next_reply();
    let saved = stamped.update(7, |account| account.balance += 10).await?;
    println!("   settled: {}", saved.report().settled);
    println!("   stored:  {}", stored());
    assert!(saved.report().settled && saved.balance == 120);
    Ok(())
}
