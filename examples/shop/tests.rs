//! The application's own tests, against stubs of wiremock: a race, a lost response, and a refusal.

#![expect(clippy::expect_used, reason = "a failed test may panic")]

use axum::http::StatusCode;
use ifmatch::{Client, testing};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::app::Shop;

/// Starts the application on the API of a test, and returns its address.
async fn app(api: &MockServer) -> String {
    // No waits between retries: a test of refusals takes milliseconds.
    let client = Client::builder(api.uri()).retry(testing::fast()).build();
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    let routes = Shop::new(client.expect("the address is valid")).routes(metrics);
    crate::serve(routes).await.expect("there is a free port")
}

async fn post(app: &str, at: &str) -> (StatusCode, String) {
    let response = reqwest::Client::new()
        .post(format!("{app}{at}"))
        .send()
        .await;
    let response = response.expect("the application answers");
    let status = response.status();
    (status, response.text().await.expect("a text"))
}

fn product(stock: u32, tag: &str) -> ResponseTemplate {
    let body = json!({"name": "Teapot", "price": 4900, "stock": stock});
    ResponseTemplate::new(200)
        .set_body_json(body)
        .insert_header("etag", tag)
}

#[tokio::test]
async fn the_last_teapot_is_sold_once() {
    let api = MockServer::start().await;
    let get = || Mock::given(method("GET")).and(path("/products/teapot"));
    // There is one left. Another customer takes it before the write arrives.
    get()
        .respond_with(product(1, "\"1\""))
        .up_to_n_times(1)
        .mount(&api)
        .await;
    get().respond_with(product(0, "\"2\"")).mount(&api).await;
    let stale = Mock::given(method("PUT")).and(header("if-match", "\"1\""));
    stale
        .respond_with(ResponseTemplate::new(412))
        .expect(1)
        .mount(&api)
        .await;
    let orders = Mock::given(method("POST")).and(path("/orders"));
    orders
        .respond_with(ResponseTemplate::new(201))
        .expect(0)
        .mount(&api)
        .await;

    let (status, why) = post(&app(&api).await, "/products/teapot/buy").await;
    assert_eq!((status, why.as_str()), (StatusCode::CONFLICT, "sold out"));
}

#[tokio::test]
async fn an_unpaid_order_is_not_shipped() {
    let api = MockServer::start().await;
    let order = json!({"product": "teapot", "paid": false, "shipment": null});
    let order = ResponseTemplate::new(200)
        .set_body_json(order)
        .insert_header("etag", "\"1\"");
    Mock::given(method("GET"))
        .and(path("/orders/1"))
        .respond_with(order)
        .mount(&api)
        .await;
    let ship = Mock::given(method("POST")).and(path("/orders/1/ship"));
    ship.respond_with(ResponseTemplate::new(200))
        .expect(0)
        .mount(&api)
        .await;

    let (status, why) = post(&app(&api).await, "/orders/1/ship").await;
    assert_eq!(
        (status, why.as_str()),
        (StatusCode::CONFLICT, "it is not paid")
    );
}

#[tokio::test]
async fn an_api_that_is_down_is_told_as_unavailable_and_without_a_wait() {
    let api = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(503))
        .mount(&api)
        .await;
    let (status, _) = post(&app(&api).await, "/products/teapot/buy").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}
