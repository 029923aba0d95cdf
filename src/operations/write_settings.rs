//! What writes can be told, and the setters for it.

use std::time::Duration;

use crate::resolve::Strategy;

/// What every write can be told.
pub(crate) struct WriteSettings<T> {
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_rounds: Option<u32>,
    pub(crate) strategy: Option<Strategy<T>>,
    /// It may go out without a condition where there is no version.
    pub(crate) unconditional: bool,
}

impl<T> Default for WriteSettings<T> {
    fn default() -> Self {
        Self {
            timeout: None,
            max_rounds: None,
            strategy: None,
            unconditional: false,
        }
    }
}

/// The setters that all writes share.
macro_rules! write_settings {
    ($name:ident) => {
        impl<T: $crate::operations::ResourceData> $name<T> {
            /// The time of this call, waits included, instead of
            /// [`Limits::time`](crate::Limits::time).
            pub fn timeout(self, time: std::time::Duration) -> Self {
                Self {
                    call: self
                        .call
                        .set(|settings| settings.write.timeout = Some(time)),
                }
            }

            /// The largest number of rounds of this call, instead of
            /// [`Limits::rounds`](crate::Limits::rounds).
            pub fn max_rounds(self, rounds: u32) -> Self {
                Self {
                    call: self
                        .call
                        .set(|settings| settings.write.max_rounds = Some(rounds.max(1))),
                }
            }

            /// Sets the merge strategy of this call, instead of the handle's. An `update` merges by it
            /// instead of running its edit again.
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

/// The setter of writes that are made on what is there.
macro_rules! unconditional_setting {
    ($name:ident) => {
        impl<T: $crate::operations::ResourceData> $name<T> {
            /// Lets this call write where the server tells no version that a condition can use, instead
            /// of ending with [`UnusableValidator`](crate::ErrorKind::UnusableValidator). Changes that other
            /// clients made since the last read are then lost. Where there is a version, the call is
            /// pinned to it as always.
            pub fn unconditional(self) -> Self {
                Self {
                    call: self
                        .call
                        .set(|settings| settings.write.unconditional = true),
                }
            }
        }
    };
}
pub(crate) use unconditional_setting;
