//! An observer is told how often a write was sent, and that it ended.

use std::sync::{Arc, Mutex};

use http::Method;
use ifmatch::{ErrorKind, Observer, Reply};
use serde_json::Value;

use super::site::{Order, PAID, Site, lost};

#[derive(Clone, Default)]
struct Resends(Arc<Mutex<Vec<(String, u32)>>>);

impl Observer for Resends {
    fn attempt(&self, it: &ifmatch::AttemptSeen<'_>) {
        self.0
            .lock()
            .unwrap()
            .push((it.method.to_string(), it.resends));
    }
}

#[derive(Clone, Default)]
struct Ends(Arc<Mutex<Vec<Option<ErrorKind>>>>);

impl Observer for Ends {
    fn finished(&self, it: &ifmatch::WriteSeen<'_>) {
        self.0.lock().unwrap().push(it.error);
    }
}

#[tokio::test(start_paused = true)]
async fn the_resends_of_an_action_are_counted_across_the_reads_between_them() {
    let mut posts = 0;
    let site = Site::new("application/json", PAID, move |_, request| {
        posts += u32::from(request.method == Method::POST);
        (request.method == Method::POST && posts < 4).then(|| lost().unwrap())
    });
    let told = Resends::default();
    let client = site.builder().observer(told.clone()).build().unwrap();
    let orders = client.collection::<Order>("orders");
    let order = orders.get(7).await.unwrap();
    let ship = orders
        .item(7)
        .action("ship")
        .pinned(&order)
        .done_when(|order| !order.paid);
    let _: Reply<Value> = ship.send_empty().await.unwrap();
    let told = told.0.lock().unwrap().clone();
    let posts: Vec<u32> = told
        .iter()
        .filter(|(method, _)| method == "POST")
        .map(|(_, it)| *it)
        .collect();
    assert_eq!(posts, [0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn the_resends_of_a_save_are_counted_across_the_reads_between_them() {
    let mut puts = 0;
    let site = Site::new("application/json", r#"{"a":1}"#, move |_, request| {
        puts += u32::from(request.method == Method::PUT);
        (request.method == Method::PUT && puts < 4).then(|| lost().unwrap())
    });
    let told = Resends::default();
    let client = site.builder().observer(told.clone()).build().unwrap();
    let values = client.collection::<Value>("f");
    values
        .update(1, |value| value["a"] = 2.into())
        .await
        .unwrap();
    let told = told.0.lock().unwrap().clone();
    let puts: Vec<u32> = told
        .iter()
        .filter(|(method, _)| method == "PUT")
        .map(|(_, it)| *it)
        .collect();
    assert_eq!(puts, [0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn each_action_is_told_to_have_ended_once() {
    let site = Site::new("application/json", PAID, |_, _| None);
    let ends = Ends::default();
    let client = site.builder().observer(ends.clone()).build().unwrap();
    let orders = client.collection::<Order>("orders");
    let ship = || orders.item(7).action("ship");
    let _: Reply<Value> = ship().send_empty().await.unwrap();
    let refused: Result<Reply<Value>, _> = ship().guard(|order| !order.paid).send_empty().await;
    assert!(refused.is_err());
    // Not pinned to a version: the call ends before its first request.
    let unversioned = orders.restore(7, PAID, None::<&str>).unwrap();
    let unpinned: Result<Reply<Value>, _> = ship().pinned(&unversioned).send_empty().await;
    let kind = unpinned.unwrap_err().kind();
    assert_eq!(
        *ends.0.lock().unwrap(),
        [None, Some(ErrorKind::Edit), Some(kind)]
    );
}
