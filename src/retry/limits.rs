//! The limits of one call and of what is read.

use std::time::Duration;

/// The limits that a client keeps: rounds, time, and the size of what it reads.
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
    /// Sets the maximum number of rounds of one write (default 512, at least 1).
    ///
    /// A round is one conditional request against one version.
    ///
    /// Another client wins each round that is lost, so a fair race is bounded by its [`time`](Self::time). The round
    /// limit stops a server that returns a new version with each read and accepts no write. A
    /// [`RefusalHandler`](crate::RefusalHandler) is followed for at most 15 more rounds.
    pub fn rounds(mut self, rounds: u32) -> Self {
        self.rounds = rounds.max(1);
        self
    }

    /// Sets the maximum number of waits for transient causes in one write (default 10).
    ///
    /// Transient causes are 5xx responses, lost connections and locks.
    pub fn transient(mut self, waits: u32) -> Self {
        self.transient = waits;
        self
    }

    /// Sets the time limit of one call, waits included (default 30 s). No request is started after it.
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Sets the timeout of one request (default 10 s).
    ///
    /// A write that times out is [settled](crate::guide::concepts), and never sent again blindly.
    pub fn request(mut self, time: Duration) -> Self {
        self.request = time;
        self
    }

    /// Sets the maximum size of the body of a successful response, in bytes (default 16 MiB).
    ///
    /// A read of a longer one ends as [`TooLarge`](crate::ErrorKind::TooLarge).
    pub fn body(mut self, bytes: usize) -> Self {
        self.body = bytes;
        self
    }

    /// Sets how much of the body of a refusal is read, in bytes (default 1 MiB). The rest is not read.
    pub fn refusal_body(mut self, bytes: usize) -> Self {
        self.refusal_body = bytes;
        self
    }

    /// Sets the maximum nesting of a JSON document that is read, in levels from 1 to 128 (default 128).
    pub fn depth(mut self, levels: usize) -> Self {
        self.depth = levels.clamp(1, crate::json::Document::DEFAULT_DEPTH);
        self
    }

    /// Sets the longest `Retry-After` that the client waits for (default 60 s).
    ///
    /// A longer one ends the call, and the error reports it. So does one that is longer than what is left of
    /// [`time`](Self::time). Later calls to the host are held back for this time at most.
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = time;
        self
    }

    /// Sets the maximum number of redirects that are followed, within one origin (default 5).
    pub fn redirects(mut self, redirects: u32) -> Self {
        self.redirects = redirects;
        self
    }
}
