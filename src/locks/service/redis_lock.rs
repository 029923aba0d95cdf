//! Leases in Redis. Each step is one script, which compares the session and changes the lease in one.

use std::time::Duration;

use async_trait::async_trait;
use redis::Cmd;

use super::shown;
use crate::lease::{Granted, LeaseHolder, LeaseRequest, LeaseService, NotGranted};
use crate::locks::Leases;
use crate::store::{RedisConnection, RedisStoreError};
use crate::value::{Error, ErrorKind};

/// The time limit for one script, including the connection if it has to be made.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Acquires the lease of `KEYS[1]`, unless another session has it. The token is a member of `KEYS[2]`, which never ends.
///
/// Returns the token, or the holder and the milliseconds that are left.
const ACQUIRE: &str = r"
local value = redis.call('GET', KEYS[1])
if value then
    local held = cjson.decode(value)
    if held.session ~= ARGV[1] then
        return {0, string.sub(held.holder, 1, 800), redis.call('PTTL', KEYS[1])}
    end
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
    return {tonumber(held.token), '', 0}
end
local token = redis.call('HINCRBY', KEYS[2], 'token', 1)
local held = {session = ARGV[1], holder = ARGV[2], token = string.format('%.0f', token)}
redis.call('SET', KEYS[1], cjson.encode(held), 'NX', 'PX', ARGV[3])
return {token, '', 0}
";

/// Renews the lease, if the session has it. Returns what `ACQUIRE` returns.
const RENEW: &str = r"
local value = redis.call('GET', KEYS[1])
if not value then
    return {0, '', 0}
end
local held = cjson.decode(value)
if held.session ~= ARGV[1] then
    return {0, string.sub(held.holder, 1, 800), 0}
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {tonumber(held.token), '', 0}
";

/// Releases the lease, if the session has it. The session is kept beside the token, so that a script that is sent again
/// after a lost response finds that it has released the lease. Returns 1 if it has.
const RELEASE: &str = r"
local value = redis.call('GET', KEYS[1])
local held = value and cjson.decode(value) or {}
if held.session == ARGV[1] then
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[2], 'released', ARGV[1])
    return {1, '', 0}
end
if redis.call('HGET', KEYS[2], 'released') == ARGV[1] then
    return {1, '', 0}
end
return {0, string.sub(held.holder or '', 1, 800), 0}
";

/// Returns the token and the holder.
const LOOK: &str = r"
local value = redis.call('GET', KEYS[1])
if not value then
    return {0, '', 0}
end
local held = cjson.decode(value)
return {tonumber(held.token), string.sub(held.holder, 1, 800), 0}
";

/// A number, the beginning of the holder if there is one, and the milliseconds that are left if they are known.
type Answer = (i64, Vec<u8>, i64);

impl Leases {
    /// Keeps each lease in Redis. Feature `redis`.
    ///
    /// The URL has the form `redis://user:password@host:port/database`. The key of a lease is `ifmatch:lease:{name}`, and
    /// ends with the ttl. The key `ifmatch:token:{name}` holds the fencing token and never ends. Anyone with write access
    /// to Redis can take a lease, so protect it.
    ///
    /// # What a single Redis can promise
    ///
    /// While the server runs and keeps its data, a lease has one holder. If the server restarts without its data, or fails
    /// over to a replica that has not received the last writes, the lease and the newest tokens are lost. Then two holders
    /// may believe in the same lease for up to two thirds of the ttl, even with the same token. So:
    ///
    /// - Protect documents with [`fenced`](crate::Collection::fenced). A document refuses an earlier holder whose token is
    ///   smaller, and conditional writes prevent a lost update in any case.
    /// - Set `appendonly yes` and `appendfsync always`, so that a restart loses nothing.
    /// - Set `maxmemory-policy noeviction`. Other policies may remove tokens, which then begin again.
    ///
    /// The clock of the server decides when a lease ends there. The holder counts by its own clocks.
    ///
    /// # Errors
    ///
    /// Returns a `Config` error if the URL is invalid, or if it asks for TLS and no TLS feature of the crate `redis` is
    /// enabled. Nothing is connected yet.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use ifmatch::Leases;
    ///
    /// # async fn run() -> Result<(), ifmatch::Error> {
    /// let leases = Leases::redis("redis://locks.example.com")?;
    /// let held = leases.acquire("nightly").owner("worker-7").await?;
    /// println!("the fencing token is {}", held.token());
    /// held.release().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn redis(url: impl AsRef<str>) -> Result<Self, Error> {
        let client = redis::Client::open(url.as_ref()).map_err(RedisStoreError::new)?;
        // Without a pause: each attempt must ask the server.
        let connection = RedisConnection::new(client, TIMEOUT, Duration::ZERO);
        Ok(Self::of(RedisLock { connection }))
    }
}

struct RedisLock {
    connection: RedisConnection,
}

impl RedisLock {
    async fn run(
        &self,
        script: &str,
        name: &str,
        arguments: &[&str],
    ) -> Result<Answer, NotGranted> {
        // The braces keep both keys in one slot of a cluster.
        let keys = [
            format!("ifmatch:lease:{{{name}}}"),
            format!("ifmatch:token:{{{name}}}"),
        ];
        let mut command = Cmd::new();
        command.arg("EVAL").arg(script).arg(keys.len());
        command.arg(&keys[..]).arg(arguments);
        match self.connection.ask(&command).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(failed("Redis is not asked during an outage")),
            // If the response was lost, the next script finds its own session.
            Err(error) => Err(failed(error)),
        }
    }
}

fn failed(source: impl Into<crate::BoxError>) -> NotGranted {
    let error = Error::new(
        ErrorKind::Transport,
        "Redis has not carried out the request",
    );
    NotGranted::Failed(error.with_source(source))
}

fn millis(ttl: Duration) -> String {
    ttl.as_millis().max(1).to_string()
}

/// Returns a number that a script returns, if it is greater than zero.
fn positive(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|number| *number > 0)
}

fn named(holder: &[u8]) -> Option<String> {
    (!holder.is_empty()).then(|| shown(&String::from_utf8_lossy(holder)))
}

#[async_trait]
impl LeaseService for RedisLock {
    async fn acquire(&self, want: &LeaseRequest) -> Result<Granted, NotGranted> {
        let owner = want.owner.as_deref().unwrap_or_default();
        let arguments = [&want.session, owner, &millis(want.ttl)];
        let (token, holder, left) = self.run(ACQUIRE, &want.name, &arguments).await?;
        if let Some(token) = positive(token) {
            return Ok(Granted::new(&want.name, &want.session, token, want.ttl));
        }
        let left = positive(left).map(Duration::from_millis);
        Err(NotGranted::held(named(&holder), left))
    }

    async fn renew(&self, lease: &Granted, want: &LeaseRequest) -> Result<Granted, NotGranted> {
        let arguments = [&lease.id, "", &millis(want.ttl)];
        let (token, holder, _) = self.run(RENEW, &lease.name, &arguments).await?;
        match positive(token) {
            Some(token) => Ok(Granted::new(&lease.name, &lease.id, token, want.ttl)),
            None => Err(NotGranted::Lost { by: named(&holder) }),
        }
    }

    async fn release(&self, lease: &Granted) -> Result<(), NotGranted> {
        let (mut tries, arguments) = (0, [lease.id.as_str()]);
        loop {
            tries += 1;
            match self.run(RELEASE, &lease.name, &arguments).await {
                Err(NotGranted::Failed(_)) if tries < 2 => {}
                Err(error) => return Err(error),
                Ok((1, ..)) => return Ok(()),
                Ok((_, holder, _)) => return Err(NotGranted::Lost { by: named(&holder) }),
            }
        }
    }

    async fn look(&self, name: &str) -> Result<Option<LeaseHolder>, NotGranted> {
        let (token, holder, _) = self.run(LOOK, name, &[]).await?;
        Ok(positive(token).map(|token| LeaseHolder::new(named(&holder), Some(token))))
    }
}
