//! The [`Dialect`] of a test server.

use http::StatusCode;
use serde_json::{Value, json};

use super::reply::{Reply, tag};

/// The wording of the response to a stale write.
///
/// The wordings are those of real servers, so a test can show that the edit is merged whichever response the API
/// sends.
///
/// # Example: the same test for every wording
///
/// ```
/// use ifmatch::testing::{Dialect, ResourceServer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// for dialect in Dialect::all() {
///     let server = ResourceServer::start().await;
///     server.put("/notes/1", r#"{"text": "old", "n": 1}"#);
///     server.dialect(dialect);
///     let notes = server.in_process().build()?.collection::<serde_json::Value>("notes");
///
///     notes.get(1).await?;
///     server.before_next_write(|note| note["text"] = "theirs".into());
///     let saved = notes.update(1, |note| note["n"] = 2.into()).await?;
///     assert_eq!((saved["text"].as_str(), saved["n"].as_u64()), (Some("theirs"), Some(2)));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Dialect {
    /// 412 with Problem Details (RFC 9457). The default.
    ProblemDetails,
    /// 409 with Problem Details.
    ProblemDetails409,
    /// 409 with a `Status` object, as Kubernetes.
    Kubernetes,
    /// 409 with `{"error": "conflict"}`, as `CouchDB`.
    CouchDb,
    /// 412 with the current tag and the current record, as Kinto.
    Kinto,
    /// 412 with an `Error` element, as cloud storage.
    Xml,
    /// 412 with an HTML page, as Apache.
    Html,
    /// 412 with an empty body.
    Silent,
    /// Any other response.
    Other(Reply),
}

impl Dialect {
    /// Returns all dialects except `Other`.
    pub fn all() -> [Self; 8] {
        [
            Self::ProblemDetails,
            Self::ProblemDetails409,
            Self::Kubernetes,
            Self::CouchDb,
            Self::Kinto,
            Self::Xml,
            Self::Html,
            Self::Silent,
        ]
    }

    /// The refusal of a stale write, with `status` instead of the dialect's status if it is set. `current` is the
    /// version and text of the current document.
    pub(super) fn refusal(
        &self,
        status: Option<StatusCode>,
        current: Option<(u64, &str)>,
    ) -> Reply {
        let mut reply = match self {
            Self::ProblemDetails => stale(status.unwrap_or(StatusCode::PRECONDITION_FAILED)),
            Self::ProblemDetails409 => stale(status.unwrap_or(StatusCode::CONFLICT)),
            Self::Kubernetes => Reply::new(409).json(&json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Conflict", "code": 409,
                "message": "the object has been modified; please apply your changes to the latest version",
            })),
            Self::CouchDb => Reply::new(409)
                .json(&json!({"error": "conflict", "reason": "Document update conflict."})),
            Self::Kinto => kinto(current),
            Self::Xml => Reply::new(412).body(
                "application/xml",
                "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>ConditionNotMet</Code>\
                 <Message>The condition is not met.</Message></Error>",
            ),
            Self::Html => Reply::new(412).body(
                "text/html; charset=iso-8859-1",
                "<!DOCTYPE html><html><head><title>412 Precondition Failed</title></head>\
                 <body><h1>Precondition Failed</h1></body></html>",
            ),
            Self::Silent => Reply::new(412),
            Self::Other(reply) => reply.clone(),
        };
        reply.status = status.unwrap_or(reply.status);
        reply
    }
}

fn stale(status: StatusCode) -> Reply {
    Reply::problem(status.as_u16(), "stale", "Another client wrote first")
}

fn kinto(current: Option<(u64, &str)>) -> Reply {
    let existing = current.and_then(|(_, text)| serde_json::from_str::<Value>(text).ok());
    let reply = Reply::new(412).json(&json!({
        "code": 412, "errno": 114, "error": "Precondition Failed",
        "message": "Resource was modified meanwhile", "details": {"existing": existing},
    }));
    match current {
        Some((version, _)) => reply.header("etag", &tag(version)),
        None => reply,
    }
}
