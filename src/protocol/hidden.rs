//! Refusals in replies whose status says success.

use serde_json::Value;

use super::RefusalKind;
use crate::json::Document;

/// By what the body of a 2xx reply to a write says that the write was refused all the same.
///
/// Some APIs answer 200 to everything and tell in the body how it went. Without a word about it such a
/// reply counts as success, as its status says (RFC 9110 15.3). A refusal that is recognised goes the
/// way of every other: a race is read again and merged, anything else comes back as a typed error, and
/// [`Problem::status`](crate::Problem::status) is the status of the reply.
///
/// What cannot be told apart is settled by a read, like a lost reply, and is taken neither for a success
/// nor for a refusal: a body that breaks off or is nested deeper than
/// [`Limits::depth`](crate::Limits::depth), one in a content coding, one that only gives back what the
/// document itself has at that place or has every member that was sent, and one that tells of several
/// operations.
///
/// # Default
///
/// The kind is [`Unknown`](RefusalKind::Unknown): [`Profile::classify`](super::Profile::classify) and
/// the meanings of [`Generic`](super::Generic) are asked for it, and after that the read tells.
///
/// # Example
///
/// ```
/// use ifmatch::{Generic, HiddenRefusal, RefusalKind};
///
/// // `{"ok": false, "error": "name_taken"}`: the code tells the kind.
/// let chat = Generic::new()
///     .hidden_refusal(HiddenRefusal::when("/ok", false))
///     .map_code("name_taken", RefusalKind::AlreadyExists);
///
/// // A transaction of etcd v3 leaves `succeeded` out when its comparison does not hold.
/// let etcd = HiddenRefusal::unless("/succeeded", true).meaning(RefusalKind::StaleVersion);
/// let etcd = Generic::new().hidden_refusal(etcd);
///
/// // GraphQL: there are errors.
/// let graph = Generic::new().hidden_refusal(HiddenRefusal::present("/errors"));
/// # let _ = (chat, etcd, graph);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct HiddenRefusal {
    at: String,
    sign: Sign,
    kind: RefusalKind,
    operations: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Sign {
    Is(Document),
    IsNot(Document),
    Present,
}

/// What a 2xx reply to a write says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SuccessVerdict {
    Success,
    Refused(RefusalKind),
    /// Perhaps the one, perhaps the other.
    Doubtful,
}

impl HiddenRefusal {
    /// The body has this value at this JSON Pointer (RFC 6901).
    pub fn when(pointer: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(pointer, Sign::Is(Document::from_value(&value.into())))
    }

    /// The body does not have this value at this JSON Pointer: it says something else there, or nothing.
    pub fn unless(pointer: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(pointer, Sign::IsNot(Document::from_value(&value.into())))
    }

    /// The body has something at this JSON Pointer: neither `null` nor `false`, and no empty text, list
    /// or object.
    pub fn present(pointer: impl Into<String>) -> Self {
        Self::new(pointer, Sign::Present)
    }

    /// What the refusal means.
    pub fn meaning(mut self, kind: RefusalKind) -> Self {
        self.kind = kind;
        self
    }

    /// The reply tells of several operations at once, in the list at this JSON Pointer. Where it has more than one
    /// element, some may have been carried out, and a read tells what became of ours.
    pub fn of_operations(mut self, pointer: impl Into<String>) -> Self {
        self.operations = Some(pointer.into());
        self
    }

    fn new(pointer: impl Into<String>, sign: Sign) -> Self {
        Self {
            at: pointer.into(),
            sign,
            kind: RefusalKind::Unknown,
            operations: None,
        }
    }

    /// Whether part of what the body tells of may have been carried out.
    fn may_be_in_part(&self, body: &Document) -> bool {
        let operations = self.operations.as_deref();
        let list = operations.and_then(|pointer| body.elements_at(pointer));
        list.is_some_and(|list| list.len() > 1)
    }

    /// Whether the body shows the sign of the refusal.
    fn shows_in(&self, body: &Document) -> bool {
        let found = body.pointer(&self.at);
        match &self.sign {
            Sign::Is(value) => found.as_ref() == Some(value),
            Sign::IsNot(value) => found.as_ref() != Some(value),
            Sign::Present => found.is_some_and(|found| match found.to_value() {
                Value::Null | Value::Bool(false) => false,
                Value::String(text) => !text.is_empty(),
                Value::Array(elements) => !elements.is_empty(),
                Value::Object(members) => !members.is_empty(),
                Value::Bool(true) | Value::Number(_) => true,
            }),
        }
    }

    /// Whether the sign is what a document has there by itself.
    fn echoes(&self, body: &Document, document: &Document) -> bool {
        let found = body.pointer(&self.at);
        found.is_some() && found == document.pointer(&self.at)
    }
}

/// Judges the body of a 2xx reply to a write. `documents`: what was sent, and onto what, of which the
/// reply may be a copy.
pub(crate) fn judge_success(
    rules: &[HiddenRefusal],
    body: &[u8],
    depth: usize,
    documents: impl FnOnce() -> Vec<Document>,
) -> SuccessVerdict {
    if rules.is_empty() {
        return SuccessVerdict::Success;
    }
    let Ok(body) = Document::parse_with_depth(body, depth) else {
        // Nothing, or no JSON, says nothing either way; JSON that cannot be read may say anything.
        let demanded = rules.iter().any(|rule| matches!(rule.sign, Sign::IsNot(_)));
        return if demanded || looks_like_json(body) {
            SuccessVerdict::Doubtful
        } else {
            SuccessVerdict::Success
        };
    };
    let (mut verdict, documents) = (SuccessVerdict::Success, documents());
    for rule in rules.iter().filter(|rule| rule.shows_in(&body)) {
        let mut documents = documents.iter();
        let copied = documents.any(|document| rule.echoes(&body, document));
        if !copied && !rule.may_be_in_part(&body) {
            return SuccessVerdict::Refused(rule.kind);
        }
        verdict = SuccessVerdict::Doubtful;
    }
    verdict
}

/// Whether the body of a 2xx reply to a read is a refusal and no representation. What replies to writes
/// have to say is not said of reads.
pub(crate) fn is_no_representation(rules: &[HiddenRefusal], body: &Document) -> bool {
    let is_positive = |rule: &&HiddenRefusal| !matches!(rule.sign, Sign::IsNot(_));
    rules
        .iter()
        .filter(is_positive)
        .any(|rule| rule.shows_in(body))
}

fn looks_like_json(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}
