//! Leases by the locks of the server itself: exclusion, renewal, lost responses, theft and races.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, Method};
use ifmatch::transport::{Fate, Request, Reqwest, Response, Transport, TransportError};
use ifmatch::{Collection, ErrorKind, Held, Leases, async_trait};

use crate::Server;
use crate::document::{Plain, Shape};
use crate::wire;

/// What is known about the leases of a server.
pub(crate) struct Dialect {
    pub(crate) leases: fn() -> Leases,
    pub(crate) ttl: Duration,
    /// How many seconds it grants for this ttl.
    pub(crate) grants: u64,
    /// The methods that acquire, renew and release a lease.
    pub(crate) methods: [&'static str; 2],
    /// A lease whose response was lost is recognised.
    pub(crate) settles: bool,
    /// It says who holds a lease.
    pub(crate) names_holder: bool,
    /// A lease ends by itself.
    pub(crate) expires: bool,
}

impl Dialect {
    pub(crate) const WEBDAV: Self = Self {
        leases: Leases::webdav,
        ttl: Duration::from_secs(6),
        grants: 6,
        methods: ["LOCK", "UNLOCK"],
        settles: true,
        names_holder: true,
        expires: true,
    };
    pub(crate) const AZURE: Self = Self {
        leases: Leases::azure_blob,
        ttl: Duration::from_secs(15),
        grants: 15,
        methods: ["PUT", "PUT"],
        names_holder: false,
        ..Self::WEBDAV
    };
}

/// Runs all stories of leases.
pub(crate) async fn tell(server: &Server, dialect: &Dialect) {
    let begun = Instant::now();
    exclusion(server, dialect).await;
    missing(server, dialect).await;
    race(server, dialect).await;
    lost_responses(server, dialect).await;
    theft(server, dialect).await;
    end_of_a_program(server, dialect).await;
    println!(
        "{}: leases: {:.1} s",
        server.name,
        begun.elapsed().as_secs_f64()
    );
}

/// A program with a connection of its own.
struct Program {
    docs: Collection<Plain>,
    leases: Leases,
    line: Line,
}

impl Program {
    fn new(server: &Server, dialect: &Dialect) -> Self {
        let line = Line::new(server.name);
        let docs = server.docs_over::<Plain>(line.clone());
        let leases = (dialect.leases)().on(&docs).ttl(dialect.ttl);
        Self { docs, leases, line }
    }

    async fn acquired(&self, id: &str) -> Held {
        self.leases.acquire(id).owner("worker-7").await.unwrap()
    }

    async fn rename(&self, held: &Held, id: &str, title: &str) -> Result<(), ifmatch::Error> {
        let (docs, title) = (self.docs.clone().under(held), title.to_owned());
        docs.update(id, move |doc| doc.title.clone_from(&title))
            .await
            .map(drop)
    }
}

async fn exclusion(server: &Server, dialect: &Dialect) {
    let id = server.id("lease");
    let (one, other) = (Program::new(server, dialect), Program::new(server, dialect));
    one.docs.create(&id, &Plain::new("draft")).await.unwrap();
    let held = one.acquired(&id).await;
    let (left, granted) = (held.remaining(), Duration::from_secs(dialect.grants));
    assert!(left <= granted / 3 * 2 && left > granted / 2, "{left:?}");

    let refused = other.leases.acquire(&id).wait(dialect.ttl * 2).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Locked, "{refused}");
    let holder = other.leases.look(&id).await.unwrap().unwrap();
    let name = dialect.names_holder.then_some("worker-7");
    assert_eq!(holder.owner.as_deref(), name);
    let locked = other
        .docs
        .update(&id, |doc| doc.note = "not mine".to_owned());
    let locked = locked.await.unwrap_err();
    assert_eq!(locked.kind(), ErrorKind::Locked, "{locked}");

    // It was renewed meanwhile.
    one.rename(&held, &id, "mine").await.unwrap();
    held.release().await.unwrap();
    assert_eq!(other.leases.look(&id).await.unwrap(), None);
    let held = other.acquired(&id).await;
    other.rename(&held, &id, "theirs").await.unwrap();
    held.release().await.unwrap();
    println!("{}: leases: granted {granted:?}; {refused}", server.name);
}

async fn missing(server: &Server, dialect: &Dialect) {
    let id = server.id("lease-of-nothing");
    let program = Program::new(server, dialect);
    let missing = program.leases.acquire(&id).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound, "{missing}");
    assert!(program.docs.get_opt(&id).await.unwrap().is_none());
}

/// Another program writes with the same token, so the 412 is a race.
async fn race(server: &Server, dialect: &Dialect) {
    let id = server.id("lease-race");
    let (one, other) = (Program::new(server, dialect), Program::new(server, dialect));
    one.docs.create(&id, &Plain::new("draft")).await.unwrap();
    let held = one.acquired(&id).await;
    one.rename(&held, &id, "first").await.unwrap();
    let mut docs = other.docs.clone();
    for (name, value) in &one.line.proof() {
        docs = docs.header(name.clone(), value.clone());
    }
    docs.update(&id, |doc| doc.note = "theirs".to_owned())
        .await
        .unwrap();
    one.rename(&held, &id, "second").await.unwrap();
    let merged = other.docs.get(&id).await.unwrap();
    assert_eq!((&*merged.title, &*merged.note), ("second", "theirs"));
    held.release().await.unwrap();
}

async fn lost_responses(server: &Server, dialect: &Dialect) {
    let id = server.id("lease-lost");
    let (one, other) = (Program::new(server, dialect), Program::new(server, dialect));
    one.docs.create(&id, &Plain::new("draft")).await.unwrap();
    let [lock, unlock] = dialect.methods;
    let held = one.acquired(&id).await;
    one.line.lose(lock);
    tokio::time::sleep(dialect.ttl).await;
    assert_eq!(one.line.lost(), 1);
    one.rename(&held, &id, "mine").await.unwrap();
    one.line.lose(unlock);
    held.release().await.unwrap();
    assert_eq!(one.line.lost(), 2);
    assert_eq!(other.leases.look(&id).await.unwrap(), None);

    one.line.lose(lock);
    let held = one.leases.acquire(&id).wait(dialect.ttl).await;
    assert_eq!(one.line.lost(), 3);
    if dialect.settles {
        let held = held.unwrap();
        one.rename(&held, &id, "again").await.unwrap();
        held.release().await.unwrap();
        assert_eq!(other.leases.look(&id).await.unwrap(), None);
    } else {
        let unknown = held.unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::OutcomeUnknown, "{unknown}");
        println!("{}: leases: {unknown}", server.name);
    }
}

/// The lease is broken by hand, and another program gets it.
async fn theft(server: &Server, dialect: &Dialect) {
    let id = server.id("lease-theft");
    let (one, other) = (Program::new(server, dialect), Program::new(server, dialect));
    one.docs.create(&id, &Plain::new("draft")).await.unwrap();
    let held = one.acquired(&id).await;
    one.rename(&held, &id, "first").await.unwrap();
    release_by_hand(server, &one, &id).await;
    let next = other.acquired(&id).await;
    other.rename(&next, &id, "theirs").await.unwrap();
    let lost = one.rename(&held, &id, "late").await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::LeaseLost, "{lost}");
    let late = held.release().await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::LeaseLost, "{late}");
    assert_eq!(other.docs.get(&id).await.unwrap().title, "theirs");
    other.rename(&next, &id, "still theirs").await.unwrap();
    next.release().await.unwrap();
    println!("{}: leases: {lost}", server.name);
}

/// Releases a lease without the knowledge of its holder.
async fn release_by_hand(server: &Server, holder: &Program, id: &str) {
    let client = server.client();
    let proof = holder.line.proof();
    let condition = proof.get("if").map(|condition| condition.to_str().unwrap());
    let request = if let Some(condition) = condition {
        let token = condition.trim_matches(['(', ')']).parse().unwrap();
        let unlock = client.request("UNLOCK".parse().unwrap(), id);
        unlock.header(HeaderName::from_static("lock-token"), token)
    } else {
        let request = client.request(Method::PUT, id).query("comp", "lease");
        let pairs = server.query.iter();
        let request = pairs.fold(request, |request, (name, value)| request.query(name, value));
        let header = HeaderName::from_static;
        request
            .header(header("x-ms-lease-action"), "break".parse().unwrap())
            .header(header("x-ms-lease-break-period"), "0".parse().unwrap())
    };
    request.await.unwrap().error_for_status().unwrap();
}

/// A program ends without a release.
async fn end_of_a_program(server: &Server, dialect: &Dialect) {
    let id = server.id("lease-end");
    let (one, other) = (Program::new(server, dialect), Program::new(server, dialect));
    one.docs.create(&id, &Plain::new("draft")).await.unwrap();
    let held = one.acquired(&id).await;
    one.line.cut();
    let begun = Instant::now();
    held.lost().await;
    let (lost, ttl) = (begun.elapsed(), Duration::from_secs(dialect.grants));
    assert!(lost <= ttl, "{lost:?}");
    let next = other.leases.acquire(&id).wait(ttl * 3).await;
    if dialect.expires {
        let next = next.unwrap();
        assert!(begun.elapsed() > lost);
        other.rename(&next, &id, "next").await.unwrap();
        next.release().await.unwrap();
    } else {
        let locked = next.unwrap_err();
        assert_eq!(locked.kind(), ErrorKind::Locked, "{locked}");
    }
    let after = begun.elapsed();
    println!(
        "{}: leases: lost by its holder after {lost:.1?}, {} by the next one after {after:.1?}",
        server.name,
        if dialect.expires {
            "acquired"
        } else {
            "not acquired"
        }
    );
}

/// A connection that loses responses on demand, and keeps what proves the lease of the last write.
#[derive(Clone)]
struct Line {
    next: Arc<dyn Transport>,
    state: Arc<Mutex<LineState>>,
}

#[derive(Default)]
struct LineState {
    loses: Option<&'static str>,
    lost: u32,
    is_cut: bool,
    proof: HeaderMap,
}

impl Line {
    fn new(server: &'static str) -> Self {
        let next: Arc<dyn Transport> = if wire::is_wanted() {
            Arc::new(wire::Told::new(server))
        } else {
            Arc::new(Reqwest::new().unwrap())
        };
        Self {
            next,
            state: Arc::default(),
        }
    }

    /// Loses the next response about a lease with this method.
    fn lose(&self, method: &'static str) {
        self.state.lock().unwrap().loses = Some(method);
    }

    fn lost(&self) -> u32 {
        self.state.lock().unwrap().lost
    }

    fn cut(&self) {
        self.state.lock().unwrap().is_cut = true;
    }

    fn proof(&self) -> HeaderMap {
        self.state.lock().unwrap().proof.clone()
    }
}

#[async_trait]
impl Transport for Line {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let is_write_of_document = request.headers.contains_key("if-match");
        let is_lost = {
            let mut state = self.state.lock().unwrap();
            if state.is_cut {
                return Err(TransportError::new(Fate::NotSent, "no connection"));
            }
            if is_write_of_document {
                let proofs = request.headers.iter();
                let proofs = proofs.filter(|(name, _)| *name == "if" || *name == "x-ms-lease-id");
                state.proof = proofs
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
            }
            let loses = state.loses.filter(|method| request.method == *method);
            let is_lost = loses.is_some() && !is_write_of_document;
            if is_lost {
                (state.loses, state.lost) = (None, state.lost + 1);
            }
            is_lost
        };
        let response = self.next.send(request).await?;
        if is_lost {
            return Err(TransportError::new(Fate::Unknown, "the response is lost"));
        }
        Ok(response)
    }
}
