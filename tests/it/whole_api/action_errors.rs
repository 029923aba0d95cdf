//! The error of an action names its reason and holds both states.

use http::{HeaderValue, Method};
use ifmatch::format::Text;
use ifmatch::{ErrorKind, Generic, RefusalKind, Reply};
use serde_json::{Value, json};

use super::site::{Order, PAID, Site, lost, typed};

async fn action_refused(status: u16, body: &'static str, is_pinned: bool) -> ErrorKind {
    let site = Site::new("application/json", PAID, move |_, request| {
        (request.method == Method::POST).then(|| typed(status, "application/json", body).unwrap())
    });
    let profile = Generic::new().map_code("no_such_thing", RefusalKind::NotFound);
    let client = site.builder().profile(profile).build().unwrap();
    let orders = client.collection::<Order>("orders");
    let order = orders.get(7).await.unwrap();
    let mut action = orders.item(7).action("shipp");
    if is_pinned {
        action = action.pinned(&order);
    }
    let sent: Result<Reply<Value>, _> = action.send_empty().await;
    sent.unwrap_err().kind()
}

#[tokio::test(start_paused = true)]
async fn a_stale_action_without_a_version_is_refused_and_not_told_as_existing() {
    let site = Site::new("application/json", PAID, |_, request| {
        let body = r#"{"code":"version_conflict"}"#;
        (request.method == Method::POST).then(|| typed(409, "application/json", body).unwrap())
    });
    let profile = Generic::new().map_code("version_conflict", RefusalKind::StaleVersion);
    let client = site.builder().profile(profile).build().unwrap();
    let orders = client.collection::<Order>("orders");
    let sent: Result<Reply<Value>, _> = orders.item(7).action("ship").send(&json!({"v": 1})).await;
    let error = sent.unwrap_err();
    assert_ne!(error.kind(), ErrorKind::AlreadyExists, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_412_to_an_action_without_a_version_is_not_told_as_existing() {
    let site = Site::new("application/json", PAID, |_, request| {
        (request.method == Method::POST).then(|| typed(412, "application/json", "{}").unwrap())
    });
    let orders = site.client().collection::<Order>("orders");
    let sent: Result<Reply<Value>, _> = orders.item(7).action("ship").send_empty().await;
    let error = sent.unwrap_err();
    assert_ne!(error.kind(), ErrorKind::AlreadyExists, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_pinned_action_that_is_gone_does_not_say_that_the_resource_is_gone() {
    assert_eq!(action_refused(404, "{}", true).await, ErrorKind::Status);
    assert_ne!(action_refused(410, "{}", true).await, ErrorKind::Gone);
}

#[tokio::test(start_paused = true)]
async fn an_action_that_is_missing_by_its_code_does_not_say_that_the_resource_is() {
    let body = r#"{"code":"no_such_thing"}"#;
    assert_ne!(action_refused(404, body, true).await, ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_415_to_a_text_does_not_speak_of_the_version_of_the_api() {
    let site = Site::new("text/calendar", "a\n", |_, request| {
        (request.method == Method::PUT).then(|| typed(415, "application/json", "{}").unwrap())
    });
    let version = ifmatch::ApiVersion::media_type("application/vnd.x.v2+json");
    let client = site.builder().api_version(version).build().unwrap();
    let texts = client
        .collection::<String>("f")
        .format(Text::new("text/calendar"));
    let error = texts
        .update(1, |text| text.push_str("b\n"))
        .await
        .unwrap_err();
    assert_ne!(error.kind(), ErrorKind::UnsupportedApiVersion, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_415_to_the_bytes_of_an_action_does_not_speak_of_the_version_of_the_api() {
    let site = Site::new("application/json", PAID, |_, request| {
        (request.method == Method::POST).then(|| typed(415, "application/json", "{}").unwrap())
    });
    let version = ifmatch::ApiVersion::media_type("application/vnd.x.v2+json");
    let client = site.builder().api_version(version).build().unwrap();
    let label = HeaderValue::from_static("image/tiff");
    let action = client.collection::<Order>("orders").item(7).action("label");
    let sent: Result<Reply<()>, _> = action.send_bytes(label, "TIFF").await;
    assert_ne!(sent.unwrap_err().kind(), ErrorKind::UnsupportedApiVersion);
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_guard_after_a_race_holds_both_states() {
    let site = Site::new("application/json", PAID, |_, _| None);
    let orders = site.client().collection::<Order>("orders");
    let order = orders.get(7).await.unwrap();
    site.look(|stored| stored.store(br#"{"paid":false}"#));
    let ship = orders
        .item(7)
        .action("ship")
        .pinned(&order)
        .guard(|order| order.paid);
    let sent: Result<Reply<Value>, _> = ship.send_empty().await;
    let error = sent.unwrap_err();
    assert_eq!((error.kind(), site.actions()), (ErrorKind::Edit, 0));
    let sides = error.into_sides::<Order>().unwrap();
    let seen = (
        sides.base.map(|base| base.paid),
        sides.remote.map(|remote| remote.paid),
    );
    assert_eq!(seen, (Some(true), Some(false)));
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_guard_on_the_first_state_holds_it() {
    let site = Site::new("application/json", r#"{"paid":false}"#, |_, _| None);
    let ship = site
        .client()
        .collection::<Order>("orders")
        .item(7)
        .action("ship");
    let sent: Result<Reply<Value>, _> = ship.guard(|order: &Order| order.paid).send_empty().await;
    let sides = sent.unwrap_err().into_sides::<Order>().unwrap();
    let seen = (
        sides.base.map(|base| base.paid),
        sides.remote.map(|remote| remote.paid),
    );
    assert_eq!(seen, (Some(false), Some(false)));
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_lost_action_holds_both_states() {
    let site = Site::new("application/json", PAID, |stored, request| {
        (request.method == Method::POST).then(|| {
            stored.store(br#"{"paid":false}"#);
            lost().unwrap()
        })
    });
    let orders = site.client().collection::<Order>("orders");
    let order = orders.get(7).await.unwrap();
    let sent: Result<Reply<Value>, _> = orders
        .item(7)
        .action("ship")
        .pinned(&order)
        .send_empty()
        .await;
    let error = sent.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    let sides = error.into_sides::<Order>().unwrap();
    let seen = (
        sides.base.map(|base| base.paid),
        sides.remote.map(|remote| remote.paid),
    );
    assert_eq!(seen, (Some(true), Some(false)));
}
