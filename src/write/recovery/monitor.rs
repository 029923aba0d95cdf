//! The status monitor of a write that the server has accepted but not carried out yet (202).

use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use url::Url;

use crate::exchange::transport::Response;
use crate::json::Document;
use crate::write::machine::events::Progress;
use crate::write::recovery::evidence;
use crate::write::request::address;
use crate::write::request::reading;
use crate::write::request::target::Target;

/// Members in which status monitors report their progress. The first one found counts.
const PROGRESS_AT: [&str; 6] = [
    "/status/state",
    "/status/phase",
    "/status",
    "/properties/provisioningState",
    "/state",
    "/done",
];
/// Words for an operation that was carried out, in lower case.
const DONE: [&str; 9] = [
    "succeeded",
    "success",
    "successful",
    "completed",
    "complete",
    "done",
    "finished",
    "ok",
    "ready",
];
/// Words for an operation that failed or was abandoned, in lower case.
const REFUSED: [&str; 8] = [
    "failed",
    "failure",
    "error",
    "canceled",
    "cancelled",
    "aborted",
    "rejected",
    "denied",
];

/// The address at which the status of an accepted write can be read.
#[derive(Clone, Debug)]
pub(in crate::write) struct Monitor {
    pub(in crate::write) url: Url,
    /// Whether the monitor is polled. It must be on the host of the resource, because credentials are not sent
    /// elsewhere.
    pub(in crate::write) is_asked: bool,
}

impl Monitor {
    /// Returns the monitor that the response names. RFC 9110 15.3.3 does not define how it is named, so the profile
    /// lists the headers.
    /// The resource itself is not its own monitor.
    pub(in crate::write) fn of_reply(target: &Target, reply: &Response) -> Option<Self> {
        let names = target.shared.profile.monitor_headers();
        let monitors = names.iter().filter_map(|name| {
            let reference = reply.headers.get(name)?.to_str().ok()?;
            let at_host = address::at_host(&target.url, reference);
            let is_asked = at_host.is_some();
            let url = at_host.or_else(|| target.url.join(reference).ok())?;
            Some(Self { url, is_asked })
        });
        let mut others = monitors.filter(|it| it.url.path() != target.url.path());
        let first = others.next()?;
        let asked = others.find(|it| it.is_asked && !first.is_asked);
        Some(asked.unwrap_or(first))
    }
}

/// Returns the progress that a response of the monitor reports.
pub(in crate::write) fn progress(reply: &Response) -> Progress {
    if reply.status.is_success() {
        match evidence::body(&reply.headers, &reply.body, Document::DEFAULT_DEPTH) {
            // Most likely a login page, which says nothing about the operation.
            evidence::BodyKind::Page => return Progress::Unknown,
            evidence::BodyKind::Problem => return Progress::Refused,
            evidence::BodyKind::Plain => {}
        }
    }
    let wait = reading::requested_wait(&reply.headers);
    match reply.status.as_u16() {
        202 | 408 | 425 | 429 | 500.. => Progress::Running(wait),
        303 => Progress::Done,
        200..300 => progress_in(&reply.body)
            .unwrap_or(Progress::Done)
            .after(wait),
        401 | 403 | 404 | 410 => Progress::Unknown,
        // Some monitors respond with the outcome of the operation itself.
        400..500 => Progress::Refused,
        _ => Progress::Unknown,
    }
}

/// Whether a response of the monitor that is a success reports on the operation, and is not only a resource that was
/// found at its address.
pub(in crate::write) fn is_report(reply: &Response) -> bool {
    reply.status != StatusCode::OK || reply.body.is_empty() || progress_in(&reply.body).is_some()
}

impl Progress {
    fn after(self, wait: Option<std::time::Duration>) -> Self {
        match self {
            Self::Running(_) => Self::Running(wait),
            other => other,
        }
    }
}

/// Returns the progress that the body reports. If it is `None`, the status counts.
fn progress_in(body: &[u8]) -> Option<Progress> {
    let body = Document::parse(body).ok()?;
    let progress = PROGRESS_AT
        .iter()
        .find_map(|at| body.pointer(at))?
        .to_value();
    Some(match progress {
        // `done: true` together with an `error`.
        Value::Bool(true) if body.pointer("/error").is_some() => Progress::Refused,
        Value::Bool(true) => Progress::Done,
        Value::Bool(false) => Progress::Running(None),
        Value::String(word) => {
            let word = word.to_ascii_lowercase();
            if DONE.contains(&word.as_str()) {
                Progress::Done
            } else if REFUSED.contains(&word.as_str()) {
                Progress::Refused
            } else {
                Progress::Running(None)
            }
        }
        _ => return None,
    })
}

/// Returns the address of the created resource, as the operation reports it.
pub(in crate::write) fn made_at(monitor: &Url, reply: &Response) -> Option<Url> {
    let location = |headers: &HeaderMap| Some(headers.get(LOCATION)?.to_str().ok()?.to_owned());
    let in_body = || {
        let body = Document::parse(&reply.body).ok()?;
        body.pointer("/resourceLocation")?.as_id()
    };
    let reference = match reply.status {
        StatusCode::SEE_OTHER | StatusCode::CREATED => location(&reply.headers),
        _ => in_body(),
    };
    address::at_host(monitor, &reference?)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]

    use super::*;

    fn progress_at(status: u16, body: &str) -> Progress {
        let status = StatusCode::from_u16(status).unwrap();
        progress(&Response::new(status, HeaderMap::new(), body.to_owned()))
    }

    #[test]
    fn monitors_of_several_makes_are_understood() {
        use Progress::{Done, Refused, Running, Unknown};
        for (status, body, expected) in [
            (200, r#"{"status":"Succeeded"}"#, Done),
            (200, r#"{"status":"InProgress"}"#, Running(None)),
            (200, r#"{"status":"Failed","error":{"code":"x"}}"#, Refused),
            (
                200,
                r#"{"properties":{"provisioningState":"Updating"}}"#,
                Running(None),
            ),
            (
                200,
                r#"{"name":"operations/1","done":false}"#,
                Running(None),
            ),
            (
                200,
                r#"{"name":"operations/1","done":true,"response":{}}"#,
                Done,
            ),
            (
                200,
                r#"{"name":"operations/1","done":true,"error":{}}"#,
                Refused,
            ),
            (204, "", Done),
            (200, "", Done),
            (202, r#"{"status":"Succeeded"}"#, Running(None)),
            (303, "", Done),
            (409, r#"{"code":"Conflict"}"#, Refused),
            (404, "", Unknown),
            (503, "", Running(None)),
        ] {
            assert_eq!(progress_at(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_resource_at_the_address_of_a_monitor_is_no_report() {
        for (status, body, expected) in [
            (200, r#"{"status":"Succeeded"}"#, true),
            (200, "", true),
            (204, "", true),
            (303, "", true),
            (200, r#"{"number":"S-1"}"#, false),
            (200, "done", false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let reply = Response::new(status, HeaderMap::new(), body.to_owned());
            assert_eq!(is_report(&reply), expected, "{status} {body}");
        }
    }
}
