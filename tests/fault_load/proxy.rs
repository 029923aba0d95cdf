//! One client's connection to the server: real sockets, with a fault for each request as drawn from the seed.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::faults::Fault;
use crate::server::{Request, Server, reply};

pub(crate) struct Proxy {
    address: String,
    road: Arc<Road>,
    accepting: JoinHandle<()>,
}

/// What the client can have learnt of the edit that it is about.
#[derive(Clone, Copy, Default)]
pub(crate) struct Learnt {
    /// Something happened to a write of it that leaves a doubt.
    pub(crate) doubt: bool,
    /// The current state, since the last write of it.
    pub(crate) state: bool,
}

/// The edit that the client is about, by its mark.
#[derive(Default)]
struct Watched {
    edit: String,
    learnt: Learnt,
}

/// To tell a proxy which edit its client is about.
#[derive(Clone)]
pub(crate) struct Watch(Arc<Road>);

impl Watch {
    pub(crate) fn begin(&self, edit: &str) {
        *self.0.watched.lock().unwrap() = Watched {
            edit: edit.to_owned(),
            learnt: Learnt::default(),
        };
    }

    pub(crate) fn edit(&self) -> String {
        self.0.watched.lock().unwrap().edit.clone()
    }

    pub(crate) fn learnt(&self) -> Learnt {
        self.0.watched.lock().unwrap().learnt
    }
}

struct Road {
    seed: u64,
    client: u64,
    server: Arc<Server>,
    requests: AtomicU64,
    faults: AtomicU64,
    /// Requests that are still under way although their connection is gone.
    late: tokio::sync::Mutex<JoinSet<()>>,
    watched: Mutex<Watched>,
}

impl Proxy {
    pub(crate) async fn start(seed: u64, client: u64, server: Arc<Server>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let road = Arc::new(Road {
            seed,
            client,
            server,
            requests: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            late: tokio::sync::Mutex::default(),
            watched: Mutex::default(),
        });
        let accepting = tokio::spawn({
            let road = road.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let road = road.clone();
                    // A connection that fails is what this is for; the client sees it.
                    tokio::spawn(async move { road.connection(stream).await.ok() });
                }
            }
        });
        Self {
            address,
            road,
            accepting,
        }
    }

    pub(crate) fn uri(&self) -> &str {
        &self.address
    }

    pub(crate) fn watch(&self) -> Watch {
        Watch(self.road.clone())
    }

    /// Waits until nothing is under way any more; tells the requests and the faults.
    pub(crate) async fn close(self) -> (u64, u64) {
        self.accepting.abort();
        while let Some(late) = self.road.late.lock().await.join_next().await {
            late.unwrap();
        }
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.road.requests), count(&self.road.faults))
    }
}

impl Road {
    async fn connection(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut buffer = Vec::new();
        loop {
            // The first byte of a request draws its fault.
            if buffer.is_empty() && stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            let number = self.requests.fetch_add(1, Ordering::Relaxed);
            let fault = Fault::draw(self.seed, self.client, number);
            if !matches!(fault, Fault::None) {
                self.faults.fetch_add(1, Ordering::Relaxed);
            }
            if let Fault::CutRequest(bytes) = fault {
                while buffer.len() < bytes && stream.read_buf(&mut buffer).await? > 0 {}
                self.learn(None, fault);
                return reset(stream);
            }
            let request = loop {
                if let Some(request) = take_request(&mut buffer) {
                    break request;
                }
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Ok(());
                }
            };
            if request.method != "GET" {
                self.learn(Some(&request), fault);
            }
            if !self.answer(&mut stream, request.clone(), fault).await? {
                return Ok(());
            }
            if request.method == "GET" {
                self.learn(Some(&request), fault);
            }
        }
    }

    /// Notes what the client can learn of its edit: of a write before it is carried out, of a read
    /// once it is answered. What is cut is taken for a write.
    fn learn(&self, request: Option<&Request>, fault: Fault) {
        let mut watched = self.watched.lock().unwrap();
        let edit = request.map(|request| &request.edit);
        if edit.is_some_and(|edit| *edit != watched.edit) {
            return;
        }
        if request.is_some_and(|request| request.method == "GET") {
            watched.learnt.state |= fault.is_harmless();
        } else {
            watched.learnt.doubt |= fault.leaves_doubt();
            watched.learnt.state = false;
        }
    }

    /// Carries one request out, or not; tells whether the connection lives on.
    async fn answer(
        &self,
        stream: &mut TcpStream,
        request: Request,
        fault: Fault,
    ) -> io::Result<bool> {
        let carry_out = || self.server.handle(&request);
        match fault {
            Fault::None | Fault::CutRequest(_) => stream.write_all(&carry_out()).await?,
            Fault::LoseRequest => return stream.set_zero_linger().map(|()| false),
            Fault::DeliverLate(time) => {
                let server = self.server.clone();
                let deliver = async move {
                    tokio::time::sleep(time).await;
                    server.handle(&request);
                };
                self.late.lock().await.spawn(deliver);
                return Ok(false);
            }
            Fault::LoseReply => {
                carry_out();
                return Ok(false);
            }
            Fault::CutReply(bytes) => {
                let reply = carry_out();
                stream
                    .write_all(&reply[..bytes.min(reply.len() - 1)])
                    .await?;
                return Ok(false);
            }
            Fault::Delay(time) => {
                let reply = carry_out();
                tokio::time::sleep(time).await;
                stream.write_all(&reply).await?;
            }
            Fault::Trickle(pieces) => {
                let reply = carry_out();
                for piece in reply.chunks(reply.len().div_ceil(pieces)) {
                    stream.write_all(piece).await?;
                    stream.flush().await?;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            Fault::Duplicate => {
                let first = carry_out();
                carry_out();
                stream.write_all(&first).await?;
            }
            Fault::AnswerBefore(status) => stream.write_all(&reply(status, None, "")).await?,
            Fault::AnswerAfter(status) => {
                carry_out();
                stream.write_all(&reply(status, None, "")).await?;
            }
            Fault::Hang => {
                carry_out();
                // Until the client hangs up.
                let _ = stream.read(&mut [0; 64]).await?;
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Closes so that the other side sees a reset, not an end.
fn reset(stream: TcpStream) -> io::Result<()> {
    stream.set_zero_linger()?;
    drop(stream);
    Ok(())
}

/// The header that names the edit that a request is for.
pub(crate) const EDIT: &str = "x-edit";

/// Takes one whole request out of what was read, if it is there.
fn take_request(buffer: &mut Vec<u8>) -> Option<Request> {
    let end = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    if buffer.len() < end + length {
        return None;
    }
    let body = buffer[end..end + length].to_vec();
    buffer.drain(..end + length);
    let mut words = head.split(' ');
    let mut word = || words.next().unwrap().to_owned();
    Some(Request {
        method: word(),
        path: word(),
        if_match: header("if-match"),
        edit: header(EDIT).unwrap(),
        body,
    })
}
