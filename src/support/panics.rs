//! Panics of the application's parts, turned into errors where the part is called.
//!
//! A strategy, a store or an observer that panics ends the write that called it, with an error that names the part.
//! The error does not repeat the message of the panic. The message may hold data, and the panic hook has already
//! reported it.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;

/// The name for code that may panic and has no name of its own.
pub(crate) const VALUE: &str = "a value or another part used by the call";

/// The error for a part of the application that panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} panicked")]
pub(crate) struct Panicked(&'static str);

/// Calls a part of the application and catches its panic.
pub(crate) fn catch<R>(part: &'static str, call: impl FnOnce() -> R) -> Result<R, Panicked> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| {
        // An inner call has named the part more precisely.
        let named = payload.downcast_ref::<Panicked>().copied();
        // The payload is a value of the application too, and its destructor may panic.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        if let Err(second) = dropped {
            std::mem::forget(second);
        }
        named.unwrap_or(Panicked(part))
    })
}

/// Calls a part where no error can be returned. A panic continues and carries the name of the part.
pub(crate) fn named<R>(part: &'static str, call: impl FnOnce() -> R) -> R {
    catch(part, call).unwrap_or_else(|panicked| resume_unwind(Box::new(panicked)))
}

/// Awaits a part of the application and catches its panic.
pub(crate) async fn catch_in<F: Future>(
    part: &'static str,
    future: F,
) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    poll_fn(
        |context| match catch(part, || future.as_mut().poll(context)) {
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panicked) => Poll::Ready(Err(panicked)),
        },
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::panic, reason = "it is what is tested")]
    fn the_innermost_name_is_told() {
        let inner = || named("the profile", || panic!("no"));
        assert_eq!(catch(VALUE, inner), Err(Panicked("the profile")));
        assert_eq!(catch::<()>(VALUE, || panic!("no")), Err(Panicked(VALUE)));
        assert_eq!(catch(VALUE, || 1), Ok(1));
    }

    #[tokio::test]
    #[expect(clippy::panic, reason = "it is what is tested")]
    async fn a_future_that_panics_after_it_waited_is_told_too() {
        let later = async {
            tokio::task::yield_now().await;
            panic!("no")
        };
        let caught: Result<(), _> = catch_in("the store", later).await;
        assert_eq!(caught, Err(Panicked("the store")));
        assert_eq!(Panicked("the store").to_string(), "the store panicked");
    }
}
