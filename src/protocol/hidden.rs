//! Refusals in responses whose status reports success.

use serde_json::Value;

use super::RefusalKind;
use crate::json::Document;

/// A rule that detects a failed write in the body of a 2xx response.
///
/// Some APIs respond with 200 to every request and report the outcome in the body. Without a rule, such a
/// response counts as a success, as its status says (RFC 9110 15.3). A recognised refusal is handled like any
/// other. After a race, the resource is read again and the edit is merged. Anything else is returned as a
/// typed error, in which [`Problem::status`](crate::Problem::status) is the status of the response.
///
/// An ambiguous body is settled by a read, like a lost response. It counts neither as a success nor as a
/// refusal. A body is ambiguous if it breaks off, is nested deeper than
/// [`Limits::depth`](crate::Limits::depth), or has a content coding. It is also ambiguous if it only repeats
/// what the document itself has at that place, contains every member that was sent, or reports on several
/// operations.
///
/// # Default
///
/// The kind is [`Unknown`](RefusalKind::Unknown). [`Profile::classify`](super::Profile::classify) and
/// [`Generic::map_code`](super::Generic::map_code) may then determine it. Otherwise a read does.
///
/// # Example
///
/// ```
/// use ifmatch::{Generic, HiddenRefusal, RefusalKind};
///
/// // `{"ok": false, "error": "name_taken"}`: the code determines the kind.
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

/// The verdict on a 2xx response to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SuccessVerdict {
    Success,
    Refused(RefusalKind),
    /// It may be either.
    Doubtful,
}

impl HiddenRefusal {
    /// Creates a rule that matches if the body has this value at this JSON Pointer (RFC 6901).
    pub fn when(pointer: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(pointer, Sign::Is(Document::from_value(&value.into())))
    }

    /// Creates a rule that matches if the body has another value, or nothing, at this JSON Pointer.
    pub fn unless(pointer: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(pointer, Sign::IsNot(Document::from_value(&value.into())))
    }

    /// Creates a rule that matches if the body has anything at this JSON Pointer except `null`, `false`, or
    /// an empty text, list or object.
    pub fn present(pointer: impl Into<String>) -> Self {
        Self::new(pointer, Sign::Present)
    }

    /// Sets the kind of the refusal (default [`RefusalKind::Unknown`]).
    pub fn meaning(mut self, kind: RefusalKind) -> Self {
        self.kind = kind;
        self
    }

    /// Declares that the response reports on several operations, in the list at this JSON Pointer.
    ///
    /// If the list has more than one element, some operations may have been carried out. A read then
    /// determines the outcome of the write.
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

    /// Whether the body reports on several operations, of which some may have been carried out.
    fn may_be_in_part(&self, body: &Document) -> bool {
        let operations = self.operations.as_deref();
        let list = operations.and_then(|pointer| body.elements_at(pointer));
        list.is_some_and(|list| list.len() > 1)
    }

    /// Whether the body contains this refusal.
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

    /// Whether the body only repeats what the document itself has at that place.
    fn echoes(&self, body: &Document, document: &Document) -> bool {
        let found = body.pointer(&self.at);
        found.is_some() && found == document.pointer(&self.at)
    }
}

/// Judges the body of a 2xx response to a write. `documents` are what was sent and what it was based on. The
/// response may be a copy of either.
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
        // A body that is empty or not JSON decides nothing. Unreadable JSON may contain either verdict.
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

/// Whether the body of a 2xx response to a read is a refusal and not a representation. Rules that require a
/// value apply only to writes.
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
