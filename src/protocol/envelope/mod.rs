//! Documents that lie inside a larger body.

mod carriage;
mod document_spelling;

use serde_json::Value;

use crate::json::Document;
use document_spelling::DocumentSpelling;

/// Where the document lies inside the body, in responses and in writes.
///
/// The type of a collection describes only the document. The surrounding body is removed when a response is
/// read and added when a document is sent.
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
/// // `{"data": {…}, "permissions": …}` is read, `{"data": {…}}` is sent.
/// let kinto = Envelope::at("/data");
/// // Kubernetes, only the `spec`; the rest of the object is sent back unchanged.
/// let spec = Envelope::at("/spec").keep_rest();
/// // Elasticsearch: `{"_id": …, "_source": {…}}` is read, the document alone is sent.
/// let elastic = Envelope::at("/_source").sent_bare();
/// // etcd: `{"node": {"value": "{\"n\":1}"}}` is read, the form `value={"n":1}` is sent.
/// let etcd = Envelope::at("/node/value").as_text().sent_as_form("value");
/// // JSON:API: `type` and `id` stand beside the attributes.
/// let articles = Envelope::at("/data/attributes").member("/data/type", "articles").carry("/data/id");
/// // Vault: `{"data": {"data": {…}, "metadata": …}}` is read, `{"data": {…}}` is sent.
/// let secrets = Envelope::at("/data/data").sent_at("/data");
/// // A list with one element (Ghost): `{"posts": [{…}]}` is read and sent.
/// let posts = Envelope::at("/posts/0");
/// // A file in a repository: `{"content": "eyJuIjoxfQ==", "encoding": "base64", …}`.
/// let file = Envelope::at("/content").as_base64().member("/message", "Update a file");
/// // Firebase: a body of `null` means that nothing exists.
/// let node = Envelope::none().absent_when("", serde_json::Value::Null);
/// // A member that only the server sets is read and never sent.
/// let orders = Envelope::none().omit("/created_at");
/// # let _ = (kinto, spec, elastic, etcd, articles, secrets, posts, file, node, orders);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope {
    /// `None` if the body is the document.
    at: Option<String>,
    spelling: DocumentSpelling,
    sent: OutgoingForm,
    /// Where the document is sent, if not where it was received.
    sent_at: Option<String>,
    members: Vec<(String, Value)>,
    carried: Vec<String>,
    /// Members that only the server sets.
    omitted: Vec<String>,
    /// Places and values that say that nothing exists.
    absent: Vec<(String, Document)>,
    /// Whether an empty body says so too.
    empty_is_absent: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum OutgoingForm {
    /// In the same place, without the rest.
    #[default]
    Wrapped,
    /// In the same place, with the rest of the body as it was received.
    WithRest,
    /// Alone.
    Bare,
    /// As the value of a form field.
    Form(String),
}

/// A document that was taken out of its body.
pub(crate) struct Unwrapped {
    pub(crate) document: Document,
    /// The body without the document, or `None` if there is no envelope.
    pub(crate) rest: Option<Document>,
}

impl Envelope {
    /// Uses no envelope, so the body is the document.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the document at this JSON Pointer (RFC 6901) of the body, and sends it in the same place.
    ///
    /// An index of 0 stands for a list of one: `/posts/0` makes `{"posts": [{…}]}`.
    pub fn at(pointer: impl Into<String>) -> Self {
        Self {
            at: Some(pointer.into()),
            ..Self::default()
        }
    }

    /// Reads the document from a string of JSON text at the pointer of [`at`](Self::at).
    ///
    /// If a member `encoding` beside it is `base64`, the text is in Base64 and is also sent in Base64.
    pub fn as_text(mut self) -> Self {
        self.spelling = DocumentSpelling::Text;
        self
    }

    /// Reads the document from a string of JSON text in Base64 (RFC 4648 4) at the pointer of
    /// [`at`](Self::at).
    ///
    /// Line breaks and missing padding are accepted. The document is sent in one line, with padding.
    pub fn as_base64(mut self) -> Self {
        self.spelling = DocumentSpelling::Base64;
        self
    }

    /// Sends the document at this JSON Pointer, not where it was read.
    pub fn sent_at(mut self, pointer: impl Into<String>) -> Self {
        self.sent_at = Some(pointer.into());
        self
    }

    /// Treats a 200 response to a read as a 404 if its body has this value at this JSON Pointer, such as a
    /// `null`, an empty list, or a mark of removal. A list of a collection with such a body has no items.
    ///
    /// For APIs that report it by an unsuccessful status other than 404 or 410, use
    /// [`Generic::map_code`](crate::Generic::map_code) with
    /// [`RefusalKind::NotFound`](crate::RefusalKind::NotFound).
    ///
    /// A creation still requires that nothing exists with `If-None-Match: *`, unless
    /// [`Versioning::create_header`](crate::Versioning::create_header) or a similar setting replaces it.
    pub fn absent_when(mut self, pointer: impl Into<String>, value: impl Into<Value>) -> Self {
        let value = Document::from_value(&value.into());
        self.absent.push((pointer.into(), value));
        self
    }

    /// Treats a 204, or a 200 with an empty body, as a 404 if it is the response to a read.
    pub fn absent_when_empty(mut self) -> Self {
        self.empty_is_absent = true;
        self
    }

    /// Sends the rest of the body as it was received, for APIs in which a write replaces the whole body.
    ///
    /// If no body is available, as after [`restore`](crate::Collection::restore), a write first reads it and
    /// merges.
    pub fn keep_rest(mut self) -> Self {
        self.sent = OutgoingForm::WithRest;
        self
    }

    /// Sends the document alone, without an envelope.
    pub fn sent_bare(mut self) -> Self {
        self.sent = OutgoingForm::Bare;
        self
    }

    /// Sends the document as the value of this form field (`application/x-www-form-urlencoded`).
    pub fn sent_as_form(mut self, field: impl Into<String>) -> Self {
        self.sent = OutgoingForm::Form(field.into());
        self
    }

    /// Adds this member, given as a JSON Pointer, to each body that is sent.
    pub fn member(mut self, pointer: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.push((pointer.into(), value.into()));
        self
    }

    /// Copies this member, given as a JSON Pointer, from the body that was read to each body that is sent,
    /// patches included.
    pub fn carry(mut self, pointer: impl Into<String>) -> Self {
        self.carried.push(pointer.into());
        self
    }

    /// Leaves this member, given as a JSON Pointer, out of each body that is sent, patches included. A `*` in the
    /// pointer stands for every element of a list (`/lines/*/created_at`).
    ///
    /// It is for members that only the server sets, such as `created_at`, and for members of responses that the
    /// API refuses in a write, such as `_links`. The value and the merges keep the member as it was read. An edit
    /// of it is dropped. If the server changes it with each write and gives no body in the response, also set
    /// [`stores_as_sent(false)`](crate::Collection::stores_as_sent), so that the next write begins with a read.
    ///
    /// # Example
    ///
    /// ```
    /// let orders = ifmatch::Envelope::none().omit("/created_at").omit("/_links");
    /// # let _ = orders;
    /// ```
    pub fn omit(mut self, pointer: impl Into<String>) -> Self {
        self.omitted.push(pointer.into());
        self
    }
}
