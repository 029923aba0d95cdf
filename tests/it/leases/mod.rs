//! A lease excludes others for its time, and a holder that has lost it writes nothing any more.

mod acquiring;
mod azure;
mod clocks;
mod dav_server;
mod etcd;
mod faults;
mod lock_api;
mod losing;
mod probing;
#[cfg(feature = "redis")]
mod redis;
mod webdav;
mod wire;
mod writing;

use std::time::Duration;

use ifmatch::lease::LeaseHolder;
use ifmatch::testing::Clocks;
use ifmatch::{Client, Collection, Held, Leases, MemoryStore};
use serde_json::Value;

use crate::support::{ARTICLE, AT, Server};

const LEASE: &str = "/v1/leases/nightly";
const TTL: Duration = Duration::from_secs(15);

/// A program on a machine of its own.
struct Program {
    clocks: Clocks,
    leases: Leases,
    articles: Collection<Value>,
}

impl Program {
    fn new(server: &Server) -> Self {
        let client = server.builder().store(MemoryStore::default());
        Self::of(&client.build().unwrap())
    }

    fn of(client: &Client) -> Self {
        let clocks = Clocks::new();
        Self {
            leases: Leases::documents(client, "leases").clock(clocks.clone()),
            clocks,
            articles: client.collection("articles"),
        }
    }

    async fn acquired(&self) -> Held {
        self.leases.acquire("nightly").await.unwrap()
    }

    /// The articles under a lease, with its token in each of them.
    fn under(&self, held: &Held) -> Collection<Value> {
        self.articles.clone().under(held).fenced("/meta/fence")
    }

    async fn holder(&self) -> Option<LeaseHolder> {
        self.leases.look("nightly").await.unwrap()
    }
}

/// Two programs that want the same lease, and an article.
fn two_programs() -> (Server, Program, Program) {
    let server = Server::with(AT, ARTICLE);
    let (one, other) = (Program::new(&server), Program::new(&server));
    (server, one, other)
}

async fn rename(articles: &Collection<Value>, title: &str) -> Result<(), ifmatch::Error> {
    let title = title.to_owned();
    let update = articles.update(1, move |article| article["title"] = title.clone().into());
    update.await.map(drop)
}
