//! A [`Feed`] of the changes on the test server.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::feed_state::FeedState;
use super::feed_step::FeedStep;
use super::server::lock;
use super::state::SimulatedState;

/// A feed of server-sent events about the documents of a [`ResourceServer`](super::ResourceServer).
///
/// Every change of a document is an event, whoever made it:
///
/// ```text
/// id: 7
/// event: put
/// data: {"path":"/notes/1","id":"1","version":"\"v3\"","document":{"n":1}}
///
/// id: 8
/// event: gone
/// data: {"path":"/notes/1","id":"1"}
///
/// ```
///
/// A request with `Last-Event-ID` gets the changes after that id, and one without it those from now on. If the id is not
/// in the history any more, the stream begins at the oldest change that is left, without a sign, as with nchan. A
/// [step](FeedStep) scripts a stream that breaks off, stalls, repeats events, or says that the position is lost.
///
/// Clients reach it [within the process](super::ResourceServer::in_process), or over a socket by
/// [`listen`](super::ResourceServer::listen). The server's [`uri`](super::ResourceServer::uri) does not stream.
///
/// # Example
///
/// ```
/// use ifmatch::event_stream::EventStream;
/// use ifmatch::testing::ResourceServer;
/// use ifmatch::transport::{Request, Reqwest};
/// use ifmatch::{Method, Transport};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ResourceServer::start().await;
/// let feed = server.feed("/changes").history(10);
/// let listener = server.listen().await?;
///
/// let url = format!("{}/changes", listener.uri()).parse()?;
/// let mut stream = Reqwest::new()?.open(Request::new(Method::GET, url)).await?;
/// server.put("/notes/1", r#"{"n": 1}"#);
///
/// let chunk = stream.next().await?.ok_or("it has ended")?;
/// let event = EventStream::new().decode(&mut &chunk[..])?.ok_or("it is not whole")?;
/// assert_eq!((event.last_event_id(), event.event_type()), ("1", "put"));
/// assert_eq!(feed.open_streams(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Feed {
    state: Arc<Mutex<SimulatedState>>,
    path: String,
}

impl Feed {
    pub(super) fn new(state: Arc<Mutex<SimulatedState>>, path: &str) -> Self {
        let feed = Self {
            state,
            path: path.to_owned(),
        };
        feed.with(|_| ());
        feed
    }

    fn with<R>(&self, act: impl FnOnce(&mut FeedState) -> R) -> R {
        let mut state = lock(&self.state);
        act(state.feeds.entry(self.path.clone()).or_default())
    }

    /// Sets how many changes are kept (default 100).
    pub fn history(self, changes: usize) -> Self {
        self.with(|feed| feed.set_history(changes));
        self
    }

    /// Sends a comment after each such time without an event (default never).
    pub fn heartbeat(self, time: Duration) -> Self {
        self.with(|feed| feed.heartbeat = Some(time));
        self
    }

    /// Scripts the next stream. A second call scripts the one after that, and so on.
    pub fn next_stream(&self, step: FeedStep) {
        self.with(|feed| feed.steps.push_back(step));
    }

    /// Cuts the connections of all open streams.
    pub fn cut(&self) {
        self.with(FeedState::cut);
    }

    /// Cuts all streams, forgets the history, and counts the ids from 1 again, as a server that was restarted.
    pub fn restart(&self) {
        self.with(FeedState::restart);
    }

    /// Returns the number of streams that clients keep open.
    pub fn open_streams(&self) -> usize {
        self.with(|feed| feed.open_streams())
    }

    /// Returns the id of the last change, or 0.
    pub fn last_id(&self) -> u64 {
        self.with(|feed| feed.last_id)
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
