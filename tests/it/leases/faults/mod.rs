//! What a slow network, a stopped process, a faulty service and a strange document may not break.

mod documents;
mod fences;
mod hand_over;
mod leaving;
mod services;
mod timing;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Limits, MemoryStore, async_trait};

use super::Program;
use crate::support::Server;

/// The network of one program.
#[derive(Clone)]
struct Wire {
    server: Server,
    faults: Arc<Mutex<Faults>>,
}

#[derive(Clone, Default)]
struct Faults {
    /// No request arrives.
    is_cut: bool,
    /// How long the next request is under way.
    delay: Option<Duration>,
    /// How long the response to the next write is under way.
    late_reply: Option<Duration>,
    /// The response to the next write is lost, and the network with it.
    cuts_after_write: bool,
}

impl Wire {
    fn to(server: &Server) -> Self {
        Self {
            server: server.clone(),
            faults: Arc::default(),
        }
    }

    fn set(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.faults.lock().unwrap());
    }
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let delay = self.faults.lock().unwrap().delay.take();
        tokio::time::sleep(delay.unwrap_or_default()).await;
        if self.faults.lock().unwrap().is_cut {
            return Err(TransportError::new(Fate::NotSent, "no connection"));
        }
        let is_write = request.method != http::Method::GET;
        let reply = self.server.send(request).await;
        if is_write {
            let mut faults = self.faults.lock().unwrap().clone();
            if faults.cuts_after_write {
                faults.is_cut = true;
                self.set(|known| *known = faults);
                return Err(TransportError::new(Fate::Unknown, "the connection was cut"));
            }
            self.set(|faults| faults.late_reply = None);
            tokio::time::sleep(faults.late_reply.unwrap_or_default()).await;
        }
        reply
    }
}

/// A program with a network of its own.
fn wired(server: &Server, limits: Limits) -> (Wire, Program) {
    let wire = Wire::to(server);
    let client = ifmatch::Client::builder("http://server.test/v1").transport(wire.clone());
    let client = client.store(MemoryStore::default()).limits(limits);
    (wire, Program::of(&client.build().unwrap()))
}
