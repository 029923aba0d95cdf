//! The operations of a handle. Each operation is a builder that is its own future.

mod action;
mod action_hooks;
mod ask;
mod batch;
mod create;
pub(crate) mod decision;
mod delete;
mod failure_reason;
mod guard_result;
mod handle;
mod handle_address;
mod handle_parts;
mod list;
mod outbox;
mod plain;
mod plain_response;
mod post;
pub(crate) mod read;
mod reply;
mod save;
mod seen_version;
mod send_action;
pub(crate) mod steps;
pub(crate) mod typed_edit;
mod update;
pub(crate) mod write_call;
mod write_error;
pub(crate) mod write_settings;

pub use action::Action;
pub(crate) use ask::{AskRules, ask_by};
pub use create::Create;
pub(crate) use delete::DeleteInput;
pub use delete::{Delete, IntoTarget};
pub use guard_result::GuardResult;
pub use handle::ResourceData;
pub(crate) use handle::{CallContext, Handle, WeakHandle, refuse_conditions};
pub use list::{List, Page};
pub(crate) use outbox::schema::Schema;
pub use outbox::{
    Conflicts, Drained, Local, OpenWrite, Outbox, Queued, QueuedKind, QueuedState, QueuedWrite,
    SendsQueued,
};
pub(crate) use outbox::{local, new_group, register};
pub use plain::PlainRequest;
pub use plain_response::PlainResponse;
pub use post::Post;
pub use read::{Get, GetOpt, Head, HeadResponse, Refresh, Revalidated};
pub use reply::Reply;
pub(crate) use save::PreparedSave;
pub use save::{IntoSave, Save};
pub use seen_version::SeenVersion;
pub use send_action::SendAction;
pub use update::Update;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::support::panics;
use crate::value::Error;

pub(crate) type Boxed<O> = Pin<Box<dyn Future<Output = O> + Send>>;

/// A call that holds its settings until the first poll, and then the future that runs it.
///
/// Nothing is sent before the first poll.
pub(crate) enum Lazy<S, O> {
    Settings(Box<S>),
    Running(Boxed<O>),
    /// The state between the two, within one poll, and after a panic.
    Moving,
}

impl<S, O> Lazy<S, Result<O, Error>> {
    pub(crate) fn new(settings: S) -> Self {
        Self::Settings(Box::new(settings))
    }

    /// Changes the settings. Once the call runs, they are fixed.
    pub(crate) fn set(mut self, change: impl FnOnce(&mut S)) -> Self {
        if let Self::Settings(settings) = &mut self {
            change(settings);
        }
        self
    }

    pub(crate) fn poll_with(
        &mut self,
        context: &mut Context<'_>,
        run: impl FnOnce(S) -> Boxed<Result<O, Error>>,
    ) -> Poll<Result<O, Error>> {
        if let Self::Settings(_) = self
            && let Self::Settings(settings) = std::mem::replace(self, Self::Moving)
        {
            *self = Self::Running(run(*settings));
        }
        let Self::Running(future) = self else {
            return Poll::Pending;
        };
        let polled = panics::catch(panics::VALUE, || future.as_mut().poll(context));
        polled.unwrap_or_else(|panicked| {
            // A future that panicked must not be polled again.
            *self = Self::Moving;
            Poll::Ready(Err(Error::config(panicked.to_string())))
        })
    }
}

/// Returns the span of a call. `shown` returns the template of its address.
#[cfg(feature = "tracing")]
pub(crate) fn call_span<S>(
    operation: &str,
    settings: &S,
    shown: impl Fn(&S) -> String,
) -> tracing::Span {
    tracing::info_span!(
        "call",
        otel.name = format!("{operation} {}", shown(settings)),
        otel.kind = "internal",
        url.template = shown(settings),
    )
}

/// Boxes the future of a call, in its span if a subscriber wants the span.
#[cfg(feature = "tracing")]
pub(crate) fn boxed_in<O>(
    span: tracing::Span,
    call: impl Future<Output = O> + Send + 'static,
) -> Boxed<O> {
    if span.is_disabled() {
        Box::pin(call)
    } else {
        Box::pin(tracing::Instrument::instrument(call, span))
    }
}

/// Returns the future of a call, in its own span.
macro_rules! in_span {
    ($operation:literal, $shown:expr, $run:expr, $settings:ident) => {{
        #[cfg(feature = "tracing")]
        {
            let span = crate::operations::call_span($operation, &$settings, $shown);
            crate::operations::boxed_in(span, ($run)($settings))
        }
        #[cfg(not(feature = "tracing"))]
        Box::pin(($run)($settings))
    }};
}
pub(crate) use in_span;

/// Implements `Future` for an operation, and a `Debug` form without its content. The operation has a name, and `shown`
/// returns the template of its address.
macro_rules! operation {
    ($name:ident<$t:ident> => $output:ty, $operation:literal, $shown:expr, $run:expr) => {
        impl<$t: crate::operations::ResourceData> std::future::Future for $name<$t> {
            type Output = $output;

            fn poll(
                self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Self::Output> {
                self.get_mut().call.poll_with(context, |settings| {
                    crate::operations::in_span!($operation, $shown, $run, settings)
                })
            }
        }

        impl<$t> std::fmt::Debug for $name<$t> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use operation;
