//! A shop: an application on axum that keeps its products, orders, pages and photos behind an API.
//!
//! `cargo run --example shop` plays a day in the shop and ends. With the argument `serve`, the application is served until
//! it is stopped. The API is part of the example. Between it and one of the two offices stands a proxy that loses
//! requests and responses.

mod api;
mod app;
mod day;
#[cfg(test)]
mod tests;

use axum::Router;
use ifmatch::testing::LossyProxy;
use ifmatch::{BoxError, Client};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::net::TcpListener;

/// Serves routes on a free port, and returns their address.
pub(crate) async fn serve(routes: Router) -> Result<String, BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(address)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let metrics = PrometheusBuilder::new().install_recorder()?;
    let api = serve(api::Api::default().routes()).await?;
    let proxy = LossyProxy::in_front_of(&api).await?;
    // Two offices, each with a client of its own. Only the API is shared.
    let [shop, branch] = [proxy.uri(), api].map(|api| Client::new(api).map(app::Shop::new));
    let shop = serve(shop?.routes(metrics.clone())).await?;
    let branch = serve(branch?.routes(metrics)).await?;
    if std::env::args().nth(1).as_deref() == Some("serve") {
        println!("the shop is at {shop}, its metrics are at {shop}/metrics");
        std::future::pending::<()>().await;
    }
    day::play(&shop, &branch, &proxy).await
}
