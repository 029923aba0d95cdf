//! The clients, their edits, and the results that were reported to them.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use ifmatch::{
    Authenticator, BoxError, Client, Collection, Error, ErrorKind, Limits, Merge, RetryPolicy,
    async_trait,
};
use serde::{Deserialize, Serialize};

use crate::books::Books;
use crate::proxy::{EDIT, Learnt, Proxy, Watch};
use crate::server::Server;
use crate::wrong::{CancelsOut, DropsCondition, NeverLooks, ResendsBlindly};

const CLIENTS: u64 = 16;
/// Documents of one kind that the clients edit at the same time, each now this one, now that one.
const AT_ONCE: u64 = 4;
/// Edits of one kind before all clients move on to other documents, so that none grows without end.
const EDITS_EACH: u64 = 12;

/// What is edited. The member `untouched` of each document is none of this type.
#[derive(Serialize, Deserialize, Merge)]
struct Page {
    #[merge(counter)]
    n: i64,
    #[merge(set)]
    ids: Vec<String>,
    #[merge(text)]
    text: String,
    title: String,
}

/// A mistake built into the clients on purpose.
#[derive(Clone, Copy)]
pub(crate) enum Tampering {
    None,
    DropsCondition,
    ResendsBlindly,
    CancelsOut,
    NeverLooks,
}

/// How much, and with which faults.
pub(crate) struct Load {
    pub(crate) seed: u64,
    pub(crate) edits: u64,
    pub(crate) tampering: Tampering,
}

/// What an edit is to leave behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// One more; a lost reply cannot always be settled.
    Counter,
    /// One more, with a write stamp, so that it can.
    Stamped,
    /// An element of a set, unless it is there.
    Set,
    /// A line of a text, unless it is there.
    Text,
    /// The title, over which there are conflicts; by a save, which merges.
    Title,
}

/// What the client was told of an edit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    Acknowledged,
    Failed(ErrorKind),
    Unknown,
}

/// One edit and its end.
pub(crate) struct Edit {
    pub(crate) kind: Kind,
    pub(crate) path: String,
    /// What a set, a text or a title has of it.
    pub(crate) mark: String,
    pub(crate) told: Told,
    pub(crate) learnt: Learnt,
}

/// Puts the mark of the edit on each of its requests. That is nobody's credentials, so snapshots are
/// shared.
struct Marks(Watch);

#[async_trait]
impl Authenticator for Marks {
    async fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), BoxError> {
        headers.insert(EDIT, HeaderValue::from_str(&self.0.edit())?);
        Ok(())
    }

    fn identity(&self) -> Option<String> {
        Some("one and the same".to_owned())
    }
}

impl Load {
    /// Sends all edits, waits until nothing is under way any more, and opens the books.
    pub(crate) async fn run(self) -> Books {
        let server = Arc::new(Server::default());
        let each = self.edits.div_ceil(CLIENTS);
        let (mut clients, mut proxies) = (Vec::new(), Vec::new());
        for number in 0..CLIENTS {
            let proxy = Proxy::start(self.seed, number, server.clone()).await;
            let watch = proxy.watch();
            let pages = self.client(proxy.uri(), watch.clone());
            proxies.push(proxy);
            clients.push(tokio::spawn(edits(number, each, pages, watch)));
        }
        let mut done = Vec::new();
        for client in clients {
            done.extend(client.await.unwrap());
        }
        let (mut requests, mut faults) = (0, 0);
        for proxy in proxies {
            let (carried, failed) = proxy.close().await;
            (requests, faults) = (requests + carried, faults + failed);
        }
        Books::new(done, &server, requests, faults)
    }

    fn client(&self, uri: &str, watch: Watch) -> Client {
        let limits = Limits::default()
            .rounds(64)
            .transient(30)
            .request(Duration::from_millis(500));
        let retry = RetryPolicy::default()
            .first(Duration::from_millis(1))
            .cap(Duration::from_millis(20))
            .budget(u32::MAX);
        let builder = Client::builder(uri)
            .limits(limits)
            .retry(retry)
            .auth(Marks(watch));
        let wire = reqwest::Client::new();
        let builder = match self.tampering {
            Tampering::None => builder,
            Tampering::DropsCondition => builder.transport(DropsCondition(wire)),
            Tampering::ResendsBlindly => builder.transport(ResendsBlindly(wire)),
            Tampering::CancelsOut => builder.transport(CancelsOut::new(wire)),
            Tampering::NeverLooks => builder.transport(NeverLooks::new(wire)),
        };
        builder.build().unwrap()
    }
}

async fn edits(client: u64, count: u64, pages: Client, watch: Watch) -> Vec<Edit> {
    let mut done = Vec::new();
    for number in 0..count {
        let kinds = [
            Kind::Counter,
            Kind::Set,
            Kind::Text,
            Kind::Stamped,
            Kind::Title,
        ];
        let (round, kind) = (number / 5, kinds[usize::try_from(number % 5).unwrap()]);
        let collection = collection(&pages, kind);
        let id = round / EDITS_EACH * AT_ONCE + (client + round) % AT_ONCE;
        let mark = format!("e-{client}-{number}");
        watch.begin(&mark);
        let outcome = edit(&collection, kind, client, id, mark.clone()).await;
        let told = match outcome {
            Ok(()) => Told::Acknowledged,
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => Told::Unknown,
            Err(error) => Told::Failed(error.kind()),
        };
        let path = format!("/{}/{id}", name(kind));
        done.push(Edit {
            kind,
            path,
            mark,
            told,
            learnt: watch.learnt(),
        });
    }
    done
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counters",
        Kind::Stamped => "stamped",
        Kind::Set => "sets",
        Kind::Text => "texts",
        Kind::Title => "titles",
    }
}

fn collection(client: &Client, kind: Kind) -> Collection<Page> {
    let collection = client.collection(name(kind));
    if kind == Kind::Stamped {
        collection.write_stamp("/stamps")
    } else {
        collection
    }
}

async fn edit(
    pages: &Collection<Page>,
    kind: Kind,
    client: u64,
    id: u64,
    mark: String,
) -> Result<(), Error> {
    if kind == Kind::Title {
        let mut page = pages.get(id).await?;
        page.title = mark;
        return pages.save(page).await.map(drop);
    }
    let edit = move |page: &mut Page| match kind {
        Kind::Set if !page.ids.contains(&mark) => page.ids.push(mark.clone()),
        Kind::Text if !page.text.lines().any(|line| line == mark) => {
            page.text = with_line(&page.text, client, &mark);
        }
        Kind::Set | Kind::Text | Kind::Title => {}
        Kind::Counter | Kind::Stamped => page.n += 1,
    };
    pages.update(id, edit).await.map(drop)
}

/// The text with one more line in this client's own section. The sections are made by whoever comes
/// first, all at once, so that no two edits touch each other.
fn with_line(text: &str, client: u64, line: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        lines = (0..CLIENTS)
            .flat_map(|client| [format!("# {client}"), format!("## {client}")])
            .collect();
    }
    let heading = format!("# {client}");
    let at = lines.iter().position(|line| *line == heading).unwrap();
    lines.insert(at + 1, line.to_owned());
    lines.join("\n") + "\n"
}
