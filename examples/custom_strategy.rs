//! Rules, a function, and your own strategy, for the same conflict.
//!
//! Run it with `cargo run --example custom_strategy`.

use ifmatch::testing::ResourceServer;
use ifmatch::{
    BoxError, Client, Conflict, LocalWins, Merge, MergeStrategy, Policy, Resolution, Rule,
    ThreeWay, async_trait, merge_fn,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Merge)]
struct Product {
    name: String,
    stock: i64,
    cents: i64,
}

/// The lower price wins, and changes of the stock are added up.
struct CheaperWins;

#[async_trait]
impl MergeStrategy<Product> for CheaperWins {
    async fn resolve(&self, conflict: &Conflict<Product>) -> Result<Resolution<Product>, BoxError> {
        let sides = (&conflict.base, &conflict.local, &conflict.remote);
        let (Some(base), Some(mine), Some(theirs)) = sides else {
            return Ok(Resolution::Unresolved {
                merged: None,
                fields: Vec::new(),
            });
        };
        println!("   asked in round {}:", conflict.round);
        for line in conflict.diff().lines() {
            println!("     {line}");
        }
        Ok(Resolution::Merged(Product {
            name: theirs.name.clone(),
            stock: theirs.stock + mine.stock - base.stock,
            cents: mine.cents.min(theirs.cents),
        }))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = ResourceServer::start().await;
    let products = Client::new(server.uri())?.collection::<Product>("products");
    let clash = || {
        server.put("/products/1", r#"{"name":"Lamp","stock":10,"cents":2000}"#);
        server.before_next_write(|theirs| {
            theirs["stock"] = 8.into();
            theirs["cents"] = 1800.into();
        });
    };
    let edit = |product: &mut Product| {
        product.stock -= 1;
        product.cents = 1900;
    };
    println!(
        "We sell one lamp and set the price to 19.00. Another client sells two and sets 18.00.\n"
    );

    println!("1. No rules. Both changed the same fields, so a person has to decide.");
    clash();
    let mut product = products.get(1).await?;
    edit(&mut product);
    let outcome = products.save(&product).await;
    let error = outcome.err().ok_or("this is a conflict")?;
    println!("   {error}");
    assert!(error.is_conflict());

    println!("2. Rules for fields, and the local side where no rule applies.");
    clash();
    products.refresh(1).await?;
    let policy = Policy::new().field("/stock", Rule::Counter);
    let rules = ThreeWay::new(policy).or_else(LocalWins);
    let saved = products.update(1, edit).strategy(rules).await?;
    println!("   {:?}", *saved);
    assert_eq!((saved.stock, saved.cents), (7, 1900));

    println!("3. A function of base, local and remote.");
    clash();
    products.refresh(1).await?;
    let average = merge_fn(
        |_base: Option<&Product>, mine: &Product, theirs: &Product| {
            let cents = i64::midpoint(mine.cents, theirs.cents);
            Ok(Product {
                cents,
                ..theirs.clone()
            })
        },
    );
    let saved = products.update(1, edit).strategy(average).await?;
    println!("   {:?}", *saved);
    assert_eq!(saved.cents, 1850);

    println!("4. Your own strategy.");
    clash();
    products.refresh(1).await?;
    let saved = products.update(1, edit).strategy(CheaperWins).await?;
    println!("   {:?}", *saved);
    assert_eq!((saved.stock, saved.cents), (7, 1800));
    Ok(())
}
