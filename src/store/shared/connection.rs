//! One connection to Redis. After a failure it pauses, so that an outage delays one call and not every call.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError};
use tokio::time::{Instant, timeout};

/// A connection that is made when it is first needed.
pub(crate) struct Connection {
    client: Client,
    pub(super) timeout: Duration,
    pub(super) pause: Duration,
    /// The lock is held while connecting, so that only one caller connects.
    slot: tokio::sync::Mutex<Slot>,
    paused_until: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Slot {
    open: Option<MultiplexedConnection>,
    /// The number of the last connection.
    number: u64,
}

/// The reason why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("no response from Redis within {0:?}")]
    Timeout(Duration),
    #[error(transparent)]
    Redis(#[from] RedisError),
}

impl CommandError {
    /// Whether the key holds a value of another type, which is no failure of the server.
    pub(super) fn is_other_type(&self) -> bool {
        matches!(self, Self::Redis(error) if error.code() == Some("WRONGTYPE"))
    }
}

impl Connection {
    pub(crate) fn new(client: Client, timeout: Duration, pause: Duration) -> Self {
        Self {
            client,
            timeout,
            pause,
            slot: tokio::sync::Mutex::default(),
            paused_until: Mutex::default(),
        }
    }

    /// Sends a command and returns the response, or `None` during a pause.
    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        command: &Cmd,
    ) -> Result<Option<T>, CommandError> {
        if !self.enter() {
            return Ok(None);
        }
        let asked = timeout(self.timeout, self.ask_connected(command)).await;
        let answer = match asked {
            Ok(answer) => answer.map_err(CommandError::from),
            Err(_) => Err(CommandError::Timeout(self.timeout)),
        };
        match &answer {
            Err(error) if !error.is_other_type() => {
                *self.paused_until() = Some(Instant::now() + self.pause);
                self.close(None);
            }
            _ => *self.paused_until() = None,
        }
        answer.map(Some)
    }

    /// Whether a command may be sent. After a pause, one caller may try, and the others keep skipping until it has
    /// succeeded.
    fn enter(&self) -> bool {
        let mut paused_until = self.paused_until();
        let now = Instant::now();
        match *paused_until {
            Some(until) if now < until => false,
            Some(_) => {
                *paused_until = Some(now + self.pause);
                true
            }
            None => true,
        }
    }

    async fn ask_connected<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        let (number, mut connection, is_new) = self.connection().await?;
        match command.query_async(&mut connection).await {
            // The server closes connections that were idle, and a runtime ends those that were made in it. Each command
            // can be repeated without harm.
            Err(error) if !is_new && error.is_unrecoverable_error() => {
                self.close(Some(number));
                let (_, mut connection, _) = self.connection().await?;
                command.query_async(&mut connection).await
            }
            answer => answer,
        }
    }

    /// Returns the open connection with its number, or a new one.
    async fn connection(&self) -> Result<(u64, MultiplexedConnection, bool), RedisError> {
        let mut slot = self.slot.lock().await;
        if let Some(open) = &slot.open {
            return Ok((slot.number, open.clone(), false));
        }
        // The time limit of the command covers both.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let connection = connecting.await?;
        slot.number += 1;
        slot.open = Some(connection.clone());
        Ok((slot.number, connection, true))
    }

    /// Closes the connection, or only the one with this number.
    fn close(&self, number: Option<u64>) {
        // If the lock is held, another caller is connecting anew.
        if let Ok(mut slot) = self.slot.try_lock()
            && number.is_none_or(|number| number == slot.number)
        {
            slot.open = None;
        }
    }

    // A poisoned lock can be used, because setting the time cannot panic.
    fn paused_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.paused_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Connection {
    // The address may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("timeout", &self.timeout)
            .field("pause", &self.pause)
            .finish_non_exhaustive()
    }
}
