//! What a guard of an action returns.

use crate::BoxError;

/// The result of a [guard](crate::Action::guard): a `bool`, or a `Result<(), BoxError>` whose error says why not.
pub trait GuardResult {
    #[doc(hidden)]
    fn into_result(self) -> Result<(), BoxError>;
}

impl GuardResult for bool {
    fn into_result(self) -> Result<(), BoxError> {
        if self {
            Ok(())
        } else {
            Err(NotAccepted.into())
        }
    }
}

impl GuardResult for Result<(), BoxError> {
    fn into_result(self) -> Result<(), BoxError> {
        self
    }
}

/// The error of a guard that returned `false`.
#[derive(Debug, thiserror::Error)]
#[error("the guard does not accept the current state of the resource")]
struct NotAccepted;
