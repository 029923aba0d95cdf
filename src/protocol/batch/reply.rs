//! What the response to a batch says about each of its writes.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::Form;
use crate::BoxError;
use crate::protocol::{RequestParts, ResponseParts};

/// What a response says about the writes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BatchReply {
    /// The response to each write.
    Each(Vec<ResponseParts>),
    /// The response to the write that was at fault, if it is known which. The others were not applied.
    Refused(Option<usize>, ResponseParts),
    /// There is no such endpoint, or it does not take as much. So nothing was applied.
    NoEndpoint(StatusCode),
    /// The response is about each of the writes, as if it had been sent alone.
    Whole,
}

/// Returns an error if one response is missing, or if there is one too many. Then it is not known which write each of them
/// answers.
pub(super) fn is_one_each(found: usize, writes: &[RequestParts<'_>]) -> Result<(), BoxError> {
    let of = writes.len();
    let is_one_each = found == of;
    is_one_each
        .then_some(())
        .ok_or_else(|| format!("it has {found} responses to {of} writes").into())
}

/// Returns the meaning of a response that is no success, and so is about all writes at once.
pub(super) fn of_refusal(
    form: Form,
    status: StatusCode,
    headers: &HeaderMap,
    body: &Bytes,
) -> BatchReply {
    let whole = ResponseParts {
        status,
        headers: headers.clone(),
        body: body.clone(),
    };
    match status.as_u16() {
        // A bundle that was refused is answered with the status of the entry that was at fault.
        404 | 409 | 412 | 422 if form == Form::Bundle => BatchReply::Refused(None, whole),
        404 | 405 | 413 | 501 => BatchReply::NoEndpoint(status),
        409 | 412 => BatchReply::Refused(None, whole),
        _ => BatchReply::Whole,
    }
}
