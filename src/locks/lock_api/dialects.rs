//! The lock APIs that come with the crate.

use std::time::Duration;

use http::{HeaderName, Method};

use super::{LockApi, LockPlace, LockRequest, LockValue};

const WOPI_OVERRIDE: HeaderName = HeaderName::from_static("x-wopi-override");
const WOPI_LOCK: HeaderName = HeaderName::from_static("x-wopi-lock");
/// What the protocol says.
const WOPI_TIME: Duration = Duration::from_secs(30 * 60);

fn wopi_request(operation: &str) -> LockRequest {
    LockRequest::new(Method::POST).header(WOPI_OVERRIDE, operation)
}

/// Returns the method of an extension, whose name is a token (RFC 9110 9.1).
fn extension(name: &str) -> Method {
    Method::from_bytes(name.as_bytes()).unwrap_or(Method::POST)
}

impl LockApi {
    /// Describes the locks of WOPI (Web Application Open Platform Interface).
    ///
    /// They are made by `POST` on a file, with `LOCK`, `REFRESH_LOCK`, `UNLOCK` or `GET_LOCK` in `X-WOPI-Override` and the
    /// id in `X-WOPI-Lock`. A 409 has the id of the lock that is held. A lock lasts for 30 minutes, so others may wait that
    /// long for a holder that has stopped.
    ///
    /// Name the collection `files` with [`Leases::on`](crate::Leases::on). The contents are written at
    /// `files/{id}/contents`, so a lease protects [any address](Self::writes_elsewhere), and the host refuses a write with
    /// the lock of another file.
    ///
    /// [Reference](https://learn.microsoft.com/microsoft-365/cloud-storage-partner-program/rest/files/lock).
    ///
    /// # Example
    ///
    /// ```no_run
    /// use ifmatch::{Client, Leases, LockApi};
    /// use serde_json::Value;
    ///
    /// # async fn run() -> Result<(), ifmatch::Error> {
    /// let client = Client::new("https://host.example.com/wopi")?;
    /// let files = client.collection::<Value>("files");
    /// let leases = Leases::resource(LockApi::wopi()).on(&files);
    /// let held = leases.acquire("7").await?;
    /// let contents = client.resource::<Value>(["files", "7", "contents"]).under(&held);
    /// # let _ = contents;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wopi() -> Self {
        let with_id = |operation| wopi_request(operation).header(WOPI_LOCK, LockValue::Id);
        Self::new(with_id("LOCK"), with_id("UNLOCK"))
            .renew(with_id("REFRESH_LOCK"))
            .look(wopi_request("GET_LOCK"))
            .id(LockPlace::Header(WOPI_LOCK))
            .lasts(WOPI_TIME)
            .write_header(WOPI_LOCK)
            .writes_elsewhere()
    }

    /// Describes the locks of Terraform's HTTP backend for states.
    ///
    /// They are made by `LOCK` and `UNLOCK` on the address of a state, with a description of the lock as JSON (`ID`, `Who`
    /// and others). A 423 or 409 has the description of the lock that is held, and a write has `?ID=`. For a backend with
    /// other [methods](Self::methods), or with the locks [beneath](Self::beneath) the state, set them.
    ///
    /// Such a lock lasts until it is released. If a program ends without that, `terraform force-unlock` removes it.
    ///
    /// [Reference](https://developer.hashicorp.com/terraform/language/backend/http).
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::{LockApi, Method};
    ///
    /// // GitLab: `POST …/terraform/state/{name}/lock`, and `DELETE` there.
    /// let gitlab = LockApi::terraform().beneath("lock").methods(Method::POST, Method::DELETE);
    /// # let _ = gitlab;
    /// ```
    pub fn terraform() -> Self {
        let described = |method| {
            LockRequest::new(extension(method))
                .member("ID", LockValue::Id)
                .member("Operation", "ifmatch")
                .member("Info", "")
                .member("Who", LockValue::Owner)
                .member("Version", env!("CARGO_PKG_VERSION"))
                .member("Created", LockValue::Now)
                .member("Path", LockValue::Name)
        };
        Self::new(described("LOCK"), described("UNLOCK"))
            .holder(LockPlace::member("/Who"))
            .id(LockPlace::member("/ID"))
            .lasts_for_ever()
            .write_query("ID")
    }
}
