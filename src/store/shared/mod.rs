//! A store in Redis, which processes and machines share.

mod connection;

use std::time::Duration;

use async_trait::async_trait;
use redis::{Client, Cmd, RedisError};

use super::{SnapshotKey, SnapshotStore, StoredSnapshot, encoded};
use crate::BoxError;
pub(crate) use connection::Connection;

const PREFIX: &str = "ifmatch:";
const TTL: Duration = Duration::from_secs(60 * 60);
/// Redis refuses times that its clock cannot hold. This one is a century.
const MAX_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
const MAX_BYTES: usize = 1024 * 1024;
const TIMEOUT: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_secs(5);
/// The part of a key's text that identifies the key.
const KEY_LENGTH: usize = 101;

/// A store in Redis, whose snapshots are shared by processes and machines. Feature `redis`.
///
/// If several processes edit the same documents, each finds the version that another one has written last, so fewer
/// writes are refused as outdated.
///
/// Redis is only a cache here. If it fails, each call reads from the API instead, and none fails. A command that gets
/// no response in time is given up, and then the store is skipped for some seconds, so an outage delays the
/// calls that are made when it begins, and then one call per pause. Values that are damaged, too large or not from this crate are ignored. What is stored during an outage is
/// lost, and a document that was cached before it may be outdated, which costs a round.
///
/// # What Redis holds
///
/// Redis holds documents and headers in clear, without `Set-Cookie`. Keys contain only digests. Anyone with write access to
/// Redis can change the state that the next `update` starts from, so protect it like the API. Use a `rediss://` URL for TLS, and
/// enable a TLS feature of the crate `redis`, such as `tokio-rustls-comp`.
///
/// # How snapshots are found
///
/// The digests in keys depend on the secret of the client and on the user. So give all clients the same
/// [`store_secret`](crate::ClientBuilder::store_secret), and name users with
/// [`Authenticator::identity`](crate::Authenticator::identity).
///
/// # Default
///
/// | setting | default |
/// |---|---|
/// | [`prefix`](Self::prefix) of the keys | `ifmatch:` |
/// | [`ttl`](Self::ttl), after which a snapshot is removed | 1 hour |
/// | [`max_bytes`](Self::max_bytes) of one snapshot | 1 MiB |
/// | [`timeout`](Self::timeout) of one command | 250 ms |
/// | [`pause`](Self::pause) after a failure | 5 s |
///
/// The total memory is bounded by Redis itself. Set `maxmemory` and a `maxmemory-policy` such as `allkeys-lru` there.
///
/// # Example
///
/// ```
/// use ifmatch::{Client, RedisStore};
///
/// # fn secret() -> Vec<u8> { vec![7; 32] }
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("https://api.example.com/v1")
///     .store(RedisStore::open("redis://cache.example.com")?)
///     .store_secret(secret())
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RedisStore {
    connection: Connection,
    prefix: String,
    ttl: Duration,
    max_bytes: usize,
}

/// The error for a URL of which no [`RedisStore`] can be made.
#[derive(Debug, thiserror::Error)]
#[error("the URL of Redis cannot be used: expected one such as `redis://host:6379`")]
pub struct RedisStoreError(#[source] RedisError);

impl RedisStoreError {
    pub(crate) fn new(error: RedisError) -> Self {
        Self(error)
    }
}

impl RedisStore {
    /// Creates a store on the Redis server at this URL. It connects when the first call needs it.
    ///
    /// The URL has the form `redis://user:password@host:port/database`, and everything but the host may be absent.
    ///
    /// # Errors
    ///
    /// Returns a [`RedisStoreError`] if the URL is invalid, or if it asks for TLS and no TLS feature of the crate
    /// `redis` is enabled. It converts to an [`Error`](crate::Error) of the kind `Config`.
    pub fn open(url: impl AsRef<str>) -> Result<Self, RedisStoreError> {
        let client = Client::open(url.as_ref()).map_err(RedisStoreError)?;
        Ok(Self {
            connection: Connection::new(client, TIMEOUT, PAUSE),
            prefix: PREFIX.to_owned(),
            ttl: TTL,
            max_bytes: MAX_BYTES,
        })
    }

    /// Sets the beginning of all keys, which separates the snapshots of one application from other data (default
    /// `ifmatch:`).
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets how long a snapshot is kept after it was stored (default 1 hour). Zero is raised to a millisecond.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets the most bytes of one snapshot (default 1 MiB). A larger one is not stored, and the one before is removed.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the time limit for one command, including the connection if there is none (default 250 ms).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.connection.timeout = timeout;
        self
    }

    /// Sets for how long the store is skipped after a failure (default 5 s).
    pub fn pause(mut self, pause: Duration) -> Self {
        self.connection.pause = pause;
        self
    }

    fn key(&self, key: &SnapshotKey) -> String {
        let mut text = key.to_text();
        text.truncate(KEY_LENGTH);
        text.insert_str(0, &self.prefix);
        text
    }
}

#[async_trait]
impl SnapshotStore for RedisStore {
    async fn get(&self, key: &SnapshotKey) -> Result<Option<StoredSnapshot>, BoxError> {
        // A range bounds what a value of another program can send.
        let end = isize::try_from(self.max_bytes).unwrap_or(isize::MAX);
        let command = Cmd::getrange(self.key(key), 0, end);
        let bytes: Vec<u8> = match self.connection.ask(&command).await {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(error) if error.is_other_type() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if bytes.len() > self.max_bytes {
            return Ok(None);
        }
        Ok(encoded::decode(key, &bytes))
    }

    async fn put(&self, key: &SnapshotKey, snapshot: StoredSnapshot) -> Result<(), BoxError> {
        let bytes = encoded::encode(key, &snapshot);
        let Some(bytes) = bytes.filter(|bytes| bytes.len() <= self.max_bytes) else {
            return self.remove(key).await;
        };
        let ttl = self.ttl.clamp(Duration::from_millis(1), MAX_TTL);
        let mut command = redis::cmd("SET");
        command.arg(self.key(key)).arg(bytes);
        command.arg("PX").arg(ttl.as_millis().to_string());
        self.connection.ask::<()>(&command).await?;
        Ok(())
    }

    async fn remove(&self, key: &SnapshotKey) -> Result<(), BoxError> {
        self.connection.ask::<()>(&Cmd::del(self.key(key))).await?;
        Ok(())
    }
}
