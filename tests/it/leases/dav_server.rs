//! A `WebDAV` server in memory, with the locks of lighttpd, Apache or `WsgiDAV`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ifmatch::profiles::WebDav;
use ifmatch::testing::Clocks;
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Client, Collection, Generic, Held, Leases, async_trait};
use serde_json::Value;
use tokio::time::Instant;

use crate::support::{ARTICLE, AT, Server};

/// How a server handles locks, as it was measured on the real one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    pub(super) name: &'static str,
    pub(super) shows_owner: bool,
    /// A lock ends after its time.
    expires: bool,
    /// The refresh of a lock that is gone is answered 200.
    trusts_refresh: bool,
    /// The answer to a write with an unknown token while another one holds a lock.
    unknown_token: u16,
    unlock_of_none: u16,
    lock_of_nothing: u16,
    /// The seconds that are granted.
    grants: fn(u64) -> u64,
}

pub(super) const LIGHTTPD: Dialect = Dialect {
    name: "lighttpd",
    shows_owner: false,
    expires: false,
    trusts_refresh: true,
    unknown_token: 423,
    unlock_of_none: 409,
    lock_of_nothing: 201,
    grants: |asked| if asked < 5 { 5 } else { asked },
};
pub(super) const APACHE: Dialect = Dialect {
    name: "Apache",
    shows_owner: true,
    expires: true,
    trusts_refresh: false,
    unknown_token: 412,
    unlock_of_none: 400,
    lock_of_nothing: 200,
    grants: |asked| asked,
};
pub(super) const WSGIDAV: Dialect = Dialect {
    name: "WsgiDAV",
    unlock_of_none: 409,
    lock_of_nothing: 201,
    grants: |asked| asked - 1,
    ..APACHE
};
pub(super) const ALL: [Dialect; 3] = [LIGHTTPD, APACHE, WSGIDAV];

/// What happens to the next request of a method.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// It is carried out, and the reply is lost.
    LoseReply,
    /// It never arrives.
    LoseRequest,
    /// It is answered so, and not carried out.
    Answer(u16, &'static str),
    /// The document is removed first.
    Removed,
}

#[derive(Clone)]
struct Lock {
    token: String,
    owner: String,
    timeout: String,
    until: Instant,
}

#[derive(Default)]
struct Locks {
    held: BTreeMap<String, Lock>,
    granted: u32,
    faults: Vec<(&'static str, Fault)>,
    methods: Vec<String>,
    infinite: bool,
    calls_each_new: bool,
}

/// The server; clones are the same one.
#[derive(Clone)]
pub(super) struct DavServer {
    pub(super) files: Server,
    dialect: Dialect,
    locks: Arc<Mutex<Locks>>,
}

/// A program with a client of its own.
pub(super) struct Program {
    pub(super) articles: Collection<Value>,
    pub(super) leases: Leases,
}

impl Program {
    pub(super) async fn acquired(&self) -> Held {
        self.leases.acquire(1).owner("worker-7").await.unwrap()
    }

    pub(super) fn under(&self, held: &Held) -> Collection<Value> {
        self.articles.clone().under(held)
    }
}

impl DavServer {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            files: Server::with(AT, ARTICLE),
            dialect,
            locks: Arc::default(),
        }
    }

    pub(super) fn program(&self, ttl: Duration) -> Program {
        let client = Client::builder("http://server.test/v1").transport(self.clone());
        let client = client.profile(Generic::over(WebDav)).build().unwrap();
        let articles = client.collection("articles");
        let leases = Leases::webdav().on(&articles).ttl(ttl);
        Program {
            leases: leases.clock(Clocks::new()),
            articles,
        }
    }

    pub(super) fn fault(&self, method: &'static str, fault: Fault) {
        self.locks.lock().unwrap().faults.push((method, fault));
    }

    /// Breaks the lock of the article, as an administrator does, and gives it to another one.
    pub(super) fn give_lock_to(&self, owner: Option<&str>) {
        let mut locks = self.locks.lock().unwrap();
        locks.held.remove(AT);
        if let Some(owner) = owner {
            let lock = locks.new_lock(owner.to_owned(), 600);
            locks.held.insert(AT.to_owned(), lock);
        }
    }

    pub(super) fn is_locked(&self) -> bool {
        self.locks.lock().unwrap().held.contains_key(AT)
    }

    /// Grants locks for ever.
    pub(super) fn grants_infinite(&self) {
        self.locks.lock().unwrap().infinite = true;
    }

    /// Answers each lock as if it had created the resource.
    pub(super) fn calls_each_lock_new(&self) {
        self.locks.lock().unwrap().calls_each_new = true;
    }

    pub(super) fn end_faults(&self) {
        self.locks.lock().unwrap().faults.clear();
    }

    pub(super) fn token(&self) -> String {
        self.locks.lock().unwrap().held[AT].token.clone()
    }

    /// How many requests of a method have arrived.
    pub(super) fn count(&self, method: &str) -> usize {
        let locks = self.locks.lock().unwrap();
        locks.methods.iter().filter(|seen| *seen == method).count()
    }

    fn exists(&self, path: &str) -> bool {
        self.files.text(path).is_some()
    }

    fn lock(&self, request: &Request) -> Response {
        let path = request.url.path().to_owned();
        let exists = self.exists(&path);
        let mut locks = self.locks.lock().unwrap();
        let timeout = header(request, "timeout").unwrap();
        let asked = timeout.strip_prefix("Second-").unwrap().parse().unwrap();
        let granted = (self.dialect.grants)(asked);
        let held = locks.held.get(&path).cloned();
        if let Some(condition) = header(request, "if") {
            let token = condition.trim_start_matches("(<").trim_end_matches(">)");
            assert!(request.body.is_empty(), "a refresh has no body");
            let refreshed = match held {
                Some(held) if held.token == token => {
                    let new = locks.new_lock(held.owner, granted);
                    let token = token.to_owned();
                    let refreshed = Lock { token, ..new };
                    locks.held.insert(path, refreshed.clone());
                    refreshed
                }
                _ if self.dialect.trusts_refresh => Lock {
                    token: token.to_owned(),
                    ..locks.new_lock(String::new(), granted)
                },
                _ => return reply(412, ""),
            };
            return reply(
                200,
                &format!(
                    "<D:prop xmlns:D=\"DAV:\">{}</D:prop>",
                    self.shown(&[refreshed])
                ),
            );
        }
        if held.is_some() {
            return reply(
                423,
                "<D:error xmlns:D=\"DAV:\"><D:no-conflicting-lock/></D:error>",
            );
        }
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        let (_, owner) = body.split_once("<D:owner>").unwrap();
        let (owner, _) = owner.split_once("</D:owner>").unwrap();
        let new = locks.new_lock(owner.to_owned(), granted);
        locks.held.insert(path.clone(), new.clone());
        let status = if exists {
            200
        } else {
            self.dialect.lock_of_nothing
        };
        if status == 201 {
            self.files.put(&path, "");
        }
        let body = format!(
            "<D:prop xmlns:D=\"DAV:\">{}</D:prop>",
            self.shown(std::slice::from_ref(&new))
        );
        let status = if locks.calls_each_new { 201 } else { status };
        let mut response = reply(status, &body);
        let token = HeaderValue::from_str(&format!("<{}>", new.token)).unwrap();
        response
            .headers
            .insert(HeaderName::from_static("lock-token"), token);
        response
    }

    fn shown(&self, locks: &[Lock]) -> String {
        let shown = locks.iter().map(|lock| {
            let owner = if self.dialect.shows_owner { &*lock.owner } else { "" };
            format!(
                "<D:activelock><D:depth>0</D:depth><D:timeout>{}</D:timeout><D:owner>{owner}</D:owner>\
                 <D:locktoken><D:href>{}</D:href></D:locktoken></D:activelock>",
                lock.timeout, lock.token
            )
        });
        format!(
            "<D:lockdiscovery>{}</D:lockdiscovery>",
            shown.collect::<String>()
        )
    }

    fn propfind(&self, request: &Request) -> Response {
        let path = request.url.path();
        let locks = self.locks.lock().unwrap();
        let held: Vec<_> = locks.held.get(path).cloned().into_iter().collect();
        if !self.exists(path) && held.is_empty() {
            return reply(404, "");
        }
        assert_eq!(header(request, "depth").as_deref(), Some("0"));
        reply(
            207,
            &format!(
                "<D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>{path}</D:href><D:propstat><D:prop>{}</D:prop>\
                 <D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>",
                self.shown(&held)
            ),
        )
    }

    fn unlock(&self, request: &Request) -> Response {
        let token = header(request, "lock-token").unwrap();
        let path = request.url.path();
        let mut locks = self.locks.lock().unwrap();
        let held = locks.held.get(path);
        if held.is_none_or(|held| format!("<{}>", held.token) != token) {
            return reply(self.dialect.unlock_of_none, "");
        }
        locks.held.remove(path);
        reply(204, "")
    }

    /// The refusal of a write for a lock, if there is one.
    fn refusal(&self, request: &Request) -> Option<Response> {
        let locks = self.locks.lock().unwrap();
        let held = locks.held.get(request.url.path());
        let sent = header(request, "if");
        let status = match (held, sent) {
            (None, None) => return None,
            (Some(held), Some(sent)) if sent == format!("(<{}>)", held.token) => return None,
            (Some(_), Some(_)) => self.dialect.unknown_token,
            (Some(_), None) => 423,
            (None, Some(_)) => 412,
        };
        Some(reply(status, ""))
    }

    async fn handle(&self, request: Request) -> Result<Response, TransportError> {
        Ok(match request.method.as_str() {
            "LOCK" => self.lock(&request),
            "UNLOCK" => self.unlock(&request),
            "PROPFIND" => self.propfind(&request),
            "GET" | "HEAD" => return self.files.send(request).await,
            _ => {
                if let Some(refusal) = self.refusal(&request) {
                    return Ok(refusal);
                }
                let path = request.url.path().to_owned();
                let response = self.files.send(request).await?;
                if !self.exists(&path) {
                    self.locks.lock().unwrap().held.remove(&path);
                }
                response
            }
        })
    }
}

impl Locks {
    fn new_lock(&mut self, owner: String, seconds: u64) -> Lock {
        self.granted += 1;
        let timeout = if self.infinite {
            "Infinite".to_owned()
        } else {
            format!("Second-{seconds}")
        };
        Lock {
            token: format!("urn:uuid:secret-{}", self.granted),
            owner,
            timeout,
            until: Instant::now() + Duration::from_secs(seconds),
        }
    }
}

#[async_trait]
impl Transport for DavServer {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let fault = {
            let mut locks = self.locks.lock().unwrap();
            locks.methods.push(request.method.to_string());
            if self.dialect.expires && !locks.infinite {
                let now = Instant::now();
                locks.held.retain(|_, lock| lock.until > now);
            }
            let faults = &mut locks.faults;
            let at = faults
                .iter()
                .position(|(method, _)| request.method == *method);
            at.map(|at| faults.remove(at).1)
        };
        let lost = || Err(TransportError::new(Fate::Unknown, "the connection was cut"));
        match fault {
            None => self.handle(request).await,
            Some(Fault::LoseRequest) => lost(),
            Some(Fault::LoseReply) => {
                self.handle(request).await?;
                lost()
            }
            Some(Fault::Answer(status, body)) => Ok(reply(status, body)),
            Some(Fault::Removed) => {
                self.files.remove(request.url.path());
                self.handle(request).await
            }
        }
    }
}

fn header(request: &Request, name: &str) -> Option<String> {
    let value = request.headers.get(name)?;
    Some(value.to_str().unwrap().to_owned())
}

fn reply(status: u16, body: &str) -> Response {
    let mut headers = HeaderMap::new();
    let xml = HeaderValue::from_static("application/xml; charset=utf-8");
    headers.insert("content-type", xml);
    let date = HeaderValue::from_static("Thu, 26 Nov 2026 22:34:11 GMT");
    headers.insert("date", date);
    Response::new(
        StatusCode::from_u16(status).unwrap(),
        headers,
        body.to_owned(),
    )
}
