//! The settings of write operations, and their setters.

use std::time::Duration;

use crate::resolve::Strategy;

/// The settings that all write operations share.
pub(crate) struct WriteSettings<T> {
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_rounds: Option<u32>,
    pub(crate) strategy: Option<Strategy<T>>,
    /// Whether the write may be sent without a precondition if there is no version.
    pub(crate) allows_unconditional: bool,
}

impl<T> Default for WriteSettings<T> {
    fn default() -> Self {
        Self {
            timeout: None,
            max_rounds: None,
            strategy: None,
            allows_unconditional: false,
        }
    }
}

/// Defines the setters that all write operations share.
macro_rules! write_settings {
    ($name:ident) => {
        impl<T: $crate::operations::ResourceData> $name<T> {
            /// Sets the deadline of this call, waits included, instead of
            /// [`Limits::time`](crate::Limits::time).
            pub fn timeout(self, time: std::time::Duration) -> Self {
                Self {
                    call: self
                        .call
                        .set(|settings| settings.write.timeout = Some(time)),
                }
            }

            /// Sets the maximum number of rounds of this call (at least 1), instead of
            /// [`Limits::rounds`](crate::Limits::rounds).
            pub fn max_rounds(self, rounds: u32) -> Self {
                Self {
                    call: self
                        .call
                        .set(|settings| settings.write.max_rounds = Some(rounds.max(1))),
                }
            }

            /// Sets the merge strategy of this call, instead of the strategy of the handle.
            ///
            /// With it, an `update` merges after a race instead of running its edit again.
            pub fn strategy(self, strategy: impl $crate::resolve::MergeStrategy<T>) -> Self {
                Self {
                    call: self.call.set(|settings| {
                        settings.write.strategy = Some(std::sync::Arc::new(strategy))
                    }),
                }
            }
        }
    };
}
pub(crate) use write_settings;

/// Defines the setter of write operations that replace or remove an existing resource.
macro_rules! unconditional_setting {
    ($name:ident) => {
        impl<T: $crate::operations::ResourceData> $name<T> {
            /// Allows this call to write without a precondition if the server provides no usable validator.
            ///
            /// Without this setting, such a call ends with
            /// [`UnusableValidator`](crate::ErrorKind::UnusableValidator). With it, changes that other
            /// clients made since the last read are lost. If there is a version, the call is pinned to it as
            /// usual.
            pub fn unconditional(self) -> Self {
                Self {
                    call: self
                        .call
                        .set(|settings| settings.write.allows_unconditional = true),
                }
            }
        }
    };
}
pub(crate) use unconditional_setting;

/// Defines `queue` of write operations that can be sent by a later process.
macro_rules! queue_setting {
    ($name:ident => $output:ty, $queue:ident, $(#[$doc:meta])*) => {
        impl<T: $crate::operations::ResourceData> $name<T> {
            /// Keeps the write in the [journal](crate::Journal) instead of sending it now. It is durable when this returns.
            ///
            /// [`Client::outbox`](crate::Client::outbox) sends it.
            ///
            $(#[$doc])*
            ///
            /// # Errors
            ///
            /// Returns `Config` if the client has no journal, if its authenticator does not name the user, or if the call
            /// has a strategy or a number of rounds of its own, which a later process would not have. Its time limit does not
            /// apply to the write. Returns `Journal` if the write cannot be kept. Otherwise
            /// the errors are those of preparing the write, such as `Unfaithful` or `Edit`. Nothing was queued after an
            /// error.
            pub async fn queue(self) -> Result<Queued<$output>, Error> {
                match self.call {
                    // Boxed, because it would make the future of its caller large.
                    Lazy::Settings(settings) => Box::pin($queue(*settings)).await,
                    Lazy::Running(_) | Lazy::Moving => {
                        Err(Error::config("the call was polled, so it can no longer be queued"))
                    }
                }
            }
        }
    };
}
pub(crate) use queue_setting;
