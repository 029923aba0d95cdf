//! Bodies of requests and responses, in the format of their handle.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use ifmatch_merge::internal::Likeness;

use crate::BoxError;
use crate::exchange::transport::Response;
use crate::json::Document;
use crate::protocol::{
    Format, TagField, entity_tag_of, essence, format, is_html, is_problem, is_same_media_type,
};
use crate::support::panics;
use crate::write::diagnosis::SharedError;
use crate::write::recovery::evidence::{self, BodyKind};
use crate::write::request::target::Target;

/// A document that reads back as another one. Nothing is sent.
#[derive(Debug, thiserror::Error)]
#[error("{0} cannot hold the document: what is written reads back as another one")]
struct ReadsOtherwise(String);

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
        let Some(format) = &self.format else {
            return at.map(str::to_owned);
        };
        let (at, accept) = (at.unwrap_or_default(), accept(&**format));
        let key = panics::named(FORMAT, || format.key());
        Some(format!("{at} as {accept} by {key}"))
    }

    /// Whether the format reads and writes JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.format.as_ref().is_none_or(|format| format.is_json())
    }

    /// Inspects the body of a response to a write, before it is read.
    pub(crate) fn body_kind(&self, reply: &Response) -> BodyKind {
        let labelled = essence(&reply.headers);
        if !self.is_json() && labelled.as_deref().is_some_and(is_html) {
            return BodyKind::Page;
        }
        let depth = self.shared.exchange.limits.depth;
        evidence::body(&reply.headers, &reply.body, depth)
    }

    /// Inspects the body of a response to a read. A format may ask for pages, and a text may look like a page.
    pub(crate) fn read_kind(&self, reply: &Response) -> BodyKind {
        let labelled = essence(&reply.headers).filter(|essence| !is_problem(essence));
        if let (Some(format), Some(labelled), false) = (&self.format, labelled, self.is_json()) {
            let accept = accept(&**format);
            let mut asked = accept.split(',');
            // Where anything is asked for, a version tells a resource from a login page.
            let has_version = matches!(entity_tag_of(&reply.headers), TagField::Found(_));
            let is_wanted = |asked: &str| {
                is_same_media_type(asked, &labelled)
                    || has_version && is_same_media_type(asked, "*/*")
            };
            if asked.any(is_wanted) {
                return BodyKind::Plain;
            }
        }
        self.body_kind(reply)
    }

    /// Whether a response to a write is labelled as something else than what was sent, so that it is a report about the
    /// write.
    pub(crate) fn is_labelled_otherwise(&self, reply: &Response, sent: &HeaderMap) -> bool {
        let labelled = essence(&reply.headers).zip(essence(sent));
        !self.is_json() && labelled.is_some_and(|(labelled, sent)| labelled != sent)
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
        if self.read_kind(reply) != BodyKind::Plain {
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
        let what = format!("readable as {what}");
        let document = document.map_err(|error| Unreadable::new(&what, error))?;
        // A format of the application may nest a document more deeply than the limits allow.
        bounded(document.as_str().as_bytes())?;
        Ok(document)
    }

    /// Writes a wrapped document as a body. Returns it with its media type, and with the document that a read of it gives.
    pub(crate) fn write(&self, body: &Document) -> Result<(Bytes, String, Document), BoxError> {
        let Some(format) = &self.format else {
            let (bytes, media_type) = self.envelope().bytes(body);
            let media_type = media_type.unwrap_or(self.media_type()).to_owned();
            return Ok((bytes, media_type, body.clone()));
        };
        let unwritable = |source: BoxError| -> BoxError {
            if is_own(&*source) {
                return source;
            }
            let media_type = format.media_type().to_owned();
            Unwritable { media_type, source }.into()
        };
        let encoded = panics::catch(FORMAT, || format.write(body))?;
        let encoded = encoded.map_err(unwritable)?;
        let media_type = encoded.media_type;
        let media_type = media_type.unwrap_or_else(|| format.media_type().to_owned());
        let read = panics::catch(FORMAT, || format.read(&encoded.bytes, Some(&media_type)))?;
        let read = read.map_err(unwritable)?;
        if !Likeness::of(None, body, &read, &[]).is_same() {
            return Err(ReadsOtherwise(format.media_type().to_owned()).into());
        }
        Ok((encoded.bytes, media_type, read))
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
