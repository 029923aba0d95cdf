//! Panics of the user's parts, turned into errors at the place where the part is called.
//!
//! A strategy, a store or an observer that panics ends the write that it served, with an error that says
//! which part it was. The message of the panic is not repeated: it may hold data, and the panic hook has
//! told it already.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;

/// What may panic besides the parts that have a seam of their own.
pub(crate) const VALUE: &str = "a value, or another part that serves the call,";

/// A part of the user's panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} panicked")]
pub(crate) struct Panicked(&'static str);

/// Calls a part of the user's.
pub(crate) fn catch<R>(part: &'static str, call: impl FnOnce() -> R) -> Result<R, Panicked> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| {
        // A seam further in knows better which part it was.
        let named = payload.downcast_ref::<Panicked>().copied();
        // A payload is a value of the user's as well, and its destructor may panic.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        if let Err(second) = dropped {
            std::mem::forget(second);
        }
        named.unwrap_or(Panicked(part))
    })
}

/// Calls a part where no error can be told: its panic goes on, and says whose it is.
pub(crate) fn named<R>(part: &'static str, call: impl FnOnce() -> R) -> R {
    catch(part, call).unwrap_or_else(|panicked| resume_unwind(Box::new(panicked)))
}

/// Awaits a part of the user's.
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
