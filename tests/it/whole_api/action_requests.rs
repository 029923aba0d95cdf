//! What goes out for an action is what was meant.

use http::{HeaderName, HeaderValue, Method};
use ifmatch::{ErrorKind, Generic, Reply, Versioning};
use serde_json::{Value, json};

use super::site::{Order, PAID, Site, answer, lost, typed};

#[tokio::test(start_paused = true)]
async fn an_extract_of_the_resource_is_not_the_resource() {
    let whole = r#"{"paid":true,"address":"Here"}"#;
    let site = Site::new("application/json", whole, |stored, request| {
        (request.method == Method::POST).then(|| {
            stored.act();
            let fields = [
                ("etag", stored.tag()),
                ("content-type", "application/json".to_owned()),
                ("content-location", "/v1/orders/7?fields=paid".to_owned()),
            ];
            Ok(answer(200, &fields, PAID))
        })
    });
    let orders = site.client().collection::<Value>("orders");
    let reply: Reply<Value> = orders.item(7).action("ship").send_empty().await.unwrap();
    assert!(reply.value().is_some());
    orders
        .update(7, |order| order["note"] = "x".into())
        .await
        .unwrap();
    assert!(site.text().contains("Here"), "{}", site.text());
}

#[tokio::test(start_paused = true)]
async fn the_key_of_the_caller_is_that_of_the_request_that_is_carried_out() {
    let site = Site::new("application/json", PAID, |_, request| {
        let demands = request.method == Method::POST && !request.headers.contains_key("if-match");
        demands.then(|| typed(428, "application/json", "{}").unwrap())
    });
    let orders = site.client().collection::<Order>("orders");
    let action = orders.item(7).action("ship").idempotency_key("ship-7");
    let _: Reply<Value> = action.send_empty().await.unwrap();
    assert_eq!(site.actions(), 1);
    assert_eq!(site.header_of_last("idempotency-key"), "\"ship-7\"");
}

#[tokio::test(start_paused = true)]
async fn a_restarted_program_does_not_ship_twice_by_its_own_key() {
    let (mut keys, mut posts) = (Vec::<String>::new(), 0);
    let site = Site::new("application/json", PAID, move |stored, request| {
        if request.method != Method::POST {
            return None;
        }
        posts += 1;
        if posts == 1 {
            // Another client writes first.
            stored.version += 1;
        }
        let key = request.headers["idempotency-key"]
            .to_str()
            .unwrap()
            .to_owned();
        if keys.contains(&key) {
            return typed(200, "application/json", "{}");
        }
        if stored.is_stale(request) {
            return None;
        }
        keys.push(key);
        stored.act();
        if posts == 2 {
            lost()
        } else {
            typed(200, "application/json", "{}")
        }
    });
    let orders = site.client().collection::<Order>("orders");
    let ship = || {
        orders
            .item(7)
            .action("ship")
            .guard(|order| order.paid)
            .idempotency_key("ship-7")
    };
    let first: Result<Reply<Value>, _> = ship().send_empty().await;
    assert_eq!(first.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    // The same action again, by the key that the program stored.
    let _: Reply<Value> = ship().idempotent().send_empty().await.unwrap();
    assert_eq!(site.actions(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_set_as_a_header_is_not_replaced() {
    let site = Site::new("application/json", PAID, |_, _| None);
    let name = HeaderName::from_static("idempotency-key");
    let ship = site
        .client()
        .collection::<Order>("orders")
        .item(7)
        .action("ship");
    let ship = ship.header(name, HeaderValue::from_static("\"ship-7\""));
    let _: Reply<Value> = ship.send_empty().await.unwrap();
    assert_eq!(site.header_of_last("idempotency-key"), "\"ship-7\"");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_set_twice_is_an_error_and_nothing_is_sent() {
    let site = Site::new("application/json", PAID, |_, _| None);
    let name = HeaderName::from_static("idempotency-key");
    let orders = site.client().collection::<Order>("orders");
    let ship = orders.item(7).action("ship").idempotency_key("ship-7");
    let ship = ship.header(name, HeaderValue::from_static("\"ship-7\""));
    let sent: Result<Reply<Value>, _> = ship.send_empty().await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(site.actions(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_version_of_the_resource_does_not_replace_a_member_of_the_body() {
    let site = Site::new("application/json", r#"{"version":"41"}"#, |_, _| None);
    let profile = Generic::new().versioning(Versioning::body_field("/version"));
    let client = site.builder().profile(profile).build().unwrap();
    let apps = client.collection::<Value>("apps");
    let app = apps.get(7).await.unwrap();
    let deploy = apps.item(7).action("deploy").pinned(&app);
    let sent: Result<Reply<Value>, _> = deploy.send(&json!({"version": "1.4.2"})).await;
    let error = sent.unwrap_err();
    assert_eq!((error.kind(), site.actions()), (ErrorKind::Config, 0));
    assert!(error.to_string().contains("/version"), "{error}");
    // The same version, or none, is no contradiction.
    for body in [json!({"version": "41"}), json!({"version": null})] {
        let deploy = apps.item(7).action("deploy").pinned(&app);
        let _: Reply<Value> = deploy.send(&body).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_version_of_the_resource_does_not_replace_a_header() {
    let site = Site::new("application/json", r#"{"v":"41"}"#, |_, _| None);
    let name = HeaderName::from_static("x-version");
    let versioning = Versioning::body_field("/v").sent_in_header(name.clone());
    let profile = Generic::new().versioning(versioning);
    let client = site.builder().profile(profile).build().unwrap();
    let apps = client.collection::<Value>("apps");
    let app = apps.get(7).await.unwrap();
    let deploy = apps.item(7).action("deploy").pinned(&app);
    let deploy = deploy.header(name, HeaderValue::from_static("1.4.2"));
    let sent: Result<Reply<Value>, _> = deploy.send_empty().await;
    let error = sent.unwrap_err();
    assert_eq!((error.kind(), site.actions()), (ErrorKind::Config, 0));
    assert!(error.to_string().contains("x-version"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_version_of_the_resource_does_not_replace_a_query_parameter() {
    let site = Site::new("application/json", r#"{"v":"41"}"#, |_, _| None);
    let versioning = Versioning::body_field("/v").sent_in_query("v");
    let profile = Generic::new().versioning(versioning);
    let client = site.builder().profile(profile).build().unwrap();
    let apps = client.collection::<Value>("apps");
    let app = apps.get(7).await.unwrap();
    let deploy = apps
        .item(7)
        .action("deploy")
        .pinned(&app)
        .query("v", "1.4.2");
    let sent: Result<Reply<Value>, _> = deploy.send_empty().await;
    let error = sent.unwrap_err();
    assert_eq!((error.kind(), site.actions()), (ErrorKind::Config, 0));
    assert!(error.to_string().contains("\"v\""), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_action_is_not_pinned_to_the_resource_of_another_tenant() {
    let site = Site::new("application/json", PAID, |_, request| {
        let query = request.url.query().unwrap_or_default();
        (request.method == Method::GET && query == "tenant=a").then(|| {
            let fields = [
                ("etag", "\"1\"".to_owned()),
                ("content-type", "application/json".to_owned()),
            ];
            Ok(answer(200, &fields, r#"{"paid":false}"#))
        })
    });
    let orders = site.client().collection::<Order>("orders");
    let (of_a, of_b) = (
        orders.clone().query("tenant", "a"),
        orders.query("tenant", "b"),
    );
    assert!(!of_a.get(7).await.unwrap().paid);
    let paid = of_b.get(7).await.unwrap();
    let ship = of_a
        .item(7)
        .action("ship")
        .pinned(&paid)
        .guard(|order| order.paid);
    let sent: Result<Reply<Value>, _> = ship.send_empty().await;
    let error = sent.unwrap_err();
    assert_eq!((error.kind(), site.actions()), (ErrorKind::Config, 0));
    assert!(error.to_string().contains("\"tenant\""), "{error}");
}
