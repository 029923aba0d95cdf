//! An action, and the writes to the same resource around it.

use std::time::Duration;

use http::Method;
use ifmatch::transport::{Request, Transport};
use ifmatch::{Client, Collection, Reply, async_trait};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::site::{Answer, PAID, Site};

const SLOW: Duration = Duration::from_secs(2);

/// Carries out each action after a while, and answers it after another one.
struct SlowActions(Site);

#[async_trait]
impl Transport for SlowActions {
    async fn send(&self, request: Request) -> Answer {
        if request.method != Method::POST {
            return self.0.send(request).await;
        }
        tokio::time::sleep(SLOW).await;
        let reply = self.0.send(request).await;
        tokio::time::sleep(SLOW).await;
        reply
    }
}

fn orders(site: &Site) -> Collection<Value> {
    let client = Client::builder("http://site.test/v1").transport(SlowActions(site.clone()));
    client.build().unwrap().collection("orders")
}

async fn ship(orders: &Collection<Value>) {
    let _: Reply<Value> = orders.item(7).action("ship").send_empty().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_write_waits_for_the_action_before_it() {
    let site = Site::new("application/json", PAID, |_, _| None);
    let orders = orders(&site);
    let started = Instant::now();
    let write = async {
        tokio::task::yield_now().await;
        let write = orders.update(7, |order| order["note"] = "x".into());
        write.await.unwrap();
        started.elapsed()
    };
    let ((), elapsed) = tokio::join!(ship(&orders), write);
    assert!(elapsed >= 2 * SLOW, "{elapsed:?}");
    assert_eq!(site.methods(), ["POST", "GET", "PUT"]);
}

#[tokio::test(start_paused = true)]
async fn a_write_after_a_dropped_action_reads_first() {
    let site = Site::new("application/json", PAID, |_, _| None);
    let orders = orders(&site);
    orders.get(7).await.unwrap();
    let dropped = timeout(SLOW * 3 / 2, ship(&orders)).await;
    assert!(dropped.is_err());
    let write = orders.update(7, |order| order["note"] = "x".into());
    write.await.unwrap();
    assert_eq!(site.methods(), ["GET", "POST", "GET", "PUT"]);
}

#[tokio::test(start_paused = true)]
async fn a_state_that_was_read_during_an_action_is_not_the_base_of_the_next_write() {
    let site = Site::new("application/json", PAID, |_, _| None);
    let orders = orders(&site);
    let read = async {
        tokio::task::yield_now().await;
        orders.get(7).await.unwrap();
    };
    tokio::join!(ship(&orders), read);
    let write = orders.update(7, |order| order["note"] = "x".into());
    write.await.unwrap();
    assert_eq!(site.methods(), ["GET", "POST", "GET", "PUT"]);
}
