//! The result of an action.

use std::any::TypeId;
use std::fmt;

use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::BoxError;
use crate::exchange::transport::Response;
use crate::json::Document;
use crate::protocol::{essence, is_coded, is_json};
use crate::support::panics;
use crate::value::{Error, WriteReport};
use crate::write::request::body::Unreadable;
use crate::write::request::target::Target;

/// The result of an action that was carried out, returned by [`Action::send`](crate::Action::send).
pub struct Reply<R> {
    status: Option<StatusCode>,
    headers: HeaderMap,
    value: Option<R>,
    report: WriteReport,
}

impl<R> Reply<R> {
    /// Returns the body of the response.
    ///
    /// It is `None` if the response had no body, or if it was lost and the state of the resource showed that the action
    /// was carried out ([`WriteReport::settled`]).
    pub fn value(&self) -> Option<&R> {
        self.value.as_ref()
    }

    /// Returns the body of the response by value; see [`value`](Self::value).
    pub fn into_value(self) -> Option<R> {
        self.value
    }

    /// Returns the status of the response, or `None` if the response was lost.
    ///
    /// It is also `None` if the server accepted the action (202) and reported later that it was carried out.
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// Returns the headers of the response. If the response was lost, the map is empty.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the report of the requests that were sent.
    pub fn report(&self) -> &WriteReport {
        &self.report
    }

    /// Creates the result of an action whose response was lost.
    pub(super) fn settled(report: WriteReport) -> Self {
        Self {
            status: None,
            headers: HeaderMap::new(),
            value: None,
            report,
        }
    }
}

impl<R: DeserializeOwned + 'static> Reply<R> {
    /// Reads the result from a response.
    pub(super) fn read(
        target: &Target,
        response: Response,
        report: WriteReport,
    ) -> Result<Self, Error> {
        Ok(Self {
            status: Some(response.status),
            value: value(target, &response)?,
            headers: response.headers,
            report,
        })
    }
}

fn value<R: DeserializeOwned + 'static>(
    target: &Target,
    response: &Response,
) -> Result<Option<R>, Error> {
    let unreadable = |why: BoxError| {
        let what = "the action was carried out, but its response cannot be read";
        Error::decode(what, why)
    };
    let wants_nothing = TypeId::of::<R>() == TypeId::of::<()>();
    if response.body.is_empty() && !wants_nothing {
        return Ok(None);
    }
    if !wants_nothing && is_coded(&response.headers) {
        let why = "it has a content coding that was not requested";
        return Err(unreadable(why.into()));
    }
    let is_json = essence(&response.headers).is_some_and(|essence| is_json(&essence));
    let read = || -> Result<R, BoxError> {
        let document = if wants_nothing {
            Document::from_trusted("null")
        } else if is_json {
            let depth = target.shared.exchange.limits.depth;
            Document::parse_with_depth(&response.body, depth)?
        } else {
            target.parse(response).map_err(Unreadable::what)?
        };
        Ok(document.decode()?)
    };
    match panics::catch(panics::VALUE, read) {
        Ok(Ok(value)) => Ok(Some(value)),
        Ok(Err(error)) => Err(unreadable(error)),
        Err(panicked) => Err(unreadable(panicked.into())),
    }
}

impl<R> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("value", &self.value.is_some())
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}
