//! The script of one stream, a [`FeedStep`].

use super::reply::Reply;

/// How the server tells that a position in the feed is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GoneForm {
    /// A 410 with Problem Details.
    Status,
    /// A 200 whose only event is an error with the code 410, as Kubernetes.
    Event,
    /// A 200 whose only event says `canceled` and the oldest position, as etcd.
    Canceled,
    /// A 200 that ends with nothing in it.
    Empty,
}

/// What happens at the end of a stream that is cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The connection breaks off.
    Cut,
    /// The response ends as if it were whole.
    End,
    /// Nothing more comes, and the connection stays open.
    Stall,
}

/// The script of one stream of a [`Feed`](super::Feed).
///
/// # Example: a stream that breaks off within an event, and then one from a server that has lost the id
///
/// ```
/// use ifmatch::testing::{FeedStep, ResourceServer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let server = ResourceServer::start().await;
/// let feed = server.feed("/changes");
/// feed.next_stream(FeedStep::new().cut_after(100));
/// feed.next_stream(FeedStep::new().forget_id());
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct FeedStep {
    pub(super) ending: Option<(usize, Ending)>,
    pub(super) forgets_id: bool,
    pub(super) duplicates: bool,
    pub(super) reverses: bool,
    pub(super) gone: Option<GoneForm>,
    pub(super) answer: Option<Reply>,
}

impl FeedStep {
    /// Creates a step that changes nothing about its stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cuts the connection after this number of bytes of the body.
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.ending = Some((bytes, Ending::Cut));
        self
    }

    /// Ends the response normally after this number of bytes of the body.
    pub fn end_after(mut self, bytes: usize) -> Self {
        self.ending = Some((bytes, Ending::End));
        self
    }

    /// Sends nothing more after this number of bytes of the body, and keeps the connection open. After 0 bytes, it is as
    /// behind a proxy that buffers the body: only the head arrives.
    pub fn stall_after(mut self, bytes: usize) -> Self {
        self.ending = Some((bytes, Ending::Stall));
        self
    }

    /// Ignores the id of the request, and begins at the oldest change that is left, without a sign. Servers do so that
    /// have lost the id.
    pub fn forget_id(mut self) -> Self {
        self.forgets_id = true;
        self
    }

    /// Says that the position is lost, and ends the response.
    pub fn gone(mut self, form: GoneForm) -> Self {
        self.gone = Some(form);
        self
    }

    /// Sends each event twice.
    pub fn duplicate(mut self) -> Self {
        self.duplicates = true;
        self
    }

    /// Sends the events that are ready at the same time in reverse order.
    pub fn reverse(mut self) -> Self {
        self.reverses = true;
        self
    }

    /// Sends this response instead of a stream.
    pub fn answer(mut self, reply: Reply) -> Self {
        self.answer = Some(reply);
        self
    }
}
