//! The contents of repositories on GitHub, and on servers that copy that API.

use http::StatusCode;
use serde_json::json;

use crate::protocol::{Problem, Profile, RefusalKind, Versioning};

/// Files in repositories, through GitHub's contents API (`/repos/{owner}/{repo}/contents/{path}`).
///
/// The version is the blob's `sha` inside the document. The response to a write returns the new one in
/// `content.sha`. Refusals have no machine code. A stale `sha` is a 409. So is a branch that received another
/// commit in the meantime, even if the commit does not change this file. Only the words distinguish the two.
/// The words are used only to recognise the second case, in which the same request is retried. A creation
/// leaves `sha` out, and it is a 422 if the file exists.
///
/// The file lies in the member `content`, in Base64. With an envelope, a collection holds the JSON files
/// themselves, which can then be merged. Without one, its documents are the objects around the files. Each
/// write needs a `message`, from the envelope or from a field of the type. A removal has the message "Remove
/// a file". A write to a file that was removed creates it again, whatever its `sha` says.
///
/// [Reference](https://docs.github.com/rest/repos/contents#create-or-update-file-contents).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, Envelope, profiles::GitHubContents};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("https://api.github.com").profile(GitHubContents).build()?;
/// let files = client
///     .collection::<serde_json::Value>("repos/octocat/hello/contents")
///     .envelope(Envelope::at("/content").as_base64().member("/message", "Update a file"));
/// # let _ = files;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GitHubContents;

impl Profile for GitHubContents {
    fn versioning(&self) -> Versioning {
        Versioning::body_field("/sha")
            .reply_field("/content/sha")
            .delete_body(json!({"message": "Remove a file"}), "/sha")
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        let says = |words: &str| problem.detail().is_some_and(|text| text.contains(words));
        match problem.status() {
            StatusCode::CONFLICT if says("is at ") && says(" but expected ") => {
                Some(RefusalKind::Transient)
            }
            StatusCode::UNPROCESSABLE_ENTITY if says("\"sha\" wasn't supplied") => {
                Some(RefusalKind::AlreadyExists)
            }
            _ => None,
        }
    }
}
