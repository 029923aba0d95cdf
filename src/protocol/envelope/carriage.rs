//! Takes documents out of received bodies, and puts them into bodies to be sent.

use bytes::Bytes;
use url::form_urlencoded;

use super::document_spelling::DocumentSpelling;
use super::{Envelope, OutgoingForm, Unwrapped};
use crate::json::{Document, JsonError};

impl Envelope {
    /// The part of a body that is the document. Handles with different views have different documents.
    pub(crate) fn view(&self) -> Option<&str> {
        self.at.as_deref()
    }

    /// Whether a write needs the rest of the body that was read.
    pub(crate) fn needs_rest(&self) -> bool {
        self.at.is_some() && self.sent == OutgoingForm::WithRest
    }

    /// Whether a body says that nothing exists.
    pub(crate) fn tells_absence(&self, body: &Document) -> bool {
        let mut marks = self.absent.iter();
        marks.any(|(pointer, value)| body.pointer(pointer).as_ref() == Some(value))
    }

    /// Whether a body without content says that nothing exists.
    pub(crate) fn empty_tells_absence(&self) -> bool {
        self.empty_is_absent
    }

    /// Takes the document out of a body. Returns `None` if it is not there.
    pub(crate) fn unwrap_body(&self, body: &Document, depth: usize) -> Option<Unwrapped> {
        let Some(at) = &self.at else {
            return Some(Unwrapped::whole(body));
        };
        let document = self.spelling.read(body, at, depth)?;
        let rest = body.with(at, &null()).ok()?;
        Some(Unwrapped {
            document,
            rest: Some(rest),
        })
    }

    /// Takes the document out of an item of a list. Many APIs omit the outermost level there.
    ///
    /// Returns `None` if the item shows all of the resource (`is_whole`), and a document that is spelled as a text is not
    /// there or cannot be read: what is around it is no document, and must not be written in its place.
    pub(crate) fn unwrap_item(
        &self,
        item: &Document,
        is_whole: bool,
        depth: usize,
    ) -> Option<Unwrapped> {
        let inner = || {
            let at = self.at.as_deref()?.strip_prefix('/')?;
            let inner = at.find('/').map_or("", |end| &at[end..]);
            let document = self.spelling.read(item, inner, depth)?;
            Some(Unwrapped {
                document,
                rest: None,
            })
        };
        let is_other = is_whole && self.spelling != DocumentSpelling::Json;
        let around = || (!is_other).then(|| Unwrapped::whole(item));
        let unwrapped = self.unwrap_body(item, depth).or_else(inner);
        unwrapped.or_else(around)
    }

    /// Returns the body for sending a document in the place of the one that was unwrapped.
    pub(crate) fn wrap(
        &self,
        document: &Document,
        rest: Option<&Document>,
    ) -> Result<Document, JsonError> {
        let mut body = match (&self.at, self.place()) {
            (Some(at), Some(place)) => {
                let text = self.spelling.write(document, rest, at)?;
                let rest = rest.filter(|_| self.sent == OutgoingForm::WithRest);
                match rest {
                    Some(rest) if place == at => rest.with(place, &text)?,
                    Some(rest) => rest.without(at).with(place, &text)?,
                    None => enclosed(place, &text)?,
                }
            }
            _ => document.clone(),
        };
        for pointer in &self.carried {
            if let Some(value) = rest.and_then(|rest| rest.pointer(pointer)) {
                body = body.with(pointer, &value)?;
            }
        }
        for (pointer, value) in &self.members {
            body = body.with(pointer, &Document::from_value(value))?;
        }
        Ok(body)
    }

    /// Removes the members that only the server sets from a body to be sent.
    pub(crate) fn without_omitted(&self, body: &Document) -> Document {
        let places = self
            .omitted
            .iter()
            .flat_map(|pointer| in_elements(body, pointer));
        places.fold(body.clone(), |body, pointer| body.without(&pointer))
    }

    /// Gives a document the members that only the server sets as they are known, because no write changes them.
    pub(crate) fn with_known_omitted(
        &self,
        document: Document,
        known: Option<&Document>,
    ) -> Result<Document, JsonError> {
        let mut document = document;
        for pointer in self.omitted_members() {
            let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
            let known = known.and_then(|known| known.pointer(pointer));
            document = match known.filter(|_| document.pointer(parent).is_some()) {
                Some(value) => document.with(pointer, &value)?,
                None => document.without(pointer),
            };
        }
        Ok(document)
    }

    /// The members of the document that only the server sets, as pointers into the document. Those of elements are
    /// not among them, because an element may have moved.
    pub(crate) fn omitted_members(&self) -> impl Iterator<Item = &str> {
        let omitted = self
            .omitted
            .iter()
            .filter(|pointer| !pointer.contains(EACH));
        omitted.filter_map(|pointer| self.within(pointer))
    }

    /// Adds to a patch the members that each body has.
    pub(crate) fn wrap_patch(
        &self,
        mut patch: Document,
        body: &Document,
    ) -> Result<Document, JsonError> {
        let members = self.members.iter().map(|(pointer, _)| pointer);
        for pointer in self.carried.iter().chain(members) {
            if let Some(value) = body.pointer(pointer) {
                patch = patch.with(pointer, &value)?;
            }
        }
        Ok(patch)
    }

    /// Returns the body as it was received, with this document in it, or `None` if the rest of the body is
    /// not known.
    pub(crate) fn wrap_original(
        &self,
        document: &Document,
        rest: Option<&Document>,
    ) -> Option<Document> {
        match (&self.at, rest) {
            (None, _) => Some(document.clone()),
            (Some(at), Some(rest)) => {
                let text = self.spelling.write(document, Some(rest), at).ok()?;
                rest.with(at, &text).ok()
            }
            (Some(_), None) => None,
        }
    }

    /// Returns the body that a read would show if this document, sent in `body`, is stored unchanged.
    pub(crate) fn as_read(
        &self,
        document: &Document,
        body: &Document,
        known_rest: Option<&Document>,
    ) -> Result<Document, JsonError> {
        let Some(at) = &self.at else {
            return Ok(document.clone());
        };
        let rest = match known_rest.cloned() {
            Some(rest) => rest,
            None if self.place() == Some(at) => body.with(at, &null())?,
            None => enclosed(at, &null())?,
        };
        rest.with(at, &self.spelling.write(document, Some(&rest), at)?)
    }

    /// Translates a pointer into a body to be sent to a pointer into its document.
    pub(crate) fn within<'a>(&self, pointer: &'a str) -> Option<&'a str> {
        if self.at.is_none() || self.is_sent_alone() {
            return Some(pointer);
        }
        if self.spelling != DocumentSpelling::Json {
            return None;
        }
        let inner = pointer.strip_prefix(self.place()?)?;
        inner.starts_with('/').then_some(inner)
    }

    fn is_sent_alone(&self) -> bool {
        matches!(self.sent, OutgoingForm::Bare | OutgoingForm::Form(_))
    }

    /// Where in a body the document is sent, or `None` if it is sent alone.
    fn place(&self) -> Option<&String> {
        let place = self.sent_at.as_ref().or(self.at.as_ref());
        place.filter(|_| self.at.is_some() && !self.is_sent_alone())
    }

    /// Takes the document out of a body as a read would show it.
    pub(crate) fn unwrap_sent(&self, body: &Document, depth: usize) -> Unwrapped {
        self.unwrap_body(body, depth)
            .unwrap_or_else(|| Unwrapped::whole(body))
    }

    /// Returns the bytes of a wrapped body, and their media type if it is not JSON.
    pub(crate) fn bytes(&self, body: &Document) -> (Bytes, Option<&'static str>) {
        match &self.sent {
            OutgoingForm::Form(field) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                let form = form.append_pair(field, body.as_str()).finish();
                (form.into(), Some("application/x-www-form-urlencoded"))
            }
            _ => (body.to_bytes(), None),
        }
    }
}

/// The part of a pointer that stands for every element of a list.
const EACH: &str = "/*";

/// The pointers for which a pointer with parts for every element stands in this body.
fn in_elements(body: &Document, pointer: &str) -> Vec<String> {
    let Some((above, below)) = pointer.split_once(EACH) else {
        return vec![pointer.to_owned()];
    };
    if !(below.is_empty() || below.starts_with('/')) {
        return vec![pointer.to_owned()];
    }
    let count = body.elements_at(above).map_or(0, |elements| elements.len());
    let each = (0..count).map(|at| format!("{above}/{at}{below}"));
    each.flat_map(|pointer| in_elements(body, &pointer))
        .collect()
}

fn null() -> Document {
    Document::from_trusted("null")
}

/// Creates a body that has only this value, at this place. An index of 0 makes a list with one element.
fn enclosed(pointer: &str, value: &Document) -> Result<Document, JsonError> {
    let mut body = value.as_str().to_owned();
    for token in pointer
        .split('/')
        .skip(1)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
    {
        body = if token == "0" {
            format!("[{body}]")
        } else {
            let name = token.replace("~1", "/").replace("~0", "~");
            format!("{{{}:{body}}}", Document::encode(&name)?.as_str())
        };
    }
    // Rejects a malformed pointer, and a body that is too deep.
    let body = Document::parse(body.as_bytes())?;
    body.with(pointer, value)
}

impl Unwrapped {
    fn whole(body: &Document) -> Self {
        Self {
            document: body.clone(),
            rest: None,
        }
    }
}
