//! Actions: conditional, guarded, never merged, and never carried out twice.

use std::time::Duration;

use http::{HeaderValue, Method, header};
use ifmatch::{Action, BoxError, ErrorKind, Reply, Resource};
use serde_json::{Value, json};

use super::orders::{Event, Order, Shop};

fn order(shop: &Shop) -> Resource<Order> {
    shop.client().collection::<Order>("orders").item(7)
}

fn ship(order: &Resource<Order>) -> Action<Order> {
    order.action("ship")
}

fn is_shipped(order: &Order) -> bool {
    order.shipments.iter().any(|number| number == "S-1")
}

async fn send(action: Action<Order>) -> Result<Reply<Value>, ifmatch::Error> {
    action.send(&json!({"number": "S-1"})).await
}

#[tokio::test(start_paused = true)]
async fn an_action_is_pinned_to_the_version_that_was_seen_and_carries_a_key() {
    let shop = Shop::new(true);
    let orders = order(&shop);
    let seen = orders.get().await.unwrap();
    let reply = send(ship(&orders).pinned(&seen)).await.unwrap();
    assert_eq!(reply.value(), Some(&json!({"number": "S-1"})));
    assert_eq!(reply.status().unwrap(), 200);
    assert_eq!((reply.report().requests, reply.report().rounds), (1, 1));
    assert_eq!(
        shop.lines(),
        ["GET /v1/orders/7", "POST /v1/orders/7/ship \"1\""]
    );
    assert_eq!(shop.keys().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_action_on_a_changed_resource_ends_as_a_conflict_with_both_states() {
    let shop = Shop::new(true);
    let orders = order(&shop);
    let seen = orders.get().await.unwrap();
    shop.script([Event::Foreign(|order| order.paid = false)]);
    let error = send(ship(&orders).pinned(&seen)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains("has changed"), "{error}");
    let sides = error.into_sides::<Order>().unwrap();
    assert!(sides.base.unwrap().paid && !sides.remote.unwrap().paid);
    assert_eq!(shop.shipments(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_guard_is_asked_about_each_state_before_the_action_is_sent_for_it() {
    let shop = Shop::new(true);
    let orders = order(&shop);
    shop.script([Event::Foreign(|order| order.shipments.push("S-0".into()))]);
    let reply = send(ship(&orders).guard(|order| order.paid)).await.unwrap();
    assert_eq!((reply.report().rounds, shop.shipments()), (2, 2));

    shop.script([Event::Foreign(|order| order.paid = false)]);
    let seen = orders.get().await.unwrap();
    let guarded = ship(&orders).pinned(&seen).guard(|order: &Order| {
        if order.paid {
            return Ok(());
        }
        Err(BoxError::from("not paid"))
    });
    let error = send(guarded).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Edit);
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "not paid");
    assert!(error.to_string().contains("guard"), "{error}");
    assert_eq!(shop.shipments(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_action_whose_response_was_lost_is_recognised_by_the_application() {
    let shop = Shop::new(true);
    let orders = order(&shop);
    shop.script([Event::LoseResponse]);
    let action = ship(&orders)
        .guard(|order| order.paid)
        .done_when(is_shipped);
    let reply = send(action).await.unwrap();
    assert!(reply.report().settled && reply.value().is_none() && reply.status().is_none());
    assert_eq!(shop.shipments(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_action_whose_request_was_lost_is_sent_again_once_the_state_does_not_show_it() {
    let shop = Shop::new(true);
    let orders = order(&shop);
    shop.script([Event::LoseRequest]);
    let seen = orders.get().await.unwrap();
    let reply = send(ship(&orders).pinned(&seen).done_when(is_shipped))
        .await
        .unwrap();
    assert_eq!(
        (reply.status().unwrap().as_u16(), shop.shipments()),
        (200, 1)
    );
    let keys = shop.keys();
    assert!(keys.len() == 2 && keys[0] == keys[1], "{keys:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_action_that_nothing_can_recognise_is_reported_as_unknown_and_never_resent() {
    for keeps_version in [false, true] {
        for lost in [
            Event::LoseResponse,
            Event::LoseRequest,
            Event::AnswerAfter(503),
        ] {
            let shop = Shop::new(true);
            shop.set(|_| ());
            let shop = if keeps_version {
                shop.keeps_version()
            } else {
                shop
            };
            let orders = order(&shop);
            let seen = orders.get().await.unwrap();
            shop.script([lost]);
            let error = send(ship(&orders).pinned(&seen)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
            assert!(error.to_string().contains("action"), "{error}");
            let posts = shop
                .lines()
                .iter()
                .filter(|line| line.starts_with("POST"))
                .count();
            assert_eq!(posts, 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_that_leaves_the_version_as_it_is_is_not_carried_out_twice() {
    let shop = Shop::new(true).keeps_version();
    let orders = order(&shop);
    let seen = orders.get().await.unwrap();
    shop.script([Event::LoseResponse]);
    let reply = send(ship(&orders).pinned(&seen).done_when(is_shipped))
        .await
        .unwrap();
    assert!(reply.report().settled);
    assert_eq!(shop.shipments(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unpinned_action_is_judged_too_and_not_sent_again_without_a_version_to_fence_it() {
    let shop = Shop::new(true);
    let orders = order(&shop);
    shop.script([Event::LoseResponse]);
    assert!(
        send(ship(&orders).done_when(is_shipped))
            .await
            .unwrap()
            .report()
            .settled
    );

    let shop = Shop::new(true);
    let orders = order(&shop);
    shop.script([Event::LoseRequest]);
    let error = send(ship(&orders).done_when(is_shipped)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(shop.lines(), ["POST /v1/orders/7/ship", "GET /v1/orders/7"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_action_that_another_client_then_undid_is_not_made_again_without_proof() {
    let shop = Shop::new(true);
    let undone: fn(&mut Order) = |order| order.shipments.clear();
    let strict = shop
        .client()
        .collection::<Order>("orders")
        .require_proof()
        .item(7);
    shop.script([Event::LoseResponseThen(undone)]);
    let action = ship(&strict)
        .guard(|order| order.paid)
        .done_when(is_shipped);
    let error = send(action).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(shop.shipments(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_knows_keys_gets_the_same_request_again() {
    let shop = Shop::new(true).knows_keys();
    let orders = order(&shop);
    shop.script([Event::LoseResponse, Event::LoseRequest]);
    let reply = send(ship(&orders).idempotent().idempotency_key("ship-7"))
        .await
        .unwrap();
    assert_eq!(reply.value(), Some(&json!({"number": "S-1"})));
    assert_eq!(shop.shipments(), 1);
    assert_eq!(shop.keys(), ["\"ship-7\""; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_demands_a_version_leads_to_a_read() {
    let shop = Shop::new(true).demands_version();
    let reply = send(ship(&order(&shop))).await.unwrap();
    assert_eq!(reply.report().requests, 3);
    assert_eq!(
        shop.lines(),
        [
            "POST /v1/orders/7/ship",
            "GET /v1/orders/7",
            "POST /v1/orders/7/ship \"1\""
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_no_race_reaches_the_caller_and_is_not_repeated() {
    for (status, kind) in [
        (409, ErrorKind::Refused),
        (422, ErrorKind::Refused),
        (403, ErrorKind::Status),
        (404, ErrorKind::Status),
    ] {
        let shop = Shop::new(true);
        let orders = order(&shop);
        let seen = orders.get().await.unwrap();
        shop.script([Event::Answer(status, "already shipped")]);
        let error = send(ship(&orders).pinned(&seen)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains("already shipped"), "{error}");
        assert_eq!(shop.shipments(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_write_after_an_action_begins_with_a_read_unless_the_response_is_the_resource() {
    for (shop, read) in [
        (Shop::new(true), true),
        (Shop::new(true).answers_with_order(), false),
    ] {
        let orders = order(&shop);
        let seen = orders.get().await.unwrap();
        send(ship(&orders).pinned(&seen)).await.unwrap();
        let saved = orders.update(|order| order.paid = false).await.unwrap();
        assert_eq!(saved.report().requests, if read { 2 } else { 1 });
        assert_eq!(saved.shipments, ["S-1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_action_cannot_send_is_told_before_anything_goes_out() {
    let shop = Shop::new(true);
    let orders = order(&shop);
    let seen = orders.get().await.unwrap();
    let other = shop.client().collection::<Order>("orders").item(8);
    let tag = HeaderValue::from_static("\"1\"");
    for (action, words) in [
        (ship(&other).pinned(&seen), "/v1/orders/7"),
        (
            ship(&orders).header(header::IF_MATCH, tag),
            "Action::pinned",
        ),
        (ship(&orders).idempotency_key("a\"b"), "idempotency key"),
        (orders.action(".."), "\"..\""),
    ] {
        let error = send(action).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert_eq!(shop.lines().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_action_goes_by_any_method_to_any_path_below_with_its_own_headers_and_query() {
    let shop = Shop::new(true);
    let orders = order(&shop);
    let id = header::HeaderName::from_static("x-trace");
    let action = orders
        .action(["lines", "a/b", "cancel"])
        .method(Method::PUT);
    let action = action
        .query("dry", true)
        .header(id, HeaderValue::from_static("1"));
    let reply: Reply<()> = action.send_empty().await.unwrap();
    assert_eq!(reply.value(), Some(&()));
    let here: Reply<()> = orders.action("").send_empty().await.unwrap();
    assert_eq!(here.report().requests, 1);
    assert_eq!(
        shop.lines(),
        ["PUT /v1/orders/7/lines/a%2Fb/cancel", "POST /v1/orders/7"]
    );
    shop.set(|state| {
        let first = &state.seen[0];
        assert_eq!(first.url.query(), Some("dry=true"));
        assert!(first.body.is_empty() && first.headers["x-trace"] == "1");
    });
}

#[tokio::test(start_paused = true)]
async fn a_response_that_cannot_be_read_is_told_as_an_action_that_was_carried_out() {
    let shop = Shop::new(true);
    let action = ship(&order(&shop)).timeout(Duration::from_secs(5));
    let sent = action.send::<u32>(&json!({"number": "S-1"}));
    let error = sent.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.to_string().contains("was carried out"), "{error}");
    assert_eq!(shop.shipments(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_guard_or_in_its_recogniser_ends_its_own_action() {
    let shop = Shop::new(true);
    let orders = order(&shop);
    let guarded = ship(&orders).guard(|_| -> bool { panic!("guard") });
    let error = send(guarded).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Edit, "{error}");
    shop.script([Event::LoseResponse]);
    let action = ship(&orders).done_when(|_| panic!("recogniser"));
    let error = send(action).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert_eq!(shop.shipments(), 1);
}

#[tokio::test(start_paused = true)]
async fn actions_and_writes_of_one_client_take_turns() {
    let shop = Shop::new(true);
    let orders = order(&shop);
    let ships = (0..4).map(|_| send(ship(&orders).guard(|order| order.paid)));
    let ships = futures_of(ships);
    let edits =
        futures_of((0..4).map(|n| orders.update(move |order| order.shipments.push(n.to_string()))));
    let (ships, edits) = tokio::join!(ships, edits);
    assert!(ships.iter().all(Result::is_ok) && edits.iter().all(Result::is_ok));
    let stale = shop.lines().len();
    assert_eq!(shop.shipments(), 8);
    assert!(stale <= 16, "{:?}", shop.lines());
}

async fn futures_of<F>(futures: impl Iterator<Item = F>) -> Vec<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let tasks: Vec<_> = futures.map(tokio::spawn).collect();
    let mut outputs = Vec::new();
    for task in tasks {
        outputs.push(task.await.unwrap());
    }
    outputs
}
