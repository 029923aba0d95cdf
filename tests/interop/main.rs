//! The whole loop against real servers. `tests/interop/run` starts them and runs this program.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed test may panic, and the figures are for people to read"
)]

mod actions;
mod document;
mod etcd;
mod leases;
mod leases_etcd;
mod race;
mod sagas;
mod scim;
mod story;
mod texts;
mod transactions;
mod transactions_pouchdb;
mod watches;
mod wire;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, AUTHORIZATION, ETAG};
use http::{HeaderName, HeaderValue};
use ifmatch::profiles::{AzureBlob, CouchDb, EtcdV2, Eve, Kinto, S3, Solid, WebDav};
use ifmatch::transport::Transport;
use ifmatch::{
    Client, ClientBuilder, Collection, Generic, Probe, ProbeCheck, ProbeReport, Profile, Verdict,
};

use crate::document::{Enveloped, Plain, Shape};
use crate::race::Race;

/// The time of a probe that lets many writes race.
const LONG: Duration = Duration::from_secs(120);

/// One server under test.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    base: String,
    /// Beneath the address; without segments, the documents lie right there.
    path: &'static [&'static str],
    suffix: &'static str,
    header: Option<(HeaderName, HeaderValue)>,
    query: Vec<(String, String)>,
    profile: Generic,
    /// Ids are 24 hexadecimal digits.
    hexadecimal: bool,
}

impl Server {
    /// The server whose address is in the environment, or a line that says why there is none.
    fn from_env(name: &'static str, variable: &str) -> Option<Self> {
        let Ok(base) = std::env::var(variable) else {
            println!("{name}: skipped, {variable} is not set");
            return None;
        };
        Some(Self {
            name,
            base,
            path: &[],
            suffix: "",
            header: None,
            query: Vec::new(),
            profile: Generic::new(),
            hexadecimal: false,
        })
    }

    fn kinto(name: &'static str, variable: &str) -> Option<Self> {
        let any_user = HeaderValue::from_static("Basic YW55OnB3");
        Some(Self {
            path: &["buckets", "b", "collections", "c", "records"],
            header: Some((AUTHORIZATION, any_user)),
            ..Self::from_env(name, variable)?
        })
    }

    fn dav(name: &'static str, variable: &str) -> Option<Self> {
        Some(Self {
            suffix: ".json",
            profile: Generic::over(WebDav),
            ..Self::from_env(name, variable)?
        })
    }

    /// A name that no earlier run used.
    pub(crate) fn id(&self, what: &str) -> String {
        if self.hexadecimal {
            let mut hasher = DefaultHasher::new();
            (what, std::process::id()).hash(&mut hasher);
            return format!("{:024x}", hasher.finish());
        }
        format!("{}-{what}-{}{}", self.name, std::process::id(), self.suffix)
    }

    /// A client of its own: nothing but the server is shared with any other.
    fn client(&self) -> Client {
        let mut builder = self.builder();
        if wire::is_wanted() {
            builder = builder.transport(wire::Told::new(self.name));
        }
        builder.build().unwrap()
    }

    fn builder(&self) -> ClientBuilder {
        let builder = Client::builder(&self.base).profile(self.profile.clone());
        match self.header.clone() {
            Some((name, value)) => builder.default_header(name, value),
            None => builder,
        }
    }

    /// A handle of such a client.
    pub(crate) fn docs<S: Shape>(&self) -> Collection<S> {
        self.docs_of(&self.client())
    }

    /// A handle of a client with this transport.
    fn docs_over<S: Shape>(&self, transport: impl Transport) -> Collection<S> {
        self.docs_of(&self.builder().transport(transport).build().unwrap())
    }

    fn docs_of<S: Shape>(&self, client: &Client) -> Collection<S> {
        let docs = client.collection_with(self.path, document::strategy::<S>());
        let pairs = self.query.iter();
        pairs.fold(docs, |docs, (name, value)| docs.query(name, value))
    }

    /// What a probe says; whatever that is, it leaves nothing behind.
    async fn probe(&self) -> ProbeReport {
        self.probe_with(|probe| probe).await
    }

    async fn probe_with(&self, set: impl Fn(Probe) -> Probe) -> ProbeReport {
        let probe = self.client().probe(self.path.join("/")).suffix(self.suffix);
        let probe = set(probe);
        let pairs = self.query.iter();
        let probe = pairs.fold(probe, |probe, (name, value)| probe.query(name, value));
        let report = probe.await.unwrap();
        println!("{}: {report}", self.name);
        assert_eq!(report.left_behind, None, "{}", self.name);
        report
    }

    /// Probes a server that checks and writes in two steps, so that some racing writes get lost within it.
    /// One probe sees that or not, as it happens; `IFMATCH_PROBES` says how many are made. Everything else
    /// is in order.
    async fn probe_its_race(&self, races: u32) {
        let times = std::env::var("IFMATCH_PROBES").map_or(1, |times| times.parse().unwrap());
        let mut seen = 0;
        for _ in 0..times {
            let report = self
                .probe_with(|probe| probe.races(races).timeout(LONG))
                .await;
            seen += usize::from(!report.enforces_preconditions());
            let races = [ProbeCheck::RacingWrites, ProbeCheck::RacingCreations];
            let mut failed = report.failed().map(|found| found.check);
            assert!(failed.all(|check| races.contains(&check)), "{report}");
        }
        let name = self.name;
        println!("{name}: {races} races, seen by {seen} of {times} probes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run kinto"]
async fn kinto() {
    let Some(server) = Server::kinto("kinto", "IFMATCH_KINTO") else {
        return;
    };
    story::tell::<Enveloped>(&server).await;
    Race::default().run::<Enveloped>(&server).await.is_exact();
    actions::plain_requests_to_kinto(&server).await;
    // The same by its profile: the record alone, and the current one out of the refusals.
    let server = Server {
        name: "kinto-by-profile",
        profile: Generic::over(Kinto),
        ..server
    };
    assert!(server.probe().await.enforces_preconditions());
    story::tell::<Plain>(&server).await;
    sagas::tell(&server).await;
    Race::default().run::<Plain>(&server).await.is_exact();
    watches::tell(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run nchan"]
async fn nchan() {
    let Ok(root) = std::env::var("IFMATCH_NCHAN") else {
        println!("nchan: skipped, IFMATCH_NCHAN is not set");
        return;
    };
    let Some(server) = Server::kinto("nchan", "IFMATCH_NCHAN") else {
        return;
    };
    let server = Server {
        base: format!("{root}/v1"),
        profile: Generic::over(Kinto),
        ..server
    };
    watches::tell_of_gaps(&server, &format!("{root}/publish")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run nginx"]
async fn kinto_behind_nginx() {
    let Some(server) = Server::kinto("nginx", "IFMATCH_NGINX_KINTO") else {
        return;
    };
    compression_weakens_tags(&server).await;
    let by_profile = Server {
        profile: Generic::over(Kinto),
        ..server
    };
    assert!(by_profile.probe().await.enforces_preconditions());
    let server = Server {
        profile: Generic::new(),
        ..by_profile
    };
    story::tell::<Enveloped>(&server).await;
    Race::default().run::<Enveloped>(&server).await.is_exact();
}

/// Its memory is not locked between the check and the write: an edit that the server itself drops is lost to
/// every client, so those of racing writers are told and not judged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run kinto-threads"]
async fn kinto_with_threads() {
    let Some(server) = Server::kinto("kinto-threads", "IFMATCH_KINTO_THREADS") else {
        return;
    };
    let server = Server {
        profile: Generic::over(Kinto),
        ..server
    };
    server.probe_its_race(200).await;
    Race::default().run::<Plain>(&server).await;
}

/// It hands out tags and ignores them in writes: no client can save updates there, and the probe says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run nginx"]
async fn nginx_dav() {
    let Some(server) = Server::dav("nginx-dav", "IFMATCH_NGINX_DAV") else {
        return;
    };
    let report = server.probe().await;
    assert!(!report.enforces_preconditions());
    assert!(report.to_string().contains("LOSES UPDATES"));
    for check in [
        ProbeCheck::StaleWrite,
        ProbeCheck::Creation,
        ProbeCheck::RacingWrites,
        ProbeCheck::StaleRemoval,
    ] {
        assert_eq!(report.verdict(check), Verdict::Fails, "{check}");
    }
}

/// The trap is really there: whoever takes a compressed reply is given a weak tag.
async fn compression_weakens_tags(server: &Server) {
    let id = server.id("compressed");
    let docs = server.docs::<Enveloped>();
    let made = docs.create(&id, &Shape::new("draft")).await.unwrap();
    let mut request = reqwest::Client::new().get(made.snapshot().url().clone());
    if let Some((name, value)) = server.header.clone() {
        request = request.header(name, value);
    }
    let reply = request.header(ACCEPT_ENCODING, "gzip").send().await;
    let reply = reply.unwrap();
    assert!(reply.headers()[ETAG].as_bytes().starts_with(b"W/"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run lighttpd"]
async fn lighttpd() {
    let Some(server) = Server::dav("lighttpd", "IFMATCH_LIGHTTPD") else {
        return;
    };
    assert!(server.probe().await.enforces_preconditions());
    story::tell::<Plain>(&server).await;
    sagas::tell(&server).await;
    Race::default().run::<Plain>(&server).await.is_exact();
    // A lock whose time is over goes on to keep others out.
    let dialect = leases::Dialect {
        settles: false,
        names_holder: false,
        expires: false,
        ..leases::Dialect::WEBDAV
    };
    leases::tell(&server, &dialect).await;
}

/// Its tags are the second of a change and the size, so it loses updates whatever a client does, but for those under its
/// locks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run wsgidav"]
async fn wsgidav() {
    let Some(server) = Server::dav("wsgidav", "IFMATCH_WSGIDAV") else {
        return;
    };
    let report = server.probe().await;
    assert_eq!(
        report.verdict(ProbeCheck::VersionWithinASecond),
        Verdict::Fails
    );
    assert_eq!(report.verdict(ProbeCheck::StaleWrite), Verdict::Holds);
    let dialect = leases::Dialect {
        grants: 5,
        ..leases::Dialect::WEBDAV
    };
    leases::tell(&server, &dialect).await;
}

/// Its tags are weak for a second after each write, so each edit takes that long: there are fewer.
/// It checks the condition and writes in two steps, so that racing writes are lost within the server;
/// only writers that take turns are counted strictly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run apache"]
async fn apache() {
    let Some(server) = Server::dav("apache", "IFMATCH_APACHE") else {
        return;
    };
    server.probe_its_race(3).await;
    story::tell::<Plain>(&server).await;
    leases::tell(&server, &leases::Dialect::WEBDAV).await;
    let race = Race {
        edits: 3,
        in_turn: true,
        ..Race::default()
    };
    race.run::<Plain>(&server).await.is_exact();
    let race = Race {
        edits: 3,
        ..Race::default()
    };
    race.run::<Plain>(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run pouchdb"]
async fn pouchdb() {
    let Some(server) = Server::from_env("pouchdb", "IFMATCH_POUCHDB") else {
        return;
    };
    let server = Server {
        profile: Generic::over(CouchDb),
        ..server
    };
    assert!(server.probe().await.enforces_preconditions());
    story::tell::<Plain>(&server).await;
    Race::default().run::<Plain>(&server).await.is_exact();
    watches::tell(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run etcd"]
async fn etcd() {
    let Some(server) = Server::from_env("etcd", "IFMATCH_ETCD") else {
        return;
    };
    let server = Server {
        profile: Generic::over(EtcdV2),
        ..server
    };
    assert!(server.probe().await.enforces_preconditions());
    story::tell::<Plain>(&server).await;
    Race::default().run::<Plain>(&server).await.is_exact();
}

/// The address ends with the signature that lets anybody in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run azurite"]
async fn azurite() {
    let Some(server) = Server::from_env("azurite", "IFMATCH_AZURITE") else {
        return;
    };
    let signed = url::Url::parse(&server.base).unwrap();
    let mut base = signed.clone();
    base.set_query(None);
    let blob_type = HeaderName::from_static("x-ms-blob-type");
    let server = Server {
        base: base.into(),
        query: signed.query_pairs().into_owned().collect(),
        header: Some((blob_type, HeaderValue::from_static("BlockBlob"))),
        profile: Generic::over(AzureBlob),
        ..server
    };
    actions::snapshots_of_a_blob(&server).await;
    assert!(server.probe().await.enforces_preconditions());
    story::tell::<Plain>(&server).await;
    leases::tell(&server, &leases::Dialect::AZURE).await;
    Race::default().run::<Plain>(&server).await.is_exact();
}

/// Its tags are hashes of the content. It checks the condition and writes in two steps, so that racing writes are
/// lost within the server; only writers that take turns are counted strictly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run s3"]
async fn s3() {
    let Some(server) = Server::from_env("s3", "IFMATCH_S3") else {
        return;
    };
    let (_, credentials) = include_str!("servers/s3-authorization")
        .trim()
        .split_once(": ")
        .unwrap();
    let server = Server {
        header: Some((AUTHORIZATION, HeaderValue::from_static(credentials))),
        profile: Generic::over(S3),
        ..server
    };
    server.probe_its_race(3).await;
    story::tell::<Plain>(&server).await;
    let race = Race {
        edits: 25,
        in_turn: true,
        ..Race::default()
    };
    race.run::<Plain>(&server).await.is_exact();
    let race = Race {
        edits: 25,
        ..Race::default()
    };
    race.run::<Plain>(&server).await;
}

/// A write to what somebody removed makes it anew there, so that part of the story is left out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run eve"]
async fn eve() {
    let Some(server) = Server::from_env("eve", "IFMATCH_EVE") else {
        return;
    };
    let server = Server {
        profile: Generic::over(Eve),
        hexadecimal: true,
        ..server
    };
    let report = server.probe().await;
    let failed: Vec<_> = report.failed().map(|found| found.check).collect();
    assert_eq!(failed, [ProbeCheck::WriteToRemoved], "{report}");
    story::tell_but_of_what_is_gone::<Plain>(&server).await;
    sagas::tell(&server).await;
    Race::default().run::<Plain>(&server).await.is_exact();
}

/// A write to what somebody removed makes it anew there, so that part of the story is left out. The channel of the container
/// tells of additions and removals, and lists find the other changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run solid"]
async fn solid() {
    let Some(server) = Server::from_env("solid", "IFMATCH_SOLID") else {
        return;
    };
    let server = Server {
        profile: Generic::over(Solid),
        ..server
    };
    let report = server.probe().await;
    let failed: Vec<_> = report.failed().map(|found| found.check).collect();
    assert_eq!(failed, [ProbeCheck::WriteToRemoved], "{report}");
    story::tell_but_of_what_is_gone::<Plain>(&server).await;
    Race::default().run::<Plain>(&server).await.is_exact();
    let feed = Solid.feed().unwrap().interval(Duration::from_millis(500));
    let profile = server.profile.clone().feed(feed);
    watches::tell_of_cuts(&server, profile, async |_, _, _| {}).await;
}
