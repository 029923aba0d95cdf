//! A [`Recorded`] exchange.

use std::fmt;

use http::header::{IF_MATCH, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, Method};

use super::reply::Reply;
use super::state::IncomingRequest;
use super::step::Lost;

/// One request with its response, as the server saw it.
///
/// Its `Display` form is one line, such as `PUT /articles/42 If-Match: "v1" -> 412`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recorded {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The query, without the question mark.
    pub query: Option<String>,
    /// The headers of the request.
    pub headers: HeaderMap,
    /// The body of the request, as text.
    pub body: String,
    /// The status of the response, or zero if the request was lost.
    pub status: u16,
    /// The headers of the response.
    pub reply_headers: HeaderMap,
    /// The body of the response, as text.
    pub reply: String,
    /// Which part of the exchange was lost.
    pub lost: Option<Lost>,
}

impl Recorded {
    pub(super) fn new(asked: IncomingRequest, reply: Option<&Reply>, lost: Option<Lost>) -> Self {
        Self {
            method: asked.method,
            path: asked.path,
            query: asked.query,
            headers: asked.headers,
            body: String::from_utf8_lossy(&asked.body).into_owned(),
            status: reply.map_or(0, |reply| reply.status.as_u16()),
            reply_headers: reply.map_or_else(HeaderMap::new, |reply| reply.headers.clone()),
            reply: reply.map_or_else(String::new, |reply| reply.body.clone()),
            lost,
        }
    }

    /// Returns a header of the request as text, or an empty text if it is missing.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// Whether the request carries a precondition of any kind.
    pub fn is_conditional(&self) -> bool {
        let conditions = [IF_MATCH, IF_NONE_MATCH, IF_UNMODIFIED_SINCE];
        conditions
            .iter()
            .any(|name| self.headers.contains_key(name))
    }
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        if let Some(query) = &self.query {
            write!(f, "?{query}")?;
        }
        for name in ["If-Match", "If-None-Match", "If-Unmodified-Since"] {
            if self.headers.contains_key(name) {
                write!(f, " {name}: {}", self.header(name))?;
            }
        }
        match self.lost {
            Some(Lost::Request) => f.write_str(" -> lost on the way"),
            Some(Lost::Reply) => write!(f, " -> {}, but the response was lost", self.status),
            None => write!(f, " -> {}", self.status),
        }
    }
}
