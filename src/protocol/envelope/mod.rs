//! Documents that lie inside their bodies.

mod carriage;
mod document_spelling;

use serde_json::Value;

use crate::json::Document;
use document_spelling::DocumentSpelling;

/// Where the document lies inside the body, in replies and in writes.
///
/// The type of a collection is the document alone; what lies around it is taken off on the way in and
/// put back on the way out.
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
/// // Vault: `{"data": {"data": {…}, "metadata": …}}` comes, `{"data": {…}}` goes.
/// let secrets = Envelope::at("/data/data").sent_at("/data");
/// // A list of one, as Ghost has it: `{"posts": [{…}]}` comes and goes.
/// let posts = Envelope::at("/posts/0");
/// // A file in a repository: `{"content": "eyJuIjoxfQ==", "encoding": "base64", …}`.
/// let file = Envelope::at("/content").as_base64().member("/message", "Update a file");
/// // Firebase: a body of `null` says that nothing is there.
/// let node = Envelope::none().absent_when("", serde_json::Value::Null);
/// # let _ = (kinto, spec, elastic, etcd, articles, secrets, posts, file, node);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope {
    /// `None`: the body is the document.
    at: Option<String>,
    spelling: DocumentSpelling,
    sent: OutgoingForm,
    /// Where the document goes, if elsewhere than it comes from.
    sent_at: Option<String>,
    members: Vec<(String, Value)>,
    carried: Vec<String>,
    /// Places and values that say that nothing is there.
    absent: Vec<(String, Document)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum OutgoingForm {
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
pub(crate) struct Unwrapped {
    pub(crate) document: Document,
    /// The body without the document; `None`: there is no envelope.
    pub(crate) rest: Option<Document>,
}

impl Envelope {
    /// No envelope: the body is the document.
    pub fn none() -> Self {
        Self::default()
    }

    /// The document lies at this JSON Pointer (RFC 6901) of the body, and goes back in the same place.
    ///
    /// An index of 0 stands for a list of one: `/posts/0` makes `{"posts": [{…}]}`.
    pub fn at(pointer: impl Into<String>) -> Self {
        Self {
            at: Some(pointer.into()),
            ..Self::default()
        }
    }

    /// What is found there is a string, and the document is the JSON text in it.
    ///
    /// Where a member `encoding` beside it says `base64`, the text is in Base64 and goes back in Base64.
    pub fn as_text(mut self) -> Self {
        self.spelling = DocumentSpelling::Text;
        self
    }

    /// What is found there is a string in Base64 (RFC 4648 4), with or without line breaks and padding, and
    /// the document is the JSON text in it. It goes out in one line, padded.
    pub fn as_base64(mut self) -> Self {
        self.spelling = DocumentSpelling::Base64;
        self
    }

    /// The document goes out at this JSON Pointer, not where it comes from.
    pub fn sent_at(mut self, pointer: impl Into<String>) -> Self {
        self.sent_at = Some(pointer.into());
        self
    }

    /// Nothing is there if the body of a 200 to a read has this value at this JSON Pointer, as if the status
    /// were 404: a `null`, an empty list, the mark of something removed.
    ///
    /// A creation still says that nothing may be there by `If-None-Match: *`, unless
    /// [`Versioning::create_header`](crate::Versioning::create_header) or the like says otherwise.
    pub fn absent_when(mut self, pointer: impl Into<String>, value: impl Into<Value>) -> Self {
        let value = Document::from_value(&value.into());
        self.absent.push((pointer.into(), value));
        self
    }

    /// The rest of the body goes back as it came: the API replaces the whole by what is written.
    ///
    /// A write for which no body is at hand, as after [`restore`](crate::Collection::restore), reads it
    /// first and merges.
    pub fn keep_rest(mut self) -> Self {
        self.sent = OutgoingForm::WithRest;
        self
    }

    /// The document goes out alone, without an envelope.
    pub fn sent_bare(mut self) -> Self {
        self.sent = OutgoingForm::Bare;
        self
    }

    /// The document goes out as the value of this field of a form
    /// (`application/x-www-form-urlencoded`).
    pub fn sent_as_form(mut self, field: impl Into<String>) -> Self {
        self.sent = OutgoingForm::Form(field.into());
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
}
