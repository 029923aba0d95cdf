//! Nothing leaves under a lease that is over, also if it was not over when the write began.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use ifmatch::{Authenticator, BoxError, Collection, ErrorKind, Held, async_trait};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::super::{Program, rename, two_programs};
use crate::support::{AT, Server};

/// Credentials that arrive late.
#[derive(Clone)]
struct Gate(Arc<Semaphore>);

#[async_trait]
impl Authenticator for Gate {
    async fn authenticate(&self, _: &mut HeaderMap) -> Result<(), BoxError> {
        self.0.acquire().await?.forget();
        Ok(())
    }

    fn identity(&self) -> Option<String> {
        Some("one".to_owned())
    }
}

/// The article under a lease, read, and the gate through which each further request goes.
async fn gated(server: &Server, held: &Held) -> (Gate, Collection<Value>) {
    let gate = Gate(Arc::new(Semaphore::new(1)));
    let client = server.builder().auth(gate.clone());
    let client = client.build().unwrap();
    let articles = client.collection::<Value>("articles");
    articles.get(1).await.unwrap();
    (gate, articles.under(held).fenced("/meta/fence"))
}

fn title(server: &Server) -> Value {
    server.value(AT)["title"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waited_while_its_machine_slept_does_not_leave() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    let (gate, articles) = gated(&server, &held).await;
    let waking = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        one.clocks.sleep(Duration::from_secs(3_600));
        gate.0.add_permits(100);
    };
    let (written, ()) = tokio::join!(rename(&articles, "late"), waking);
    assert_eq!(title(&server), "old");
    assert_eq!(written.unwrap_err().kind(), ErrorKind::LeaseLost);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waited_while_its_lease_was_released_does_not_leave() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    let (gate, articles) = gated(&server, &held).await;
    let releasing = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        held.release().await.unwrap();
        gate.0.add_permits(100);
    };
    let (written, ()) = tokio::join!(rename(&articles, "late"), releasing);
    assert_eq!(title(&server), "old");
    assert_eq!(written.unwrap_err().kind(), ErrorKind::LeaseLost);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waited_does_not_leave_while_the_next_holder_of_the_process_works() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    let (gate, articles) = gated(&server, &held).await;
    let leases = one.leases.clone();
    let next = tokio::spawn(async move { leases.acquire("nightly").await.unwrap() });
    let passing_on = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        held.release().await.unwrap();
        let next = next.await.unwrap();
        gate.0.add_permits(100);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let under: Program = Program::new(&server);
        (rename(&under.under(&next), "next").await, next)
    };
    let (written, (renamed, _next)) = tokio::join!(rename(&articles, "late"), passing_on);
    renamed.unwrap();
    assert_eq!(written.unwrap_err().kind(), ErrorKind::LeaseLost);
    assert_eq!(title(&server), "next");
}
