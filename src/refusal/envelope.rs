//! Documents that lie inside their bodies.

use bytes::Bytes;
use serde_json::Value;
use url::form_urlencoded;

use crate::json::{Document, JsonError};
use crate::store::StoredSnapshot;

/// Where the document lies inside the body, in replies and in writes.
///
/// The type of a collection is the document alone; what lies around it is opened on the way in and
/// closed on the way out.
///
/// # Default
///
/// [`none`](Self::none): the body is the document.
///
/// # Example: one line for each form
///
/// ```
/// use ifmatch::Envelope;
///
/// // `{"data": {…}, "permissions": …}` comes, `{"data": {…}}` goes.
/// let kinto = Envelope::at("/data");
/// // Kubernetes, only the `spec`: the rest of the object goes back as it came.
/// let spec = Envelope::at("/spec").keep_rest();
/// // Elasticsearch: `{"_id": …, "_source": {…}}` comes, the document alone goes.
/// let elastic = Envelope::at("/_source").sent_bare();
/// // etcd: `{"node": {"value": "{\"n\":1}"}}` comes, the form `value={"n":1}` goes.
/// let etcd = Envelope::at("/node/value").as_text().sent_as_form("value");
/// // JSON:API: `type` and `id` stand beside the attributes.
/// let articles = Envelope::at("/data/attributes").member("/data/type", "articles").carry("/data/id");
/// # let _ = (kinto, spec, elastic, etcd, articles);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope {
    /// `None`: the body is the document.
    at: Option<String>,
    text: bool,
    sent: Sent,
    members: Vec<(String, Value)>,
    carried: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Sent {
    /// In the same place, and nothing else.
    #[default]
    Wrapped,
    /// In the same place, and the rest of the body as it came.
    WithRest,
    /// Alone.
    Bare,
    /// As the value of a form field.
    Form(String),
}

/// A document taken out of its body.
pub(crate) struct Opened {
    pub(crate) document: Document,
    /// The body without the document; `None`: there is no envelope.
    pub(crate) frame: Option<Document>,
}

impl Envelope {
    /// No envelope: the body is the document.
    pub fn none() -> Self {
        Self::default()
    }

    /// The document lies at this JSON Pointer (RFC 6901) of the body, and goes back in the same place.
    pub fn at(pointer: impl Into<String>) -> Self {
        Self {
            at: Some(pointer.into()),
            ..Self::default()
        }
    }

    /// What is found there is a string, and the document is the JSON text in it.
    pub fn as_text(mut self) -> Self {
        self.text = true;
        self
    }

    /// The rest of the body goes back as it came: the API replaces the whole by what is written.
    ///
    /// A write for which no body is at hand, as after [`restore`](crate::Collection::restore), reads it
    /// first and merges.
    pub fn keep_rest(mut self) -> Self {
        self.sent = Sent::WithRest;
        self
    }

    /// The document goes out alone, without an envelope.
    pub fn sent_bare(mut self) -> Self {
        self.sent = Sent::Bare;
        self
    }

    /// The document goes out as the value of this field of a form
    /// (`application/x-www-form-urlencoded`).
    pub fn sent_as_form(mut self, field: impl Into<String>) -> Self {
        self.sent = Sent::Form(field.into());
        self
    }

    /// Each body that goes out has this member besides, by its JSON Pointer.
    pub fn member(mut self, pointer: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.push((pointer.into(), value.into()));
        self
    }

    /// Each body that goes out has this member of the body that was read, patches too, by its JSON
    /// Pointer.
    pub fn carry(mut self, pointer: impl Into<String>) -> Self {
        self.carried.push(pointer.into());
        self
    }

    /// Which part of a body is the document; handles with different views know different documents.
    pub(crate) fn view(&self) -> Option<&str> {
        self.at.as_deref()
    }

    /// Whether a write needs the rest of the body that was read.
    pub(crate) fn needs_rest(&self) -> bool {
        self.at.is_some() && self.sent == Sent::WithRest
    }

    /// Takes the document out of a body; `None`: it is not there.
    pub(crate) fn open(&self, body: &Document, depth: usize) -> Option<Opened> {
        let Some(at) = &self.at else {
            return Some(Opened::whole(body));
        };
        let document = self.found(body, at, depth)?;
        let frame = body.with(at, &Document::of_checked("null")).ok()?;
        Some(Opened {
            document,
            frame: Some(frame),
        })
    }

    /// Takes the document out of an item of a list. Many APIs leave the outermost level out there.
    pub(crate) fn open_item(&self, item: &Document, depth: usize) -> Opened {
        let inner = || {
            let at = self.at.as_deref()?.strip_prefix('/')?;
            let inner = at.find('/').map_or("", |end| &at[end..]);
            let document = self.found(item, inner, depth)?;
            Some(Opened {
                document,
                frame: None,
            })
        };
        let opened = self.open(item, depth).or_else(inner);
        opened.unwrap_or_else(|| Opened::whole(item))
    }

    fn found(&self, body: &Document, at: &str, depth: usize) -> Option<Document> {
        let found = body.pointer(at)?;
        if self.text {
            let text = found.to_value();
            Document::parse_with_depth(text.as_str()?.as_bytes(), depth).ok()
        } else {
            Some(found).filter(|found| found.as_str() != "null")
        }
    }

    /// The body that carries a document out, in the place of the one that was opened.
    pub(crate) fn close(
        &self,
        document: &Document,
        before: Option<&StoredSnapshot>,
    ) -> Result<Document, JsonError> {
        let frame = before.and_then(|before| before.frame.as_ref());
        let mut body = match &self.at {
            Some(at) if !self.is_sent_alone() => {
                let rest = frame.filter(|_| self.sent == Sent::WithRest).cloned();
                let rest = rest.unwrap_or_else(|| Document::of_checked("{}"));
                rest.with(at, &self.spelt(document)?)?
            }
            _ => document.clone(),
        };
        for pointer in &self.carried {
            if let Some(value) = frame.and_then(|frame| frame.pointer(pointer)) {
                body = body.with(pointer, &value)?;
            }
        }
        for (pointer, value) in &self.members {
            body = body.with(pointer, &Document::from_value(value))?;
        }
        Ok(body)
    }

    /// A patch with the members that each body has.
    pub(crate) fn close_patch(
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

    /// The body as it came, around this document; `None`: there is none, the document goes out alone.
    pub(crate) fn whole(&self, document: &Document, frame: Option<&Document>) -> Option<Document> {
        match (&self.at, frame) {
            (None, _) => Some(document.clone()),
            (Some(at), Some(frame)) => frame.with(at, &self.spelt(document).ok()?).ok(),
            (Some(_), None) => None,
        }
    }

    fn spelt(&self, document: &Document) -> Result<Document, JsonError> {
        if self.text {
            Document::encode(document.as_str())
        } else {
            Ok(document.clone())
        }
    }

    fn is_sent_alone(&self) -> bool {
        matches!(self.sent, Sent::Bare | Sent::Form(_))
    }

    /// The document in a body that was closed.
    pub(crate) fn reopen(&self, body: &Document, depth: usize) -> Opened {
        if self.is_sent_alone() {
            return Opened::whole(body);
        }
        self.open(body, depth)
            .unwrap_or_else(|| Opened::whole(body))
    }

    /// The bytes of a body that was closed, and their media type where it is no JSON.
    pub(crate) fn bytes(&self, body: &Document) -> (Bytes, Option<&'static str>) {
        match &self.sent {
            Sent::Form(field) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                let form = form.append_pair(field, body.as_str()).finish();
                (form.into(), Some("application/x-www-form-urlencoded"))
            }
            _ => (body.to_bytes(), None),
        }
    }
}

impl Opened {
    fn whole(body: &Document) -> Self {
        Self {
            document: body.clone(),
            frame: None,
        }
    }
}
