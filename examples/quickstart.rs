//! Two writers change an article at the same time, and neither loses anything.
//!
//! Run it with `cargo run --example quickstart`. It starts its own server on loopback.

use ifmatch::testing::ResourceServer;
use ifmatch::{Client, Merge};
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, Merge)]
struct Article {
    title: String,
    #[merge(text)]
    body: String,
    #[merge(set)]
    tags: Vec<String>,
    #[merge(counter)]
    views: u64,
}

const STORED: &str = r#"{
  "title": "Etags",
  "body": "Servers hand them out.\nClients send them back.\n",
  "tags": ["http"],
  "views": 41,
  "price": 1.10
}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = ResourceServer::start().await;
    server.stale_status(409);
    server.put("/v1/articles/42", STORED);
    println!("A server stores an article, with a price that our type does not know:\n{STORED}\n");

    // Two people, two clients, the same article.
    let base = format!("{}/v1", server.uri());
    let anna = Client::new(&base)?.collection::<Article>("articles");
    let boris = Client::new(&base)?.collection::<Article>("articles");
    let mut hers = anna.get(42).await?;
    let mut his = boris.get(42).await?;

    hers.title = "Entity tags".into();
    hers.tags.push("etag".into());
    hers.views += 1;
    anna.save(&hers).await?;
    println!("Anna changes the title, adds a tag, counts a view and saves.");

    his.body.push_str("Nobody is overwritten.\n");
    his.tags.push("conflicts".into());
    his.views += 1;
    let saved = boris.save(&his).await?;
    println!("Boris has not seen this. He adds a line, a tag and a view, and saves.\n");

    println!("Requests and responses:");
    for exchange in server.recorded() {
        let condition = match exchange.header("if-match") {
            "" => String::new(),
            tag => format!("  If-Match: {tag}"),
        };
        println!(
            "  {:<3} {}{condition}  ->  {}",
            exchange.method, exchange.path, exchange.status
        );
        if exchange.status == 409 {
            println!("      body: {}", exchange.reply);
        }
    }

    let report = saved.report();
    println!(
        "\nBoris's save took {} requests in {} rounds and merged {} race.",
        report.requests, report.rounds, report.merged
    );
    println!("\nThe stored article has both edits and the original text of the price:");
    println!(
        "{}",
        server.text("/v1/articles/42").ok_or("nothing is stored")?
    );

    assert_eq!((saved.title.as_str(), saved.views), ("Entity tags", 43));
    assert!(saved.body.ends_with("Nobody is overwritten.\n") && saved.tags.len() == 3);
    Ok(())
}
