//! An action is never carried out twice, and its outcome is never guessed.

use http::Method;
use ifmatch::transport::{Fate, TransportError};
use ifmatch::{ErrorKind, Reply};
use serde_json::Value;

use super::site::{Order, PAID, Site, answer, lost, typed};

#[tokio::test(start_paused = true)]
async fn a_lost_action_is_unknown_although_another_object_is_there_now() {
    let site = Site::new("application/json", r#"{"uid":"a"}"#, |stored, request| {
        (request.method == Method::POST).then(|| {
            stored.act();
            stored.store(br#"{"uid":"b"}"#);
            lost().unwrap()
        })
    });
    let orders = site
        .client()
        .collection::<Value>("orders")
        .identity_field("/uid");
    let order = orders.get(7).await.unwrap();
    let sent: Result<Reply<Value>, _> = orders
        .item(7)
        .action("ship")
        .pinned(&order)
        .send_empty()
        .await;
    assert_eq!(site.actions(), 1);
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
}

#[tokio::test(start_paused = true)]
async fn an_action_with_problem_details_in_a_200_is_not_carried_out_twice() {
    let site = Site::new("application/json", PAID, |stored, request| {
        (request.method == Method::POST && stored.actions == 0).then(|| {
            stored.act();
            typed(
                200,
                "application/problem+json",
                r#"{"title":"no label was printed"}"#,
            )
            .unwrap()
        })
    });
    let orders = site.client().collection::<Order>("orders");
    let ship = orders.item(7).action("ship").guard(|order| order.paid);
    let _: Result<Reply<Value>, _> = ship.send_empty().await;
    assert_eq!(site.actions(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_edit_with_problem_details_in_a_200_is_not_made_twice() {
    let mut first = true;
    let site = Site::new("application/json", r#"{"n":0}"#, move |stored, request| {
        (request.method == Method::PUT && std::mem::take(&mut first)).then(|| {
            stored.store(&request.body);
            typed(
                200,
                "application/problem+json",
                r#"{"title":"no mail was sent"}"#,
            )
            .unwrap()
        })
    });
    let values = site.client().collection::<Value>("f");
    let add = |value: &mut Value| value["n"] = (value["n"].as_i64().unwrap() + 1).into();
    let _ = values.update(1, add).await;
    assert_eq!(site.text(), r#"{"n":1}"#);
}

#[tokio::test(start_paused = true)]
async fn an_action_without_a_version_is_not_sent_again_while_it_may_still_arrive() {
    let mut posts = 0;
    let site = Site::new("application/json", PAID, move |stored, request| {
        if request.method == Method::GET {
            return typed(200, "application/json", PAID);
        }
        posts += 1;
        if posts == 1 {
            return lost();
        }
        // The first request arrives late, and the second one in time.
        stored.act();
        stored.act();
        typed(200, "application/json", "{}")
    });
    let orders = site.client().collection::<Order>("orders");
    let ship = orders.item(7).action("ship").guard(|order| order.paid);
    let ship = ship.done_when(|order| !order.paid).unconditional();
    let sent: Result<Reply<Value>, _> = ship.send_empty().await;
    assert!(site.actions() < 2, "{:?}", sent.map(|_| ()));
}

#[tokio::test(start_paused = true)]
async fn a_state_that_was_there_before_the_action_does_not_show_it() {
    let site = Site::new("application/json", PAID, |_, request| {
        (request.method == Method::POST).then(|| lost().unwrap())
    });
    let orders = site.client().collection::<Order>("orders");
    let order = orders.get(7).await.unwrap();
    let pay = orders
        .item(7)
        .action("pay")
        .pinned(&order)
        .done_when(|order| order.paid);
    let sent: Result<Reply<Value>, _> = pay.send_empty().await;
    assert!(sent.is_err(), "it was never carried out");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_by_a_monitor_says_nothing_of_an_earlier_lost_action() {
    let mut posts = 0;
    let site = Site::new("application/json", PAID, move |stored, request| {
        if request.url.path().ends_with("/job") {
            return typed(200, "application/json", r#"{"status":"failed"}"#);
        }
        if request.method == Method::GET {
            return None;
        }
        posts += 1;
        if posts == 1 {
            stored.act();
            return lost();
        }
        Some(Ok(answer(202, &[("location", "/v1/job".to_owned())], "")))
    });
    let orders = site.client().collection::<Order>("orders");
    let ship = orders.item(7).action("ship").idempotent();
    let sent: Result<Reply<Value>, _> = ship.send_empty().await;
    assert_eq!(site.actions(), 1);
    let kind = sent.unwrap_err().kind();
    assert!(
        matches!(kind, ErrorKind::OutcomeUnknown | ErrorKind::Accepted),
        "{kind:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_new_resource_of_an_accepted_action_is_no_report_that_it_was_carried_out() {
    let site = Site::new("application/json", PAID, |_, request| {
        if request.url.path().ends_with("/shipments/1") {
            return typed(
                200,
                "application/json",
                r#"{"number":"S-1","stage":"waiting"}"#,
            );
        }
        let fields = [("location", "/v1/orders/7/shipments/1".to_owned())];
        (request.method == Method::POST).then(|| Ok(answer(202, &fields, "")))
    });
    let ship = site
        .client()
        .collection::<Order>("orders")
        .item(7)
        .action("ship");
    let sent: Result<Reply<Value>, _> = ship
        .done_when(|order: &Order| !order.paid)
        .send_empty()
        .await;
    assert!(sent.is_err(), "carried out {} times", site.actions());
}

#[tokio::test(start_paused = true)]
async fn an_action_whose_response_is_too_long_was_carried_out() {
    let site = Site::new("application/json", PAID, |stored, request| {
        (request.method == Method::POST).then(|| {
            stored.act();
            Err(TransportError::new(Fate::TooLarge, "too long"))
        })
    });
    let orders = site.client().collection::<Order>("orders");
    let sent: Result<Reply<()>, _> = orders.item(7).action("ship").send_empty().await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::TooLarge);
}

#[tokio::test(start_paused = true)]
async fn problem_details_in_a_200_leave_open_whether_an_unpinned_action_was_carried_out() {
    let site = Site::new("application/json", PAID, |stored, request| {
        (request.method == Method::POST).then(|| {
            stored.act();
            stored.store(br#"{"paid":false}"#);
            typed(200, "application/problem+json", r#"{"title":"no label"}"#).unwrap()
        })
    });
    let ship = || {
        site.client()
            .collection::<Order>("orders")
            .item(7)
            .action("ship")
    };
    let sent: Result<Reply<Value>, _> = ship().send_empty().await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    let shown = ship().done_when(|order: &Order| !order.paid);
    let reply: Reply<Value> = shown.send_empty().await.unwrap();
    assert!(reply.report().settled);
    assert_eq!(site.actions(), 2);
}
