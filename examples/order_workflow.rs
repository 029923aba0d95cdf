//! An order that has to be paid before it can be shipped. The server refuses to ship it (409). This is not a
//! version conflict, so a handler is asked. It pays, and answers "again".
//!
//! Run it with `cargo run --example order_workflow`.

use ifmatch::testing::{Reply, ResourceServer, Step};
use ifmatch::{
    Answer, BoxError, Client, Collection, Generic, Merge, Refusal, RefusalHandler, RefusalKind,
    async_trait,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Order {
    article: String,
    shipped: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Account {
    balance: u32,
}

/// Pays for an order from an account that other clients use too.
struct Pay {
    accounts: Collection<Account>,
    price: u32,
}

#[async_trait]
impl RefusalHandler<Order> for Pay {
    async fn refused(&self, refusal: &Refusal<Order>) -> Result<Answer<Order>, BoxError> {
        println!("   the server refuses: {}", refusal.problem);
        // One payment must be enough. A second refusal is returned to the caller.
        if refusal.kind != RefusalKind::InvalidState || refusal.attempt > 1 {
            return Ok(Answer::GiveUp);
        }
        let price = self.price;
        let payment = self.accounts.try_update("anna", move |account| {
            let left = account.balance.checked_sub(price);
            account.balance = left.ok_or("the account does not hold that much")?;
            Ok(())
        });
        // After a race the edit runs again on the new balance. Two balances are never merged.
        let account = payment.await?;
        println!("   paid {price}, {} left", account.balance);
        Ok(Answer::Again)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = ResourceServer::start().await;
    server.put("/orders/7", r#"{"article": "lamp", "shipped": false}"#);
    server.put("/accounts/anna", r#"{"balance": 100}"#);
    let unpaid = || Step::new().answer(Reply::problem(409, "unpaid", "The order is not paid"));

    // Maps the API's own problem types to their meaning.
    let profile = Generic::new().map_code(
        "https://ifmatch.test/problems/unpaid",
        RefusalKind::InvalidState,
    );
    let client = Client::builder(server.uri()).profile(profile).build()?;
    let accounts = client.collection::<Account>("accounts");
    let pay = |price| Pay {
        accounts: accounts.clone(),
        price,
    };
    let orders = client.collection::<Order>("orders");

    println!("1. Without a handler, the refusal is an error, and nothing is merged or sent again.");
    server.next_write(unpaid());
    let error = orders.update(7, |order| order.shipped = true).await.err();
    let error = error.ok_or("an unpaid order is not shipped")?;
    println!("   {error}");
    assert!(error.is_refused());
    assert_eq!(error.refusal(), Some(RefusalKind::InvalidState));

    println!("2. With a handler, pay and then ship.");
    server.next_write(unpaid());
    // Another client takes 30 from the account right before the payment arrives.
    server.before_next_write(|account| account["balance"] = 70.into());
    server.next_write(Step::new());
    // The shop marks the order as paid before it is shipped, which is a race.
    server.before_next_write(|order| order["paid"] = true.into());
    let shipping = orders.clone().on_refusal(pay(40));
    let shipped = shipping.update(7, |order| order.shipped = true).await?;
    let report = shipped.report();
    println!(
        "   shipped after {} rounds, {} merged",
        report.rounds, report.merged
    );
    let order = server.text("/orders/7").unwrap_or_default();
    println!("   on the server: {order}");
    assert!(shipped.shipped && order.contains(r#""paid": true"#));
    assert_eq!(
        server.text("/accounts/anna").as_deref(),
        Some(r#"{"balance": 30}"#)
    );

    println!("3. If the handler cannot pay, its error ends the write, and the order is unchanged.");
    server.put("/orders/8", r#"{"article": "table", "shipped": false}"#);
    server.next_write(unpaid());
    let buying = orders.on_refusal(pay(400));
    let error = buying.update(8, |order| order.shipped = true).await.err();
    let error = error.ok_or("the account does not hold that much")?;
    println!("   {error}");
    println!("   {}", error.report().why);
    assert!(
        server
            .text("/orders/8")
            .is_some_and(|order| order.contains("false"))
    );
    assert_eq!(
        server.text("/accounts/anna").as_deref(),
        Some(r#"{"balance": 30}"#)
    );
    Ok(())
}
