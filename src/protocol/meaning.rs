//! The meaning of an unsuccessful response. Reads and writes share one table.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use super::unsupported::is_unsupported;
use super::{Profile, RefusalKind, message_words};
use crate::protocol::{Problem, rate_limit, retry_after};

/// The facts about a request on which the meaning of its refusal depends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RequestFacts {
    /// Whether the request carried a precondition.
    pub(crate) has_condition: bool,
    /// Whether the precondition was that nothing exists there.
    pub(crate) is_creation: bool,
    /// Whether the request is not of the media type of documents, so that a refusal of its media type does not concern
    /// the version of the API.
    pub(crate) has_other_media_type: bool,
}

/// The meaning of an unsuccessful response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) kind: RefusalKind,
    pub(crate) standing: RefusalStanding,
    /// How long the server asks the client to wait.
    pub(crate) wait: Option<Duration>,
}

/// The state of a request after an unsuccessful response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefusalStanding {
    /// The request was refused, for the reason that the kind states.
    Refused,
    /// The request was not carried out and may be retried later, because there were too many.
    Later,
    /// The body of the request did not arrive completely.
    BrokenOff,
    /// Only the status indicates whether the request was carried out.
    Open,
}

impl Meaning {
    /// Whether a read with this response may be retried. Reads change nothing.
    pub(crate) fn lets_read_again(self, status: StatusCode) -> bool {
        match self.standing {
            RefusalStanding::Open => matches!(status.as_u16(), 500 | 502..=504 | 512..),
            _ => self.invites_again(),
        }
    }

    /// Whether the same request may succeed soon, because the response says so by more than its status.
    pub(crate) fn invites_again(self) -> bool {
        match self.standing {
            RefusalStanding::Later | RefusalStanding::BrokenOff => true,
            RefusalStanding::Refused => {
                matches!(self.kind, RefusalKind::Transient | RefusalKind::InFlight)
            }
            RefusalStanding::Open => false,
        }
    }
}

/// Determines the meaning of a response. The profile comes first and applies at every status. Then comes the
/// code, and last the status alone.
///
/// `by_media_type` states whether the client requests its version of the API by the media type of documents.
pub(crate) fn meaning(
    profile: &dyn Profile,
    by_media_type: bool,
    problem: &Problem,
    headers: &HeaderMap,
    asked: RequestFacts,
    now: SystemTime,
) -> Meaning {
    let wait = retry_after(headers, now).or(problem.retry_after());
    let refused = |kind| Meaning {
        kind,
        standing: RefusalStanding::Refused,
        wait,
    };
    let of_profile = profile.classify(problem);
    if let Some(kind) = of_profile.filter(|kind| *kind != RefusalKind::Unknown) {
        return refused(kind);
    }
    let status = problem.status();
    let names_version = by_media_type && !asked.has_other_media_type;
    if !status.is_server_error() && is_unsupported(problem, names_version) {
        return refused(RefusalKind::UnsupportedApiVersion);
    }
    let quota = rate_limit(headers, now).filter(|quota| quota.left == 0);
    if is_throttled(problem, wait.is_some() || quota.is_some()) {
        return Meaning {
            kind: RefusalKind::Transient,
            standing: RefusalStanding::Later,
            wait: wait.or(quota.map(|quota| quota.reset)),
        };
    }
    let open = |standing| Meaning {
        kind: RefusalKind::Unknown,
        standing,
        wait,
    };
    match status.as_u16() {
        // Some stores respond with 304 to a creation that finds an existing object.
        304 if asked.is_creation => refused(RefusalKind::StaleVersion),
        400 if message_words::says_broken_off(problem) => open(RefusalStanding::BrokenOff),
        408 => open(RefusalStanding::BrokenOff),
        412 if asked.has_condition && of_profile.is_none() => {
            refused(message_words::of_precondition(problem))
        }
        423 => refused(RefusalKind::Locked),
        // 449 is "Retry With": Cosmos DB did not carry out the request.
        449 => refused(RefusalKind::Transient),
        400 | 422 => refused(RefusalKind::Invalid),
        300..400 | 500.. => open(RefusalStanding::Open),
        _ => refused(RefusalKind::Unknown),
    }
}

/// Whether a request came too early or too often. `timed` states whether the server says when to retry.
fn is_throttled(problem: &Problem, timed: bool) -> bool {
    match problem.status() {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::TOO_EARLY => true,
        // A limit with a status of its own (GitHub, Google), or a body that is too large for now (RFC 9110
        // 15.5.14).
        StatusCode::FORBIDDEN | StatusCode::PAYLOAD_TOO_LARGE if timed => true,
        status if status.is_client_error() || status.is_success() => {
            message_words::says_too_many(problem)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bytes::Bytes;
    use http::HeaderValue;

    use super::*;
    use crate::Generic;

    const NONE: &[(&str, &str)] = &[];

    fn read(
        status: u16,
        headers: &[(&'static str, &str)],
        body: &str,
        asked: RequestFacts,
    ) -> Meaning {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let url = "https://api.test/a/1".parse().unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        let body = Bytes::copy_from_slice(body.as_bytes());
        let problem = Problem::read(status, &map, &body, &url);
        let own = Generic::new().map_code("MINE", RefusalKind::InvalidState);
        meaning(&own, false, &problem, &map, asked, SystemTime::now())
    }

    const PINNED: RequestFacts = RequestFacts {
        has_condition: true,
        is_creation: false,
        has_other_media_type: false,
    };

    #[test]
    fn the_profile_is_asked_at_every_status() {
        for status in [
            304, 400, 403, 404, 408, 409, 412, 423, 429, 449, 500, 503, 599,
        ] {
            let meaning = read(status, NONE, r#"{"code":"MINE"}"#, PINNED);
            let expected = (RefusalKind::InvalidState, RefusalStanding::Refused);
            assert_eq!((meaning.kind, meaning.standing), expected, "{status}");
        }
    }

    #[test]
    fn a_limit_is_told_from_a_refusal() {
        let seconds = |wait| Some(Duration::from_secs(wait));
        for (status, headers, body, wait) in [
            (429, NONE, "", None),
            (425, NONE, "", None),
            (429, NONE, r#"{"parameters":{"retry_after":8}}"#, seconds(8)),
            (403, &[("retry-after", "7")], "", seconds(7)),
            (403, &[("retry-after-ms", "7000")], "", seconds(7)),
            (
                413,
                NONE,
                r#"{"overLimit":{"message":"m","retryAfter":7}}"#,
                seconds(7),
            ),
            (
                403,
                NONE,
                r#"{"error":{"errors":[{"reason":"userRateLimitExceeded"}]}}"#,
                None,
            ),
            (
                403,
                NONE,
                r#"{"documentation_url":"https://e.test/a#secondary-rate-limits"}"#,
                None,
            ),
            (
                403,
                NONE,
                r#"{"documentation_url":"https://e.test/rest/rate-limits-for-the-api"}"#,
                None,
            ),
            (
                403,
                NONE,
                r#"{"error":{"code":403,"status":"PERMISSION_DENIED","errors":[{"reason":"rateLimitExceeded"}]}}"#,
                None,
            ),
            (
                403,
                NONE,
                r#"{"error":{"code":403,"status":"PERMISSION_DENIED","details":[{"@type":"t","reason":"RATE_LIMIT_EXCEEDED"}]}}"#,
                None,
            ),
            (
                403,
                NONE,
                r#"{"message":"You have exceeded a secondary rate limit."}"#,
                None,
            ),
            (400, NONE, r#"{"__type":"a#PriorRequestNotComplete"}"#, None),
            (
                403,
                &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "9")],
                "",
                seconds(9),
            ),
            (400, NONE, r#"{"__type":"a#ThrottlingException"}"#, None),
        ] {
            let meaning = read(status, headers, body, PINNED);
            assert_eq!(
                (meaning.standing, meaning.wait),
                (RefusalStanding::Later, wait),
                "{body}"
            );
            assert!(meaning.invites_again());
        }
        for (status, body) in [
            (403, r#"{"message":"not yours"}"#),
            (
                403,
                r#"{"documentation_url":"https://e.test/a#permissions"}"#,
            ),
            (
                403,
                r#"{"error":{"errors":[{"reason":"dailyLimitExceeded"}]}}"#,
            ),
            (409, r#"{"retry_after":3}"#),
        ] {
            let meaning = read(status, NONE, body, PINNED);
            assert_eq!(meaning.standing, RefusalStanding::Refused, "{body}");
            assert!(!meaning.invites_again());
        }
    }

    #[test]
    fn a_412_is_a_race_unless_its_words_say_otherwise() {
        use RefusalKind::{Locked, StaleVersion, Transient, Unknown};
        for (body, kind) in [
            ("", StaleVersion),
            (r#"{"message":"no"}"#, StaleVersion),
            (r#"{"code":"PreconditionFailed"}"#, StaleVersion),
            (r#"{"status":"version-mismatch"}"#, StaleVersion),
            (r#"{"code":"OptimisticLockException"}"#, StaleVersion),
            (r#"{"type":"https://e.test/problems/stale"}"#, StaleVersion),
            (r#"{"status":"name-exists"}"#, Unknown),
            (r#"{"scimType":"uniqueness"}"#, Unknown),
            (r#"{"code":"NAME_CONFLICT"}"#, Unknown),
            (r#"{"code":"USER_BLOCKED"}"#, Unknown),
            (r#"{"code":"LeaseIdMissing"}"#, Locked),
            (r#"{"code":"OperationInProgress"}"#, Transient),
            (
                r#"{"code":"PreconditionFailed","message":"Cannot acquire exclusive lock to update this."}"#,
                Locked,
            ),
        ] {
            assert_eq!(read(412, NONE, body, PINNED).kind, kind, "{body}");
            let unpinned = read(412, NONE, body, RequestFacts::default()).kind;
            assert_eq!(unpinned, Unknown, "{body}");
        }
    }

    #[test]
    fn what_broke_off_and_what_is_there_already_is_known_by_status_and_code() {
        for slow in [
            "<Error><Code>RequestTimeout</Code><Message>m</Message></Error>",
            r#"{"code":"RequestTimeout","message":"m"}"#,
            r#"{"__type":"com.example#RequestTimeoutException"}"#,
            r#"{"error":{"code":"IncompleteBody","message":"m"}}"#,
        ] {
            let standing = read(400, NONE, slow, PINNED).standing;
            assert_eq!(standing, RefusalStanding::BrokenOff, "{slow}");
        }
        assert_eq!(
            read(408, NONE, "", PINNED).standing,
            RefusalStanding::BrokenOff
        );
        let creates = RequestFacts {
            is_creation: true,
            ..PINNED
        };
        let stale = (RefusalKind::StaleVersion, RefusalStanding::Refused);
        let meaning = read(304, NONE, "", creates);
        assert_eq!((meaning.kind, meaning.standing), stale);
        assert_eq!(read(304, NONE, "", PINNED).standing, RefusalStanding::Open);
        let again = read(449, NONE, "", PINNED);
        assert_eq!(
            (again.kind, again.standing),
            (RefusalKind::Transient, RefusalStanding::Refused)
        );
    }
}
