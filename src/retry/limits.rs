//! The bounds of one write and of what is read.

use std::time::Duration;

/// Every bound that a client keeps: rounds, time, and the size of what it reads.
///
/// # Default
///
/// | limit | default |
/// |---|---|
/// | [`rounds`](Limits::rounds) | 512 |
/// | [`transient`](Limits::transient) | 10 |
/// | [`time`](Limits::time) | 30 s |
/// | [`request`](Limits::request) | 10 s |
/// | [`body`](Limits::body) | 16 MiB |
/// | [`refusal_body`](Limits::refusal_body) | 1 MiB |
/// | [`depth`](Limits::depth) | 128 |
/// | [`retry_after`](Limits::retry_after) | 60 s |
/// | [`redirects`](Limits::redirects) | 5, same origin only |
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// let limits = ifmatch::Limits::default().rounds(4).time(Duration::from_secs(5));
/// assert_eq!(format!("{limits:?}").contains("rounds: 4"), true);
/// ```
#[derive(Clone, Debug)]
pub struct Limits {
    pub(crate) rounds: u32,
    pub(crate) transient: u32,
    pub(crate) time: Duration,
    pub(crate) request: Duration,
    pub(crate) body: usize,
    pub(crate) refusal_body: usize,
    pub(crate) depth: usize,
    pub(crate) retry_after: Duration,
    pub(crate) redirects: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rounds: 512,
            transient: 10,
            time: Duration::from_secs(30),
            request: Duration::from_secs(10),
            body: 16 * 1024 * 1024,
            refusal_body: 1024 * 1024,
            depth: crate::json::Document::DEFAULT_DEPTH,
            retry_after: Duration::from_secs(60),
            redirects: 5,
        }
    }
}

impl Limits {
    /// The largest number of rounds of one write, at least 1: a round is one conditional request
    /// on one version.
    ///
    /// A round that is lost was won by another writer, so the bound of an honest race is its
    /// [`time`](Self::time): of a thousand writers at once none needed more than 30 rounds, and none of hundreds
    /// of writers beside one that never pauses more than 400. This one stops a server that hands out a new
    /// version with each read and takes none. A
    /// [`RefusalHandler`](crate::RefusalHandler) is followed into 15 more rounds at most.
    pub fn rounds(mut self, rounds: u32) -> Self {
        self.rounds = rounds.max(1);
        self
    }

    /// The largest number of waits for transient causes (5xx, cut connections, locks) in one write.
    pub fn transient(mut self, waits: u32) -> Self {
        self.transient = waits;
        self
    }

    /// The time of one call, waits included; a write that began nothing new by then ends.
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// The time of one request; a write whose request takes longer is settled, not resent blindly.
    pub fn request(mut self, time: Duration) -> Self {
        self.request = time;
        self
    }

    /// The largest body that is read, in bytes.
    pub fn body(mut self, bytes: usize) -> Self {
        self.body = bytes;
        self
    }

    /// How much of a refusal's body is read, in bytes; the rest is left unread.
    pub fn refusal_body(mut self, bytes: usize) -> Self {
        self.refusal_body = bytes;
        self
    }

    /// The deepest nesting of a JSON document that is read, at most 128.
    pub fn depth(mut self, levels: usize) -> Self {
        self.depth = levels.clamp(1, crate::json::Document::DEFAULT_DEPTH);
        self
    }

    /// The longest `Retry-After` that is waited for; a longer one ends the call, and the error
    /// says how long was asked.
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = time;
        self
    }

    /// The largest number of redirects that are followed, within one origin.
    pub fn redirects(mut self, redirects: u32) -> Self {
        self.redirects = redirects;
        self
    }
}
