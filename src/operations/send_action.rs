//! A pending action: the checks before its first request, and what its response becomes.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde::de::DeserializeOwned;

use super::action::ActionSettings;
use super::action_hooks::ActionHooks;
use super::post::check_key;
use super::reply::Reply;
use super::write_call::{Write, conclude};
use super::{Lazy, in_span, refuse_conditions};
use crate::address;
use crate::exchange::Watch;
use crate::operations::ResourceData;
use crate::value::{Error, ErrorKind, WriteReport, WriteSeen, observer};
use crate::write::machine::events::Goal;
use crate::write::request::action::{ActionBody, ActionRequest};
use crate::write::request::payload::IDEMPOTENCY_KEY;

/// A pending action, returned by [`Action::send`](crate::Action::send).
///
/// It returns a [`Reply`].
#[must_use = "nothing is sent before it is awaited"]
pub struct SendAction<T, R> {
    call: Lazy<Input<T>, Result<Reply<R>, Error>>,
}

type Input<T> = (Box<ActionSettings<T>>, Result<ActionBody, Error>);

impl<T, R> SendAction<T, R> {
    pub(super) fn new(settings: Box<ActionSettings<T>>, body: Result<ActionBody, Error>) -> Self {
        Self {
            call: Lazy::new((settings, body)),
        }
    }
}

impl<T: ResourceData, R: DeserializeOwned + Send + 'static> Future for SendAction<T, R> {
    type Output = Result<Reply<R>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().call.poll_with(context, |input| {
            in_span!(
                "action",
                |it: &Input<T>| it.0.handle.shown(false),
                run,
                input
            )
        })
    }
}

impl<T, R> fmt::Debug for SendAction<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendAction").finish_non_exhaustive()
    }
}

async fn run<T, R>((settings, body): Input<T>) -> Result<Reply<R>, Error>
where
    T: ResourceData,
    R: DeserializeOwned + Send + 'static,
{
    let ActionSettings {
        mut write,
        handle,
        path,
        elsewhere,
        requires_absence,
        ends_in_slash,
        method,
        headers,
        query,
        pinned,
        guard,
        carried_out,
        key,
        idempotent,
        returns_resource,
    } = *settings;
    refuse_conditions(&headers)?;
    if let Some(key) = &key {
        check_key(key)?;
        if headers.contains_key(IDEMPOTENCY_KEY) {
            let why = "the idempotency key is set twice: by `idempotency_key`, and as a header";
            return Err(Error::config(why));
        }
    }
    let target = handle.target()?;
    let mut url = match elsewhere {
        Some(url) => url,
        None => address::below(&target.url, &path, ends_in_slash)?,
    };
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let mut base = pinned.transpose().map_err(Error::config)?;
    if base.as_ref().is_some_and(|base| !target.can_pin(base)) {
        if guard.is_none() && !write.allows_unconditional {
            let (path, kind) = (target.url.path(), ErrorKind::UnusableValidator);
            let report = WriteReport::default();
            let seen = WriteSeen::new(path, target.template(), Some(kind), &report);
            observer::finished(target.shared.observer.as_deref(), &seen);
            let why = "the value that the action is pinned to has no version";
            return Err(Error::new(kind, format!("{path}: {why}")));
        }
        // The guard decides on the state that is read.
        base = None;
    }
    write.allows_unconditional |= base.is_none() && guard.is_none();
    let request = ActionRequest {
        method,
        url,
        headers,
        body: body?,
        requires_absence,
        returns_resource,
    };
    let id = handle.id.clone();
    let mut handle = handle;
    if let Some(shown) = shown(&path) {
        handle.template = handle.template.below(&target.url, shown);
    }
    let mut call = Write::begin(handle, write, Goal::Act).await?;
    call.base = base;
    call.edit_reruns = guard.is_some();
    call.idempotency_key = key;
    call.honours_keys = idempotent;
    call.action = Some((request, ActionHooks { guard, carried_out }));
    let target = call.context.target.clone();
    let (done, report) = call.carry_out().await?;
    let mut ended = conclude::<T>(target, id, done, report)?;
    match ended.done.response.take() {
        None => Ok(Reply::settled(ended.report)),
        Some(response) => {
            let report = ended.report.clone();
            let read = Reply::read(&ended.target, response, report);
            read.map_err(|error| ended.but(error))
        }
    }
}

/// Returns how the path below the resource is named in spans and metrics. One segment is usually the name of the action.
/// Several may contain ids.
fn shown(path: &[String]) -> Option<&str> {
    match path {
        [] => None,
        [name] => Some(name),
        [..] => Some("{path}"),
    }
}
