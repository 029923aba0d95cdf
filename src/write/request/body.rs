//! Bodies of requests and responses, in the format of their handle.

use bytes::Bytes;
use http::header::CONTENT_TYPE;

use crate::BoxError;
use crate::exchange::transport::Response;
use crate::json::Document;
use crate::protocol::{Format, essence, format, is_problem, is_same_media_type};
use crate::support::panics;
use crate::write::diagnosis::SharedError;
use crate::write::recovery::evidence::{self, BodyKind};
use crate::write::request::target::Target;

/// The reason why a body is no document.
pub(crate) struct Unreadable {
    /// What the body should be.
    pub(crate) what: String,
    /// The reason, if its text contains nothing of the body.
    pub(crate) detail: String,
    /// The error of a format of the application.
    pub(crate) source: Option<SharedError>,
}

impl Unreadable {
    /// Says what the body is not.
    pub(crate) fn what(self) -> BoxError {
        format!("it is not {}{}", self.what, self.detail).into()
    }

    fn new(what: &str, error: BoxError) -> Self {
        let is_own = is_own(&*error);
        Self {
            what: what.to_owned(),
            detail: if is_own {
                format!(": {error}")
            } else {
                String::new()
            },
            source: (!is_own).then(|| error.into()),
        }
    }
}

/// A document that a format of the application cannot write.
#[derive(Debug, thiserror::Error)]
#[error("the document cannot be written as {media_type}")]
struct Unwritable {
    media_type: String,
    source: BoxError,
}

impl Target {
    /// The part of a body that is the document, and how it is read. Handles with different views have different
    /// documents.
    pub(crate) fn view(&self) -> Option<String> {
        let envelope = self.envelope();
        let at = envelope.view();
        match &self.format {
            None => at.map(str::to_owned),
            Some(format) => Some(format!(
                "{} as {}",
                at.unwrap_or_default(),
                accept(&**format)
            )),
        }
    }

    /// Inspects the body of a response before it is read.
    pub(crate) fn body_kind(&self, reply: &Response) -> BodyKind {
        let labelled = essence(&reply.headers).filter(|essence| !is_problem(essence));
        if let (Some(format), Some(labelled)) = (&self.format, labelled) {
            let accept = accept(&**format);
            let mut asked = accept.split(',');
            if asked.any(|asked| is_same_media_type(asked, &labelled)) {
                return BodyKind::Plain;
            }
        }
        let depth = self.shared.exchange.limits.depth;
        evidence::body(&reply.headers, &reply.body, depth)
    }

    /// Reads the body of a response as a document.
    pub(crate) fn parse(&self, reply: &Response) -> Result<Document, Unreadable> {
        let depth = self.shared.exchange.limits.depth;
        let bounded = |body: &[u8]| {
            let parsed = Document::parse_with_depth(body, depth);
            parsed.map_err(|error| Unreadable::new("a JSON document", error.into()))
        };
        let Some(format) = &self.format else {
            return bounded(&reply.body);
        };
        let what = format.media_type();
        if self.body_kind(reply) != BodyKind::Plain {
            return Err(Unreadable {
                what: format!("{what}, but an HTML page or a refusal"),
                detail: String::new(),
                source: None,
            });
        }
        let media_type = reply.headers.get(CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok());
        let read = panics::catch(FORMAT, || format.read(&reply.body, media_type));
        let document = read.unwrap_or_else(|panicked| Err(panicked.into()));
        let document = document.map_err(|error| Unreadable::new(what, error))?;
        // A format of the application may nest a document more deeply than the limits allow.
        bounded(document.as_str().as_bytes())?;
        Ok(document)
    }

    /// Writes a wrapped document as a body, with its media type.
    pub(crate) fn write(&self, body: &Document) -> Result<(Bytes, String), BoxError> {
        let Some(format) = &self.format else {
            let (bytes, media_type) = self.envelope().bytes(body);
            return Ok((bytes, media_type.unwrap_or(self.media_type()).to_owned()));
        };
        let encoded = panics::catch(FORMAT, || format.write(body))?;
        let encoded = encoded.map_err(|source| -> BoxError {
            if is_own(&*source) {
                return source;
            }
            let media_type = format.media_type().to_owned();
            Unwritable { media_type, source }.into()
        })?;
        let media_type = encoded.media_type;
        let media_type = media_type.unwrap_or_else(|| format.media_type().to_owned());
        Ok((encoded.bytes, media_type))
    }
}

/// Returns the value of `Accept` for a format.
pub(crate) fn accept(format: &dyn Format) -> String {
    panics::named(FORMAT, || format.accept())
}

/// Whether the text of an error contains nothing of the body.
pub(crate) fn is_own(error: &(dyn std::error::Error + 'static)) -> bool {
    crate::value::is_own(error) || format::is_own(error)
}

/// The name of a format in errors.
pub(crate) const FORMAT: &str = "the format of the bodies";
