//! A later process that goes on under leases, and loses them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::{Account, take};
use crate::journal::stopping::Marks;
use crate::lease::{Granted, Held, Isolation, LeaseHolder, LeaseRequest, LeaseService, NotGranted};
use crate::testing::ResourceServer;
use crate::{Client, Collection, Drained, Error, Journal, Leases};

const TTL: Duration = Duration::from_millis(100);

/// Grants everything, and takes it away at the first renewal if it is told to.
#[derive(Clone, Default)]
struct Service {
    takes_away: Arc<AtomicBool>,
}

#[async_trait]
impl LeaseService for Service {
    async fn acquire(&self, want: &LeaseRequest) -> Result<Granted, NotGranted> {
        Ok(Granted::new(&want.name, &want.session, 1, want.ttl))
    }

    async fn renew(&self, lease: &Granted, _: &LeaseRequest) -> Result<Granted, NotGranted> {
        if self.takes_away.load(Ordering::Relaxed) {
            return Err(NotGranted::Lost { by: None });
        }
        Ok(lease.clone())
    }

    async fn release(&self, _: &Granted) -> Result<(), NotGranted> {
        Ok(())
    }

    async fn look(&self, _: &str) -> Result<Option<LeaseHolder>, NotGranted> {
        Ok(None)
    }
}

/// Leases that are lost before anything is written under them.
#[derive(Clone)]
struct Lost(Leases);

#[async_trait]
impl Isolation for Lost {
    async fn hold(&self, name: &str, wait: Duration) -> Result<Held, Error> {
        let held = self.0.hold(name, wait).await?;
        held.lost().await;
        Ok(held)
    }
}

fn client(server: &ResourceServer, journal: Journal) -> Client {
    server.in_process().journal(journal).build().unwrap()
}

fn accounts(client: &Client) -> Collection<Account> {
    let accounts = client.collection::<Account>("accounts");
    accounts.write_stamp("/writes")
}

async fn drain(client: &Client, leases: &(impl Isolation + Clone)) -> Drained {
    let outbox = client.outbox().of(&accounts(client)).isolated_by(leases);
    outbox.drain().await.unwrap()
}

fn balances(server: &ResourceServer) -> [i64; 2] {
    ["/accounts/anna", "/accounts/ben"].map(|path| {
        let account: Account = serde_json::from_str(&server.text(path).unwrap()).unwrap();
        account.balance
    })
}

// The clock of leases is not that of the runtime.
#[tokio::test]
async fn a_lost_lease_decides_nothing() {
    // Before the first step, between the two, while the second is in doubt, and after it.
    for at in 1..=5 {
        let (server, marks) = (ResourceServer::start().await, Arc::<Marks>::default());
        server.put("/accounts/anna", r#"{"balance":50}"#);
        server.put("/accounts/ben", r#"{"balance":10}"#);
        let first = client(&server, marks.open(at, true));
        let service = Service::default();
        let leases = Leases::of(service.clone()).ttl(TTL);
        let steps = first
            .transaction()
            .try_update(&accounts(&first), "anna", take);
        let steps = steps.update(&accounts(&first), "ben", |ben| ben.balance += 20);
        tokio::select! {
            _ = steps.isolated_by(&leases).commit() => panic!("it has ended before change {at}"),
            () = marks.stopped() => {}
        }
        let second = client(&server, marks.open(usize::MAX, true));
        service.takes_away.store(true, Ordering::Relaxed);
        drain(&second, &Lost(leases.clone())).await;
        service.takes_away.store(false, Ordering::Relaxed);
        let drained = drain(&second, &leases).await;
        assert_eq!((drained.open, drained.left), (0, 0), "{at}: {drained:?}");
        assert_eq!(balances(&server), [30, 30], "{at}");
        assert_eq!(marks.len(), 0);
    }
}
