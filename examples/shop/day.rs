//! A day in the shop, as its people see it.

use ifmatch::BoxError;
use ifmatch::testing::LossyProxy;
use reqwest::{Client, RequestBuilder};
use serde_json::json;
use tokio::task::JoinSet;

/// Sends a request to the application, and returns its answer as one line.
async fn tell(request: RequestBuilder) -> Result<String, BoxError> {
    let response = request.send().await?;
    let (status, text) = (response.status().as_u16(), response.text().await?);
    Ok(format!("{status} {text}").trim().to_owned())
}

pub(crate) async fn play(shop: &str, branch: &str, api: &LossyProxy) -> Result<(), BoxError> {
    let people = Client::new();
    let post = |path: &str| people.post(format!("{shop}{path}"));
    let put = |path: &str| people.put(format!("{shop}{path}"));
    let there = |path: &str| people.put(format!("{branch}{path}"));

    println!("08:00  The shop gets a product, a page and a photo.");
    let teapot = json!({"name": "Teapot", "price": 4900, "stock": 10});
    println!(
        "       {}",
        tell(put("/products/teapot").json(&teapot)).await?
    );
    let page = json!({"old": "", "new": "# Teapots\n\nWe are open from 9.\n\nOurs are blue.\n"});
    println!(
        "       {}",
        tell(put("/pages/teapots").json(&page))
            .await?
            .replace('\n', " | ")
    );
    let photo = put("/photos/teapot").header("content-type", "image/png");
    println!(
        "       a photo: {} bytes",
        tell(photo.body("PNG...")).await?
    );

    println!("10:00  Fourteen customers want one of ten teapots, all at once.");
    let mut customers = JoinSet::new();
    for _ in 0..14 {
        customers.spawn(tell(post("/products/teapot/buy")));
    }
    let (mut orders, mut sold_out) = (Vec::new(), 0);
    while let Some(told) = customers.join_next().await {
        match told??.split_once(' ') {
            Some(("200", id)) => orders.push(id.trim_matches('"').to_owned()),
            told => {
                assert_eq!(told, Some(("409", "sold out")));
                sold_out += 1;
            }
        }
    }
    println!(
        "       {} orders, {sold_out} were told \"sold out\"",
        orders.len()
    );
    assert_eq!((orders.len(), sold_out), (10, 4));

    println!("12:00  A delivery comes to each office at the same time.");
    let restock = "/products/teapot/restock?price=4900&by=";
    let here = tokio::spawn(tell(post(&format!("{restock}5"))));
    tell(people.post(format!("{branch}{restock}3"))).await?;
    here.await??;
    println!(
        "       in stock: {}",
        tell(post(&format!("{restock}0"))).await?
    );

    println!("14:00  The first order is shipped. The response of the API is lost on the way.");
    let (first, second) = (&orders[0], &orders[1]);
    println!(
        "       before it is paid: {}",
        tell(post(&format!("/orders/{first}/ship"))).await?
    );
    tell(post(&format!("/orders/{first}/pay"))).await?;
    // The guard reads the order before the action is sent.
    api.pass_next();
    api.lose_next_reply();
    println!(
        "       after it is paid:  {}",
        tell(post(&format!("/orders/{first}/ship"))).await?
    );
    println!(
        "       once more:         {}",
        tell(post(&format!("/orders/{first}/ship"))).await?
    );

    println!("16:00  Each office edits another line of the page, and a request is lost.");
    let hours = json!({"old": "open from 9", "new": "open from 8"});
    let colour = json!({"old": "Ours are blue", "new": "Ours are red"});
    let here = tokio::spawn(tell(put("/pages/teapots").json(&hours)));
    tell(there("/pages/teapots").json(&colour)).await?;
    here.await??;
    let page = tell(put("/pages/teapots").json(&hours)).await?;
    println!("       {}", page.replace('\n', " | "));
    api.lose_next_request();
    tell(post(&format!("/orders/{second}/pay"))).await?;
    println!(
        "       the second order: {}",
        tell(post(&format!("/orders/{second}/ship"))).await?
    );

    println!("18:00  The day's report:");
    for row in read(people.get(format!("{shop}/report"))).await?.lines() {
        println!("       {row}");
    }
    println!("       and from the metrics of the clients:");
    let metrics = read(people.get(format!("{shop}/metrics"))).await?;
    let mut counts: Vec<&str> = metrics
        .lines()
        .filter(|row| row.contains("_total{"))
        .collect();
    counts.sort_unstable();
    for row in counts {
        println!("       {row}");
    }
    Ok(())
}

async fn read(request: RequestBuilder) -> Result<String, BoxError> {
    Ok(request.send().await?.text().await?)
}
